"""Single image files: TIFF with its axes, PNG and JPEG, Zarr and OME-Zarr; and lists of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.files import readable
from napari_organelle.outside import opening
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.files.decode import SUFFIXES, are_gray, read_header
from napari_organelle.read.files.listing import is_file, is_folder
from napari_organelle.read.files.one_image import from_file
from napari_organelle.read.files.tiff import ALPHA, GRAY, LARGE, RGB, TiffImage, arrange, lay_out
from napari_organelle.read.files.tiff_open import COMPANION, is_tiff, named_files, read_companion
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.zarr.array import read_zarr

if TYPE_CHECKING:
    import dask.array as da

GRAY_AS_RGB = "red, green and blue are the same: gray saved as RGB, taken for one channel"

PICTURES = {1: (GRAY,), 2: (GRAY, ALPHA), 3: RGB, 4: (*RGB, ALPHA)}
"""Channels of a PNG or JPEG by its planes."""


def matches(path: Path) -> bool:
    """Whether a file is named like an image or begins like a TIFF, or a folder is a Zarr."""
    name = path.name.lower()
    return name.endswith((*SUFFIXES, COMPANION)) or is_zarr(path) or is_tiff(path)


def read(path: Path) -> ImageSet:
    """Open one image: every time point, section and position is an item.

    Raises
    ------
    ReadError
        If the file is damaged, or has axes that are not understood.
    """
    if is_zarr(path):
        return read_zarr(path)
    if path.name.lower().endswith(COMPANION):
        return _read_companion(path)
    return _read_tiff(path) if is_tiff(path) else read_files([path])


class PictureFacts(NamedTuple):
    """What files of one picture each must share to be one set."""

    channels: tuple[Channel, ...]
    pixel_size_um: float | None = None


def is_zarr(path: Path) -> bool:
    """Whether a folder holds the metadata of a Zarr group or array, version 2 or 3."""
    return is_folder(path) and any(is_file(path / name) for name in (".zgroup", ".zarray", "zarr.json"))


def picture_facts(path: Path) -> PictureFacts:
    """What a file of one picture says of its channels and pixels.

    Raises
    ------
    ReadError
        As for `read_header`.
    """
    return _facts(path)[0]


def _facts(path: Path) -> tuple[PictureFacts, tuple[str, ...], tuple[str, ...]]:
    """Facts of one picture, sentences on it, and the names of all files that it is in, where several."""
    if not is_tiff(path):
        return PictureFacts(PICTURES[read_header(path).planes]), (), ()
    with opening(path):
        image = lay_out(path)
        if image.items > 1:
            raise ReadError("expected one picture; this is a stack")
    return PictureFacts(image.channels, image.pixel_size_um), image.notes, image.files


def group_files(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Files that can be opened together, neighbours only: pictures that are alike, everything else alone.

    A picture in several files (multi-file OME-TIFF) comes once, by the first of its files.
    """
    group: list[Path] = []
    shared: PictureFacts | None = None
    taken: set[Path] = set()
    for path in paths:
        if path in taken:
            continue
        facts = None
        try:
            if not is_folder(path):
                facts, _, names = _facts(path)
                taken.update(path.with_name(name) for name in names)
        except ReadError:
            taken.update(path.with_name(name) for name in _files_of(path))
        if group and (facts is None or facts != shared):
            yield group
            group = []
        group, shared = [*group, path], facts
        if facts is None:
            yield group
            group = []
    if group:
        yield group


def whole_images(paths: Sequence[Path]) -> Iterator[Path]:
    """Files in order, without those that hold a part of an image that came before."""
    taken: set[Path] = set()
    for path in paths:
        if path not in taken:
            taken.update(path.with_name(name) for name in _files_of(path) if name != path.name)
            yield path


def _files_of(path: Path) -> tuple[str, ...]:
    """Names of the files of a stack in several files."""
    try:
        return lay_out(path).files if is_tiff(path) else ()
    except Exception:  # noqa: BLE001 - what is wrong with it is told when it is opened
        return ()


