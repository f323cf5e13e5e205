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
from napari_organelle.read.plate import read_attributes, read_layout

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
    group = image / "labels" / name
    if group.exists() and not force and _own_mark(group) != mark:
        raise OrganelleError(
            f"{group} is there already: give another name to --write-labels, or add --force to replace it."
        )


def write_labels(image: Path, name: str, labels: ImageLabels, mark: str) -> None:
    """Write ``labels/NAME`` into an image's group, in place of labels of that name.

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

    Raises
    ------
    OrganelleError
        If the store can't be written to.
    """
    import zarr

    version3 = (image / "zarr.json").is_file()
    folder = image / "labels"
    part = folder / f".{name}.{mark}.part"
    try:
        parent = zarr.open_group(folder, mode="a", zarr_format=3 if version3 else 2)
        shutil.rmtree(part, ignore_errors=True)
        group = zarr.open_group(part, mode="w", zarr_format=3 if version3 else 2)
        metadata = _metadata(image, name, labels)
        _put(group, metadata, version3)
        group.attrs[MARK] = mark
        _put_pixels(group, image, labels)
        shutil.rmtree(folder / name, ignore_errors=True)
        part.rename(folder / name)
        known = list(read_attributes(folder).get("labels", ()))
        _put(parent, {"labels": [*known, *({name} - set(known))]}, version3)
    except (OSError, ValueError) as error:
        raise OrganelleError(f"{folder}: labels can't be written: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _own_mark(group: Path) -> str:
    import zarr

    try:
        return str(zarr.open_group(group, mode="r").attrs.get(MARK, ""))
    except (OSError, ValueError):
        return ""


def _put(group: Any, metadata: dict[str, Any], version3: bool) -> None:
    if version3:
        metadata = {"ome": {**group.attrs.get("ome", {}), "version": "0.5", **metadata}}
    group.attrs.update(metadata)


def _put_pixels(group: Any, image: Path, labels: ImageLabels) -> None:
    """The array ``0``, with the image's axes but C, a strip at a time."""
    axes = read_layout(image).axes.replace("C", "")
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
    scales = read_attributes(image)["multiscales"][0]
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
