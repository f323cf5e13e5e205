"""What is in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from napari_organelle.errors import ReadError

ENOUGH = 500
"""Entries of a folder that are looked at to recognise it."""


def scan(folder: Path, most: int | None = None) -> list[os.DirEntry[str]]:
    """Entries of a folder, at most so many, in no order; without hidden ones.

    Raises
    ------
    ReadError
        If it may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in islice(entries, most) if not entry.name.startswith(".")]
    except OSError as error:
        raise ReadError(f"{folder}: {error.strerror}; the folder can't be listed") from error


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder by name.

    Raises
    ------
    ReadError
        If it may not be read.
    """
    return sorted(Path(entry.path) for entry in scan(folder) if entry.is_dir())


def strays(folder: Path, names: Sequence[str]) -> list[str]:
    """A sentence on files that belong to no item; none where there are none."""
    if not names:
        return []
    return [f"{folder}: {len(names):,} other files are skipped; first: {min(names)}"]
