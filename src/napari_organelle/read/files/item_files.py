"""ItemFiles: the files of a set's items, decoded when their pixels are asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import numpy as np

from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.read.files.decode import decode, decode_box
from napari_organelle.read.files.tiff import LARGE
from napari_organelle.read.files.tiff_open import is_tiff

if TYPE_CHECKING:
    import dask.array as da


@dataclass(frozen=True, eq=False)
class ItemFiles:
    """Which file and which of its planes hold each channel of each item.

    Parameters
    ----------
    paths : tuple of N tuples of C str
        A file for each item and channel, ``""`` where there is none; one file may be there for several
        channels.
    planes : tuple of C tuples of int
        The planes of an RGB file that carry the channel, such as ``(0, 1)`` for yellow; the brightest of them
        counts. A grey file is taken as it is.
    sizes : (N, 2) int64
        Height and width of each item in pixels.
    dtype : dtype
        Holds the values of every file.
    """

    paths: tuple[tuple[str, ...], ...]
    planes: tuple[tuple[int, ...], ...]
    sizes: np.ndarray
    dtype: np.dtype

    def read(self, item: int, channels: Sequence[int] | None = None) -> np.ndarray:
        """Pixels of one item; a channel without a file is 0.

        Returns
        -------
        (C, height, width) array
            In `channels`' order, all where not given.

        Raises
        ------
        ReadError
            If a file is missing or damaged, or has another size or type than the set's table says.
        """
        return self._gather(item, channels, self._decode)

    def read_box(
        self, item: int, box: tuple[slice, slice], channels: Sequence[int] | None = None
    ) -> np.ndarray:
        """Pixels of some rows and columns of an item; where its files `have_boxes`, no others are read.

        Parameters
        ----------
        item : int
            Which.
        box : (slice, slice)
            Rows and columns, within the item.
        channels : sequence of int, optional
            As for `read`.

        Returns
        -------
        (C, height, width) array

        Raises
        ------
        ReadError
            As for `read`.
        """
        if not self.have_boxes:
            return self.read(item, channels)[:, *box]
        return self._gather(item, channels, lambda path, _: self._checked(path, decode_box(path, box)))

    @cached_property
    def have_boxes(self) -> bool:
        """Whether items are so large that a part is read alone, and all files are TIFFs, which allow it."""
        files = {path for row in self.paths for path in row if path}
        return bool(self.sizes.prod(axis=1).max() > LARGE) and all(is_tiff(Path(path)) for path in files)

    def _gather(
        self, item: int, channels: Sequence[int] | None, decoded: Callable[[str, int], np.ndarray]
    ) -> np.ndarray:
        """The channels of an item from its files, each decoded once."""
        wanted = list(range(len(self.planes)) if channels is None else channels)
        opened: dict[str, np.ndarray] = {}
        rows: dict[int, np.ndarray] = {}
        for row, channel in enumerate(wanted):
            if path := self.paths[item][channel]:
                if path not in opened:
                    opened[path] = decoded(path, item)
                rows[row] = self._channel(opened[path], channel)
        shape = next((pixels.shape for pixels in rows.values()), tuple(self.sizes[item]))
        planes = np.zeros((len(wanted), *shape), self.dtype)
        for row, pixels in rows.items():
            planes[row] = pixels
        return planes

    def lazy(self, channel: int | None = None) -> da.Array:
        """All items padded with zeros to the largest, one chunk a file, read when asked.

        A file that can't be read is blank there, and an OrganelleWarning names it.

        Returns
        -------
        (N, C, Y, X) dask array, or (N, Y, X) of one channel
        """
        import dask.array as da

        height, width = (int(side) for side in self.sizes.max(axis=0))
        items, count = (1,) * len(self.paths), len(self.planes)
        one_file = channel is None and all(len(set(row)) == 1 for row in self.paths)
        block = _Block(self, channel, one_file)
        channel_chunks = ((count,) if one_file else (1,) * count,) if channel is None else ()
        return da.map_blocks(
            block,
            chunks=(items, *channel_chunks, (height,), (width,)),
            name=f"organelle-{uuid4().hex}",
            dtype=self.dtype,
            meta=np.empty((0,) * (4 if channel is None else 3), self.dtype),
        )

    def span(self, start: int, stop: int) -> Self:
        """Those of consecutive items."""
        return replace(self, paths=self.paths[start:stop], sizes=self.sizes[start:stop])

    def _decode(self, path: str, item: int) -> np.ndarray:
        pixels = decode(path)
        size, expected = pixels.shape[:2], tuple(self.sizes[item])
        if size != expected:
            raise ReadError(
                f"{path}: expected {expected[0]} x {expected[1]} pixels; it has {size[0]} x {size[1]}"
            )
        return self._checked(path, pixels)

    def _checked(self, path: str, pixels: np.ndarray) -> np.ndarray:
        if not np.can_cast(pixels.dtype, self.dtype):
            raise ReadError(f"{path}: expected {self.dtype} as its set has; its pixels are {pixels.dtype}")
        return pixels

    def _channel(self, pixels: np.ndarray, channel: int) -> np.ndarray:
        if pixels.ndim == 2:
            return pixels
        planes = [plane for plane in self.planes[channel] if plane < pixels.shape[2]]
        return pixels[..., planes].max(axis=-1, initial=0)


class _Block:
    """Makes a dask chunk; picklable. No dataclass, whose fields dask would search for arrays."""

    def __init__(self, files: ItemFiles, channel: int | None, one_file: bool) -> None:
        self.files = files
        self.channel = channel
        self.one_file = one_file

    def __call__(self, block_id: tuple[int, ...]) -> np.ndarray:
        item, count = block_id[0], len(self.files.planes)
        channels = (
            [self.channel] if self.channel is not None else range(count) if self.one_file else [block_id[1]]
        )
        height, width = self.files.sizes[item]
        padded = np.zeros((len(channels), *self.files.sizes.max(axis=0)), self.files.dtype)
        try:
            padded[:, :height, :width] = self.files.read(item, channels)
        except ReadError as error:
            warnings.warn(f"{error}; it is shown blank", OrganelleWarning, stacklevel=2)
        return padded if self.channel is not None else padded[None]
