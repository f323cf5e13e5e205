"""``napari-organelle classify PATH… --model NAME -o OUT.csv``: the widget's job without a window."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_organelle.cli.region_options import region_plan
from napari_organelle.cli.say import Level, bar, json_text, say, tells
from napari_organelle.cli.stopping import INTERRUPTED, interruptible
from napari_organelle.cli.workers import chosen_workers
from napari_organelle.distribute.labels import LabelWriter
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import KEPT, LargeRun, Survey, plan_run
from napari_organelle.distribute.sources import ImageSource
from napari_organelle.errors import BundleError, OrganelleError
from napari_organelle.files import check_outputs
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.dense.predict import dense_device, dense_problem
from napari_organelle.model.domain import unlike_note
from napari_organelle.model.engine.device import describe
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.spec import LEARNED_NOTHING
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.plans import RegionPlan
from napari_organelle.show.results_file import read_results
from napari_organelle.show.roll_up import group_columns, roll_up, roll_up_path, summary
from napari_organelle.show.tables import require_table, write_tables

if TYPE_CHECKING:
    from distributed import Client


def run(args: argparse.Namespace) -> int:
    """Classify and write one row a region.

    Returns
    -------
    int
        0; 1 where a path was skipped or a region could not be read; 130 where the user stopped the run and
        its parts are kept.

    Raises
    ------
    OrganelleError
        If nothing can be classified, an option makes no sense, the output is there already, or the parts of
        another run are.
    """
    _check(args)
    bundle = _bundle(args)
    options = PartOptions(
        bundle=bundle,
        weights=bundle.sha256,
        regions=region_plan(args),
        channels=args.channels,
        threshold=args.threshold,
        pixel_size_um=args.pixel_size,
        window=args.window,
        predict={"device": args.device, "batch_size": args.batch},
    )
    run, total = _plan(args.paths, options, args.output, args.roll_up)
    if not (args.workers or args.scheduler):
        device = dense_device(args.device) if args.dense else args.device
        say(f"{bundle.id} on {describe(load(bundle, device).device)}")
    writer = LabelWriter.of(run, args.write_labels, args.force) if args.write_labels else None
    if writer:
        writer.require_room(run)
    with closing(run), interruptible():
        if there := run.begin(args.force):
            say(f"going on with {there} parts in {run.work.path}")
        try:
            with chosen_workers(args) as client:
                _answer(run, client, total)
                if writer:
                    say(f"wrote labels/{writer.name} into {writer.write(run, client):,} images")
        except KeyboardInterrupt:
            return _stopped(run)
        status = _finish(run)
    if args.roll_up:
        _roll_up(args.output, args.roll_up, args.force)
    if args.json:
        print(json_text(_outcome(run, args)))
    return status


def _outcome(run: LargeRun, args: argparse.Namespace) -> dict[str, Any]:
    """What was written, and what was not, ready for JSON."""
    return {
        "output": str(run.output),
        "rows": run.rows,
        "roll_up": str(roll_up_path(args.output, args.roll_up)) if args.roll_up else None,
        "labels": args.write_labels,
        "skipped": {"count": run.failed.count, "first": run.failed.first},
        "notes": {"count": run.notes.count, "first": run.notes.first},
        "unread": run.unread,
        "unlike_training": run.unlike,
    }


def _bundle(args: argparse.Namespace) -> ModelBundle:
    """The model, with a warning where it is known to be none."""
    bundle = open_bundle(args.model)
    if args.dense and (problem := dense_problem(bundle.spec.network)):
        raise BundleError(problem)
    if bundle.spec.verdict == LEARNED_NOTHING:
        say(f"warning: {bundle.id} learned nothing better than guessing; do not trust its answers")
    return bundle.with_views(1) if args.fast else bundle


def _roll_up(output: Path, by: str, force: bool) -> None:
    """Write the second table.

    Raises
    ------
    OrganelleError
        If the results have no such column, or the disk refuses; the results themselves are written already.
    """
    groups = roll_up(read_results(output), by)
    write_tables([groups], roll_up_path(output, by), replace=force)
    say(f"{summary(groups, by)} Wrote {len(groups):,} rows to {roll_up_path(output, by)}")


def _plan(paths: list[str], options: PartOptions, output: Path, by: str | None) -> tuple[LargeRun, int]:
    """The run, and about how many regions it has.

    Raises
    ------
    OrganelleError
        If not one path can be classified, or none has a column to roll up by.
    """
    described, columns = 0, dict[str, None]()

    def tell(source: ImageSource, known: Survey) -> None:
        nonlocal described
        described += 1
        columns.update(dict.fromkeys(known.columns))
        if described > KEPT:
            return
        _describe(source, known, options.regions)
        if known.doubt:
            say(f"warning: {known.doubt}")

    run, total = plan_run(paths, options, output, tell)
    if by:
        group_columns(columns, by)
    for sentence in options.regions.notes:
        say(sentence)
    return run, total


def _describe(source: ImageSource, known: Survey, plan: RegionPlan) -> None:
    unit = f"images with {plan.noun}s to find" if plan.is_found else "regions"
    about = "" if known.is_sure else "about "
    say(f"{source.name}: {about}{known.regions:,} {unit}; channels: {', '.join(_pairs(known.channels))}")
    for problem in source.problems:
        say(problem)


def _answer(run: LargeRun, client: Client | None, total: int) -> None:
    """All parts under a progress bar."""
    unit = " images" if run.options.regions.is_found else " regions"
    with bar(total, unit) as progress:
        for summary in run.answer(client, progress.update):
            if client:
                progress.update(summary.size)


def _stopped(run: LargeRun) -> int:
    parts = len(list(run.work.tables()))
    try:
        rows = run.keep()
        partial = f"; the {rows:,} rows that are done are in {run.partial_output}" if rows else ""
    except OrganelleError as error:
        partial = f"; {error}"
    kept = f"{parts} parts are kept in {run.work.path}{partial}. The same command again goes on."
    say(f"stopped: {kept if run.work.has_parts() else 'nothing was done yet'}", level=Level.QUIET)
    return INTERRUPTED


def _finish(run: LargeRun) -> int:
    rows = run.finish()
    for sentences, before in ((run.notes, ""), (run.failed, "skipped: ")):
        shown = len(sentences.first) if tells(Level.VERBOSE) else KEPT
        for sentence in sentences.first[:shown] if rows else ():
            say(before + sentence)
        if rows and sentences.count > shown:
            say(f"and {sentences.count - shown:,} more such notes (--verbose tells more)")
    if not rows:
        raise OrganelleError((*run.failed.first, *run.notes.first, "There is nothing to classify.")[0])
    if agreement_note := run.agreement.note():
        say(agreement_note)
    if domain_note := unlike_note(run.unlike, run.rows, run.options.bundle.spec.name):
        say(f"warning: {domain_note}")
    say(f"wrote {rows:,} rows to {run.output}")
    return int(run.failed.count + run.unread > 0)


def _check(args: argparse.Namespace) -> None:
    rolled = roll_up_path(args.output, args.roll_up) if args.roll_up else None
    read = (*map(Path, args.paths), Path(args.model), args.labels, args.points)
    check_outputs(args.output, rolled, force=args.force, inputs=read)
    require_table(args.output)
    if args.pixel_size is not None and not 0 < args.pixel_size < 1000:
        raise OrganelleError(f"--pixel-size must be micrometres above 0, not {args.pixel_size:g}.")
    if args.window is not None and not 2 <= args.window <= 16384:
        raise OrganelleError(f"--window must be from 2 to 16384 pixels, not {args.window}.")
    if args.dense and not region_plan(args).is_dense:
        raise OrganelleError("--dense is for tiles that overlap: add --regions tiles, or leave it out.")
    if args.batch is not None and args.batch < 1:
        raise OrganelleError(f"--batch must be at least 1, not {args.batch}.")
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise OrganelleError(f"--threshold must be from 0 to 1, not {args.threshold}.")


def _pairs(channels: ChannelMap) -> Iterator[str]:
    for slot, index in zip(channels.slots, channels.indices, strict=True):
        yield f"{slot.name} = {'nothing' if index is None else channels.channel_names[index]}"
