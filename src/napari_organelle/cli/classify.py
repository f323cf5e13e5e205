"""``napari-organelle classify PATH… --model NAME -o OUT.csv``: the widget's job without a window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from napari_organelle.cli.regions import add_region_options, region_options
from napari_organelle.cli.workers import add_worker_options, chosen_workers
from napari_organelle.distribute.labels import LabelWriter
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import KEPT, Run, survey
from napari_organelle.distribute.sources import Source, find_sources
from napari_organelle.errors import BundleError, OrganelleError
from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.dense import dense_device, dense_problem
from napari_organelle.model.device import describe
from napari_organelle.model.spec import LEARNED_NOTHING
from napari_organelle.prepare.channels import ChannelMap

if TYPE_CHECKING:
    from distributed import Client

INTERRUPTED = 130


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "classify", help="tell the organelle of images, slices, tiles, cells or points"
    )
    add = parser.add_argument
    add(
        "paths", nargs="+", metavar="PATH", help="TIFF, PNG, Zarr, plates, folders, lists or tables of images"
    )
    add("--model", required=True, help="a name that 'napari-organelle models' lists, or a file")
    add(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT.csv",
        help="table to write; Parquet where it ends in .parquet",
    )
    add("--force", action="store_true", help="replace OUT.csv, or parts of another run, if there")
    add_region_options(parser)
    add_worker_options(parser)
    add(
        "--write-labels",
        metavar="NAME",
        help="also write tiles or objects as labels/NAME into the OME-Zarr images themselves",
    )
    add(
        "--channels",
        default="",
        help="such as protein=GFP,cytosol=0: names or indices; guessed where not given",
    )
    add("--device", default="auto", help="auto, cpu, openvino, gpu:0...")
    add("--fast", action="store_true", help="one view of each region where the model averages over 8")
    add("--batch", type=int, help="regions at once; fitted to the device where not given")
    add("--threshold", type=float, help="probability from which a class is called; else the model's own")
    return parser


def run(args: argparse.Namespace) -> int:
    """Classify and write one row a region.

    Returns
    -------
    int
        0; 1 where a path was skipped; 130 where the user stopped the run and its parts are kept.

    Raises
    ------
    OrganelleError
        If nothing can be classified, an option makes no sense, the output is there already, or the parts of
        another run are.
    """
    _check(args)
    bundle = open_bundle(args.model)
    if args.dense and (problem := dense_problem(bundle.spec.network)):
        raise BundleError(problem)
    if args.fast:
        bundle = bundle.with_views(1)
    if bundle.spec.verdict == LEARNED_NOTHING:
        _say(f"warning: {bundle.id} learned nothing better than guessing; do not trust its answers")
    options = PartOptions(
        bundle=bundle,
        weights=bundle.sha256,
        regions=region_options(args),
        channels=args.channels,
        threshold=args.threshold,
        predict={"device": args.device, "batch_size": args.batch, "dense": args.dense},
    )
    run, total = _plan(args.paths, options, args.output)
    if not (args.workers or args.scheduler):
        device = dense_device(args.device) if args.dense else args.device
        _say(f"{bundle.id} on {describe(bundle.load(device).device)}")
    writer = LabelWriter.of(run, args.write_labels) if args.write_labels else None
    if writer:
        writer.require_room(run, args.force)
    try:
        with chosen_workers(args) as client:
            if there := run.begin(args.force):
                _say(f"going on with {there} parts in {run.work.path}")
            _answer(run, client, total)
            if writer:
                _say(f"wrote labels/{writer.name} into {writer.write(run, client):,} images")
    except KeyboardInterrupt:
        return _stopped(run)
    return _finish(run)


def _plan(paths: list[str], options: PartOptions, output: Path) -> tuple[Run, int]:
    """The run, and about how many regions it has.

    Raises
    ------
    OrganelleError
        If not one path can be classified.
    """
    sources: list[Source] = []
    errors: list[OrganelleError] = []
    total = 0
    for source in find_sources(paths):
        if isinstance(source, OrganelleError):
            errors.append(source)
            continue
        try:
            regions, channels = survey(source, options)
        except OrganelleError as error:
            errors.append(error)
            continue
        sources.append(source)
        total += regions
        if len(sources) <= KEPT:
            _describe(source, channels, regions, options.regions.kind)
    if not sources:
        raise errors[0]
    run = Run(sources, options, output)
    for failed in errors:
        run.failed.add(str(failed))
    return run, total


def _describe(source: Source, channels: ChannelMap, regions: int, kind: str) -> None:
    unit = "images with objects to find" if kind == "objects" else "regions"
    _say(f"{source.name}: {regions:,} {unit}; channels: {', '.join(_pairs(channels))}")
    for problem in source.problems:
        _say(problem)


def _answer(run: Run, client: Client | None, total: int) -> None:
    """All parts under a progress bar."""
    unit = " images" if run.options.regions.kind == "objects" else " regions"
    with tqdm(total=total, unit=unit, file=sys.stderr, disable=None) as bar:
        for summary in run.answer(client, bar.update):
            if client:
                bar.update(summary.size)


def _stopped(run: Run) -> int:
    parts = len(list(run.work.tables()))
    rows = run.keep()
    partial = f"; the {rows:,} rows that are done are in {run.partial_output}" if rows else ""
    _say(f"stopped: {parts} parts are kept in {run.work.path}{partial}. The same command again goes on.")
    return INTERRUPTED


def _finish(run: Run) -> int:
    rows = run.finish()
    for sentences, before in ((run.notes, ""), (run.failed, "skipped: ")):
        for sentence in sentences.first if rows else ():
            _say(before + sentence)
        if rows and sentences.count > KEPT:
            _say(f"and {sentences.count - KEPT:,} more such notes")
    if not rows:
        raise OrganelleError((*run.failed.first, *run.notes.first, "There is nothing to classify.")[0])
    if told := run.dense.note():
        _say(told)
    _say(f"wrote {rows:,} rows to {run.output}")
    return int(run.failed.count > 0)


def _check(args: argparse.Namespace) -> None:
    if args.output.exists() and not args.force:
        raise OrganelleError(
            f"{args.output} is there already: choose another name, or add --force to replace it."
        )
    if not args.output.absolute().parent.is_dir():
        raise OrganelleError(
            f"There is no folder {args.output.absolute().parent} to write into: make it first."
        )
    if args.dense and args.regions != "tiles":
        raise OrganelleError("--dense is for tiles that overlap: add --regions tiles, or leave it out.")
    if args.batch is not None and args.batch < 1:
        raise OrganelleError(f"--batch must be at least 1, not {args.batch}.")
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise OrganelleError(f"--threshold must be from 0 to 1, not {args.threshold}.")


def _pairs(channels: ChannelMap) -> Iterator[str]:
    for slot, index in zip(channels.slots, channels.indices, strict=True):
        yield f"{slot.name} = {'nothing' if index is None else channels.channel_names[index]}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
