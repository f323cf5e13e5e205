"""Whole images, or every slice of a stack whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from napari_organelle.prepare.plans.base import RegionPlan
from napari_organelle.prepare.regions import Regions, whole_regions

if TYPE_CHECKING:
    from napari_organelle.prepare.channels import ChannelMap
    from napari_organelle.read.image_set import ImageSet


@dataclass(frozen=True)
class Images(RegionPlan):
    """Every image as one region."""

    kind: ClassVar[str] = "image"
    noun: ClassVar[str] = "image"

    def count(self, images: ImageSet) -> int:
        """As `RegionPlan.count`."""
        return len(whole_regions(self.kind, images))

    def make(
        self,
        images: ImageSet,
        *,
        start: int = 0,
        stop: int | None = None,
        first: int = 0,
        channels: ChannelMap | None = None,
    ) -> Regions:
        """As `RegionPlan.make`; ids count on from the items before."""
        regions = whole_regions(self.kind, images, range(len(images))[start:stop])
        return replace(regions, ids=regions.ids + start + first)


@dataclass(frozen=True)
class Slices(Images):
    """Every slice of a stack as one region."""

    kind: ClassVar[str] = "slices"
    noun: ClassVar[str] = "slice"
