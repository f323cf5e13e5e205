"""Layers to label by hand: cells found in an image, points in a stack; and the file of their labels."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points

from napari_organelle.errors import RegionError
from napari_organelle.gui.inputs import full_data
from napari_organelle.read.tables.annotations import SUFFIX, annotations_folder

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units")
DIGEST_SIDE = 512
LEAST_SHOWN_PX = 60
"""A cell whose organelle can be judged is at least as wide on the screen."""
SHOWN_SHARE = 0.25
"""Of the canvas that a cell takes when it is zoomed to: the rest shows its neighbours."""


def find_objects(image: Image) -> Iterator[np.ndarray]:
    """One report: the cells of an image of two axes, (Y, X) int32; for a worker.

    Raises
    ------
    RegionError
        If the image is a stack, or no cell is found.
    """
    from napari_organelle.prepare.segment import find_cells

    pixels = _planes(image)
    if pixels.ndim != 2:
        raise RegionError("cells are found in a single image; in a stack of crops label points.")
    yield find_cells(np.asarray(pixels))


def make_labels(image: Image, cells: np.ndarray) -> Labels:
    """A Labels layer in the image's place."""
    place = {name: getattr(image, name) for name in PLACE}
    return Labels(cells, name=f"{image.name} cells", **place)


def make_points(image: Image) -> Points:
    """A Points layer: one point in the middle of every image of a stack, or an empty one to click into.

    Raises
    ------
    RegionError
        If the image has more than three axes.
    """
    shape = _planes(image).shape
    if len(shape) > 3:
        raise RegionError(
            f"points are made for an image or a stack of images; {image.name} has {len(shape)} axes."
        )
    stack = len(shape) == 3
    middle = [(item, (shape[1] - 1) / 2, (shape[2] - 1) / 2) for item in range(shape[0])] if stack else None
    place = {name: getattr(image, name) for name in PLACE}
    size = max(2.0, min(shape[-2:]) / 50)
    points = Points(middle, ndim=len(shape), name=f"{image.name} points", size=size, **place)
    points.mode = "pan_zoom" if stack else "add"
    return points


def label_file(layer: Labels | Points, image: Image | None) -> Path:
    """The file of a layer's labels: called as it and the image, and told apart by the image's pixels."""
    return _file_of(image if image is not None else layer, layer.name)


def window_file(image: Image, what: str) -> Path:
    """The file of the labels of windows of an image, such as its tiles, that have no layer of their own."""
    return _file_of(image, what)


def may_have_labels(layer: Layer, what: str) -> bool:
    """Whether a file of labels is called so; whether it is of these pixels is known once they are read."""
    return any(annotations_folder().glob(f"{glob.escape(_stem(layer, what))}-*{SUFFIX}"))


def _file_of(layer: Layer, what: str) -> Path:
    return annotations_folder() / f"{_stem(layer, what)}-{_digest(layer)}{SUFFIX}"


def _stem(layer: Layer, what: str) -> str:
    return re.sub(r"[^\w.-]+", "_", f"{layer.name}-{what}")


def bring_into_view(
    viewer: ViewerModel, layer: Layer, position: tuple[float, ...], extent: float = 0.0
) -> None:
    """Go to the slice of a position in a layer's own axes, and to the position if it is off the canvas.

    What is so many pixels wide there, and would be shown too small or too large to be judged, is zoomed to.
    """
    world = np.zeros(viewer.dims.ndim)
    world[-len(position) :] = layer.data_to_world(position)
    for axis in viewer.dims.not_displayed:
        viewer.dims.set_point(axis, world[axis])
    shown = viewer.dims.displayed
    first, last = layer.corner_pixels[:, -2:]
    inside = bool((first <= position[-2:]).all() and (last >= position[-2:]).all())
    camera = getattr(viewer, "scene", viewer).camera
    if len(shown) != 2:
        return
    side = extent * abs(float(layer.scale[-1]))
    room = min(viewer.canvas.size if hasattr(viewer, "canvas") else viewer._canvas_size)
    too_small, too_large = side * camera.zoom < LEAST_SHOWN_PX, side * camera.zoom > room
    if side and (too_small or too_large):
        camera.zoom = room * SHOWN_SHARE / side
    if not inside or too_small or too_large:
        camera.center = (0.0, *(world[axis] for axis in shown))


def _planes(layer: Layer) -> Any:
    """Pixels as (..., Y, X), of an RGB image its red."""
    pixels = full_data(layer)
    return pixels[..., 0] if getattr(layer, "rgb", False) else pixels


def _digest(layer: Layer) -> str:
    """What tells images apart: their shape and a thinned-out first plane."""
    if isinstance(layer, Points):
        return hashlib.sha256(layer.name.encode()).hexdigest()[:8]
    pixels = _planes(layer)
    plane = np.asarray(pixels[(0,) * (pixels.ndim - 2)])
    rows, columns = (max(1, side // DIGEST_SIDE) for side in plane.shape)
    thinned = np.ascontiguousarray(plane[::rows, ::columns])
    return hashlib.sha256(repr(pixels.shape).encode() + thinned.tobytes()).hexdigest()[:8]
