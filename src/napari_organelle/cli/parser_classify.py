"""Options of ``classify``, and of workers, which ``train`` has too."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_organelle.cli.region_options import PLANS


def add_classify(parser: argparse.ArgumentParser) -> None:
    """Add all options."""
    add = parser.add_argument
    add(
        "paths", nargs="+", metavar="PATH", help="TIFF, PNG, Zarr, plates, folders, lists or tables of images"
    )
    add("--model", required=True, help="a name that 'napari-organelle models' lists, or a file")
    add(
        "--channels",
        default="",
        help="such as protein=GFP,cytosol=0: names or numbers; guessed where not given",
    )
    add("--threshold", type=float, help="probability from which a class is called; else the model's own")
    _add_regions(parser)
    _add_outputs(parser)
    _add_speed(parser)
    add_workers(parser)


def _add_regions(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what gets an answer each").add_argument
    add("--regions", choices=PLANS, help="whole images where nothing is given")
    add("--tile", type=int, metavar="PX", help="side of a tile; the model's window where not given")
    add("--stride", type=int, metavar="PX", help="from tile to tile; the tile's side where not given")
    add("--dense", action="store_true", help="overlapping tiles share their work: fast, and nearly as exact")
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="objects: a label image, Fiji's RoiSet.zip, GeoJSON, or a folder with one for each image; else "
        "the set's masks, or cells are found",
    )
    add("--connected", action="store_true", help="every connected part of the labels is an object")
    add(
        "--points",
        type=Path,
        metavar="CSV",
        help="columns y, x in pixels and, for several images, item: a name, or a number from 0",
    )
    add("--pixel-size", type=float, metavar="UM", help="micrometres per pixel, instead of what the files say")
    add("--window", type=int, metavar="PX", help="side of a tile or of the window around an object or point")


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is written").add_argument
    add(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT.csv",
        help="table to write; Parquet, AnnData or GeoJSON where it ends in .parquet, .h5ad, .geojson",
    )
    add("--force", action="store_true", help="replace OUT.csv, or parts of another run, if there")
    add(
        "--roll-up",
        default="",
        metavar="COLUMN",
        help="also call genes, proteins, wells, fields, plates or items by their cells: OUT.by_COLUMN.csv",
    )
    add(
        "--write-labels",
        metavar="NAME",
        help="also write tiles or objects as labels/NAME into the OME-Zarr images themselves",
    )
    add("--json", action="store_true", help="print what was written and what was skipped as one JSON object")


def _add_speed(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how fast").add_argument
    add("--device", default="auto", help="auto, cpu, openvino, gpu:0...")
    add("--fast", action="store_true", help="one view of each region where the model averages over 8")
    add("--batch", type=int, help="regions at once; fitted to the device where not given")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the options that `workers.chosen_workers` reads."""
    chosen = parser.add_argument_group("who computes").add_mutually_exclusive_group()
    chosen.add_argument("--workers", type=int, metavar="N", help="share the work out among N processes here")
    chosen.add_argument(
        "--scheduler", metavar="ADDRESS", help="dask scheduler whose workers do it, such as tcp://host:8786"
    )
