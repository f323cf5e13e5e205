"""Tiles answered both ways, compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_organelle.model.agreement import Agreement
from napari_organelle.model.calling import UNSURE
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.dense import fitting_stride
from napari_organelle.prepare.regions import Regions


def compare(exact: Prediction, shared: np.ndarray, spec: ModelSpec) -> Agreement:
    """Compare the two ways.

    Parameters
    ----------
    exact : Prediction
        Of n sampled tiles, one by one.
    shared : (n, K) float32
        Probabilities of the same tiles from feature maps that they share.
    spec : ModelSpec
        Of the model, for its thresholds.
    """
    both = exact.answered() & np.isfinite(shared).all(axis=1)
    one, other = (
        np.array(p.called(spec.thresholds), str)[both] for p in (exact, replace(exact, probabilities=shared))
    )
    same, sure = one == other, one != UNSURE
    return Agreement(
        sampled=int(both.sum()),
        equal=int(same.sum()),
        sure=int(sure.sum()),
        sure_equal=int(same[sure].sum()),
        apart=float(np.abs(exact.probabilities - shared)[both].mean(axis=1).sum()),
        placement=placement_note(exact.regions, spec),
    )


def placement_note(regions: Regions, spec: ModelSpec) -> str:
    """What to know where tiles don't lie on whole pixels of the coarsest features; ``""`` where they do."""
    if not len(regions):
        return ""
    tile, coarsest = int(regions.windows[0, 3]), spec.plan.strides()[spec.plan.blocks[-1] - 1]
    fitting = fitting_stride(tile, spec.pixels.input_size, coarsest)
    if (regions.stride or tile) % fitting == 0:
        return ""
    step = coarsest * tile / spec.pixels.input_size
    return (
        f"Dense: the coarsest features are taken to the nearest {step:.3g} px; "
        f"tiles lie exactly with a stride of {fitting} px or a multiple."
    )
