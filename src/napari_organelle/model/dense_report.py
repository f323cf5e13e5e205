"""What is told of a dense run: how well it agrees with single tiles, counted so that parts add up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_organelle.model.prediction import UNSURE, Prediction
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.dense import fitting_stride
from napari_organelle.prepare.regions import Regions

ENOUGH = 0.98
"""Share of equal calls below which the exact way is advised."""


@dataclass(frozen=True)
class DenseReport:
    """Of a part or of a whole run; parts are added.

    Parameters
    ----------
    sampled : int
        Tiles that were answered both ways.
    equal : int
        Those that are called the same.
    sure, sure_equal : int
        Those that the exact way does not call unsure, and those of them that are called the same.
    apart : float
        Sum over the sampled tiles of the mean difference of probabilities.
    placement : str
        What to know of the stride; ``""`` where it fits.
    """

    sampled: int = 0
    equal: int = 0
    sure: int = 0
    sure_equal: int = 0
    apart: float = 0.0
    placement: str = ""

    @classmethod
    def of(cls, exact: Prediction, told: np.ndarray, spec: ModelSpec) -> DenseReport:
        """Compare the two ways.

        Parameters
        ----------
        exact : Prediction
            Of n sampled tiles.
        told : (n, K) float32
            Probabilities of the same tiles by the dense way.
        spec : ModelSpec
            Of the model, for its thresholds.
        """
        both = exact.answered() & np.isfinite(told).all(axis=1)
        one, other = (
            np.array(p.called(np.array(spec.thresholds)), str)[both]
            for p in (exact, replace(exact, probabilities=told))
        )
        same, sure = one == other, one != UNSURE
        return cls(
            sampled=int(both.sum()),
            equal=int(same.sum()),
            sure=int(sure.sum()),
            sure_equal=int(same[sure].sum()),
            apart=float(np.abs(exact.probabilities - told)[both].mean(axis=1).sum()),
            placement=placement_note(exact.regions, spec),
        )

    def __add__(self, other: DenseReport) -> DenseReport:
        return DenseReport(
            self.sampled + other.sampled,
            self.equal + other.equal,
            self.sure + other.sure,
            self.sure_equal + other.sure_equal,
            self.apart + other.apart,
            self.placement or other.placement,
        )

    def note(self) -> str:
        """Sentences for the user; ``""`` where there is nothing to tell."""
        return " ".join(filter(None, (self.placement, self._agreement())))

    def _agreement(self) -> str:
        if not self.sampled:
            return ""
        note = (
            f"Dense: {self.equal} of {self.sampled} sampled tiles called as exactly, "
            f"{self.sure_equal} of the {self.sure} that are not unsure; "
            f"mean difference of probabilities {self.apart / self.sampled:.3f}."
        )
        if self.equal < ENOUGH * self.sampled:
            note += f" That is below {ENOUGH:.0%}: for these images use the exact way."
        return note


def placement_note(regions: Regions, spec: ModelSpec) -> str:
    """What to know where tiles don't lie on whole pixels of the coarsest features; ``""`` where they do."""
    if not len(regions):
        return ""
    tile, coarsest = int(regions.windows[0, 3]), 2 ** (spec.network.blocks[-1] - 1)
    fitting = fitting_stride(tile, spec.pixels.input_size, coarsest)
    if (regions.stride or tile) % fitting == 0:
        return ""
    step = coarsest * tile / spec.pixels.input_size
    return (
        f"Dense: the coarsest features are taken to the nearest {step:.3g} px; "
        f"tiles lie exactly with a stride of {fitting} px or a multiple."
    )
