"""Prediction: what a model says of regions, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import LABEL_SEPARATOR

if TYPE_CHECKING:
    from napari_organelle.model.dense_report import DenseReport

UNSURE = "unsure"
"""What a region is called when no class reaches its threshold."""


@dataclass(frozen=True)
class BatchDone:
    """What a running prediction yields after each batch.

    Parameters
    ----------
    start, stop : int
        Rows of the regions that this batch answers.
    probabilities : (stop - start, K) float32
        In [0, 1]; rows sum to 1 for a single-label model. NaN rows are regions that could not be read.
    total : int
        Number of regions in the whole run.
    note : str
        Something to tell the user, such as a halved batch; empty otherwise.
    dense : DenseReport, optional
        With the last batch of dense tiles: how well they agree with single ones.
    """

    start: int
    stop: int
    probabilities: np.ndarray
    total: int
    note: str = ""
    dense: DenseReport | None = None


@dataclass(frozen=True)
class Prediction:
    """Probabilities of regions.

    Parameters
    ----------
    regions : Regions
        R windows.
    probabilities : (R, K) float32
        In [0, 1]. NaN where a region was not reached (cancelled) or could not be read.
    class_names : tuple of str
        K names.
    task : {"single", "multi"}
        One organelle a region, or several.
    model_id : str
        Name and weights hash of the bundle.
    """

    regions: Regions
    probabilities: np.ndarray
    class_names: tuple[str, ...]
    task: str
    model_id: str

    def answered(self) -> np.ndarray:
        """(R,) bool: which regions were reached and could be read."""
        return np.asarray(np.isfinite(self.probabilities).all(axis=1))

    def called(self, threshold: float | np.ndarray) -> list[str]:
        """What each region is called.

        Parameters
        ----------
        threshold : float or (K,) array
            Probability in [0, 1] from which a class is called.

        Returns
        -------
        list of str
            R names. One class, or for several organelles all that reach the threshold, joined by ``"|"``;
            ``"unsure"`` where none does; ``""`` where there is no answer.
        """
        reached = self.probabilities >= threshold
        if self.task == "single":
            best = np.arange(len(self.class_names)) == np.argmax(self.probabilities, axis=1)[:, None]
            reached &= best
        return [
            (
                LABEL_SEPARATOR.join(name for name, is_in in zip(self.class_names, row, strict=True) if is_in)
                or UNSURE
            )
            if answered
            else ""
            for row, answered in zip(reached, self.answered(), strict=True)
        ]

    def confidence(self) -> np.ndarray:
        """(R,) float32: each region's highest probability; NaN where there is no answer."""
        return np.asarray(self.probabilities.max(axis=1))

    def to_frame(self, threshold: float | np.ndarray) -> pd.DataFrame:
        """One row a region.

        Returns
        -------
        DataFrame
            Columns item (row of the set's table), region (its id), y, x, height, width (pixels), called,
            confidence, and ``p_<class>`` for every class.
        """
        item, y, x, height, width = self.regions.windows.T
        columns = {"item": item, "region": self.regions.ids, "y": y, "x": x, "height": height, "width": width}
        columns |= {"called": self.called(threshold), "confidence": self.confidence()}
        columns |= {f"p_{name}": self.probabilities[:, index] for index, name in enumerate(self.class_names)}
        return pd.DataFrame(columns)
