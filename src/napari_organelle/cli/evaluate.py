"""``napari-organelle evaluate MODEL PATH``: how good a model is on a set whose labels are known."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from napari_organelle.errors import OrganelleError
from napari_organelle.model.bundle import open_bundle
from napari_organelle.prepare.channels import guess_channels, parse_channels
from napari_organelle.prepare.labels import label_items, read_labels
from napari_organelle.read.open import open_image_set
from napari_organelle.train.evaluate import Evaluation, evaluate
from napari_organelle.train.examples import examples_of_items


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate", help="judge a model on labelled images"
    )
    parser.add_argument("model", help="name of a model, or its file")
    parser.add_argument("path", help="an image set with known labels")
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="column 'label' beside item, gene, well..."
    )
    parser.add_argument("--channels", default="", metavar="SLOT=CHANNEL,...", help="by name or number")
    parser.add_argument(
        "--group-by", default="auto", metavar="COLUMN", help="what intervals and the roll-up go by"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, openvino, gpu:0...")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write all scores there")
    return parser


def run(args: argparse.Namespace) -> int:
    """Judge, print, and write the scores if asked.

    Raises
    ------
    BundleError, ReadError, ChannelError
        If the model or the images can't be used.
    TrainingError
        If no label is one of the model's classes.
    """
    bundle = open_bundle(args.model)
    image_set = open_image_set(args.path)
    if args.labels is not None:
        image_set, _ = label_items(image_set, read_labels(args.labels))
    slots = bundle.spec.slots
    channel_map = (
        parse_channels(args.channels, slots, image_set.channel_names)
        if args.channels
        else guess_channels(slots, image_set.channels)
    )
    batches = evaluate(bundle, examples_of_items(image_set, args.group_by), channel_map, device=args.device)
    try:
        while True:
            if note := next(batches).note:
                print(note, file=sys.stderr)
    except StopIteration as end:
        evaluation: Evaluation = end.value
    _print(evaluation, bundle.spec.verdict)
    if args.json is not None:
        write_json(args.json, {"model": bundle.id, "path": str(args.path), **evaluation.to_dict()})
    return 0


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON; a file of that name is replaced only once all is written.

    Raises
    ------
    TrainingError
        If the disk refuses.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OrganelleError(f"The scores can't be written to {path}: {error}") from error


def _print(evaluation: Evaluation, trained: str) -> None:
    scores = evaluation.scores
    print(scores.summary())
    print(f"accuracy {scores.accuracy:.3f}, true class among the first two {scores.top2:.3f}")
    width = max(map(len, scores.classes))
    print(f"{'':{width}}  precision  recall      f1   average precision       n  called")
    for name, row in scores.per_class.items():
        told = [f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("precision", "recall", "f1")]
        area = f"{row['average_precision']:.3f}" if row["average_precision"] is not None else "-"
        print(
            f"{name:{width}}  {told[0]:>9}  {told[1]:>6}  {told[2]:>6}  {area:>18}  "
            f"{row['n']:>6}  {row['called']:>6}"
        )
    up = scores.roll_up
    print(
        f"by {up['by']}: {up['n']} groups, macro F1 {up['macro_f1']:.3f}, "
        f"agreement within a group {up['agreement']:.3f}"
    )
    for name, count in evaluation.unknown.items():
        print(f"label {name!r} is none of the model's classes: {count} left out")
    for note in scores.notes:
        print(note)
    if trained == "learned nothing":
        print("When it was trained, this model learned nothing better than guessing.")
