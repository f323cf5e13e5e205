"""A window around every object of a label image, or around every cell that is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from napari_organelle.errors import OrganelleError, ReadError, RegionError, UnseenCellsError
from napari_organelle.prepare.cells import choose_stains, iter_cells, read_stains
from napari_organelle.prepare.parts import connected_parts, require_one_part
from napari_organelle.prepare.plans.base import RegionPlan
from napari_organelle.prepare.regions import (
    Regions,
    object_regions,
    outline_regions,
    require_labels,
    require_size,
)
from napari_organelle.read.files.image_file import is_zarr
from napari_organelle.read.labels.open import has_names, open_labels
from napari_organelle.read.labels.outlines import paint

if TYPE_CHECKING:
    from napari_organelle.prepare.channels import ChannelMap
    from napari_organelle.read.image_set import ImageSet

COUNTED_PIXELS = 2**22
"""Labels of a larger image are not counted before a run: that would take long."""


@dataclass(frozen=True, eq=False)
class Objects(RegionPlan):
    """A square window around the centre of every object.

    Parameters
    ----------
    labels : (Y, X) or (N, Y, X) integer array, or Path, optional
        The objects, one number each, 0 for background; or a label image, outlines of Fiji or QuPath, or a
        folder with one of them for each image. Where not given, the masks that came with the images are
        taken; where there are none, cells are found.
    window : int, optional
        Side in pixels; the model's window where not given.
    connected : bool
        Whether every connected part of the labels is an object of its own, whatever its number.
    """

    kind: ClassVar[str] = "objects"
    noun: ClassVar[str] = "object"
    is_found: ClassVar[bool] = True
    part_size: ClassVar[int] = 4  # items: the network waits for the first ones' objects

    labels: Any = None
    window: int | None = None
    connected: bool = False

    @property
    def one_set(self) -> str:
        """As `RegionPlan.one_set`: a folder has files for many images, a file those of one set."""
        is_file = isinstance(self.labels, Path) and (is_zarr(self.labels) or not self.labels.is_dir())
        return str(self.labels) if is_file else ""

    def sized(self, window: int) -> Self:
        """As `RegionPlan.sized`."""
        return replace(self, window=window if self.window is None else self.window)

    def count(self, images: ImageSet) -> int | None:
        """As `RegionPlan.count`; None where it takes long."""
        if self.labels is None:
            return None
        if isinstance(self.labels, Path):
            open_labels(self.labels, images)
            return None
        labels = self._given()
        require_labels(labels, (len(images), *images.data.shape[2:]))
        if self.connected or not isinstance(labels, np.ndarray) or labels.size > COUNTED_PIXELS:
            return None
        count = sum(len(np.unique(plane[plane > 0])) for plane in labels)
        if not count:
            raise RegionError("The labels hold no object. Draw some, or find cells.")
        return count

    def make(
        self,
        images: ImageSet,
        *,
        start: int = 0,
        stop: int | None = None,
        first: int = 0,
        channels: ChannelMap | None = None,
    ) -> Regions:
        """As `RegionPlan.make`; items without an object are passed over."""
        if self.window is None:
            raise RegionError("expected the side of a window in pixels; give one, or take the model's")
        found, notes = self._objects(images, channels, first)
        by_item: list[Regions] = []
        names: dict[tuple[int, int], str] = {}
        problem: OrganelleError | None = None
        for item, objects in enumerate(found):
            try:
                regions = self._regions(images, item, _require(objects))
            except ReadError as error:
                notes.append(str(error))
                continue
            except RegionError as error:
                problem = error
                if isinstance(error, UnseenCellsError):
                    notes.append(f"{images.items['item'].iloc[item]}: cells can't be seen.")
                continue
            regions.windows[:, 0] = item
            by_item.append(regions)
            notes += [f"{images.items['item'].iloc[item]}: {note}" for note in regions.notes]
            if isinstance(objects, tuple):
                names.update(((item, outline.number), outline.name) for outline in objects)
        if not by_item:
            raise problem or ReadError(" ".join(notes) or "expected at least one image; the set is empty")
        return Regions(
            "objects",
            np.concatenate([regions.windows for regions in by_item]),
            np.concatenate([regions.ids for regions in by_item]),
            notes=tuple(notes),
            diameter=float(np.median(np.repeat([each.diameter for each in by_item], [*map(len, by_item)]))),
            names=names if isinstance(self.labels, Path) and has_names(self.labels) else None,
        )

    def _regions(self, images: ImageSet, item: int, objects: Any) -> Regions:
        """Windows around the objects of one item."""
        assert self.window is not None
        height, width = images.items[["height", "width"]].iloc[item]
        if isinstance(objects, tuple):
            return outline_regions(objects, self.window, (int(height), int(width)))
        require_size(objects, (int(height), int(width)), images.data.shape[2:])
        regions = object_regions(objects, self.window)
        require_one_part(objects, regions.ids)
        return regions

    def planes(
        self, images: ImageSet, channels: ChannelMap | None = None, first: int = 0
    ) -> Iterator[Any | OrganelleError]:
        """The label image of each item, (Y, X), numpy or dask; the error where it has none.

        Parameters
        ----------
        images, channels, first
            As for `make`.
        """
        objects, _ = self._objects(images, channels, first)
        sizes = images.items[["height", "width"]].itertuples(index=False)
        for each, size in zip(objects, sizes, strict=True):
            yield paint(each, tuple(size)) if isinstance(each, tuple) else each

    def _objects(
        self, images: ImageSet, channels: ChannelMap | None, first: int
    ) -> tuple[Iterable[Any], list[str]]:
        """A label image, outlines or an error for each item, and sentences on what was left out."""
        notes: list[str] = []
        objects: Iterable[Any]
        if isinstance(self.labels, Path):
            given, notes = open_labels(self.labels, images, first, whole=False)
            notes = notes if first == 0 else []
            objects = (each.found for each in given)
        elif self.labels is not None:
            labels = self._given()[first : first + len(images)]
            require_labels(labels, (len(images), *images.data.shape[2:]))
            objects = iter(labels)
        elif images.mask_files is not None:
            objects = map(images.mask_files.try_plane, range(len(images)))
        elif images.masks is not None:
            objects = iter(images.masks)
        else:
            return iter_cells(read_stains(images, choose_stains(images.channels, channels))), notes
        return (map(connected_parts, objects) if self.connected else objects), notes

    def _given(self) -> Any:
        """(N, Y, X)."""
        labels = self.labels
        return labels[None] if labels.ndim == 2 else labels


def _require(plane: Any) -> Any:
    if isinstance(plane, OrganelleError):
        raise plane
    return plane
