"""Prediction: what a model says of regions, as plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.model.agreement import Agreement
from napari_organelle.model.calling import UNLIKE, UNSURE, called_classes
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import LABEL_SEPARATOR

PROBABILITY = "p_"
"""Before the names of the classes, in the heads of tables' columns."""

Threshold = float | np.ndarray | tuple[float, ...]


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
    reasons : Counter of str
        Why regions have no answer, and how many for each; `predict.notes_of` tells of a whole run's.
    unread : int
        Regions that could not be read or lack a channel; those without contrast are no fault of the file's.
    agreement : Agreement, optional
        With the last batch of tiles that share their work: how well they agree with single ones.
    unlike : (stop - start,) bool, optional
        Regions that are unlike the pictures that the model was trained on; None where it can't tell.
    """

    start: int
    stop: int
    probabilities: np.ndarray
    total: int
    note: str = ""
    reasons: Counter[str] = field(default_factory=Counter, kw_only=True)
    unread: int = 0
    agreement: Agreement | None = None
    unlike: np.ndarray | None = None


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
    thresholds : tuple of float
        The model's own: one, or K for a model of several organelles; empty where they are not known.
    unlike : (R,) bool, optional
        Regions that are unlike the pictures that the model was trained on (`model.domain`): they are called
        nothing. None where the model can't tell.
    """

    regions: Regions
    probabilities: np.ndarray
    class_names: tuple[str, ...]
    task: str
    model_id: str
    thresholds: tuple[float, ...] = ()
    unlike: np.ndarray | None = None

    def answered(self) -> np.ndarray:
        """(R,) bool: which regions were reached and could be read."""
        return np.asarray(np.isfinite(self.probabilities).all(axis=1))

    def called_classes(self, threshold: Threshold | None = None) -> np.ndarray:
        """(R, K) bool: which classes each region is called; see `called`."""
        limits = self.thresholds if threshold is None else threshold
        if np.size(limits) == 0:
            raise ValueError("the model's thresholds are not known: name one")
        called = called_classes(self.probabilities, np.asarray(limits), self.task)
        return called if self.unlike is None else called & ~self.unlike[:, None]

    def called(self, threshold: Threshold | None = None) -> list[str]:
        """What each region is called.

        Parameters
        ----------
        threshold : float or (K,) array, optional
            Probability in [0, 1] from which a class is called; the model's own where not given.

        Returns
        -------
        list of str
            R names. One class, or for several organelles all that reach the threshold, joined by ``"|"``;
            ``"unsure"`` where none does, or the region is unlike the training pictures; ``""`` where there
            is no answer.
        """
        return [
            (
                LABEL_SEPARATOR.join(name for name, is_in in zip(self.class_names, row, strict=True) if is_in)
                or UNSURE
            )
            if answered
            else ""
            for row, answered in zip(self.called_classes(threshold), self.answered(), strict=True)
        ]

    def confidence(self) -> np.ndarray:
        """(R,) float32: each region's highest probability; NaN where there is no answer."""
        return np.asarray(self.probabilities.max(axis=1))

    def to_frame(self, threshold: Threshold | None = None) -> pd.DataFrame:
        """One row a region.

        Parameters
        ----------
        threshold : float or (K,) array, optional
            As for `called`.

        Returns
        -------
        DataFrame
            Columns item (row of the set's table), region (its id), y, x, height, width (pixels), called,
            confidence, unlike_training (bool) where the model can tell, and ``p_<class>`` for every class;
            and ``region_name`` where objects have names.
        """
        item, y, x, height, width = self.regions.windows.T
        columns: dict[str, Any] = {
            "item": item,
            "region": self.regions.ids,
            "y": y,
            "x": x,
            "height": height,
            "width": width,
        }
        if self.regions.names is not None:
            keys = zip(item.tolist(), self.regions.ids.tolist(), strict=True)
            columns["region_name"] = [self.regions.names.get(key, "") for key in keys]
        columns |= {"called": self.called(threshold), "confidence": self.confidence()}
        if self.unlike is not None:
            columns[UNLIKE] = self.unlike
        columns |= {
            PROBABILITY + name: self.probabilities[:, index] for index, name in enumerate(self.class_names)
        }
        return pd.DataFrame(columns)
