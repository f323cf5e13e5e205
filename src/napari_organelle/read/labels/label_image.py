"""Label images: one number an object, whatever type it is saved in; never colours."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.read.files import image_file
from napari_organelle.read.files.decode import JPEG
from napari_organelle.read.files.tiff import RGB, lay_out
from napari_organelle.read.files.tiff_open import is_tiff
from napari_organelle.read.zarr import plate

if TYPE_CHECKING:
    import dask.array as da

    from napari_organelle.read.image_set import ImageSet

EXACT = {2: 2**11, 4: 2**24, 8: 2**53}
"""Whole numbers up to which floats of so many bytes tell all apart."""

LARGEST = 2**63 - 1

EXPORT = "in cellpose, use File > Save masks as PNG/TIF, or io.save_masks"


def open_label_image(path: Path, items: int = 1) -> da.Array | np.ndarray:
    """A label image or a stack of them, lazily.

    Parameters
    ----------
    path : Path
        TIFF, PNG, Zarr or NumPy's ``.npy``.
    items : int
        Images that it is expected for: so many unnamed pages are a stack, not channels.

    Returns
    -------
    (N, Y, X) dask or numpy array of int
        -1 in the place of 0, as some programs write where there is no object, becomes 0. Reading raises a
        ReadError where values are no whole numbers, negative otherwise, or too large.

    Raises
    ------
    ReadError
        If it can't be read, has colours or several channels, or is a pickle.
    """
    data = _npy(path) if path.suffix.lower() == ".npy" else _pixels(path, items)
    if data.dtype.kind not in "fiub":
        return data
    import dask.array as da

    lazy = da.asarray(data)
    return lazy.map_blocks(
        partial(_whole, name=str(path)), dtype=np.int64, meta=np.empty((0, 0, 0), np.int64)
    )


def _pixels(path: Path, items: int) -> Any:
    """(N, Y, X) of any type."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(JPEG)) == JPEG:
                raise ReadError(
                    f"{path}: expected a label image with one number an object; a JPEG changes numbers. Save "
                    "the labels as TIFF or PNG"
                )
    images = plate.read(path) if path.is_dir() and plate.matches(path) else image_file.read(path)
    data, channels = _as_numbers(path, images.data), images.channels
    if len(channels) == 1:
        return data[:, 0]
    if channels[: len(RGB)] == RGB:
        return _grey(path, images)
    if len(images) == 1 and len(channels) == items:
        return data[0]
    raise ReadError(
        f"{path}: expected a label image with one number an object; it has {len(channels)} channels. Save "
        "the channel with the labels alone"
    )


def _as_numbers(path: Path, data: Any) -> Any:
    """Pixels as a TIFF stores them, also where it says that 0 is white: labels are no light."""
    return lay_out(path).undo_meaning(data) if path.is_file() and is_tiff(path) else data


def _grey(path: Path, images: ImageSet) -> Any:
    """The red plane where green and blue are the same; colours are no labels."""
    pixels = np.asarray(images.data[:, : len(RGB)])
    if not (pixels == pixels[:, :1]).all():
        raise ReadError(
            f"{path}: expected a label image with one number an object; this is a colour picture. Save the "
            "labels as a gray 16-bit TIFF or PNG"
        )
    return pixels[:, 0]


def _npy(path: Path) -> np.ndarray:
    """(N, Y, X) of an array that NumPy saved; never of a pickle, which may run any program."""
    try:
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "pickle" in str(error).lower() or "object" in str(error).lower():
            raise ReadError(
                f"{path}: this is a Python pickle, which could run any program, and is not opened; {EXPORT}"
            ) from error
        raise
    if found.ndim == 2:
        return found[None]
    if found.ndim == 3:
        return found
    raise ReadError(f"{path}: expected an array (y, x) or (item, y, x); it has {found.ndim} axes")


def _whole(block: np.ndarray, name: str) -> np.ndarray:
    """The same as int64.

    Raises
    ------
    ReadError
        If a value is no whole number, negative or does not fit; -1 may stand for 0.
    """
    if block.dtype.kind == "f":
        if not (np.isfinite(block).all() and (block == np.round(block)).all()):
            raise ReadError(
                f"{name}: expected one whole number an object; there are values such as "
                f"{_first_odd(block):g}. Is it an image, or probabilities?"
            )
        largest_exact = EXACT.get(block.dtype.itemsize, 2**53)
        if block.size and block.max() > largest_exact:
            raise ReadError(
                f"{name}: {block.dtype} can't tell labels above {largest_exact:,} apart; save as integers"
            )
    elif block.size and int(block.max()) > LARGEST:
        raise ReadError(
            f"{name}: expected labels below 2**63; there is {block.max()}. Number the objects from 1 on"
        )
    # beside 0, either may be an object; a count that ran over 32,767 in 16 bits has other negative numbers
    if block.size and block.min() < 0 and not (block.min() == -1 and (block != 0).all()):
        raise ReadError(
            f"{name}: expected 0 for the background and labels from 1 on; there is {block.min():g}. Set "
            "negative values to 0, or save more than 32,767 objects as 32-bit"
        )
    return np.maximum(block.astype(np.int64), 0)


def _first_odd(block: np.ndarray) -> float:
    return float(block[~np.isfinite(block) | (block != np.round(block))][0])
