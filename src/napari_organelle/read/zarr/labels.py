"""Labels inside an OME-Zarr image: ``labels/NAME``, written whole or not at all; pixels are never touched.

Metadata as in https://ngff.openmicroscopy.org/0.5, "labels" and "image-label"; version 0.4 where the Zarr's
is 2.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.outside import require_inside
from napari_organelle.read.zarr.array import require_scales
from napari_organelle.read.zarr.plate import FieldLayout, read_attributes, read_layout
from napari_organelle.read.zarr.store import open_node

CHUNK = 1024
MARK = "napari-organelle"
"""Attribute of our label groups: the run that wrote it."""


@dataclass(frozen=True)
class ImageLabels:
    """A label image and what its labels mean.

    Parameters
    ----------
    pixels : (Y, X) array of int, numpy or dask
        0 is background. Smaller than the image where a label stands for a tile.
    step, offset : float
        Pixels of the image from one pixel of the labels to the next, and where the first one's middle lies.
    colours : sequence of (int, str)
        Label and ``#rrggbb``.
    properties : sequence of dict
        Each with its label as ``"label-value"``.
    """

    pixels: Any
    colours: Sequence[tuple[int, str]]
    properties: Sequence[dict[str, Any]]
    step: float = 1
    offset: float = 0


def require_room(image: Path, name: str, mark: str, force: bool = False) -> None:
    """Refuse an image that is no OME-Zarr of one plane, or that has labels of this name from elsewhere.

    Parameters
    ----------
    image : Path
        The image's group.
    name : str
        Of the label group.
    mark : str
        Labels with this mark are this run's own and may be replaced.
    force : bool
        Whether any may be.

    Raises
    ------
    OrganelleError
        Which says so.
    """
    try:
        layout = read_layout(image)
    except ReadError as error:
        raise OrganelleError(f"Labels can be written into OME-Zarr images only. {error}") from error
    if layout.length("T") * layout.length("Z") != 1:
        raise OrganelleError(f"{image}: labels are written for images of one plane; it has {layout.shape}.")
    try:
        require_inside(image, f"labels/{name}")
    except ReadError as error:
        raise OrganelleError(f"{image}: labels can't be written: {error}") from error
    _require_free(image / "labels" / name, mark, force)


def _require_free(group: Path, mark: str, force: bool) -> None:
    if group.exists() and not force and _own_mark(group) != mark:
        raise OrganelleError(
            f"{group} is there already: give another name to --write-labels, or add --force to replace it."
        )


def has_image(group: Path) -> bool:
    """Whether a group holds an OME-Zarr image that labels can be written into."""
    try:
        read_layout(group)
    except ReadError:
        return False
    return True


def write_labels(image: Path, name: str, labels: ImageLabels, mark: str, force: bool = False) -> None:
    """Write ``labels/NAME`` into an image's group, in place of labels that the same run wrote.

    Parameters
    ----------
    image : Path
        The image's group.
    name : str
        Of the label group.
    labels : ImageLabels
        What to write.
    mark : str
        Names the run.
    force : bool
        Whether labels of another are replaced.

    Raises
    ------
    OrganelleError
        If labels of that name came up meanwhile, or the store can't be written to.
    """
    import zarr

    version3 = (image / "zarr.json").is_file()
    folder = image / "labels"
    part = folder / f".{name}.{mark}.part"
    try:
        require_inside(image, f"labels/{name}")
        layout, metadata = read_layout(image), _metadata(image, name, labels)
        parent = zarr.open_group(folder, mode="a", zarr_format=3 if version3 else 2)
        shutil.rmtree(part, ignore_errors=True)
        group = zarr.open_group(part, mode="w", zarr_format=3 if version3 else 2)
        _put(group, metadata, version3)
        group.attrs[MARK] = mark
        _put_pixels(group, layout, labels)
        _require_free(folder / name, mark, force)
        _replace_folder(part, folder / name)
        known = list(read_attributes(folder).get("labels", ()))
        _put(parent, {"labels": [*known, *({name} - set(known))]}, version3)
    except OrganelleError:
        raise
    except Exception as error:
        raise OrganelleError(f"{folder}: labels can't be written: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _replace_folder(part: Path, folder: Path) -> None:
    """Give a folder the name of another, which is deleted only then."""
    old = part.with_suffix(".old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _own_mark(group: Path) -> str:
    try:
        return str(open_node(group).attrs.get(MARK, ""))
    except Exception:  # noqa: BLE001 - what can't be read is not known to be ours
        return ""


def _put(group: Any, metadata: dict[str, Any], version3: bool) -> None:
    if version3:
        metadata = {"ome": {**group.attrs.get("ome", {}), "version": "0.5", **metadata}}
    group.attrs.update(metadata)


def _put_pixels(group: Any, layout: FieldLayout, labels: ImageLabels) -> None:
    """The array ``0``, with the image's axes but C, a strip at a time."""
    axes = layout.axes.replace("C", "")
    height, width = labels.pixels.shape
    leading = (1,) * (len(axes) - 2)
    array = group.create_array(
        "0",
        shape=(*leading, height, width),
        chunks=(*leading, min(CHUNK, height), min(CHUNK, width)),
        dtype="uint32",
    )
    for start in range(0, height, CHUNK):
        strip = np.asarray(labels.pixels[start : start + CHUNK]).astype(np.uint32)
        array[(*(0,) * len(leading), slice(start, start + CHUNK))] = strip


def _metadata(image: Path, name: str, labels: ImageLabels) -> dict[str, Any]:
    """``multiscales`` of the image without its channels, and ``image-label``."""
    scales = require_scales(read_attributes(image))
    axes = scales["axes"]
    names = [str(axis["name"] if isinstance(axis, dict) else axis) for axis in axes]
    kept = [position for position, axis in enumerate(names) if axis != "c"]
    given = next(
        (
            one["scale"]
            for one in scales["datasets"][0].get("coordinateTransformations", ())
            if "scale" in one
        ),
        [1.0] * len(names),
    )
    in_plane = [names[position] in "yx" for position in kept]
    scale = [
        given[position] * (labels.step if flat else 1) for position, flat in zip(kept, in_plane, strict=True)
    ]
    transforms: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if labels.offset:
        shift = [
            given[position] * labels.offset * flat for position, flat in zip(kept, in_plane, strict=True)
        ]
        transforms.append({"type": "translation", "translation": shift})
    version = {} if (image / "zarr.json").is_file() else {"version": "0.4"}
    return {
        "multiscales": [
            {
                **version,
                "name": name,
                "axes": [axes[position] for position in kept],
                "datasets": [{"path": "0", "coordinateTransformations": transforms}],
            }
        ],
        "image-label": {
            **version,
            "colors": [{"label-value": value, "rgba": _rgba(colour)} for value, colour in labels.colours],
            "properties": list(labels.properties),
            "source": {"image": "../../"},
        },
    }


def _rgba(colour: str) -> list[int]:
    return [*bytes.fromhex(colour.removeprefix("#")), 255]
