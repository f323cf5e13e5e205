"""Zarr arrays and OME-Zarr images, versions 2 and 3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening, require_inside
from napari_organelle.read.files.evidence import colour_word, numbered_channels
from napari_organelle.read.files.one_image import from_file
from napari_organelle.read.files.pixel_size import pixel_size
from napari_organelle.read.files.tiff import arrange
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.zarr.store import open_node, require_sound

PLAIN_AXES = {2: "YX", 3: "CYX", 4: "TCYX", 5: "TCZYX"}
"""Axes of an array that does not name them."""


def read_zarr(path: Path) -> ImageSet:
    """The full resolution of an OME-Zarr, or a plain array.

    Raises
    ------
    ReadError
        If it is a group without an image, or can't be read.
    """
    with opening(path):
        return _read(path)


def _read(path: Path) -> ImageSet:
    import dask.array as da
    import zarr

    node = open_node(path)
    if isinstance(node, zarr.Array):
        axes = PLAIN_AXES.get(node.ndim, "")
        data = arrange(da.from_zarr(require_sound(node)), axes)
        return from_file(data, numbered_channels(data.shape[1]), path, None)
    attributes: dict[str, Any] = dict(node.attrs)
    image = attributes.get("ome", attributes)
    scales = require_scales(image)
    place = str(scales["datasets"][0]["path"])
    require_inside(path, place)
    level = node[place]
    if not isinstance(level, zarr.Array):
        raise ReadError(f"expected an array at {place!r}; it is a group")
    axes = ome_axes(scales, level.ndim)
    data = arrange(da.from_zarr(require_sound(level)), axes)
    channels = numbered_channels(data.shape[1], ome_channel_names(image), ome_evidence(image))
    size, note = ome_pixel_size(scales, axes)
    return replace(from_file(data, channels, path, size), problems=(f"{path.name}: {note}",) if note else ())


def require_scales(image: dict[str, Any]) -> dict[str, Any]:
    """The first of an image's ``multiscales``.

    Raises
    ------
    ReadError
        If there is none.
    """
    found = image.get("multiscales") if isinstance(image, dict) else None
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise ReadError(f"expected an array or OME-Zarr; the group's 'multiscales' are {found!r:.80}")
    return found[0]


def ome_channel_names(image: dict[str, Any]) -> tuple[str, ...]:
    """From an image's ``omero`` metadata; empty where there are none."""
    return tuple(str(channel.get("label", "")) for channel in _omero_channels(image))


def ome_evidence(image: dict[str, Any]) -> tuple[str, ...]:
    """Colours from an image's ``omero`` metadata; empty where there are none."""
    return tuple(_hex_word(str(channel.get("color", ""))) for channel in _omero_channels(image))


def _omero_channels(image: dict[str, Any]) -> list[dict[str, Any]]:
    omero = image.get("omero")
    found = omero.get("channels") if isinstance(omero, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _hex_word(colour: str) -> str:
    try:
        red, green, blue = bytes.fromhex(colour.removeprefix("#")[:6])
    except ValueError:
        return ""
    return colour_word(red, green, blue)


def ome_axes(scales: dict[str, Any], ndim: int) -> str:
    """Axes of ``multiscales`` metadata, such as ``"CYX"``."""
    named = scales.get("axes")
    if not named:
        return "TCZYX"[-ndim:]
    axes = "".join(str(axis["name"] if isinstance(axis, dict) else axis)[:1].upper() for axis in named)
    if len(axes) != ndim or len(set(axes)) != ndim:
        raise ReadError(f"expected a name for each of its {ndim} axes; its metadata name {named!s:.80}")
    return axes


def ome_pixel_size(scales: dict[str, Any], axes: str) -> tuple[float | None, str]:
    """Micrometres per pixel at full resolution, None where unknown; a sentence where it is said badly."""
    try:
        position = axes.index("X")
        unit = (scales.get("axes") or [])[position].get("unit", "")
        for transform in scales["datasets"][0].get("coordinateTransformations", ()):
            if transform.get("type") == "scale":
                return pixel_size(transform["scale"][position], unit)
    except (AttributeError, IndexError, KeyError, TypeError):
        return None, "its metadata of the pixel size can't be read; the size is taken as unknown"
    return None, ""
