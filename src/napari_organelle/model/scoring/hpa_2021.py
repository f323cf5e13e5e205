"""The 19 locations of the Atlas's 2021 set, as they follow from the 28 of its 2018 set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_organelle.read.tables.label_table import HPA_2018, HPA_2021

VESICLES = ("Peroxisomes", "Endosomes", "Lysosomes", "Lipid droplets", "Cytoplasmic bodies")
FINER = {
    "Actin filaments": ("Actin filaments", "Focal adhesion sites"),
    "Microtubules": ("Microtubules", "Microtubule ends", "Cytokinetic bridge"),
    "Centrosome": ("Centrosome", "Microtubule organizing center"),
    "Plasma membrane": ("Plasma membrane", "Cell junctions"),
    "Cytosol": ("Cytosol", "Rods & rings"),
    "Vesicles and punctate cytosolic patterns": VESICLES,
}
"""Locations of 2021 that hold several of 2018, or one of another name; *Negative* holds none, the rest
themselves."""

THRESHOLD = 0.5


def follows_from(classes: Sequence[str]) -> bool:
    """Whether a model with these classes can be judged by the 19 locations."""
    return set(HPA_2018) <= set(classes)


def scores_of_2021(probabilities: np.ndarray, thresholds: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """What answers for the 28 locations say of the 19.

    Parameters
    ----------
    probabilities : (N, K) float
        In [0, 1].
    thresholds : (K,) float
        From which each of the 28 is called, in (0, 1).
    classes : sequence of str
        K names, the 28 among them.

    Returns
    -------
    (N, 19) float32
        In [0, 1], in the order of `HPA_2021`; at and above `THRESHOLD` a location is called, which is where
        one of its finer ones reaches its own threshold. *Negative* is called where nothing else is.
    """
    below = probabilities / thresholds / 2
    above = 0.5 + (probabilities - thresholds) / (1 - thresholds) / 2
    scaled = np.where(probabilities < thresholds, below, above)
    column = {name: index for index, name in enumerate(classes)}
    located = [
        scaled[:, [column[finer] for finer in FINER.get(name, (name,))]].max(axis=1) for name in HPA_2021[:-1]
    ]
    highest = np.max(located, axis=0)
    negative = np.where(highest < THRESHOLD, 1 - highest, np.minimum(1 - highest, 0.499))
    return np.stack([*located, negative], axis=1).astype(np.float32)
