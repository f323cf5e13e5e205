"""Zarr arrays and OME-Zarr images, versions 2 and 3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening, require_inside
from napari_organelle.read.files.evidence import colour_word, numbered_channels
from napari_organelle.read.files.listing import is_folder, scan
from napari_organelle.read.files.one_image import from_file
from napari_organelle.read.files.pixel_size import pixel_size
from napari_organelle.read.files.tiff import RGB, UNNAMED, arrange, guess_axes
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.zarr.store import open_node, require_sound

MAX_AXES = 2 + len(UNNAMED)

NARROW = 16
"""Sides of an image that are narrower make it doubtful which axes are its sides."""


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
        array = require_sound(node)
        axes, note = plain_axes(array.shape)
        data = arrange(da.from_zarr(array), axes)
        images = from_file(data, RGB if "S" in axes else numbered_channels(data.shape[1]), path, None)
        return replace(images, problems=(f"{path.name}: {note}",) if note else ())
    attributes: dict[str, Any] = dict(node.attrs)
    image = attributes.get("ome", attributes)
    if "multiscales" not in image and (arrays := [name for name, _ in node.arrays()]):
        raise ReadError(
            f"a group of {len(arrays)} arrays, {', '.join(arrays[:4])}, that does not say what they are: "
            f"open one by itself, such as {path / arrays[0]}, or save it as OME-Zarr"
        )
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
    notes = [f"{path.name}: {sentence}" for sentence in (note, _own_labels(path)) if sentence]
    return replace(from_file(data, channels, path, size), problems=tuple(notes))


def _own_labels(path: Path) -> str:
    """A sentence on labels that lie in an OME-Zarr image: they are not taken unasked."""
    folder = path / "labels"
    names = sorted(entry.name for entry in scan(folder) if is_folder(entry)) if folder.is_dir() else []
    if not names:
        return ""
    return (
        f"it holds the labels {', '.join(names[:4])}, which are not taken by themselves: give one as the "
        f"objects to classify them, --labels {folder / names[0]}"
    )


def plain_axes(shape: tuple[int, ...]) -> tuple[str, str]:
    """Axes of an array that names none, and a sentence that tells the guess; the last two are Y and X.

    Raises
    ------
    ReadError
        If they can't be, or there are too many axes.
    """
    if len(shape) == 2:
        return "YX", ""
    pages = "Q" * (len(shape) - 2)
    if len(shape) > 2 and shape[-1] == 3 and min(shape[-3:-1]) >= NARROW:
        pages = pages[:-1]
        axes, note = guess_axes(f"{pages}YXS", shape) if pages else ("YXS", "")
        return axes, f"its axes have no names: the last one, of 3, is taken for colours. {note}".strip()
    if not 2 < len(shape) <= MAX_AXES or min(shape[-2:]) < NARROW <= max(shape):
        raise ReadError(
            f"its {len(shape)} axes have no names, and {shape} does not say which are the sides of an image: "
            "save it as OME-Zarr, or with the axes Y and X last"
        )
    return guess_axes(f"{pages}YX", shape)


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
