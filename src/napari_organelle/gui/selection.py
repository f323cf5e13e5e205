"""Selection: which pixels of the viewer are classified; from layers to plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.gui.inputs import (
    METADATA,
    ChannelOption,
    full_data,
    image_set_of,
    pixel_size_um,
    spatial_shape,
)
from napari_organelle.prepare.channels import ChannelMap, Slot
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.placement import AxisUse, Placement

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer, Points

CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Selection:
    """What the form says of the input; lives on the window's thread.

    Parameters
    ----------
    reference : Image
        The layer whose place in the world the results take.
    channel_axis : int or None
        Which of its axes before y and x holds channels.
    whole_stack : bool
        Whether all slices are classified, or only the one on display.
    slots : tuple of Slot
        The model's.
    binding : tuple of ChannelOption or None
        What fills each slot.
    current : tuple of int
        The pixel on display, one index for each of the reference's axes.
    """

    reference: Image
    channel_axis: int | None
    whole_stack: bool
    slots: tuple[Slot, ...]
    binding: tuple[ChannelOption | None, ...]
    current: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the reference, without colours."""
        return spatial_shape(self.reference)

    @property
    def item_axes(self) -> tuple[int, ...]:
        """Axes before y and x that hold no channels."""
        return tuple(axis for axis in range(len(self.shape) - 2) if axis != self.channel_axis)

    @property
    def set_shape(self) -> tuple[int, int, int]:
        """Items that are classified, height and width."""
        count = np.prod([self.shape[axis] for axis in self.item_axes], dtype=int) if self.whole_stack else 1
        return int(count), self.shape[-2], self.shape[-1]

    def problem(self) -> str:
        """Why these layers can't be classified, with what to do; ``""`` when fine."""
        if len(self.shape) < 2:
            return f"'{self.reference.name}' has {len(self.shape)} axis; an image has y and x."
        for option in self._used():
            dtype = np.dtype(full_data(option.layer).dtype)
            if dtype.kind not in "uif":
                advice = "Use it as a Labels layer." if dtype.kind == "b" else "Take its modulus first."
                return f"'{option.layer.name}' has {dtype} pixels; an image has integers or floats. {advice}"
            if self._item_shape(option) != self._item_shape(None):
                return (
                    f"'{option}' has shape {spatial_shape(option.layer)}, '{self.reference.name}' has "
                    f"{self.shape}. Pick channels of one image."
                )
        return self.channel_map().problem()

    def channel_map(self) -> ChannelMap:
        """Which channel of `image_set` fills each slot."""
        if (source := self._reader_set()) is not None:
            numbers = (
                None if o is None else int(o.layer.metadata[METADATA]["channel"]) for o in self.binding
            )
            return ChannelMap(self.slots, tuple(numbers), source.channel_names)
        used = self._used()
        indices = tuple(None if option is None else used.index(option) for option in self.binding)
        return ChannelMap(self.slots, indices, tuple(str(option) for option in used))

    def image_set(self) -> ImageSet:
        """What is classified, lazily: the set that our reader opened, or the channels in use."""
        if (source := self._reader_set()) is not None:
            alone = not self.whole_stack and len(source) > 1
            if not alone:
                return source
            item = self.current[self.item_axes[0]]
            return source.span(item, item + 1)
        planes = [self.planes(option) for option in self._used()]
        if len(planes) == 1:
            data = planes[0][:, None]
        else:
            import dask.array as da

            data = da.stack([_lazy(plane) for plane in planes], axis=1)
        return ImageSet.from_array(
            data,
            tuple(option.channel for option in self._used()),
            name=self.reference.name,
            pixel_size_um=pixel_size_um(self.reference),
            source=file_of(self.reference),
        )

    def files(self) -> tuple[Path, ...]:
        """The files that the channels in use come from; none where one of them is in no file."""
        if (source := self._reader_set()) is not None:
            return () if source.source is None else (source.source,)
        found = [file_of(option.layer) for option in self._used()]
        return tuple(dict.fromkeys(path for path in found if path is not None)) if all(found) else ()

    def planes(self, option: ChannelOption) -> Any:
        """One channel of the slices that are classified, (N, Y, X), not copied."""
        data = full_data(option.layer)
        if option.layer.rgb:
            data = data[..., option.index]
        elif option.index is not None:
            data = data[(slice(None),) * (self.channel_axis or 0) + (option.index,)]
        return self._items(data)

    def placement(self) -> Placement:
        """Where results go."""
        leading: list[AxisUse] = ["all"] * (len(self.shape) - 2)
        for axis in self.item_axes:
            leading[axis] = "items" if self.whole_stack else self.current[axis]
        return placement_of(self.reference, self.shape, tuple(leading))

    def labels_problem(self, labels: Labels) -> str:
        """Why a Labels layer can't be used; ``""`` when fine."""
        fitting = {self.shape, self._item_shape(None)}
        if self.set_shape[0] == 1:
            fitting.add(self.shape[-2:])
        if spatial_shape(labels) in fitting:
            return ""
        return (
            f"'{labels.name}' has shape {spatial_shape(labels)}, '{self.reference.name}' has {self.shape}. "
            "Pick labels that were made from this image."
        )

    def labels_doubt(self, labels: Labels) -> str:
        """A sentence where a fitting Labels layer does not lie on the image; ``""`` where it does."""
        corners = np.array([[0, 0], self.shape[-2:]], float)
        if np.allclose(_seen_at(labels, corners), _seen_at(self.reference, corners), rtol=1e-3, atol=1e-6):
            return ""
        return (
            f"'{labels.name}' lies elsewhere on the canvas than '{self.reference.name}': its pixels were "
            "taken for those of the image, whatever its scale and shift."
        )

    def labels(self, labels: Labels) -> Any:
        """A fitting Labels layer as (N, Y, X); not copied, unless it has a channel axis too."""
        data = full_data(labels)
        if self.channel_axis is not None and data.ndim == len(self.shape):
            data = data.max(axis=self.channel_axis)
        return self._items(data) if data.ndim == 2 + len(self.item_axes) else data[None]

    def points(self, layer: Points) -> tuple[np.ndarray, np.ndarray]:
        """Points that lie on the slices that are classified.

        Returns
        -------
        (R, 3) float array, (R,) int64 array
            Item, y and x in pixels of the reference, item -1 where there is none; and their rows in the
            layer.
        """
        pixels = self._pixels(layer)
        index = np.round(pixels[:, list(self.item_axes)]).astype(np.int64)
        lengths = np.array([self.shape[axis] for axis in self.item_axes], np.int64)
        rows = np.arange(len(pixels))
        if self.whole_stack and len(lengths):
            inside = ((index >= 0) & (index < lengths)).all(axis=1)
            item = np.where(inside, np.ravel_multi_index(tuple(index.T), tuple(lengths), mode="clip"), -1)
        else:
            rows = np.flatnonzero((index == [self.current[axis] for axis in self.item_axes]).all(axis=1))
            item = np.zeros(len(pixels), np.int64)
        return np.column_stack([item, pixels[:, -2:]])[rows], rows

    def _pixels(self, layer: Points) -> np.ndarray:
        """(R, D) coordinates in pixels of the reference; axes that the points lack are those on display."""
        points, count = np.asarray(layer.data, float), len(self.shape)
        world = np.column_stack([points, np.ones(len(points))])
        world = world @ placement_of(layer, (1,) * points.shape[1]).matrix().T
        common = min(count, points.shape[1])
        reference = placement_of(self.reference, self.shape).matrix()[-common - 1 :, -common - 1 :]
        pixels = np.tile(np.asarray(self.current, float), (len(points), 1))
        pixels[:, count - common :] = (world[:, -common - 1 :] @ np.linalg.inv(reference).T)[:, :-1]
        return pixels

    def _used(self) -> list[ChannelOption]:
        """Options that fill a slot, each once."""
        return list(dict.fromkeys(option for option in self.binding if option is not None))

    def _items(self, data: Any) -> Any:
        """Data without a channel axis to (N, Y, X)."""
        if not self.whole_stack:
            data = data[tuple(self.current[axis] for axis in self.item_axes)]
        return data.reshape(self.set_shape)

    def _item_shape(self, option: ChannelOption | None) -> tuple[int, ...]:
        """Shape of a channel, or of the reference, without its channel axis."""
        if option is not None and (option.layer.rgb or option.index is None):
            return spatial_shape(option.layer)
        shape = list(self.shape if option is None else spatial_shape(option.layer))
        if self.channel_axis is not None:
            del shape[self.channel_axis]
        return tuple(shape)

    def _reader_set(self) -> ImageSet | None:
        """The set whose pixels all layers in use still show."""
        used = self._used()
        sets = [image_set_of(option.layer) for option in used]
        source = sets[0] if sets else None
        if source is None or any(each is not source for each in sets):
            return None
        return source if all(_shows(option.layer, source) for option in used) else None


