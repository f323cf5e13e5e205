"""A grid of square tiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from napari_organelle.errors import RegionError
from napari_organelle.prepare.dense import band_ends
from napari_organelle.prepare.plans.base import RegionPlan
from napari_organelle.prepare.regions import Regions, item_sizes, tile_counts, tile_regions

if TYPE_CHECKING:
    from napari_organelle.prepare.channels import ChannelMap
    from napari_organelle.read.image_set import ImageSet


@dataclass(frozen=True)
class Tiles(RegionPlan):
    """A grid of square tiles over every image.

    Parameters
    ----------
    tile : int, optional
        Side in pixels; the model's window where not given.
    stride : int, optional
        Pixels from one tile to the next; the tile's side where not given.
    dense : bool
        Whether overlapping tiles share their convolutions.
    """

    kind: ClassVar[str] = "tiles"
    noun: ClassVar[str] = "tile"
    part_size: ClassVar[int] = 4096  # neighbours are read together

    tile: int | None = None
    stride: int | None = None
    dense: bool = False

    @property
    def is_dense(self) -> bool:
        """As `RegionPlan.is_dense`."""
        return self.dense

    def sized(self, window: int) -> Self:
        """As `RegionPlan.sized`."""
        tile = window if self.tile is None else self.tile
        return replace(self, tile=tile, stride=tile if self.stride is None else self.stride)

    def count(self, images: ImageSet) -> int:
        """As `RegionPlan.count`."""
        return int(tile_counts(item_sizes(images), *self._sides()).prod(axis=1).sum())

    def make(
        self,
        images: ImageSet,
        *,
        start: int = 0,
        stop: int | None = None,
        first: int = 0,
        channels: ChannelMap | None = None,
    ) -> Regions:
        """As `RegionPlan.make`."""
        return tile_regions(item_sizes(images), *self._sides(), start, stop)

    def part_ends(self, images: ImageSet, input_size: int) -> np.ndarray:
        """As `RegionPlan.part_ends`; tiles that share convolutions are cut after whole rows of blocks."""
        if not self.dense:
            return super().part_ends(images, input_size)
        return band_ends(item_sizes(images), *self._sides(), input_size)

    def _sides(self) -> tuple[int, int]:
        if self.tile is None:
            raise RegionError("expected the side of a tile in pixels; give one, or take the model's window")
        return self.tile, self.tile if self.stride is None else self.stride
