"""Single image files: TIFF with its axes, PNG and JPEG, Zarr and OME-Zarr."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import tifffile

from napari_organelle.errors import ReadError
from napari_organelle.read.decode import SUFFIXES, read_header
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.pixel_size import ome_metadata, tiff_pixel_size

if TYPE_CHECKING:
    import dask.array as da

TIFF_SUFFIXES = (".tif", ".tiff")
RGB = (Channel("red", "red"), Channel("green", "green"), Channel("blue", "blue"))
COLORMAPS = ("green", "magenta", "cyan", "yellow", "red", "blue")
"""For channels without a colour of their own."""


def matches(path: Path) -> bool:
    """Whether a file's name ends like an image's, or a folder is a Zarr."""
    return path.suffix.lower() in SUFFIXES or is_zarr(path)


def read(path: Path) -> ImageSet:
    """Open one image: every time point and section is an item.

    Raises
    ------
    ReadError
        If the file is damaged, or has axes that are not understood.
    """
    if is_zarr(path):
        from napari_organelle.read.zarr_file import read_zarr

        return read_zarr(path)
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _read_tiff(path)
    return read_files([path])


def read_files(paths: Sequence[Path]) -> ImageSet:
    """Open files of one picture each, all grey or all RGB, as the items of one set.

    Raises
    ------
    ReadError
        If they do not have the same number of channels, or not one can be read.
    """
    facts = {picture_facts(path) for path in paths}
    for what, values in zip(("equally many", "the same names of"), zip(*facts, strict=True), strict=False):
        if len(set(values)) > 1:
            raise ReadError(f"expected {what} channels in all files; there are {sorted(set(values))}")
    if len(facts) > 1:
        sizes = sorted({str(each.pixel_size_um) for each in facts})
        raise ReadError(f"expected the same pixel size in all files; there are {', '.join(sizes)}")
    count, channel_names, pixel_size = facts.pop()
    channels = RGB if count == 3 and not any(channel_names) else numbered_channels(count, channel_names)
    if count == 1:
        channels = (Channel("gray"),)
    names = pd.Series([path.name for path in paths])
    draft = Draft(
        kind="image",
        source=paths[0] if len(paths) == 1 else paths[0].parent,
        channels=channels,
        items=pd.DataFrame(
            {"item": names.where(~names.duplicated(keep=False), [str(path) for path in paths]), "label": ""}
        ),
        paths=[(str(path),) * count for path in paths],
        planes=tuple((plane,) for plane in range(count)),
        looked=str(paths[0].parent),
    )
    return replace(build(draft), pixel_size_um=pixel_size)


class PictureFacts(NamedTuple):
    """What files of one picture each must share to be one set."""

    planes: int
    channels: tuple[str, ...] = ()
    pixel_size_um: float | None = None


def picture_facts(path: Path) -> PictureFacts:
    """What a file says of its channels and pixels, without decoding it.

    Raises
    ------
    ReadError
        As for `read_header`.
    """
    planes = read_header(path).planes
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return PictureFacts(planes)
    try:
        with tifffile.TiffFile(path) as tiff:
            names = _channel_names(tiff) if planes > 1 else ()
            return PictureFacts(planes, names, tiff_pixel_size(tiff))
    except (OSError, ValueError, tifffile.TiffFileError):
        return PictureFacts(planes)


def _channel_names(tiff: tifffile.TiffFile) -> tuple[str, ...]:
    """From OME-XML or ImageJ's labels; empty where there are none."""
    labels = tuple(str(name) for name in (tiff.imagej_metadata or {}).get("Labels", ()))
    return ome_metadata(tiff).channels or labels


def is_zarr(path: Path) -> bool:
    """Whether a folder holds the metadata of a Zarr group or array, version 2 or 3."""
    return path.is_dir() and any((path / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def numbered_channels(
    count: int, names: Sequence[str] = (), colormaps: Sequence[str] = ()
) -> tuple[Channel, ...]:
    """`count` channels, with the names and colormaps of the file where there is one for each."""
    chosen = names if len(names) == count and all(names) else [f"channel {index}" for index in range(count)]
    colours = colormaps if len(colormaps) == count else COLORMAPS if count > 1 else ("gray",)
    return tuple(Channel(name, colours[index % len(colours)]) for index, name in enumerate(chosen))


@dataclass(frozen=True)
class TiffSeries:
    """Array-like view of a TIFF's first series that opens the file for each read; pickles to its path."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> np.ndarray:
        import zarr

        try:
            with tifffile.TiffFile(self.path) as tiff, tiff.series[0].aszarr(level=0) as store:
                return np.asarray(zarr.open_array(store, mode="r")[index])
        except (OSError, ValueError, RuntimeError, tifffile.TiffFileError) as error:
            raise ReadError(f"{self.path}: {error}") from error


def _read_tiff(path: Path) -> ImageSet:
    import dask.array as da

    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            axes, view = series.axes, TiffSeries(path, tuple(series.shape), np.dtype(series.dtype))
            names, pixel_size = _channel_names(tiff), tiff_pixel_size(tiff)
    except (OSError, ValueError, IndexError, tifffile.TiffFileError) as error:
        raise ReadError(f"{path}: {error}") from error
    chunks = tuple(length if axis in "YXS" else 1 for axis, length in zip(axes, view.shape, strict=True))
    pixels = da.from_array(
        view, chunks=chunks, asarray=False, lock=False, name=False, meta=np.empty((), view.dtype)
    )
    data = arrange(pixels, axes, path)
    count = data.shape[1]
    channels = RGB if axes.endswith("S") and count == 3 else numbered_channels(count, names)
    return from_file(data, channels, path, pixel_size)


def arrange(pixels: da.Array, axes: str, path: Path) -> da.Array:
    """Axes (N, C, Y, X) from a file's own: C and S make the channels, T, Z and others the items.

    A first axis of unknown meaning (Q or I) and at most 4 planes is taken for channels.

    Raises
    ------
    ReadError
        If Y or X is missing.
    """
    import dask.array as da

    if "Y" not in axes or "X" not in axes:
        raise ReadError(f"{path}: expected an image with the axes Y and X; it has {axes or 'none'}")
    if re.fullmatch("[QI]YX", axes) and pixels.shape[0] <= 4:
        axes = "CYX"
    channels = [position for position, axis in enumerate(axes) if axis in "CS"]
    items = [position for position, axis in enumerate(axes) if axis not in "CSYX"]
    moved = da.transpose(pixels, [*items, *channels, axes.index("Y"), axes.index("X")])
    count = int(np.prod([pixels.shape[position] for position in channels], dtype=int))
    return moved.reshape(-1, count, *moved.shape[-2:])


def from_file(
    data: da.Array, channels: tuple[Channel, ...], path: Path, pixel_size_um: float | None
) -> ImageSet:
    """An image of a file as a set of kind ``"image"``."""
    images = ImageSet.from_array(data, channels, name=path.name, source=path, pixel_size_um=pixel_size_um)
    return replace(images, kind="image")
