"""ZarrFields: the arrays of a plate's fields, read when their pixels are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening
from napari_organelle.read.files.item_files import ItemFiles
from napari_organelle.read.zarr.store import open_array

if TYPE_CHECKING:
    import dask.array as da

BLOCK = 1024
"""Side of what is read at once of a large field, in pixels."""


@dataclass(frozen=True, eq=False)
class ZarrFields(ItemFiles):
    """The full resolution of fields that are alike; `paths` name an array for each item.

    Parameters
    ----------
    axes : str
        Of the arrays, such as ``"TCZYX"``; Y and X come last.
    places : tuple of N (int, int)
        Time point and section of each item.
    """

    axes: str
    places: tuple[tuple[int, int], ...]

    def read(self, item: int, channels: Sequence[int] | None = None) -> np.ndarray:
        """As `ItemFiles.read`."""
        return self.read_box(item, (slice(None), slice(None)), channels)

    def read_box(
        self, item: int, box: tuple[slice, slice], channels: Sequence[int] | None = None
    ) -> np.ndarray:
        """Pixels of some rows and columns of an item.

        Returns
        -------
        (C, height, width) array
            0 where the item has no array.

        Raises
        ------
        ReadError
            If the array is damaged, gone, or not what the set's table says.
        """
        wanted = list(range(len(self.planes)) if channels is None else channels)
        path = self.paths[item][0]
        if not path:
            shape = np.broadcast_to(np.zeros((), self.dtype), self.sizes[item])[box].shape
            return np.zeros((len(wanted), *shape), self.dtype)
        time, section = self.places[item]
        first = slice(wanted[0], wanted[0] + 1) if len(wanted) == 1 else slice(None)
        place = {"T": time, "Z": section, "C": first, "Y": box[0], "X": box[1]}
        with opening(path):
            array = open_array(path)
            if array.shape[-2:] != tuple(self.sizes[item]) or not np.can_cast(array.dtype, self.dtype):
                raise ReadError(
                    f"expected {'x'.join(map(str, self.sizes[item]))} pixels of {self.dtype} as its set has; "
                    f"it has {array.shape} of {array.dtype}"
                )
            pixels = np.asarray(array[tuple(place[axis] for axis in self.axes)])
        pixels = pixels.reshape(-1, *pixels.shape[-2:])
        return pixels if len(wanted) == 1 else pixels[wanted]

    def span(self, start: int, stop: int) -> Self:
        """As `ItemFiles.span`."""
        return replace(super().span(start, stop), places=self.places[start:stop])

    def blocks(self) -> da.Array:
        """All items as (N, C, Y, X) in chunks of `BLOCK` pixels a side, for fields too large to hold."""
        import dask.array as da

        height, width = map(int, self.sizes[0])
        sides = [tuple(min(BLOCK, side - at) for at in range(0, side, BLOCK)) for side in (height, width)]
        return da.map_blocks(
            _FieldBlock(self),
            chunks=((1,) * len(self.paths), (len(self.planes),), *sides),
            name=f"organelle-{uuid4().hex}",
            dtype=self.dtype,
            meta=np.empty((0,) * 4, self.dtype),
        )


class _FieldBlock:
    """Makes a chunk of `ZarrFields.blocks`; no dataclass, whose fields dask would search for arrays."""

    def __init__(self, fields: ZarrFields) -> None:
        self.fields = fields

    def __call__(self, block_id: tuple[int, ...]) -> np.ndarray:
        item, _, row, column = block_id
        box = tuple(slice(at * BLOCK, (at + 1) * BLOCK) for at in (row, column))
        return self.fields.read_box(item, (box[0], box[1]))[None]
