"""``napari-organelle dense-head MODEL PATH… -o OUT``: a second head, for tiles that share their work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_organelle.errors import OrganelleError
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.prepare.channels import guess_channels, parse_channels
from napari_organelle.read.open import open_image_set
from napari_organelle.train.dense_head import Pairs, answer_both_ways, fit_dense_head


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "dense-head", help="fit a second head, so that dense tiles are called more as single ones are"
    )
    add = parser.add_argument
    add("model", help="name of a model, or its file")
    add("paths", nargs="+", metavar="PATH", help="fields like those to be classified; no labels are needed")
    add("-o", "--output", type=Path, required=True, metavar="OUT.organelle", help="model to write")
    add("--force", action="store_true", help="replace it if it is there")
    add("--channels", default="", metavar="SLOT=CHANNEL,...", help="by name or number")
    add("--tiles", type=int, default=1000, help="most that are taken of each path")
    add("--device", default="auto", help="auto, cpu, gpu:0...")
    return parser


def run(args: argparse.Namespace) -> int:
    """Fit and save.

    Raises
    ------
    OrganelleError
        If the output is there already, or model or images can't be used.
    """
    if args.output.exists() and not args.force:
        raise OrganelleError(f"{args.output} is there already: choose another name, or add --force.")
    bundle = open_bundle(args.model)
    made = fit_dense_head(bundle, _pairs(bundle, args), args.output, overwrite=args.force)
    tiles = made.spec.provenance["dense_head"]["tiles"]
    print(f"saved {made.path} with a second head, fitted to {tiles} tiles", file=sys.stderr)
    return 0


def _pairs(bundle: ModelBundle, args: argparse.Namespace) -> Iterator[Pairs]:
    for path in args.paths:
        images = open_image_set(path)
        slots = bundle.spec.slots
        channels = (
            parse_channels(args.channels, slots, images.channel_names)
            if args.channels
            else guess_channels(slots, images.channels)
        )
        yield answer_both_ways(bundle, images, channels, args.tiles, device=args.device)
