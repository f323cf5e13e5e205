"""Opening a Zarr array safely: numbers only, no codec that runs code, chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.outside import MAX_PLANES, require_memory

if TYPE_CHECKING:
    import zarr

MAX_CHUNKS = 2**20
"""More chunks than an array of a microscope has."""

UNSAFE = "pickle"
"""A codec that runs code which the file brings along."""


def require_sound(array: zarr.Array) -> zarr.Array:
    """The array, unless it can't hold an image.

    Raises
    ------
    ReadError
        If it holds anything but numbers, or more chunks or planes than can be.
    MemoryError
        If one of its chunks does not fit into memory.
    """
    described = repr(array.metadata.to_dict())
    if UNSAFE in described:
        raise ReadError("its pixels are pickled, which runs code of whoever wrote it; it is not read")
    require_shape(array.shape, str(array.dtype), array.shards or array.chunks)
    return array


def require_shape(shape: Sequence[int], dtype: str, chunks: Sequence[int]) -> None:
    """As `require_sound`, of what metadata say."""
    if not all(type(length) is int and length >= 0 for length in (*shape, *chunks)):
        raise ReadError(f"expected lengths of axes; its metadata say {shape!s:.80} in chunks {chunks!s:.80}")
    if len(shape) != len(chunks) or 0 in chunks:
        raise ReadError(f"its metadata say chunks of {chunks!s:.80} for the shape {shape!s:.80}")
    if 0 in shape:
        raise ReadError(f"the image is empty: its shape is {tuple(shape)}")
    if np.dtype(dtype).kind not in "buif":
        raise ReadError(f"expected integer or float pixels; it has {dtype}")
    if prod(shape[:-2]) > MAX_PLANES:
        raise ReadError(f"its metadata say {prod(shape[:-2]):,} planes, more than an image can have")
    pieces = prod(-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True))
    if pieces > MAX_CHUNKS:
        raise ReadError(f"its metadata say {pieces:,} chunks, more than an image can have")
    require_memory(prod(chunks) * np.dtype(dtype).itemsize, f"a chunk of {' x '.join(map(str, chunks))}")


def open_array(path: str | Path) -> zarr.Array:
    """A Zarr array to read from, checked by `require_sound`."""
    import zarr

    node = open_node(Path(path))
    if not isinstance(node, zarr.Array):
        raise ReadError("expected an array; it is a group")
    return require_sound(node)


def open_node(path: Path) -> zarr.Array | zarr.Group:
    """A Zarr array or group to read from, by way of a `CheckedStore`."""
    import zarr

    from napari_organelle.read.zarr.local import CheckedStore

    return zarr.open(CheckedStore(path), mode="r")