def _shows(layer: Image, source: ImageSet) -> bool:
    """Whether a layer's pixels are those that the reader gave it."""
    data, channel = full_data(layer), layer.metadata[METADATA].get("channel")
    if channel is None:
        return False
    given = source.channel_data(channel)
    given = given if len(source) > 1 else given[0]
    if isinstance(given, np.ndarray):
        return isinstance(data, np.ndarray) and data.shape == given.shape and np.shares_memory(data, given)
    return type(data) is type(given) and data.shape == given.shape and data.dtype == given.dtype


def file_of(layer: Layer) -> Path | None:
    """The file that napari has read a layer from, if any."""
    path = layer.source.path
    return Path(path) if path else None


def placement_of(layer: Layer, shape: tuple[int, ...], leading: tuple[AxisUse, ...] = ()) -> Placement:
    """A layer's transform."""
    return Placement(
        shape=shape,
        leading=leading,
        scale=tuple(float(value) for value in layer.scale),
        translate=tuple(float(value) for value in layer.translate),
        rotate=np.asarray(layer.rotate),
        shear=np.asarray(layer.shear),
        affine=np.asarray(layer.affine.affine_matrix),
        units=tuple(str(unit) for unit in layer.units),
        axis_labels=tuple(layer.axis_labels),
    )


def _lazy(plane: Any) -> Any:
    import dask.array as da

    if isinstance(plane, da.Array):
        return plane
    return da.from_array(plane, chunks=(1, CHUNK, CHUNK), name=False)


def _seen_at(layer: Layer, places: np.ndarray) -> np.ndarray:
    """World coordinates (y, x) of places in the first plane of a layer."""
    before = [0.0] * (layer.ndim - 2)
    return np.array([layer.data_to_world([*before, *place])[-2:] for place in places])
