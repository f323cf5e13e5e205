"""Zarr arrays and OME-Zarr images, versions 2 and 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_organelle.errors import ReadError
from napari_organelle.read.image_file import arrange, from_file, numbered_channels
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.pixel_size import MICROMETRES

PLAIN_AXES = {2: "YX", 3: "CYX", 4: "TCYX", 5: "TCZYX"}
"""Axes of an array that does not name them."""

UNITS = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3}


def read_zarr(path: Path) -> ImageSet:
    """The full resolution of an OME-Zarr, or a plain array.

    Raises
    ------
    ReadError
        If it is a group without an image, or can't be read.
    """
    import dask.array as da
    import zarr

    try:
        node = zarr.open(path, mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise ReadError(f"{path}: {error}") from error
    if isinstance(node, zarr.Array):
        axes = PLAIN_AXES.get(node.ndim, "")
        data = arrange(da.from_zarr(node), axes, path)
        return from_file(data, numbered_channels(data.shape[1]), path, None)
    attributes: dict[str, Any] = dict(node.attrs)
    image = attributes.get("ome", attributes)
    if not image.get("multiscales"):
        raise ReadError(
            f"{path}: expected an array or OME-Zarr; the group has no 'multiscales' but {sorted(node.keys())}"
        )
    scales = image["multiscales"][0]
    level = node[scales["datasets"][0]["path"]]
    axes = ome_axes(scales, level.ndim)
    data = arrange(da.from_zarr(level), axes, path)
    names = ome_channel_names(image)
    return from_file(data, numbered_channels(data.shape[1], names), path, ome_pixel_size(scales, axes))


def ome_channel_names(image: dict[str, Any]) -> tuple[str, ...]:
    """From an image's ``omero`` metadata; empty where there are none."""
    return tuple(str(channel.get("label", "")) for channel in image.get("omero", {}).get("channels", ()))


def ome_axes(scales: dict[str, Any], ndim: int) -> str:
    """Axes of ``multiscales`` metadata, such as ``"CYX"``."""
    named = scales.get("axes")
    if not named:
        return "TCZYX"[-ndim:]
    return "".join((axis["name"] if isinstance(axis, dict) else axis)[0].upper() for axis in named)


def ome_pixel_size(scales: dict[str, Any], axes: str) -> float | None:
    """Micrometres per pixel of the full resolution; None where ``multiscales`` metadata do not say."""
    position = axes.index("X")
    units = scales.get("axes") or []
    unit = units[position].get("unit", "") if units and isinstance(units[position], dict) else ""
    factor = UNITS.get(unit, MICROMETRES.get(unit))
    for transform in scales["datasets"][0].get("coordinateTransformations", ()):
        if transform.get("type") == "scale" and factor:
            return float(transform["scale"][position]) * factor
    return None
