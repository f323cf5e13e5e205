"""Command-line options of regions."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_organelle.distribute.options import RegionOptions
from napari_organelle.prepare.regions import RegionKind


def add_region_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `region_options` reads."""
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


def region_options(args: argparse.Namespace) -> RegionOptions:
    """What the options ask for."""
    kind: RegionKind = args.regions or ("objects" if args.labels else "points" if args.points else "image")
    labels = args.labels and args.labels.absolute()
    return RegionOptions(kind, args.tile, args.stride, labels, args.points)
