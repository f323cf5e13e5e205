"""What is in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from napari_organelle.outside import opening

ENOUGH = 500
"""Entries of a folder that are looked at to recognise it."""


def scan(folder: Path, limit: int | None = None) -> list[os.DirEntry[str]]:
    """Entries of a folder, at most so many, in no order; without hidden ones.

    Raises
    ------
    ReadError
        If it may not be read.
    """
    with opening(folder), os.scandir(folder) as entries:
        return [entry for entry in islice(entries, limit) if not entry.name.startswith(".")]


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder by name.

    Raises
    ------
    ReadError
        If it may not be read.
    """
    return sorted(Path(entry.path) for entry in scan(folder) if is_folder(entry))


def strays(folder: Path, names: Sequence[str]) -> list[str]:
    """A sentence on files that belong to no item; none where there are none."""
    if not names:
        return []
    return [f"{folder}: {len(names):,} other files are skipped; first: {min(names)}"]


def is_folder(entry: os.DirEntry[str] | Path) -> bool:
    """Whether it is a folder; not where it can't be looked at, as a link in a circle can't."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str] | Path) -> bool:
    """Whether it is a regular file; not where it can't be looked at."""
    try:
        return entry.is_file()
    except OSError:
        return False
