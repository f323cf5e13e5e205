"""Colours of regions: the class's own, grey where the model is unsure, nothing where there is no answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_organelle.model.calling import UNSURE, UNSURE_COLOUR
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.spec import OrganelleClass


def rgba(colour: str) -> tuple[float, float, float, float]:
    """``#rrggbb`` as red, green, blue and alpha in [0, 1]."""
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue, 1.0


def colour_codes(prediction: Prediction, threshold: float | np.ndarray) -> np.ndarray:
    """Which colour of `palette` each region has.

    Parameters
    ----------
    prediction : Prediction
        R regions, K classes.
    threshold : float or (K,) array
        Probability in [0, 1] from which a class is called.

    Returns
    -------
    (R,) int64
        The class called, 0..K-1 (the likeliest of those called, where there are several), K for unsure, K + 1
        where there is no answer.
    """
    count = len(prediction.class_names)
    called = prediction.called_classes(threshold)
    likeliest = np.where(called, prediction.probabilities, -1).argmax(axis=1)
    codes = np.where(called.any(axis=1), likeliest, count)
    return np.where(prediction.answered(), codes, count + 1)


def called_names(prediction: Prediction, threshold: float | np.ndarray) -> np.ndarray:
    """What each region is called, as `Prediction.called` says it, (R,) of str; fast enough for a slider."""
    if prediction.task == "single":
        return np.array([*prediction.class_names, UNSURE, ""], object)[colour_codes(prediction, threshold)]
    return np.array(prediction.called(threshold), object)


def palette(classes: Sequence[OrganelleClass]) -> np.ndarray:
    """(K + 2, 4) float32 RGBA in [0, 1]: the classes' colours, grey for unsure, transparent for no answer."""
    colours = [rgba(each.colour) for each in classes]
    return np.array([*colours, rgba(UNSURE_COLOUR), (0.0, 0.0, 0.0, 0.0)], np.float32)
