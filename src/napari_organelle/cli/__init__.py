"""The same functions without a window: ``napari-organelle COMMAND``."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from typing import NoReturn

from napari_organelle.cli import stopping
from napari_organelle.errors import OrganelleError


def main(argv: list[str] | None = None) -> int:
    """Run one command; only its own module is imported.

    Parameters
    ----------
    argv : list of str, optional
        Arguments after the program's name; those of the process where not given.

    Returns
    -------
    int
        Exit status: 0 on success, 1 where something was skipped, 2 where the input was wrong, 130 where the
        user stopped it.
    """
    from napari_organelle.cli.parser import build_parser
    from napari_organelle.cli.say import Level, say, set_level, tells

    args = build_parser().parse_args(argv)
    set_level(Level.QUIET if args.quiet else Level.VERBOSE if args.verbose else Level.USUAL)
    try:
        command = import_module(f"napari_organelle.cli.{args.command.replace('-', '_')}")
        return int(command.run(args))
    except KeyboardInterrupt:
        say("stopped", level=Level.QUIET)
        return stopping.INTERRUPTED
    except Exception as error:
        if stopping.was_asked():
            say("stopped", level=Level.QUIET)
            return stopping.INTERRUPTED
        if not isinstance(error, OrganelleError):
            raise
        if tells(Level.VERBOSE):
            traceback.print_exc()
        say(f"error: {error}", level=Level.QUIET)
        return 2


def program() -> NoReturn:
    """``napari-organelle`` of the command line."""
    stopping.install()
    from napari_organelle.cli.say import show_warnings

    show_warnings()
    status = main()
    sys.stdout.flush()
    sys.exit(status)
