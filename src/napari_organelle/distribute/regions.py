"""Regions of a set from options: cut into parts before pixels are read, or found in the pixels of a part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.distribute.options import RegionOptions
from napari_organelle.errors import ReadError, RegionError
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.cut import UNREADABLE
from napari_organelle.prepare.dense import band_ends
from napari_organelle.prepare.regions import (
    Regions,
    item_sizes,
    object_regions,
    point_regions,
    require_labels,
    slice_regions,
    tile_counts,
    tile_regions,
)
from napari_organelle.prepare.segment import find_cells
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set

POINT_COLUMNS = (("item", "y", "x"), ("y", "x"), ("axis-0", "axis-1", "axis-2"), ("axis-0", "axis-1"))
"""Columns of a points file; the last two are those that napari saves."""

BODY_SLOTS = ("cytosol", "microtubules", "ER")
"""Slots whose stain fills cells, best first."""


def count_regions(options: RegionOptions, images: ImageSet, spec: ModelSpec) -> int:
    """How many regions a set has; for objects, which are found later, how many items.

    Raises
    ------
    RegionError
        If the options don't fit the images.
    ReadError
        If the label image or the points can't be read.
    """
    if options.kind == "tiles":
        tile = options.tile or _window(images, spec)
        return int(tile_counts(item_sizes(images), tile, options.stride or tile).prod(axis=1).sum())
    if options.kind == "points":
        return len(_points(options, images, spec))
    if options.kind == "objects" and options.labels:
        require_labels(open_image_set(options.labels).data[:, 0], (len(images), *images.data.shape[2:]))
    return len(images)


def iter_regions(
    options: RegionOptions, images: ImageSet, spec: ModelSpec, most: int, first: int, dense: bool = False
) -> Iterator[Regions]:
    """Regions of a set in order, at most so many at once; not for objects.

    Parameters
    ----------
    options : RegionOptions
        Which.
    images : ImageSet
        Whose.
    spec : ModelSpec
        Of the model, whose window tiles have where no other is given.
    most : int
        Regions at once.
    first : int
        Items in the sets that came before, for the ids of whole images.
    dense : bool
        Whether tiles share their work: then they are cut after whole rows of blocks, of which one may hold
        more than `most`.

    Raises
    ------
    RegionError, ReadError
        As for `count_regions`.
    """
    count = count_regions(options, images, spec)
    points = _points(options, images, spec) if options.kind == "points" else None
    tile = options.tile or _window(images, spec)
    ends = np.append(np.arange(most, count, most), count)
    if dense and options.kind == "tiles":
        ends = band_ends(item_sizes(images), tile, options.stride or tile, spec.pixels.input_size)
    for start, stop in _spans(ends, most):
        if points is not None:
            yield Regions("points", points.windows[start:stop], points.ids[start:stop])
        elif options.kind == "tiles":
            yield tile_regions(item_sizes(images), tile, options.stride, start, stop)
        else:
            made = slice_regions(images, range(start, stop))
            yield Regions(options.kind, made.windows, made.ids + start + first)


def _spans(ends: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Consecutive runs that stop at one of `ends`: the last within `most`, or the next where none is."""
    start = 0
    while start < ends[-1]:
        after, within = np.searchsorted(ends, [start, start + most], side="right")
        stop = int(ends[max(after, within - 1)])
        yield start, stop
        start = stop


def object_regions_of(
    options: RegionOptions, images: ImageSet, spec: ModelSpec, channels: ChannelMap, first: int
) -> tuple[Regions, tuple[str, ...]]:
    """Objects of a label image, of the set's masks, or cells found in its pixels.

    Parameters
    ----------
    options : RegionOptions
        Names the label image.
    images : ImageSet
        Some consecutive items of a set.
    spec : ModelSpec
        Of the model.
    channels : ChannelMap
        Where to find cells.
    first : int
        The first item's position in the set, and so in the label image.

    Returns
    -------
    Regions, tuple of str
        And why items that can't be read have none; items without an object are passed over.

    Raises
    ------
    RegionError
        If there is no object at all.
    """
    window = _window(images, spec)
    windows, ids, notes = [], [], []
    problem: RegionError | None = None
    for item in range(len(images)):
        try:
            objects = object_regions(label_plane(options, images, item, channels, first), window)
        except ReadError as error:
            notes.append(str(error))
        except RegionError as error:
            problem = error
        else:
            objects.windows[:, 0] = item
            windows.append(objects.windows)
            ids.append(objects.ids)
    if not windows:
        raise problem or RegionError(" ".join(notes))
    return Regions("objects", np.concatenate(windows), np.concatenate(ids)), tuple(notes)


def label_plane(options: RegionOptions, images: ImageSet, item: int, channels: ChannelMap, first: int) -> Any:
    """The objects of one item as a (Y, X) label image, numpy or dask.

    Raises
    ------
    ReadError
        If pixels are needed and can't be read.
    """
    if options.labels:
        return open_image_set(options.labels).data[first + item, 0]
    if images.masks is not None:
        return images.masks[item]
    used = {
        slot.name: index
        for slot, index in zip(channels.slots, channels.indices, strict=True)
        if index is not None
    }
    body = next((used[name] for name in BODY_SLOTS if name in used), next(iter(used.values())))
    nuclei = used.get("nucleus")
    pixels = images.read(item)
    return find_cells(pixels[body], None if nuclei is None else pixels[nuclei])


def _window(images: ImageSet, spec: ModelSpec) -> int:
    return spec.pixels.window_for(images.pixel_size_um)


def _points(options: RegionOptions, images: ImageSet, spec: ModelSpec) -> Regions:
    if options.points is None:
        raise RegionError("Points need a table: add --points FILE.csv.")
    return point_regions(read_points(options.points), _window(images, spec), item_sizes(images))


def read_points(path: Path) -> np.ndarray:
    """Points of a CSV.

    Returns
    -------
    (R, 2) or (R, 3) float array
        y, x or item, y, x in pixels.

    Raises
    ------
    ReadError
        If the file can't be read, or lacks the columns.
    """
    try:
        table = pd.read_csv(path)
    except UNREADABLE as error:
        raise ReadError(f"{path} can't be read as a table of points: {error}") from error
    for columns in POINT_COLUMNS:
        if set(columns) <= set(table.columns):
            try:
                return table[list(columns)].to_numpy(float)
            except ValueError as error:
                raise ReadError(f"{path}: {', '.join(columns)} must be numbers: {error}") from error
    raise ReadError(
        f"{path} must have the columns y and x, or axis-0 and axis-1; it has {list(table.columns)}."
    )
