"""Options of ``train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_organelle.cli.parser_classify import add_workers


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add all options."""
    add = parser.add_argument
    add("path", help="an image set; its labels are used unless --labels gives others")
    add("--labels", type=Path, metavar="CSV", help="column 'label' beside item, gene, well... or y and x")
    add("--window", type=int, metavar="PX", help="side of the window around a point (64, or that of --from)")
    add("--channels", default="", metavar="SLOT=CHANNEL,...", help="channels to use, by name or number")
    add("--classes", default="", metavar="A,B,...", help="only these classes, in this order")
    _add_teaching(parser)
    _add_outputs(parser)
    _add_recipe(parser)
    add = parser.add_argument_group("how it is judged").add_argument
    add("--group-by", default="auto", metavar="COLUMN", help="what stays on one side of the split")
    add("--judge", choices=("auto", "holdout", "cross"), default="auto")
    add_workers(parser)


def _add_teaching(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("teach a model that is there").add_argument
    add(
        "--from",
        dest="teacher",
        default="",
        metavar="MODEL",
        help="teach this model, such as yeast-12, your labelled cells: two a class help; it keeps the rest",
    )
    add("--rename", default="", metavar="OLD=NEW,...", help="other names for some of its classes")


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is written").add_argument
    add("-o", "--output", required=True, type=Path, metavar="NAME.organelle", help="model to write")
    add(
        "--force",
        "--overwrite",
        dest="overwrite",
        action="store_true",
        help="replace the model and the report if they are there",
    )
    add("--report", type=Path, metavar="DIR", help="write report.html there")
    add("--json", action="store_true", help="print the scores as one JSON object, and the epochs to stderr")
    add("--resume", action="store_true", help="go on with a run that was killed or stopped")
    add("--cache", type=Path, metavar="DIR", help="where features are kept; workers must share it")


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how it is trained").add_argument
    add("--recipe", default="default", metavar="NAME", help="default, or another that the docs list")
    add("--epochs", type=int, metavar="N", help="epochs of the last stage")
    add("--fine-tune", type=int, metavar="N", help="tune the last N of the five blocks")
    add("--width", type=float, metavar="W", help="compact network, trained from nothing: below 1")
    add(
        "--start",
        default="",
        metavar="MODEL",
        help="train anew, on this model's layers, not ImageNet's",
    )
    add("--seed", type=int, default=0)
    add("--device", default="auto", help="auto, cpu, gpu:0, or gpu:0,gpu:1...")
