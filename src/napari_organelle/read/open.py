"""One door for every format: try each reader in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening, require_file
from napari_organelle.read.files import image_file
from napari_organelle.read.files.decode import foreign
from napari_organelle.read.files.listing import is_file, is_folder, scan, subfolders
from napari_organelle.read.folders import channel_files, channel_folders, class_folders, plain
from napari_organelle.read.hpa import atlas as hpa
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.tables.table import peek
from napari_organelle.read.yeast import deepyeast
from napari_organelle.read.zarr import plate


class Reader(NamedTuple):
    """`matches` tells cheaply whether a path is the reader's own; `read` opens it."""

    matches: Callable[[Path], bool]
    read: Callable[[Path], ImageSet]


SET_READERS = (
    Reader(plate.matches, plate.read),
    Reader(deepyeast.matches, deepyeast.read),
    Reader(hpa.matches, hpa.read),
    Reader(channel_folders.matches, channel_folders.read),
    Reader(class_folders.matches, class_folders.read),
    Reader(channel_files.matches, channel_files.read),
)
"""Readers of image sets, the most particular first."""

READERS = (
    *SET_READERS,
    Reader(image_file.matches, image_file.read),
    Reader(plain.matches, plain.read),
)
"""And of single images and folders of them, which a viewer opens its own way."""


def find_reader(path: Path, readers: Sequence[Reader] | None = None) -> Reader | None:
    """The first of some readers, or of all, whose own a path is; None where there is none."""
    known = READERS if readers is None else readers
    return next((reader for reader in known if reader.matches(path)), None)


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
    with opening(path):
        place = Path(path).expanduser()
        if not place.exists():
            raise ReadError("there is no such file or folder")
        if not is_folder(place):
            require_file(place)
        reader = find_reader(place)
        if reader is None:
            raise ReadError(_reason(place))
        return reader.read(place)


def _open_files(paths: list[Path]) -> ImageSet:
    if not paths:
        raise ReadError("expected at least one file; the list is empty")
    if len(paths) == 1:
        return open_image_set(paths[0])
    with opening(paths[0].parent):
        if all(hpa.split_name(path.name) for path in paths):
            return hpa.read_files(paths)
        return image_file.read_files(paths)


def _table(place: Path) -> str:
    """What a table is for that names no images by itself; `""` where it is none."""
    table = peek(place) if place.suffix.lower() in hpa.TABLES else None
    if table is None or len(table.columns) < 2:
        return ""
    columns = ", ".join(table.columns[:6])
    return (
        f"this is a table with the columns {columns}, and no list of images. Open the images, and give the "
        "table beside them: train and evaluate take labels as --labels, classify takes points as --points"
    )


def _reason(place: Path) -> str:
    known = (
        "DeepYeast plates or lists, folders named by class, Atlas images or labels, OME-Zarr plates, "
        "TIFF, PNG, JPEG, Zarr"
    )
    if not is_folder(place):
        return foreign(place) or _table(place) or f"expected {known}"
    files = sorted(entry.name for entry in scan(place) if is_file(entry))
    if not any(place.iterdir()):
        return f"the folder is empty; expected {known}"
    if not files:
        filled = [folder for folder in subfolders(place) if plain.matches(folder)]
        if len(filled) == 1:
            return (
                f"only its folder {filled[0].name} holds images that are understood; folders named by class "
                "are two or more. To classify them, open that folder itself"
            )
        if any(map(plain.images_beside_masks, filled)):
            return (
                f"its folders hold images beside label images, as {filled[0].name} does, and are no classes. "
                "Open one such folder by itself, or give classify all of them"
            )
        return f"there are only folders, without images that are understood; expected {known}"
    advice = foreign(place / files[0])
    return f"none of its {len(files):,} files is an image. First: {files[0]}: {advice or f'expected {known}'}"
