"""Which regions a gallery shows, in which order; and which region lies where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from napari_organelle.model.calling import CORRECTED, UNLIKE_TEXT, UNSURE
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.usefulness import uncertainty
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import LABEL_SEPARATOR

Order = Literal["sure", "unsure", "image"]
ALL = "all"


def gallery_rows(
    prediction: Prediction,
    thresholds: float | np.ndarray,
    wanted: str,
    order: Order = "sure",
    corrected: Mapping[int, str] | None = None,
) -> np.ndarray:
    """Regions of one class, sorted.

    Parameters
    ----------
    prediction : Prediction
        R regions, K classes.
    thresholds : float or (K,) array
        Probability in [0, 1] from which a class is called.
    wanted : str
        A class; ``"unsure"``; ``"unlike training"`` (`model.domain`); ``"all"``; or ``"corrected"``, those
        that were given a class by hand.
    order : {"sure", "unsure", "image"}
        By the class's probability (the highest one, where no class is wanted), downwards; by uncertainty,
        downwards; or as the regions are.
    corrected : mapping of int to str, optional
        Rows of regions, and the class that each was given by hand; it counts instead of the call.

    Returns
    -------
    (n,) int64
        Rows of the regions; those without an answer are in ``"all"`` and ``"corrected"`` only, last.
    """
    rows = np.flatnonzero(_members(prediction, thresholds, wanted, corrected or {}))
    if order == "image":
        return rows
    if order == "unsure":
        key = uncertainty(prediction, thresholds)
    elif wanted in prediction.class_names:
        key = prediction.probabilities[:, prediction.class_names.index(wanted)]
    else:
        key = prediction.confidence()
    return np.asarray(rows[np.argsort(-key[rows], kind="stable")])


def _members(
    prediction: Prediction, thresholds: float | np.ndarray, wanted: str, corrected: Mapping[int, str]
) -> np.ndarray:
    """(R,) bool."""
    if wanted == ALL:
        return np.ones(len(prediction.regions), bool)
    called = prediction.called_classes(thresholds) & prediction.answered()[:, None]
    if wanted in prediction.class_names:
        members = called[:, prediction.class_names.index(wanted)].copy()
    elif wanted == UNSURE:
        members = prediction.answered() & ~called.any(axis=1)
    elif wanted == UNLIKE_TEXT and prediction.unlike is not None:
        return np.asarray(prediction.unlike & prediction.answered())
    else:
        members = np.zeros(len(called), bool)
    for row, label in corrected.items():
        members[row] = wanted == CORRECTED or wanted in label.split(LABEL_SEPARATOR)
    return members


def region_title(prediction: Prediction, row: int) -> str:
    """What a region is: its id, and where its window begins."""
    _, y, x, height, width = prediction.regions.windows[row].tolist()
    noun = prediction.regions.kind.removesuffix("s")
    return f"{noun.capitalize()} {prediction.regions.ids[row]}: {height} x {width} px at y {y}, x {x}"


def region_at(regions: Regions, objects: Any, item: int, y: float, x: float) -> int | None:
    """The region that lies at a place.

    Parameters
    ----------
    regions : Regions
        R windows.
    objects : (N, Y, X) integer array or None
        The label image that the regions were made from, if they were.
    item : int
        Of the set.
    y, x : float
        In pixels.

    Returns
    -------
    int or None
        Row of the object there; else of the window around that place whose middle is nearest.
    """
    if objects is not None:
        at = (item, round(y), round(x))
        if not all(0 <= index < length for index, length in zip(at, objects.shape, strict=True)):
            return None
        found = np.flatnonzero((regions.ids == int(objects[at])) & (regions.windows[:, 0] == item))
        return int(found[0]) if len(found) else None
    _, top, left, height, width = regions.windows.T
    inside = (regions.windows[:, 0] == item) & (top - 0.5 <= y) & (y < top + height - 0.5)
    rows = np.flatnonzero(inside & (left - 0.5 <= x) & (x < left + width - 0.5))
    if not len(rows):
        return None
    distance = np.abs(regions.centres()[rows, 1:] - (y, x)).max(axis=1)
    return int(rows[distance.argmin()])
