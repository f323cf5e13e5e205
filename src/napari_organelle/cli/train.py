"""``napari-organelle train PATH -o NAME.organelle``: a classifier of one's own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from napari_organelle.cli.workers import add_worker_options, chosen_workers
from napari_organelle.distribute.features import WorkerFeatures
from napari_organelle.errors import TrainingError
from napari_organelle.prepare.channels import Slot, parse_channels
from napari_organelle.prepare.labels import has_points, label_items, label_points, read_labels
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.train.examples import Examples, examples_of_items, examples_of_regions
from napari_organelle.train.features import ComputeFeatures, compute_features
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.recipes import RECIPES, Recipe, with_changes
from napari_organelle.train.run import TrainingPlan, TrainingResult, train


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train", help="train a classifier on labelled images"
    )
    parser.add_argument("path", help="an image set; its labels are used unless --labels gives others")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="NAME.organelle", help="model to write"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the model if it is there")
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="column 'label' beside item, gene, well... or y and x"
    )
    parser.add_argument(
        "--window", type=int, default=64, metavar="PX", help="side of the window around a point"
    )
    parser.add_argument(
        "--channels", default="", metavar="SLOT=CHANNEL,...", help="channels to use, by name or number"
    )
    parser.add_argument("--classes", default="", metavar="A,B,...", help="only these classes, in this order")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="default")
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs of the last stage")
    parser.add_argument("--fine-tune", type=int, metavar="N", help="tune the last N of the five blocks")
    parser.add_argument(
        "--width", type=float, metavar="W", help="compact network, trained from nothing: below 1"
    )
    parser.add_argument(
        "--start", default="", metavar="MODEL", help="begin with this model's layers, not ImageNet's"
    )
    parser.add_argument(
        "--group-by", default="auto", metavar="COLUMN", help="what stays on one side of the split"
    )
    parser.add_argument("--judge", choices=("auto", "holdout", "cross"), default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, gpu:0, or gpu:0,gpu:1...")
    add_worker_options(parser)
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="where features are kept; workers must share it"
    )
    parser.add_argument("--resume", action="store_true", help="go on with a run that was killed")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.html there")
    return parser


def run(args: argparse.Namespace) -> int:
    """Train, printing each epoch.

    Raises
    ------
    ReadError
        If the images or labels can't be read.
    TrainingError
        If the data or the arguments can't give a model.
    """
    image_set = open_image_set(Path(args.path).expanduser().absolute())
    _tell(*image_set.problems)
    slots, indices = _channels(args.channels, image_set)
    plan = TrainingPlan(
        output=args.output,
        recipe=_recipe(args),
        slots=slots,
        indices=indices,
        classes=tuple(name.strip() for name in args.classes.split(",") if name.strip()),
        group_by=args.group_by,
        judge=args.judge,
        seed=args.seed,
        device=args.device,
        start=args.start,
        resume=args.resume,
        overwrite=args.overwrite,
        cache=args.cache and args.cache.absolute(),
    )
    with chosen_workers(args) as client:
        compute = WorkerFeatures(client, plan) if client else compute_features
        result = follow(plan, _examples(args, image_set), compute)
    if result and args.report:
        from napari_organelle.show.report import write_report

        print(f"Report: {write_report(result, args.report)}")
    return 0 if result else 130


def follow(
    plan: TrainingPlan, examples: Examples, compute: ComputeFeatures = compute_features
) -> TrainingResult | None:
    """Run a plan to its end, printing on the way; Ctrl-C keeps the best epoch and returns None."""
    reports = train(plan, examples, compute)
    try:
        while True:
            _print(next(reports))
    except StopIteration as end:
        result: TrainingResult = end.value
        return result
    except KeyboardInterrupt:
        reports.close()
        kept = "the best epoch is kept" if plan.output.exists() else "no epoch was finished"
        _tell(f"Stopped: {kept}.")
        return None


def _print(report: EpochReport) -> None:
    if report.stage in ("reading", "features"):
        if sys.stderr.isatty():
            end = "\n" if report.epoch == report.total else ""
            print(
                f"\r{report.stage} {report.epoch:,} of {report.total:,}", end=end, file=sys.stderr, flush=True
            )
    elif report.stage != "done":
        print(
            f"{report.stage}, epoch {report.epoch} of {report.total}: loss {report.train_loss:.4f} "
            f"(validation {report.val_loss:.4f}), macro F1 {report.train_macro_f1:.4f} "
            f"(validation {report.val_macro_f1:.4f}), {report.seconds_left:.0f} s left",
            flush=True,
        )
    if report.note:
        print(report.note, flush=True)


def _tell(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)


def _recipe(args: argparse.Namespace) -> Recipe:
    if args.width is not None and not 0 < args.width <= 1:
        raise TrainingError(f"--width must be above 0 and at most 1, not {args.width:g}.")
    if args.fine_tune is not None and not 0 <= args.fine_tune <= 5:
        raise TrainingError(f"--fine-tune takes 0 to 5 blocks, not {args.fine_tune}.")
    if args.epochs is not None and args.epochs < 1:
        raise TrainingError(f"--epochs must be at least 1, not {args.epochs}.")
    return with_changes(RECIPES[args.recipe], args.epochs, args.fine_tune, args.width)


def _channels(text: str, image_set: ImageSet) -> tuple[tuple[Slot, ...], tuple[int | None, ...]]:
    """Slots with the names that the user gives, and their channels."""
    if not text:
        return (), ()
    names = [part.partition("=")[0].strip() for part in text.split(",")]
    slots = tuple(Slot(name) for name in names)
    full = ",".join(part if "=" in part else f"{part}={part}" for part in text.split(","))
    chosen = parse_channels(full, slots, image_set.channel_names)
    chosen.require()
    return slots, chosen.indices


def _examples(args: argparse.Namespace, image_set: ImageSet) -> Examples:
    if args.labels is None:
        return examples_of_items(image_set, args.group_by)
    table = read_labels(args.labels)
    if has_points(table):
        regions, labels = label_points(image_set, table, args.window)
        return examples_of_regions(image_set, regions, labels.tolist())
    labelled, unmatched = label_items(image_set, table)
    if unmatched:
        _tell(f"{unmatched} rows of {args.labels} match no item.")
    return examples_of_items(labelled, args.group_by)
