"""Objects that a user gives: a label image, outlines, or a folder with one of them for each image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening, require_file
from napari_organelle.read.files.decode import SUFFIXES as PICTURES
from napari_organelle.read.files.image_file import is_zarr
from napari_organelle.read.files.listing import scan
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.labels import fiji, geojson
from napari_organelle.read.labels.label_image import open_label_image
from napari_organelle.read.labels.outlines import Outline, by_item
from napari_organelle.read.tables.names import ENDING, ItemNames

OUTLINES = (*fiji.SUFFIXES, *geojson.SUFFIXES)
KNOWN = (*PICTURES, ".npy", ".zarr", *OUTLINES)

MARK = re.compile(
    r"[-_. ](?:cp_masks?|predicted_?masks?|masks?|labels?|segmentations?|seg|rois?|roiset|objects|cells|"
    r"outlines|gt)$",
    re.IGNORECASE,
)
"""What programs add to an image's name for its labels."""

EXPECTED = "a label image (TIFF, PNG, Zarr, .npy), Fiji's RoiSet.zip or .roi, GeoJSON, or a folder of them"


@dataclass(frozen=True)
class ItemLabels:
    """The objects of one item.

    Parameters
    ----------
    found : (Y, X) array, tuple of Outline, or ReadError
        A label image, numpy or dask; outlines; or why there is neither.
    """

    found: Any


def open_labels(
    path: Path, images: ImageSet, first: int = 0, whole: bool = True
) -> tuple[list[ItemLabels], list[str]]:
    """The objects of each item of a set, and sentences on what is left out.

    Parameters
    ----------
    path : Path
        A file for all items, or a folder with a file for each, named as the images are: ``a.tif``,
        ``a_mask.png``, ``a_cp_masks.tif`` or ``a.geojson`` for ``a.tif``.
    images : ImageSet
        N items.
    first : int
        Items that came before the set, where it is a piece of a larger one.
    whole : bool
        Whether a file for all items must have nothing beyond these.

    Raises
    ------
    ReadError
        If nothing can be read, or no file has the name of an item.
    """
    with opening(path):
        if not path.exists():
            raise ReadError(f"{path}: there is no such file or folder")
        if path.is_dir() and not is_zarr(path):
            return _folder(path, images), []
        if not path.is_dir():
            require_file(path)
        if path.suffix.lower() in OUTLINES:
            outlines, notes = _outlines(path, path.stat().st_mtime_ns)
            return [ItemLabels(each) for each in by_item(outlines, images, first, str(path), whole)], list(
                notes
            )
        return [ItemLabels(plane) for plane in _planes(path, images, first, whole)], []


def has_names(path: Path) -> bool:
    """Whether objects of a file or folder have names of their own: outlines do."""
    if path.is_dir() and not is_zarr(path):
        return any(entry.name.lower().endswith(OUTLINES) for entry in scan(path))
    return path.suffix.lower() in OUTLINES


def label_files(folder: Path, images: ImageSet) -> dict[int, list[Path]]:
    """Files of a folder by the item whose labels they are, as far as their names tell."""
    names = ItemNames(images)
    own = {str(file) for row in (images.files.paths if images.files else ()) for file in row}
    own.update(map(str, images.items["path"]))
    found: dict[int, list[Path]] = {}
    for file in _listing(folder, folder.stat().st_mtime_ns):
        if str(file) in own:
            continue
        for item in _meant(file.name, names):
            found.setdefault(item, []).append(file)
    return found


def _meant(name: str, names: ItemNames) -> list[int]:
    """Items whose labels a file has: those of its name without what programs add to it."""
    stem = name
    for suffix in OUTLINES:
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    bare = ENDING.sub("", stem)
    return names.find(MARK.sub("", bare)) or names.find(stem)


@lru_cache(maxsize=8)
def _listing(folder: Path, changed: int) -> tuple[Path, ...]:
    del changed  # a part of the key
    return tuple(
        sorted(
            Path(entry.path)
            for entry in scan(folder)
            if entry.name.lower().endswith(KNOWN) and not entry.name.lower().endswith("_seg.npy")
        )
    )


@lru_cache(maxsize=8)
def _outlines(path: Path, changed: int) -> tuple[tuple[Outline, ...], tuple[str, ...]]:
    del changed  # a part of the key
    read = fiji.read_rois if path.suffix.lower() in fiji.SUFFIXES else geojson.read_geojson
    outlines, notes = read(path)
    return tuple(outlines), tuple(notes)


def _planes(path: Path, images: ImageSet, first: int, whole: bool) -> Any:
    """The planes of a file for the items of a set."""
    if not path.is_dir() and not path.name.lower().endswith(KNOWN):
        raise ReadError(f"{path}: expected {EXPECTED}")
    planes = open_label_image(path, len(images))
    if first + len(images) > len(planes):
        raise ReadError(
            f"{path}: expected a plane of labels for each of {first + len(images)} images; it has "
            f"{len(planes)}"
        )
    if whole and len(planes) > len(images):
        raise ReadError(
            f"{path}: it has {len(planes)} planes of labels, and there are {len(images)} images. Pick labels "
            "that were made from these images"
        )
    return planes[first : first + len(images)]


def _folder(folder: Path, images: ImageSet) -> list[ItemLabels]:
    found = label_files(folder, images)
    if not found:
        files = _listing(folder, folder.stat().st_mtime_ns)
        example = f"its first file is {files[0].name!r}" if files else "it holds none"
        raise ReadError(
            f"{folder}: expected files of labels named as the images are, such as those of "
            f"{images.items['item'].iloc[0]!r}; {example}"
        )
    return [_of_item(found.get(item, []), images, item) for item in range(len(images))]


def _of_item(files: list[Path], images: ImageSet, item: int) -> ItemLabels:
    name = images.items["item"].iloc[item]
    if not files:
        return ItemLabels(ReadError(f"{name}: there is no file with its labels"))
    if len(files) > 1:
        several = ", ".join(file.name for file in files[:3])
        return ItemLabels(ReadError(f"{name}: several files may have its labels: {several}. Keep one"))
    try:
        one = images.span(item, item + 1)
        found, _ = open_labels(files[0], one)
        return found[0]
    except ReadError as error:
        return ItemLabels(error)
