"""Whole images that show more than a window does: prepared in parts, whose answers are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.prepare.pixels import MAX_FIELD_PARTS, PixelPlan
from napari_organelle.prepare.regions import Regions

if TYPE_CHECKING:
    from napari_organelle.read.image_set import ImageSet

LARGER = 1.5
"""Times a window's side from which an image counts as a field: below, its cells still look as large as those
that the model learned from."""


def parts_of(regions: Regions, images: ImageSet, plan: PixelPlan) -> tuple[np.ndarray, np.ndarray]:
    """What regions are prepared in.

    Parameters
    ----------
    regions : Regions
        R of them.
    images : ImageSet
        Where its pixel size is known, parts are about as large as the model's windows; where it is not, there
        are `plan.field_parts` along a side.
    plan : PixelPlan
        The model's.

    Returns
    -------
    (P, 5) int64
        Windows, as in `Regions`; the regions' own unless these are whole images and the plan divides fields.
    (P,) int64
        Which region each is a part of, in order.
    """
    windows = regions.windows
    if plan.field_parts == 1 or regions.layout != "whole":
        return windows, np.arange(len(windows))
    side = plan.window_for(images.pixel_size_um)
    times = windows[:, 3:].min(axis=1, initial=np.iinfo(np.int64).max) / side
    if images.pixel_size_um is None or plan.pixel_size_um is None:
        fitting = np.full(len(times), plan.field_parts)
    else:
        fitting = np.clip(np.round(times), 2, MAX_FIELD_PARTS).astype(np.int64)
    counts = np.where(times < LARGER, 1, fitting)
    parts = [_divided(window, count) for window, count in zip(windows, counts.tolist(), strict=True)]
    return np.concatenate(parts), np.repeat(np.arange(len(windows)), counts**2)


def _divided(window: np.ndarray, count: int) -> np.ndarray:
    """(count², 5) windows side by side that fill one."""
    item, top, left, height, width = window.tolist()
    down, across = (np.linspace(0, side, count + 1).round().astype(np.int64) for side in (height, width))
    y, x = (axis.ravel() for axis in np.meshgrid(down[:-1], across[:-1], indexing="ij"))
    tall, wide = (axis.ravel() for axis in np.meshgrid(np.diff(down), np.diff(across), indexing="ij"))
    return np.column_stack([np.full_like(y, item), top + y, left + x, tall, wide])
