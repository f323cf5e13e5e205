"""One image of one file as a set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_organelle.read.image_set import Channel, ImageSet

if TYPE_CHECKING:
    import dask.array as da


def from_file(
    data: da.Array, channels: tuple[Channel, ...], path: Path, pixel_size_um: float | None
) -> ImageSet:
    """An image of a file as a set of kind ``"image"``."""
    images = ImageSet.from_array(data, channels, name=path.name, source=path, pixel_size_um=pixel_size_um)
    return replace(images, kind="image")
