"""Small OME-Zarr plates for tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

VERSIONS = ("0.4", "0.5")


def put(group: Path, version: str, metadata: Mapping[str, Any]) -> zarr.Group:
    """A group with OME metadata of version 0.4 (Zarr 2) or 0.5 (Zarr 3)."""
    node = zarr.open_group(group, mode="a", zarr_format=2 if version == "0.4" else 3)
    node.attrs.update(metadata if version == "0.4" else {"ome": {"version": version, **metadata}})
    return node


def put_image(group: Path, version: str, pixels: np.ndarray, axes: str = "tczyx") -> None:
    """An image of 0.25 um a pixel with the channels GFP and mCherry."""
    units = {axis: {"unit": "micrometer", "type": "space"} for axis in "zyx"}
    scale = [0.25 if axis in "yx" else 1 for axis in axes]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    levels = {"axes": [{"name": axis, **units.get(axis, {})} for axis in axes], "datasets": [level]}
    channels = {"channels": [{"label": "GFP"}, {"label": "mCherry"}]}
    node = put(group, version, {"multiscales": [levels], "omero": channels})
    node.create_array("0", shape=pixels.shape, dtype=pixels.dtype)[:] = pixels


def put_plate(path: Path, version: str, wells: Mapping[str, Sequence[np.ndarray]], axes: str) -> Path:
    """A plate of wells such as ``"A/1"``, each with its fields' pixels."""
    put(path, version, {"plate": {"name": "screen", "wells": [{"path": well} for well in wells]}})
    for well, fields in wells.items():
        images = [{"path": str(number)} for number in range(len(fields))]
        put(path / well, version, {"well": {"images": images}})
        for number, pixels in enumerate(fields):
            put_image(path / well / str(number), version, pixels, axes)
    return path
