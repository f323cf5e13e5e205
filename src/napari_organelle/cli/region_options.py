"""Command-line options of regions: one line of `PLANS` for each kind."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from napari_organelle.errors import RegionError

if TYPE_CHECKING:
    from napari_organelle.prepare.plans import RegionPlan


def _plans() -> ModuleType:
    """The plans, loaded when one is made: the parser needs their names only, and has to start at once."""
    from napari_organelle.prepare import plans

    return plans


PLANS: dict[str, Callable[[argparse.Namespace], RegionPlan]] = {
    "image": lambda args: _plans().Images(),
    "slices": lambda args: _plans().Slices(),
    "tiles": lambda args: _plans().Tiles(args.tile, args.stride, args.dense),
    "objects": lambda args: _plans().Objects(
        args.labels and args.labels.absolute(), connected=args.connected
    ),
    "points": lambda args: _plans().Points(_points(args).absolute()),
}


def region_plan(args: argparse.Namespace) -> RegionPlan:
    """What the options ask for.

    Raises
    ------
    RegionError
        If they ask for points and name no table.
    """
    kind = args.regions or ("objects" if args.labels else "points" if args.points else "image")
    if args.connected and kind != "objects":
        raise RegionError("--connected is for objects: add --labels FILE, or --regions objects.")
    return PLANS[kind](args)


def _points(args: argparse.Namespace) -> Path:
    if args.points is None:
        raise RegionError("Points need a table: add --points FILE.csv.")
    return Path(args.points)
