"""The same functions without a window: ``napari-organelle COMMAND``."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from napari_organelle import __version__
from napari_organelle.errors import OrganelleError

COMMANDS = ("info", "models", "classify", "train", "dense_head", "evaluate", "demo")


def build_parser() -> argparse.ArgumentParser:
    """The command line, one subparser for each module of this package."""
    parser = argparse.ArgumentParser(prog="napari-organelle", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"{__name__}.{name}")
        module.add_parser(subparsers).set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments after the program's name; those of the process where not given.

    Returns
    -------
    int
        Exit status: 0 on success, 2 where the input was wrong.
    """
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except OrganelleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
