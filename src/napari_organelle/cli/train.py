"""``napari-organelle train PATH -o NAME.organelle``: a classifier of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from napari_organelle.cli.say import Level, answer, bar, json_text, say
from napari_organelle.cli.stopping import INTERRUPTED, interruptible
from napari_organelle.cli.workers import chosen_workers
from napari_organelle.distribute.features import WorkerFeatures
from napari_organelle.errors import TrainingError
from napari_organelle.files import check_outputs
from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import Slot, bind_channels
from napari_organelle.prepare.labels import label_items, label_points, read_labels
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.read.tables.points import has_points
from napari_organelle.train.examples import Examples, examples_of_items, examples_of_regions
from napari_organelle.train.features import ComputeFeatures, compute_features
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.recipes import RECIPES, Recipe, recipe_name, with_changes
from napari_organelle.train.run import TrainingPlan, TrainingResult, train

WINDOW = 64
"""Pixels along a side of the window around a point."""

COUNTED = ("reading", "features")
"""Stages whose reports count windows instead of epochs."""


def run(args: argparse.Namespace) -> int:
    """Train, printing each epoch.

    Raises
    ------
    ReadError
        If the images or labels can't be read.
    TrainingError
        If the data or the arguments can't give a model.
    """
    _check(args)
    recipe = _recipe(args)
    teacher = _teacher(args)
    image_set = open_image_set(Path(args.path).expanduser().absolute())
    say(*image_set.problems)
    slots, indices = _channels(args.channels, image_set, teacher)
    plan = TrainingPlan(
        output=args.output,
        recipe=recipe,
        slots=slots,
        indices=indices,
        classes=tuple(name.strip() for name in args.classes.split(",") if name.strip()),
        group_by=args.group_by,
        judge=args.judge,
        seed=args.seed,
        device=args.device,
        start=args.start,
        teacher=args.teacher,
        renamed=_renamed(args.rename),
        resume=args.resume,
        overwrite=args.overwrite,
        cache=args.cache and args.cache.absolute(),
    )
    examples = _examples(args, image_set, teacher)
    with interruptible():
        with chosen_workers(args) as client:
            compute = WorkerFeatures(client, plan) if client else compute_features
            result = follow(plan, examples, compute, say if args.json or args.quiet else answer)
        if result and args.report:
            from napari_organelle.show.report import write_report

            say(f"Report: {write_report(result, args.report, replace=args.overwrite)}")
    if result and args.json:
        scores = result.scores.to_dict() if result.scores else None
        print(json_text({"model": str(plan.output), "id": result.bundle.id, "scores": scores}))
    return 0 if result else INTERRUPTED


def follow(
    plan: TrainingPlan,
    examples: Examples,
    compute: ComputeFeatures = compute_features,
    tell: Callable[[str], None] = answer,
) -> TrainingResult | None:
    """Run a plan to its end, telling each epoch; Ctrl-C keeps the best epoch and returns None."""
    reports = train(plan, examples, compute)
    try:
        with Bars() as bars:
            while True:
                report = next(reports)
                bars.show(report)
                for line in _lines(report):
                    tell(line)
    except StopIteration as end:
        result: TrainingResult = end.value
        return result
    except KeyboardInterrupt:
        reports.close()
        kept = "the best epoch is kept" if plan.output.exists() else "no epoch was finished"
        say(f"stopped: {kept}", level=Level.QUIET)
        return None


class Bars:
    """A progress bar with rate and time left while examples are read and features computed."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def show(self, report: EpochReport) -> None:
        """Move the bar of the report's stage, or end that of the last one."""
        if self._stage != report.stage:
            self._close()
        if report.stage in COUNTED and not report.note:
            if self._bar is None:
                self._stage = report.stage
                self._bar = bar(report.total, " windows", report.stage)
            self._bar.update(report.epoch - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _lines(report: EpochReport) -> Iterator[str]:
    if report.stage not in (*COUNTED, "done"):
        yield (
            f"{report.stage}, epoch {report.epoch} of {report.total}: loss {report.train_loss:.4f} "
            f"(validation {report.val_loss:.4f}), macro F1 {report.train_macro_f1:.4f} "
            f"(validation {report.val_macro_f1:.4f}), {report.seconds_left:.0f} s left"
        )
    yield from report.note.splitlines()


def _check(args: argparse.Namespace) -> None:
    """Refuse, before any work, what can't be written, and numbers that make no sense."""
    report = args.report and args.report / "report.html"
    if report and not args.report.exists():
        check_outputs(args.report)
        report = None
    read = (Path(args.path), args.labels, Path(args.start), Path(args.teacher))
    is_resumed = args.resume and not args.overwrite
    check_outputs(None if is_resumed else args.output, report, force=args.overwrite, inputs=read)
    if args.window is not None and args.window < 2:
        raise TrainingError(f"--window must be at least 2 pixels, not {args.window}.")
    if args.seed < 0:
        raise TrainingError(f"--seed must be at least 0, not {args.seed}.")
    if recipe_name(args.recipe) not in RECIPES:
        raise TrainingError(f"There is no recipe {args.recipe!r}, only {', '.join(sorted(RECIPES))}.")


def _recipe(args: argparse.Namespace) -> Recipe:
    if args.width is not None and not 0 < args.width <= 1:
        raise TrainingError(f"--width must be above 0 and at most 1, not {args.width:g}.")
    if args.fine_tune is not None and not 0 <= args.fine_tune <= 5:
        raise TrainingError(f"--fine-tune takes 0 to 5 blocks, not {args.fine_tune}.")
    if args.epochs is not None and args.epochs < 1:
        raise TrainingError(f"--epochs must be at least 1, not {args.epochs}.")
    return with_changes(RECIPES[recipe_name(args.recipe)], args.epochs, args.fine_tune, args.width)


def _teacher(args: argparse.Namespace) -> ModelSpec | None:
    """What the model that is taught is like; refuses options that only a training from nothing has."""
    if not args.teacher:
        if args.rename:
            raise TrainingError("--rename is for the classes of the model that --from names.")
        return None
    others = {"--start": args.start, "--fine-tune": args.fine_tune, "--width": args.width}
    others |= {"--epochs": args.epochs, "--recipe": args.recipe != "default"}
    if odd := [name for name, value in others.items() if value]:
        raise TrainingError(f"{odd[0]} is for a training from nothing: leave it out, or leave out --from.")
    return open_bundle(args.teacher).spec


def _renamed(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if odd := [old for old, equals, _ in pairs if not equals]:
        raise TrainingError(f"--rename takes OLD=NEW, such as er=ER; {odd[0]!r} is not.")
    return {old.strip(): new.strip() for old, _, new in pairs}


def _channels(
    text: str, image_set: ImageSet, teacher: ModelSpec | None
) -> tuple[tuple[Slot, ...], tuple[int | None, ...]]:
    """Slots with the names that the user gives, and their channels; those of a teacher are fixed."""
    if teacher:
        bound = bind_channels(teacher.slots, image_set.channels, text)
        bound.require()
        return teacher.slots, bound.indices
    if not text:
        return (), ()
    names = [part.partition("=")[0].strip() for part in text.split(",")]
    slots = tuple(Slot(name) for name in names)
    full = ",".join(part if "=" in part else f"{part}={part}" for part in text.split(","))
    chosen = bind_channels(slots, image_set.channels, full)
    chosen.require()
    return slots, chosen.indices


def _examples(args: argparse.Namespace, image_set: ImageSet, teacher: ModelSpec | None) -> Examples:
    if args.labels is None:
        return examples_of_items(image_set, args.group_by)
    rows = read_labels(args.labels)
    if has_points(rows.table):
        usual = teacher.pixels.window_for(image_set.pixel_size_um) if teacher else WINDOW
        regions, labels, notes = label_points(image_set, rows, args.window or usual)
        say(*notes)
        return examples_of_regions(image_set, regions, labels.tolist())
    labelled, notes = label_items(image_set, rows)
    say(*notes)
    return examples_of_items(labelled, args.group_by)
