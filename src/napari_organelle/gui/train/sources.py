"""Where labelled crops come from: an image set with its own labels, or a layer that was labelled by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points

from napari_organelle.errors import RegionError
from napari_organelle.gui.inputs import (
    ChannelOption,
    channel_options,
    full_data,
    guess_channel_axis,
    image_set_of,
    spatial_shape,
)
from napari_organelle.gui.selection import Selection
from napari_organelle.gui.targets import CLASS
from napari_organelle.prepare.channels import HPA_SLOTS, YEAST_SLOTS, Slot
from napari_organelle.prepare.regions import Regions, item_sizes, object_regions, point_regions
from napari_organelle.read.image_set import Channel, ImageSet

KNOWN_SLOTS = {slot.name.casefold(): slot for slot in (*HPA_SLOTS, *YEAST_SLOTS)}
CELL_MARGIN = 1.3
"""A crop's side, in typical diameters of the labelled objects."""
POINT_WINDOW_PX = 64


@dataclass(frozen=True, eq=False)
class Crops:
    """Pixels with the labels of their items, or of regions in them.

    Parameters
    ----------
    images : ImageSet
        The pixels.
    labels : (R,) array of str
        Class of each item or region; several are joined by ``"|"``, ``""`` where unknown.
    regions : Regions, optional
        The R regions; whole items where not given.
    """

    images: ImageSet
    labels: np.ndarray
    regions: Regions | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """Shortest and longest side of the crops in pixels."""
        sizes = item_sizes(self.images) if self.regions is None else self.regions.windows[:, 3:]
        return (int(sizes.min()), int(sizes.max())) if len(sizes) else (0, 0)


@dataclass(frozen=True)
class SetSource:
    """An image set whose table of items has labels."""

    name: str
    images: ImageSet

    def channels(self) -> tuple[Channel, ...]:
        return self.images.channels

    def crops(self) -> Crops:
        """Every item with its label."""
        return Crops(self.images, self.images.items["label"].to_numpy(dtype=str))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SetSource) and self.images is other.images

    def __hash__(self) -> int:
        return id(self.images)


@dataclass(frozen=True)
class LayerSource:
    """A Labels or Points layer whose features have a class for some objects or points."""

    layer: Labels | Points

    @property
    def name(self) -> str:
        return f"{self.layer.name}, by hand"

    def default_window(self, image: Image) -> int:
        """Side of the crops in pixels: a typical object with a margin, a whole crop of a stack, or 64."""
        shape = spatial_shape(image)
        if isinstance(self.layer, Points):
            side = min(shape[-2:])
            return side if len(shape) > 2 or side < POINT_WINDOW_PX else POINT_WINDOW_PX
        pixels = full_data(self.layer)
        plane = np.asarray(pixels[(0,) * (pixels.ndim - 2)])
        areas = np.unique(plane[plane > 0], return_counts=True)[1]
        diameter = 2 * np.sqrt(np.median(areas) / np.pi) if len(areas) else POINT_WINDOW_PX / CELL_MARGIN
        return int(max(8, 2 * round(CELL_MARGIN * diameter / 2)))

    def crops(self, selection: Selection, window: int) -> Crops:
        """Windows around the objects or points that have a class.

        Raises
        ------
        RegionError, ChannelError
            If the layer does not fit the image, or nothing has a class.
        """
        if problem := selection.problem():
            raise RegionError(problem)
        images = selection.image_set()
        if isinstance(self.layer, Labels):
            if problem := selection.labels_problem(self.layer):
                raise RegionError(problem)
            regions = object_regions(selection.labels(self.layer), window, selection.set_shape)
            names = dict(zip(_object_ids(self.layer), _class_names(self.layer), strict=True))
            labels = np.asarray([names.get(int(key), "") for key in regions.ids])
        else:
            points, rows = selection.points(self.layer)
            labels = np.asarray(_class_names(self.layer))[rows]
            regions = point_regions(points[labels != ""], window, item_sizes(images))
            return Crops(images, labels[labels != ""], regions)
        kept = labels != ""
        regions = replace(regions, windows=regions.windows[kept], ids=regions.ids[kept])
        return Crops(images, labels[kept], regions)


CropSource = SetSource | LayerSource


def sources_of(layers: Iterable[Layer]) -> list[CropSource]:
    """All labelled sets and labelled layers among a viewer's layers, the labelled layers first."""
    by_hand: list[CropSource] = []
    sets: dict[int, CropSource] = {}
    for layer in layers:
        images = image_set_of(layer)
        if isinstance(layer, Labels | Points) and any(_class_names(layer)):
            by_hand.append(LayerSource(layer))
        if isinstance(layer, Image) and images is not None and (images.items["label"] != "").any():
            name = images.source.name if images.source else layer.name
            sets.setdefault(id(images), SetSource(name, images))
    return [*by_hand, *sets.values()]


def channels_around(image: Image, layers: Iterable[Layer]) -> list[ChannelOption]:
    """The channels of an image with several, else all images of its shape, in the order of the layers."""
    axis = guess_channel_axis(image)
    own = channel_options(image, axis)
    if len(own) > 1:
        return own
    alike = [
        each for each in layers if isinstance(each, Image) and spatial_shape(each) == spatial_shape(image)
    ]
    return [option for layer in alike for option in channel_options(layer, axis)]


def select(image: Image, options: Sequence[ChannelOption], slots: Sequence[Slot]) -> Selection:
    """All slices of an image with these channels, one a slot."""
    axis = guess_channel_axis(image)
    current = (0,) * len(spatial_shape(image))
    return Selection(image, axis, True, tuple(slots), tuple(options), current)


def slot_for(name: str) -> Slot:
    """A slot of this name, with the other names under which images are known to have it."""
    known = KNOWN_SLOTS.get(name.strip().casefold())
    return Slot(name.strip()) if known is None else replace(known, name=name.strip(), required=True)


def _class_names(layer: Labels | Points) -> list[str]:
    """The class of each row of a layer's features, ``""`` for none."""
    features: Any = layer.features
    return features[CLASS].fillna("").astype(str).tolist() if CLASS in features else [""] * len(features)


def _object_ids(layer: Labels) -> list[int]:
    features: Any = layer.features
    return features["index"].astype(int).tolist() if "index" in features else list(range(len(features)))
