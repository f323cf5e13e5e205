"""The legend: every class with its colour and how often it was called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_organelle.model.calling import UNLIKE_TEXT, UNSURE, UNSURE_COLOUR
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.spec import OrganelleClass
from napari_organelle.show.colours import colour_codes


@dataclass(frozen=True)
class LegendEntry:
    """A class, its colour ``#rrggbb``, and the rows of the regions that are called so."""

    name: str
    colour: str
    rows: np.ndarray

    @property
    def count(self) -> int:
        return len(self.rows)


def legend(
    prediction: Prediction, classes: Sequence[OrganelleClass], threshold: float | np.ndarray
) -> list[LegendEntry]:
    """One entry a class in the model's order, and one for unsure; a region with two classes is in both.

    Where the model can tell, a last one has those of the unsure that are unlike the training pictures.
    """
    codes = colour_codes(prediction, threshold)
    called = prediction.called_classes(threshold) & prediction.answered()[:, None]
    entries = [
        LegendEntry(each.name, each.colour, np.flatnonzero(called[:, index]))
        for index, each in enumerate(classes)
    ]
    entries.append(LegendEntry(UNSURE, UNSURE_COLOUR, np.flatnonzero(codes == len(classes))))
    if prediction.unlike is not None:
        unlike = np.flatnonzero(prediction.unlike & prediction.answered())
        entries.append(LegendEntry(UNLIKE_TEXT, UNSURE_COLOUR, unlike))
    return entries
