"""ClassifyRequest: all that a run needs, frozen before it starts; and the run, a generator of reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_organelle.errors import RegionError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.dense import dense_problem
from napari_organelle.model.predict import collect, predict
from napari_organelle.model.prediction import BatchDone, Prediction
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.regions import (
    RegionKind,
    Regions,
    image_regions,
    item_sizes,
    object_regions,
    point_regions,
    slice_regions,
    tile_regions,
)
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.placement import Placement

COUNTED_PIXELS = 2**22

DENSE_PRICE = 2
"""Times that the dense way takes at most of what touching tiles take."""


@dataclass(frozen=True, eq=False)
class RegionPlan:
    """How to make regions.

    Parameters
    ----------
    kind : {"image", "slices", "tiles", "objects", "points"}
        Of the regions.
    tile, stride : int
        For tiles, in pixels.
    dense : bool
        For tiles: whether overlapping ones share their convolutions.
    window : int
        For objects and points: side of the window around each, in pixels.
    labels : (N, Y, X) integer array, optional
        For objects, numpy or dask.
    points : (R, 3) float array, optional
        For points: item, y, x in pixels.
    rows : (R,) int64, optional
        For points: their rows in the layer that they come from.
    """

    kind: RegionKind
    tile: int = 0
    stride: int = 0
    dense: bool = False
    window: int = 0
    labels: Any = None
    points: np.ndarray | None = None
    rows: np.ndarray | None = None

    def problem(self, images: ImageSet) -> str:
        """Why no regions can be made, as far as can be told at once; ``""`` when fine."""
        try:
            if self.kind == "objects":
                if self.labels is None:
                    return "No objects are picked. Pick a Labels layer, or press 'Find cells'."
                if self.count(images) == 0:
                    return "The labels hold no object. Draw some, or press 'Find cells'."
            elif self.kind == "points" and self.points is None:
                return "No points are picked. Add a Points layer and click on what to classify."
            else:
                self.make(images)
        except RegionError as error:
            return str(error)
        return ""

    def count(self, images: ImageSet) -> int | None:
        """Number of regions; None where counting takes long."""
        if self.kind != "objects":
            return len(self.make(images))
        if not isinstance(self.labels, np.ndarray) or self.labels.size > COUNTED_PIXELS:
            return None
        return sum(len(np.unique(plane[plane > 0])) for plane in self.labels)

    def work(self, images: ImageSet, count: int) -> int:
        """About how many regions, answered one by one, take as long as `count` of this plan."""
        if not self.dense:
            return count
        return min(count, DENSE_PRICE * len(tile_regions(item_sizes(images), self.tile)))

    def make(self, images: ImageSet) -> Regions:
        """The regions of a set.

        Raises
        ------
        RegionError
            If they don't fit it.
        """
        if self.kind == "image":
            return image_regions(images)
        if self.kind == "slices":
            return slice_regions(images)
        if self.kind == "tiles":
            return tile_regions(item_sizes(images), self.tile, self.stride)
        if self.kind == "objects":
            return object_regions(self.labels, self.window, (len(images), *images.data.shape[2:]))
        if self.points is None or self.rows is None:
            raise RegionError("no points were given")
        regions = point_regions(self.points, self.window, item_sizes(images))
        return replace(regions, ids=self.rows[regions.ids])


@dataclass(frozen=True, eq=False)
class ClassifyRequest:
    """One run, in plain data.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    images : ImageSet
        What is classified.
    channel_map : ChannelMap
        Slots of the model to channels of `images`.
    plan : RegionPlan
        Where.
    placement : Placement
        Where the results go.
    device : str
        ``"auto"``, ``"cpu"``, ``"gpu:0"``...
    """

    bundle: ModelBundle
    images: ImageSet
    channel_map: ChannelMap
    plan: RegionPlan
    placement: Placement
    device: str = "auto"

    def problem(self) -> str:
        """Why the run can't start, with what to do; ``""`` when fine."""
        if self.plan.dense and (problem := dense_problem(self.bundle.spec.network)):
            return problem
        return self.channel_map.problem() or self.plan.problem(self.images)


@dataclass(frozen=True)
class Stage:
    """What a run is doing when it isn't counting regions."""

    text: str


Report = Stage | Regions | BatchDone


def run(request: ClassifyRequest) -> Iterator[Report]:
    """Do it: stages, then the regions, then a report a batch.

    Raises
    ------
    OrganelleError
        Of the kinds that `predict` and the regions name.
    """
    yield Stage("cutting regions…")
    regions = request.plan.make(request.images)
    yield regions
    yield Stage(f"loading {request.bundle.spec.name}…")
    yield from predict(
        request.bundle,
        request.images,
        regions,
        request.channel_map,
        device=request.device,
        dense=request.plan.dense,
    )


def gather(request: ClassifyRequest, regions: Regions, batches: list[BatchDone]) -> Prediction:
    """The prediction of all batches that came, complete or not."""
    return collect(batches, regions, request.bundle)
