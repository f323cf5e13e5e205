"""Command-line options of workers."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_organelle.cli.say import say
from napari_organelle.distribute.workers import workers
from napari_organelle.errors import OrganelleError

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def chosen_workers(args: argparse.Namespace) -> Generator[Client | None]:
    """A client of the workers that the options name; None for this process.

    Raises
    ------
    OrganelleError
        As for `workers`, and for a number below 1.
    """
    if args.workers is not None and args.workers < 1:
        raise OrganelleError(f"--workers must be at least 1, not {args.workers}.")
    if args.workers is None and args.scheduler is None:
        yield None
        return
    with workers(args.workers, args.scheduler) as client:
        count = len(client.nthreads())
        say(f"{count} workers{'' if count else '; waiting for the first'}")
        yield client
