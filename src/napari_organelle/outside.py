"""Bytes from outside: whatever they are, they end in a result or in one of our errors, in bounded memory.

Everything that opens a file, folder or table of somebody else's does so within `opening`.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from napari_organelle.errors import OrganelleError, ReadError

MAX_PLANES = 2**20
"""More planes than an image of a microscope has."""

SHOWN = 200
"""Letters of a library's own message that are shown."""


@contextmanager
def opening(path: str | Path, error: type[OrganelleError] = ReadError) -> Iterator[None]:
    """Turn whatever comes of bytes from outside into one of our errors, with the path.

    Parameters
    ----------
    path : str or Path
        What is opened; it begins the message unless that names it already.
    error : type
        The error to raise in the place of another's. One of our own keeps its kind.
    """
    try:
        yield
    except OrganelleError as ours:
        if str(path) in str(ours):
            raise
        kind = type(ours) if type(ours).__init__ is Exception.__init__ else error
        raise kind(f"{path}: {ours}") from ours
    except Exception as other:
        raise error(f"{path}: {_sentence(other)}") from other


def _sentence(error: Exception) -> str:
    reason = " ".join(str(error).split())[:SHOWN] or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "permission denied; make it readable for you"
    if isinstance(error, MemoryError):
        return f"there is not enough memory for it ({reason})"
    if isinstance(error, OSError) and error.strerror:
        return f"it can't be read: {error.strerror}"
    if isinstance(error, KeyError):
        reason = f"it lacks {reason}"
    return f"it is damaged or cut short ({reason})"


def require_file(path: Path) -> None:
    """Raise ReadError for what is no regular file: reading a pipe or a device may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ReadError("expected a regular file; this is a folder, a pipe or a device")


def require_memory(needed: int, what: str) -> None:
    """Refuse what this computer can't hold, before any of it is taken.

    Parameters
    ----------
    needed : int
        Bytes.
    what : str
        What is that large, for the message.

    Raises
    ------
    MemoryError
        With the sizes; `opening` makes a sentence of it.
    """
    import psutil

    there = psutil.virtual_memory().available
    if needed > there:
        raise MemoryError(f"{what} takes {_gib(needed)}; {_gib(there)} are free")


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"


def require_inside(root: Path, place: str) -> None:
    """Raise ReadError for a path in metadata that leads out of its set, also by a symbolic link."""
    odd = not place or place.startswith("/") or set(place) & set("\\:\0") or ".." in place.split("/")
    if odd or not (root / place).resolve().is_relative_to(root.resolve()):
        raise ReadError(f"its metadata name {place!r}, which is outside of the set; it is not read")


def read_whole(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file of at most so many.

    Raises
    ------
    ReadError
        If it is no regular file, or larger.
    """
    require_file(path)
    if (size := path.stat().st_size) > max_bytes:
        raise ReadError(f"expected at most {max_bytes:,} bytes; it has {size:,}")
    return path.read_bytes()


def load_arrays(file: IO[bytes]) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz``, if each is as large as its header says.

    Raises
    ------
    ReadError
        If a member is no ``.npy`` of numbers or text, or says another size than it has.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        require_memory(sum(member.file_size for member in members), "its arrays")
        for member in members:
            with archive.open(member) as opened:
                _require_size(opened, member)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        return dict(stored)


def _require_size(opened: IO[bytes], member: zipfile.ZipInfo) -> None:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(opened)
    if version not in readers:
        raise ReadError(f"{member.filename} has the version {version}; expected 1 or 2")
    shape, _, dtype = readers[version](opened)
    if dtype.kind not in "biufSU":
        raise ReadError(f"{member.filename} holds {dtype}; expected numbers or text")
    if opened.tell() + prod(shape) * dtype.itemsize != member.file_size or any(side < 0 for side in shape):
        raise ReadError(
            f"{member.filename} says the shape {shape} of {dtype}, which {member.file_size:,} bytes can't be"
        )
