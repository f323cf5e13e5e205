"""``napari-organelle completion SHELL``: the script by which a shell completes commands and options."""

from __future__ import annotations

import argparse

from napari_organelle.cli.parser import build_parser
from napari_organelle.errors import OrganelleError

FILES = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}
"""How each shell completes paths."""


def run(args: argparse.Namespace) -> int:
    """Print the script.

    Raises
    ------
    OrganelleError
        If shtab, which writes it, is not installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise OrganelleError("Completion needs shtab: type  pip install shtab") from error
    parser = build_parser()
    for command in parser._subparsers._group_actions[0].choices.values():  # type: ignore[union-attr]
        for action in command._actions:
            if action.dest in ("path", "paths", "table") or getattr(action.type, "__name__", "") == "Path":
                action.complete = FILES
    print(shtab.complete(parser, args.shell))
    return 0
