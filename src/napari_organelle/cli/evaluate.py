"""``napari-organelle evaluate MODEL PATH``: how good a model is on a set whose labels are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_organelle.cli.say import answer, json_text, say
from napari_organelle.errors import OrganelleError
from napari_organelle.files import check_outputs, whole_file
from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.predict import notes_of
from napari_organelle.prepare.channels import bind_channels
from napari_organelle.prepare.labels import label_items, read_labels
from napari_organelle.read.open import open_image_set
from napari_organelle.train.evaluate import Evaluation, evaluate
from napari_organelle.train.examples import examples_of_items


def run(args: argparse.Namespace) -> int:
    """Judge, print, and write the scores if asked.

    Raises
    ------
    BundleError, ReadError, ChannelError
        If the model or the images can't be used.
    TrainingError
        If no label is one of the model's classes.
    OrganelleError
        If the scores' file is there already and is to stay, or the disk refuses.
    """
    output = None if args.json is None or str(args.json) == "-" else args.json
    check_outputs(output, force=args.force, inputs=(Path(args.model), Path(args.path), args.labels))
    bundle = open_bundle(args.model)
    image_set = open_image_set(args.path)
    if args.labels is not None:
        image_set, notes = label_items(image_set, read_labels(args.labels))
        say(*notes)
    slots = bundle.spec.slots
    channel_map = bind_channels(slots, image_set.channels, args.channels)
    batches = evaluate(bundle, examples_of_items(image_set, args.group_by), channel_map, device=args.device)
    done = []
    try:
        while True:
            done.append(next(batches))
    except StopIteration as end:
        evaluation: Evaluation = end.value
    say(*notes_of(done))
    values = {"model": bundle.id, "path": str(args.path), **evaluation.to_dict()}
    if args.json is not None and output is None:
        print(json_text(values))
    else:
        _print(evaluation, bundle.spec.verdict)
    if output is not None:
        write_json(output, values, replace=args.force)
    return 0


def write_json(path: Path, values: dict[str, Any], *, replace: bool = False) -> None:
    """Write JSON, whole or not at all.

    Raises
    ------
    OrganelleError
        If a file of that name is there and isn't to be replaced, or the disk refuses.
    """
    try:
        with whole_file(path, replace=replace) as part:
            part.write_text(json_text(values), encoding="utf-8")
    except OSError as error:
        raise OrganelleError(f"The scores can't be written to {path}: {error}") from error


def _print(evaluation: Evaluation, trained: str) -> None:
    scores = evaluation.scores
    answer(scores.summary())
    answer(f"accuracy {scores.accuracy:.3f}, true class among the first two {scores.top2:.3f}")
    width = max(map(len, scores.classes))
    answer(f"{'':{width}}  precision  recall      f1   average precision       n  called")
    for name, row in scores.per_class.items():
        figures = [
            f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("precision", "recall", "f1")
        ]
        area = f"{row['average_precision']:.3f}" if row["average_precision"] is not None else "-"
        answer(
            f"{name:{width}}  {figures[0]:>9}  {figures[1]:>6}  {figures[2]:>6}  {area:>18}  "
            f"{row['n']:>6}  {row['called']:>6}"
        )
    up = scores.roll_up
    answer(
        f"by {up['by']}: {up['n']} groups, macro F1 {up['macro_f1']:.3f}, "
        f"agreement within a group {up['agreement']:.3f}"
    )
    for name, count in evaluation.unknown.items():
        answer(f"label {name!r} is none of the model's classes: {count} left out")
    for note in scores.notes:
        answer(note)
    if trained == "learned nothing":
        answer("When it was trained, this model learned nothing better than guessing.")
