"""The channels that a viewer's image layers offer, and which of them a model's slots should take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_organelle.prepare.channels import Slot, bind_channels
from napari_organelle.read.image_set import Channel, ImageSet

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

METADATA = "napari_organelle"
RGB = ("red", "green", "blue")
MAX_CHANNELS = 5
UM_PER_UNIT = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6}


@dataclass(frozen=True, eq=False)
class ChannelOption:
    """One channel that a slot can be bound to: a layer, or one index of its channel axis or of its colours.

    Options are equal if they have the same layer object and index; names don't matter.
    """

    layer: Image
    index: int | None
    channel: Channel

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChannelOption) and self.layer is other.layer and self.index == other.index

    def __hash__(self) -> int:
        return hash((id(self.layer), self.index))

    def __str__(self) -> str:
        return self.layer.name if self.index is None else f"{self.layer.name} [{self.channel.name}]"


def is_input(layer: Layer) -> bool:
    """Whether a layer is an image that may be classified: one that is no result."""
    from napari.layers import Image

    return isinstance(layer, Image) and "result" not in layer.metadata.get(METADATA, {})


def add_layer(viewer: ViewerModel, layer: Layer) -> None:
    """Add a layer to a viewer, whatever it displays.

    In 3D display napari asks a layer that becomes the active one what lies under the mouse, and fails where
    the mouse has not moved over the canvas yet; the layer is there by then.
    """
    try:
        viewer.add_layer(layer)
    except TypeError:
        if layer not in viewer.layers:
            raise


def add_unselected(viewer: ViewerModel, layer: Layer) -> None:
    """As `add_layer`; which layers are selected stays."""
    # from the wrapper that napari puts around a plugin's viewer the selection would get wrapped layers
    viewer = getattr(viewer, "__wrapped__", viewer)
    selection = viewer.layers.selection
    chosen, active = list(selection), selection.active
    add_layer(viewer, layer)
    selection.clear()
    selection.update(chosen)
    selection.active = active


def full_data(layer: Layer) -> Any:
    """The layer's array at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def spatial_shape(layer: Layer) -> tuple[int, ...]:
    """Shape without the colours of an RGB image."""
    shape = tuple(int(length) for length in full_data(layer).shape)
    return shape[:-1] if getattr(layer, "rgb", False) else shape


def image_set_of(layer: Layer) -> ImageSet | None:
    """The set that our reader opened the layer from."""
    found = layer.metadata.get(METADATA, {}).get("image_set")
    return found if isinstance(found, ImageSet) else None


def pixel_size_um(layer: Layer) -> float | None:
    """Micrometres per pixel along x, where the layer's units are lengths and y agrees."""
    factor = UM_PER_UNIT.get(str(layer.units[-1]))
    if factor is None or layer.units[-2] != layer.units[-1]:
        return None
    y, x = (float(size) * factor for size in layer.scale[-2:])
    return x if abs(x - y) <= 1e-3 * abs(x) else None


def guess_channel_axis(layer: Image) -> int | None:
    """The axis before y and x that is called a channel's; else, where axes are nameless, the only short one.

    Of a stack whose axes are in the usual order T, C, Z, Y, X, the one called C is taken where it is short.
    """
    leading = spatial_shape(layer)[:-2]
    labels = [str(label).casefold() for label in layer.axis_labels[: len(leading)]]
    for axis, label in enumerate(labels):
        if label in ("c", "ch", "channel", "channels"):
            return axis
    if layer.rgb or not all(label.lstrip("-").isdigit() for label in labels):
        return None
    short = [axis for axis, length in enumerate(leading) if 1 < length <= MAX_CHANNELS]
    if len(leading) == len("TCZ") and 1 in short:
        return 1
    return short[0] if len(short) == 1 else None


def channel_options(layer: Image, channel_axis: int | None) -> list[ChannelOption]:
    """Every channel of a layer, whose axis before y and x they lie along, if it has that axis."""
    if layer.rgb:
        return [ChannelOption(layer, index, Channel(name, name)) for index, name in enumerate(RGB)]
    if channel_axis is None or channel_axis >= len(spatial_shape(layer)) - 2:
        return [ChannelOption(layer, None, _channel(layer))]
    count = spatial_shape(layer)[channel_axis]
    return [ChannelOption(layer, index, Channel(f"channel {index}")) for index in range(count)]


def _channel(layer: Image) -> Channel:
    """The set's own where our reader opened the layer; a layer's colormap may be anyone's choice."""
    images = image_set_of(layer)
    index = layer.metadata.get(METADATA, {}).get("channel")
    if images is None or index is None:
        return Channel(layer.name, str(layer.colormap.name))
    return replace(images.channels[index], name=layer.name)


def guess_binding(
    slots: Sequence[Slot], reference: Image, options: Sequence[ChannelOption]
) -> list[ChannelOption | None]:
    """What should fill each slot; None leaves it empty.

    Parameters
    ----------
    slots : sequence of Slot
        The model's.
    reference : Image
        The input. If it has several channels, these alone take part; else all layers that were opened
        together with it, or that have its shape.
    options : sequence of ChannelOption
        All that there are.
    """
    own = [option for option in options if option.layer is reference]
    if len(slots) == len(own) == 1:
        return [own[0]]
    together = [option for option in options if belong_together(option.layer, reference)]
    candidates = own if len(own) > 1 else together
    chosen = bind_channels(slots, [option.channel for option in candidates]).indices
    return [None if index is None else candidates[index] for index in chosen]


def belong_together(layer: Image, reference: Image) -> bool:
    """Whether two layers may be channels of one image: opened together, or of one shape."""
    if layer is reference:
        return True
    one, other = image_set_of(layer), image_set_of(reference)
    if one is not None or other is not None:
        return one is other
    return spatial_shape(layer) == spatial_shape(reference) and not layer.rgb