def read_files(paths: Sequence[Path]) -> ImageSet:
    """Open files of one picture each, all with the same channels, as the items of one set.

    A picture in several files (multi-file OME-TIFF) is one item, by the first of its files.

    Raises
    ------
    ReadError
        If they do not have the same channels or pixel size, or one can't be read.
    """
    facts, notes, taken, whole = set(), list[str](), set[Path](), list[Path]()
    for path in paths:
        if path in taken:
            continue
        fact, file_notes, files = _facts(path)
        taken.update(path.with_name(name) for name in files if name != path.name)
        whole.append(path)
        facts.add(fact)
        notes += [f"{path}: {note}" for note in file_notes]
    paths = whole
    shared, planes = _shared(facts), None
    if shared.channels == RGB and are_gray(paths):
        shared, planes = shared._replace(channels=(GRAY,)), ((0, 1, 2),)
        notes.append(f"{paths[0] if len(paths) == 1 else paths[0].parent}: {GRAY_AS_RGB}")
    names = pd.Series([readable(path.name) for path in paths])
    count = len(shared.channels)
    draft = Draft(
        kind="image",
        source=paths[0] if len(paths) == 1 else paths[0].parent,
        channels=shared.channels,
        items=pd.DataFrame(
            {
                "item": names.where(~names.duplicated(keep=False), [readable(path) for path in paths]),
                "label": "",
            }
        ),
        paths=[(str(path),) * count for path in paths],
        planes=planes or tuple((plane,) for plane in range(count)),
        looked=str(paths[0].parent),
        problems=notes,
    )
    return replace(build(draft), pixel_size_um=shared.pixel_size_um)


def _shared(facts: set[PictureFacts]) -> PictureFacts:
    """What all files have.

    Raises
    ------
    ReadError
        If they differ.
    """
    counts = sorted({len(each.channels) for each in facts})
    if len(counts) > 1:
        raise ReadError(f"expected equally many channels in all files; there are {counts}")
    channels = sorted({tuple(channel.name for channel in each.channels) for each in facts})
    if len({each.channels for each in facts}) > 1:
        raise ReadError(f"expected the same names and colours of channels in all files; there are {channels}")
    if len(facts) > 1:
        sizes = sorted({str(each.pixel_size_um) for each in facts})
        raise ReadError(f"expected the same pixel size in all files; there are {', '.join(sizes)}")
    return facts.pop()


@dataclass(frozen=True)
class TiffSeries:
    """Array-like view of one series of a TIFF that opens the file for each read; pickles to its path."""

    image: TiffImage
    series: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.shape

    @property
    def dtype(self) -> np.dtype:
        return self.image.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> np.ndarray:
        with opening(self.image.path):
            return self.image.read_part(self.series, index)


def _read_tiff(path: Path, companion: str | Path = "") -> ImageSet:
    with opening(path):
        image = lay_out(path, companion)
        small = image.items == 1 and image.height * image.width <= LARGE
        if image.channels == RGB and small and are_gray([path]):
            image = replace(image, channels=(GRAY,), notes=(*image.notes, GRAY_AS_RGB))
        data = _lazy(image)
    images = from_file(data, image.channels, path, image.pixel_size_um)
    return replace(images, problems=tuple(f"{path.name}: {note}" for note in image.notes))


def _lazy(image: TiffImage) -> da.Array:
    """(N, C, Y, X), a plane a chunk, or some tiles of a large one."""
    import dask.array as da

    sides = {"Y": image.chunk[0], "X": image.chunk[1]}
    shape = dict(zip(image.axes, image.shape, strict=True))
    chunks = tuple(sides.get(axis, length if axis == "S" else 1) for axis, length in shape.items())
    arrays = [
        da.from_array(
            TiffSeries(image, number),
            chunks=chunks,
            asarray=False,
            lock=False,
            name=False,
            meta=np.empty((), image.dtype),
        )
        for number in image.series
    ]
    return da.concatenate([arrange(array, image.axes) for array in arrays])[:, : len(image.channels)]


def _read_companion(path: Path) -> ImageSet:
    """The images that a companion file describes, by the first of their files that is there."""
    with opening(path):
        names = named_files(read_companion(path))
    there = [path.with_name(Path(name).name) for name in names if path.with_name(Path(name).name).is_file()]
    if not there:
        raise ReadError(f"{path}: not one of the {len(names)} TIFFs that it names is in its folder")
    return _read_tiff(there[0], path)
