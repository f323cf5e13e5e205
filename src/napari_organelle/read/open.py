"""One door for every format: try each reader in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from napari_organelle.errors import ReadError
from napari_organelle.read import deepyeast, folders, hpa, image_file, plate
from napari_organelle.read.image_set import ImageSet


class Reader(NamedTuple):
    """`matches` tells cheaply whether a path is the reader's own; `read` opens it."""

    matches: Callable[[Path], bool]
    read: Callable[[Path], ImageSet]


SET_READERS = (
    Reader(plate.matches, plate.read),
    Reader(deepyeast.matches, deepyeast.read),
    Reader(hpa.matches, hpa.read),
    Reader(folders.matches, folders.read),
)
"""Readers of image sets, the most particular first."""

READERS = (*SET_READERS, Reader(image_file.matches, image_file.read))


def find_reader(path: Path, readers: Sequence[Reader] = READERS) -> Reader | None:
    """The first reader whose own a path is; None where there is none."""
    return next((reader for reader in readers if reader.matches(path)), None)


def open_image_set(path: str | Path | Sequence[str | Path]) -> ImageSet:
    """Open an image set, a label table, an image file, or a list of image files.

    Parameters
    ----------
    path : str, Path or sequence of them
        A DeepYeast list or folder, class folders, a folder, table or file of the Human Protein Atlas, an
        OME-Zarr plate, or a TIFF, PNG, JPEG or Zarr. Of a list each file is one item, or one id of the Atlas.

    Raises
    ------
    ReadError
        If a path is not there, or is nothing that a reader knows.
    """
    if not isinstance(path, str | Path):
        return _open_files([Path(one).expanduser() for one in path])
    place = Path(path).expanduser()
    if not place.exists():
        raise ReadError(f"{place}: there is no such file or folder")
    reader = find_reader(place)
    if reader is None:
        raise ReadError(f"{place}: {_reason(place)}")
    return reader.read(place)


def _open_files(paths: list[Path]) -> ImageSet:
    if not paths:
        raise ReadError("expected at least one file; the list is empty")
    if len(paths) == 1:
        return open_image_set(paths[0])
    if all(hpa.split_name(path.name) for path in paths):
        return hpa.read_files(paths)
    return image_file.read_files(paths)


def _reason(place: Path) -> str:
    known = (
        "DeepYeast plates or lists, folders named by class, Atlas images or labels, OME-Zarr plates, "
        "TIFF, PNG, JPEG, Zarr"
    )
    if place.is_dir() and not any(place.iterdir()):
        return f"the folder is empty; expected {known}"
    return f"expected {known}"
