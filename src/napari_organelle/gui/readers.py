"""Image sets as napari layers: an image for each channel, and points with the labels and the item table."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.read.files.contrast import contrast_limits
from napari_organelle.read.image_set import LABEL_SEPARATOR, ImageSet
from napari_organelle.read.open import SET_READERS, find_reader, open_image_set

LayerData = tuple[Any, dict[str, Any], str]
METADATA = "napari_organelle"
SHOWN_PROBLEMS = 3


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """What napari asks for every path: a function that opens it, or None where it is no image set of ours."""
    paths = [path] if isinstance(path, str) else path
    try:
        ours = all(Path(one).exists() and find_reader(Path(one), SET_READERS) for one in paths)
    except ReadError:
        return read_layers
    return read_layers if ours else None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Open an image set and tell in one line what is wrong with it.

    Raises
    ------
    ReadError
        If it can't be read.
    """
    images = open_image_set(path)
    if images.problems:
        text = ". ".join(images.problems[:SHOWN_PROBLEMS])
        more = len(images.problems) - SHOWN_PROBLEMS
        warnings.warn(f"{text}{f'. And {more:,} more' if more > 0 else ''}.", OrganelleWarning, stacklevel=2)
    return image_set_layers(images)


def image_set_layers(images: ImageSet) -> list[LayerData]:
    """Layers of a set: an Image a channel, Labels where there are masks, and Points with the labels.

    A set of several items has the axes (item, y, x), one item has (y, x). The metadata of each layer have
    ``image_set`` and, for an Image, ``channel``.
    """
    layers = [_image_layer(images, channel) for channel in range(len(images.channels))]
    if images.masks is not None:
        masks = images.masks if len(images) > 1 else images.masks[0]
        layers.append(
            (masks, {"name": "cells", "opacity": 0.5, "visible": False, **_common(images)}, "labels")
        )
    return [*layers, _points_layer(images)]


def _image_layer(images: ImageSet, channel: int) -> LayerData:
    pixels = images.channel_data(channel)
    low, high = contrast_limits(images, channel)
    options = {
        "name": images.channels[channel].name,
        "colormap": images.channels[channel].colormap,
        "blending": "additive",
        "contrast_limits": (low, high),
        "rgb": False,
        "multiscale": False,
        **_common(images, channel=channel),
    }
    return (pixels if len(images) > 1 else pixels[0]), options, "image"


def _points_layer(images: ImageSet) -> LayerData:
    """One point an item above its top left corner; its text is the item's labels."""
    points = np.zeros((len(images), 3))
    points[:, 0] = np.arange(len(images))
    points[:, 1] = -0.5
    points[:, 2] = -0.5
    texts = images.items["label"].str.replace(LABEL_SEPARATOR, ", ", regex=False)
    options = {
        "name": "labels",
        "features": images.items,
        "text": {
            "string": {"array": texts.to_numpy(str)},
            "color": "white",
            "size": 12,
            "anchor": "upper_left",
        },
        "size": 1,
        "face_color": "transparent",
        "border_color": "transparent",
        "out_of_slice_display": False,
        **_common(images),
    }
    return (points if len(images) > 1 else points[:, 1:]), options, "points"


def _common(images: ImageSet, **metadata: int) -> dict[str, Any]:
    """Metadata, and scale and units where the pixel size is known."""
    options: dict[str, Any] = {"metadata": {METADATA: {"image_set": images, **metadata}}}
    several = len(images) > 1
    options["axis_labels"] = ("item", "y", "x") if several else ("y", "x")
    if images.pixel_size_um:
        options["scale"] = (1.0, images.pixel_size_um, images.pixel_size_um)[0 if several else 1 :]
        options["units"] = ("pixel", "um", "um")[0 if several else 1 :]
    return options
