"""What a set's label images may come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from napari_organelle.errors import ReadError

if TYPE_CHECKING:
    import dask.array as da


class ItemMasks(Protocol):
    """The label image of each of N items, read when asked."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Of N files; ``""`` where an item has none."""

    def try_plane(self, item: int) -> np.ndarray | ReadError:
        """(height, width) of integers, or why it can't be read."""

    def lazy(self) -> da.Array:
        """All items, (N, Y, X) int64, padded with zeros."""

    def span(self, start: int, stop: int) -> Self:
        """Those of consecutive items."""
