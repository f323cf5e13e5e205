"""Regions from command-line options; label images and point tables from files."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError, RegionError
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.cut import UNREADABLE
from napari_organelle.prepare.regions import (
    Regions,
    image_regions,
    item_sizes,
    object_regions,
    point_regions,
    slice_regions,
    tile_regions,
)
from napari_organelle.prepare.segment import find_cells
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set

POINT_COLUMNS = (("item", "y", "x"), ("y", "x"), ("axis-0", "axis-1", "axis-2"), ("axis-0", "axis-1"))
"""Columns of a points file; the last two are those that napari saves."""

BODY_SLOTS = ("cytosol", "microtubules", "ER")
"""Slots whose stain fills cells, best first."""


def add_region_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `make_regions` reads."""
    kinds = ("image", "slices", "tiles", "objects", "points")
    add = parser.add_argument
    add("--regions", choices=kinds, help="what gets an answer each; whole images where nothing is given")
    add("--tile", type=int, metavar="PX", help="side of a tile; the model's window where not given")
    add("--stride", type=int, metavar="PX", help="from tile to tile; the tile's side where not given")
    add("--dense", action="store_true", help="overlapping tiles share their work: fast, and nearly as exact")
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="label image of the objects; else the set's masks, or cells are found",
    )
    add(
        "--points",
        type=Path,
        metavar="CSV",
        help="columns y, x in pixels and, for several images, item from 0",
    )


def make_regions(
    args: argparse.Namespace, images: ImageSet, spec: ModelSpec, channels: ChannelMap
) -> Regions:
    """The regions that the options ask for.

    Raises
    ------
    RegionError
        If they don't fit the images.
    ReadError
        If the label image or the points can't be read.
    """
    window = spec.pixels.window_for(images.pixel_size_um)
    kind = args.regions or ("objects" if args.labels else "points" if args.points else "image")
    if kind == "tiles":
        return tile_regions(item_sizes(images), args.tile or window, args.stride)
    if kind == "objects":
        return _objects(args.labels, images, window, channels)
    if kind == "points":
        if args.points is None:
            raise RegionError("Points need a table: add --points FILE.csv.")
        return point_regions(read_points(args.points), window, item_sizes(images))
    return image_regions(images) if kind == "image" else slice_regions(images)


def _objects(file: Path | None, images: ImageSet, window: int, channels: ChannelMap) -> Regions:
    shape = (len(images), *images.data.shape[2:])
    if file is not None:
        return object_regions(open_image_set(file).data[:, 0], window, shape)
    if images.masks is not None:
        return object_regions(images.masks, window, shape)
    return _found_cells(images, window, channels)


def _found_cells(images: ImageSet, window: int, channels: ChannelMap) -> Regions:
    """Cells of every image; images without any are passed over as long as one has some."""
    used = {
        slot.name: index
        for slot, index in zip(channels.slots, channels.indices, strict=True)
        if index is not None
    }
    body = next((used[name] for name in BODY_SLOTS if name in used), next(iter(used.values())))
    nuclei = used.get("nucleus")
    parts, ids = [], []
    problem: RegionError | None = None
    for item in range(len(images)):
        pixels = images.read(item)
        try:
            cells = object_regions(
                find_cells(pixels[body], None if nuclei is None else pixels[nuclei]), window
            )
        except RegionError as error:
            problem = error
            continue
        cells.windows[:, 0] = item
        parts.append(cells.windows)
        ids.append(cells.ids)
    if not parts and problem is not None:
        raise problem
    return Regions("objects", np.concatenate(parts), np.concatenate(ids))


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
