"""The command line's words; light, so that ``--help`` is there at once: the work is in a module a command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from napari_organelle.cli.parser_classify import add_classify
from napari_organelle.cli.parser_train import add_train

CHANNELS = "such as protein=GFP,cytosol=0: names or numbers; guessed where not given"
DEVICE = "auto, cpu, openvino, gpu:0..."


class Command(NamedTuple):
    """A command's line in the list, what adds its options, and an example of its use."""

    help: str
    add: Any
    example: str


class _Version(argparse.Action):
    """argparse's own, but the version is looked up only where it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from napari_organelle import __version__

        print(__version__)
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="napari-organelle",
        description="Tell which organelle a fluorescent protein lights up, without a window.",
        epilog="napari-organelle COMMAND --help lists a command's options, with an example.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        sub = subparsers.add_parser(
            name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=f"example:\n  napari-organelle {name} {command.example}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add(sub)
        _add_common(sub)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is told").add_mutually_exclusive_group()
    group.add_argument("-q", "--quiet", action="store_true", help="only errors and what was asked for")
    group.add_argument("-v", "--verbose", action="store_true", help="every note, and where an error arose")


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="an image set, label table or image")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_roll_up(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("table", type=Path, metavar="TABLE", help="that classify wrote, CSV or Parquet")
    add("--by", required=True, metavar="COLUMN", help="gene, protein, well, field, plate, item...")
    add("-o", "--output", type=Path, metavar="OUT.csv", help="table to write; printed where not given")
    add("--force", action="store_true", help="replace OUT.csv if it is there")
    add("--json", action="store_true", help="print the table as JSON, one object a group")


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("table", type=Path, metavar="TABLE", help="that classify wrote, CSV or Parquet")
    add(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="file to write, by its ending: .h5ad (AnnData), .geojson (QuPath), .parquet, .csv",
    )
    add("--cellprofiler", action="store_true", help="name columns as CellProfiler does (.csv or .parquet)")
    add("--force", action="store_true", help="replace OUT if it is there")
    add("--json", action="store_true", help="print one JSON object")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", help="name of a model, or its file")
    add("path", help="an image set with known labels")
    add("--labels", type=Path, metavar="CSV", help="column 'label' beside item, gene, well...")
    add("--channels", default="", metavar="SLOT=CHANNEL,...", help=CHANNELS)
    add("--group-by", default="auto", metavar="COLUMN", help="what intervals and the roll-up go by")
    add("--device", default="auto", help=DEVICE)
    add(
        "--json",
        type=Path,
        metavar="OUT.json",
        help="write all scores there; - prints them instead of a table",
    )
    add("--force", action="store_true", help="replace OUT.json if it is there")


def _add_export_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", help="name of a model, or its file")
    add("output", type=Path, metavar="OUT.onnx", help="file to write, with OUT.json beside it; or OUT.zip")
    add("--licence", default="", metavar="TEXT", help="under which others may use the model")
    add("--force", action="store_true", help="replace OUT.onnx and OUT.json if they are there")
    add("--json", action="store_true", help="print one JSON object")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write the screenshot and the table there and close; ./demo where there is no display",
    )
    parser.add_argument("--force", action="store_true", help="replace them if they are there")


def _add_completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


COMMANDS = {
    "info": Command("say what an image set holds and what is missing", _add_info, "plate.zarr"),
    "models": Command("list the models that come with the package and your own", _add_models, ""),
    "classify": Command(
        "tell the organelle of images, slices, tiles, cells or points",
        add_classify,
        "plate.zarr --model yeast-12 --regions objects -o calls.csv",
    ),
    "roll-up": Command(
        "call genes, wells, fields... from a table of their cells' results",
        _add_roll_up,
        "calls.csv --by gene -o genes.csv",
    ),
    "export": Command(
        "turn a table of results into AnnData, QuPath's GeoJSON, CellProfiler's columns...",
        _add_export,
        "calls.csv -o calls.h5ad",
    ),
    "train": Command(
        "train a classifier on labelled images", add_train, "crops/ -o mine.organelle --report report"
    ),
    "evaluate": Command(
        "judge a model on labelled images", _add_evaluate, "yeast-12 crops/ --json scores.json"
    ),
    "export-model": Command(
        "write a model as ONNX, for other programs", _add_export_model, "yeast-12 yeast-12.onnx"
    ),
    "demo": Command("open napari with the sample field classified by yeast-12", _add_demo, "--output demo"),
    "completion": Command(
        "print what makes a shell complete commands and options",
        _add_completion,
        "bash > ~/.local/share/bash-completion/completions/napari-organelle",
    ),
}
