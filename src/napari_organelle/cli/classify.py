"""``napari-organelle classify PATH… --model NAME -o OUT.csv``: the widget's job without a window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from napari_organelle.cli.regions import add_region_options, make_regions
from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.device import describe
from napari_organelle.model.predict import collect, predict
from napari_organelle.model.prediction import BatchDone
from napari_organelle.model.spec import LEARNED_NOTHING
from napari_organelle.prepare.channels import ChannelMap, guess_channels, parse_channels
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.show.tables import results_table, write_csv

MOST_NOTES = 20
"""Notes that are printed for each set; the others are counted."""

INTERRUPTED = 130


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "classify", help="tell the organelle of images, slices, tiles, cells or points"
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="PATH", help="TIFF, PNG, Zarr, folders, lists or tables of images")
    add("--model", required=True, help="a name that 'napari-organelle models' lists, or a file")
    add("-o", "--output", type=Path, required=True, metavar="OUT.csv", help="table to write")
    add("--force", action="store_true", help="replace OUT.csv if it is there")
    add_region_options(parser)
    add(
        "--channels",
        default="",
        help="such as protein=GFP,cytosol=0: names or indices; guessed where not given",
    )
    add("--device", default="auto", help="auto, cpu, openvino, gpu:0...")
    add("--batch", type=int, help="regions at once; fitted to the device where not given")
    add("--threshold", type=float, help="probability from which a class is called; else the model's own")
    return parser


def run(args: argparse.Namespace) -> int:
    """Classify and write one row a region.

    Returns
    -------
    int
        0; 1 where a path was skipped; 130 where the user stopped the run and what was done is written.

    Raises
    ------
    OrganelleError
        If nothing can be classified, an option makes no sense, or the output is there already.
    """
    _check(args)
    bundle = open_bundle(args.model)
    if bundle.spec.verdict == LEARNED_NOTHING:
        _say(f"warning: {bundle.id} learned nothing better than guessing; do not trust its answers")
    tables: list[pd.DataFrame] = []
    failed: list[OrganelleError] = []
    interrupted = False
    for path in _sets(args.paths):
        try:
            table, interrupted = _classify(path, bundle, args)
        except OrganelleError as error:
            failed.append(error)
            continue
        tables.append(table)
        if interrupted:
            break
    if not tables:
        raise failed[0]
    for problem in failed:
        _say(f"skipped: {problem}")
    write_csv(pd.concat(tables, ignore_index=True), args.output)
    _say(f"wrote {sum(map(len, tables))} rows to {args.output}")
    return INTERRUPTED if interrupted else int(bool(failed))


def _check(args: argparse.Namespace) -> None:
    if args.output.exists() and not args.force:
        raise OrganelleError(
            f"{args.output} is there already: choose another name, or add --force to replace it."
        )
    if not args.output.absolute().parent.is_dir():
        raise OrganelleError(
            f"There is no folder {args.output.absolute().parent} to write into: make it first."
        )
    if args.batch is not None and args.batch < 1:
        raise OrganelleError(f"--batch must be at least 1, not {args.batch}.")
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise OrganelleError(f"--threshold must be from 0 to 1, not {args.threshold}.")


def _sets(paths: list[str]) -> Iterator[ImageSet | str]:
    """Files that make up one set as that set, everything else path by path."""
    if len(paths) > 1 and all(Path(path).is_file() for path in paths):
        try:
            together = open_image_set(paths)
        except ReadError as error:
            _say(f"read one by one: {error}")
        else:
            yield together
            return
    yield from paths


def _classify(
    source: ImageSet | str, bundle: ModelBundle, args: argparse.Namespace
) -> tuple[pd.DataFrame, bool]:
    """The table of one set, and whether the user stopped it."""
    images = open_image_set(source) if isinstance(source, str) else source
    spec = bundle.spec
    channels = _channel_map(args.channels, images, bundle)
    channels.require()
    regions = make_regions(args, images, spec, channels)
    model = bundle.load(args.device)
    _say(f"{images.source or 'images'}: {len(regions)} regions, {bundle.id} on {describe(model.device)}")
    _say("channels: " + ", ".join(_pairs(channels)))
    batches, interrupted = _run(
        predict(
            bundle, images, regions, channels, device=args.device, batch_size=args.batch, dense=args.dense
        ),
        regions,
    )
    threshold = np.array(spec.thresholds) if args.threshold is None else args.threshold
    return results_table(collect(batches, regions, bundle), images, threshold), interrupted


def _channel_map(text: str, images: ImageSet, bundle: ModelBundle) -> ChannelMap:
    if text:
        return parse_channels(text, bundle.spec.slots, images.channel_names)
    return guess_channels(bundle.spec.slots, images.channels)


def _pairs(channels: ChannelMap) -> Iterator[str]:
    for slot, index in zip(channels.slots, channels.indices, strict=True):
        yield f"{slot.name} = {'nothing' if index is None else channels.channel_names[index]}"


def _run(running: Iterator[BatchDone], regions: Regions) -> tuple[list[BatchDone], bool]:
    """All batches under a progress bar; on Ctrl-C those that are done."""
    batches: list[BatchDone] = []
    notes: list[str] = []
    interrupted = False
    try:
        with tqdm(total=len(regions), unit=" regions", file=sys.stderr, disable=None) as bar:
            for batch in running:
                batches.append(batch)
                bar.update(batch.stop - batch.start)
                if batch.note:
                    notes.append(batch.note)
    except KeyboardInterrupt:
        interrupted = True
        _say(f"stopped after {batches[-1].stop if batches else 0} of {len(regions)} regions")
    for note in notes[:MOST_NOTES]:
        _say(note)
    if len(notes) > MOST_NOTES:
        _say(f"and {len(notes) - MOST_NOTES} more such notes")
    return batches, interrupted


def _say(text: str) -> None:
    print(text, file=sys.stderr)
