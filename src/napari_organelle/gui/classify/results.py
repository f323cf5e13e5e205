"""Results in the viewer: layers that are added, recoloured, and replaced by the next run unless edited."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import napari
import numpy as np
from napari.layers import Labels, Layer, Points
from napari.utils.colormaps import DirectLabelColormap

from napari_organelle.gui.inputs import METADATA
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.colours import colour_codes
from napari_organelle.show.layers import (
    LayerData,
    Threshold,
    features,
    label_colours,
    label_values,
    labels_layer,
    point_colours,
    points_layer,
)
from napari_organelle.show.placement import Placement

MOST_NAMES = 30
"""More names in one image hide each other and the image; their layer is there, but not shown at first."""

EDITS = (
    "name",
    "data",
    "paint",
    "labels_update",
    "scale",
    "translate",
    "rotate",
    "shear",
    "affine",
    "features",
)


KEPT = {"visible", "opacity", "text", "border_color", "out_of_slice_display"}
"""Options that stay as the user has set them when a result is replaced."""


@dataclass(frozen=True, eq=False)
class Result:
    """A prediction with all that is needed to show and to save it.

    Parameters
    ----------
    prediction : Prediction
        What the model said.
    bundle : ModelBundle
        The model.
    images : ImageSet
        What was classified.
    placement : Placement
        Where it lies.
    name : str
        Of the image layer.
    key : tuple
        Runs with equal keys replace each other's layers.
    objects : array, optional
        (N, Y, X) labels, where objects were classified.
    """

    prediction: Prediction
    bundle: ModelBundle
    images: ImageSet
    placement: Placement
    name: str
    key: tuple[str, ...]
    objects: Any = None


class ResultLayers:
    """The layers of the last result.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they are shown.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self.viewer = viewer
        self.result: Result | None = None
        self._labels: Labels | None = None
        self._points: Points | None = None
        self._stale: tuple[Threshold, Collection[int]] | None = None

    def show(self, result: Result, threshold: Threshold) -> None:
        """Add a result's layers, in the places of those of the last run with the same key."""
        prediction, classes = result.prediction, result.bundle.spec.classes
        self.result = result
        self._labels = self._points = None
        with _our_change():
            if prediction.regions.kind != "points":
                made = labels_layer(prediction, classes, threshold, result.placement, result.objects)
                made[1]["colormap"] = colormap(made[1]["colormap"])
                self._labels = self._add(Labels, made, "organelles")
                self._labels.editable = result.objects is None
            made = points_layer(prediction, classes, threshold, result.placement)
            made[1]["visible"] = _are_few(prediction.regions)
            self._points = self._add(Points, made, "organelle names")
            self._points.events.visible.connect(self._on_names_shown)

    def recolour(self, threshold: Threshold, hidden: Collection[int] = ()) -> None:
        """Show the same probabilities with another threshold, and without the classes in `hidden`."""
        if self.result is None:
            return
        prediction, classes = self.result.prediction, self.result.bundle.spec.classes
        with _our_change():
            if self._labels is not None and self._labels in self.viewer.layers:
                self._labels.features = features(prediction, threshold, label_values(prediction.regions))
                self._labels.colormap = colormap(label_colours(prediction, classes, threshold, hidden))
        self._stale = (threshold, hidden)
        self._on_names_shown()

    def _on_names_shown(self, event: Any = None) -> None:
        """Bring the names up to date, which waits until they are visible, since many take long."""
        points = self._points
        if self._stale is None or self.result is None or points is None or not points.visible:
            return
        (threshold, hidden), self._stale = self._stale, None
        prediction, classes = self.result.prediction, self.result.bundle.spec.classes
        if points in self.viewer.layers and len(points.data) == len(prediction.regions):
            with _our_change():
                points.features = features(prediction, threshold)
                points.face_color = point_colours(prediction, classes, threshold)
                points.shown = ~np.isin(colour_codes(prediction, threshold), list(hidden))

    def go_to(self, row: int) -> None:
        """Bring a region to the middle of the view, and its slice on display."""
        if self.result is None:
            return
        regions, placement = self.result.prediction.regions, self.result.placement
        leading = placement.leading_index(regions.windows[row : row + 1, 0])[0]
        fixed = [
            use if isinstance(use, int) else at for use, at in zip(placement.leading, leading, strict=True)
        ]
        world = (placement.matrix() @ np.array([*fixed, *regions.centres()[row, 1:], 1.0]))[:-1]
        for axis, value in enumerate(world[:-2]):
            if placement.leading[axis] != "all":
                self.viewer.dims.set_point(self.viewer.dims.ndim - len(world) + axis, value)
        self.viewer.camera.center = tuple(world[-2:])

    def _add(self, kind: type[Layer], made: LayerData, suffix: str) -> Any:
        """Add a layer, or put it into that of the last run with the same key."""
        assert self.result is not None
        data, options, _ = made
        options |= {
            "name": f"{self.result.name}: {suffix}",
            "metadata": {METADATA: {"result": self.result.key, "model": self.result.bundle.id}},
        }
        layer = self._predecessor(kind)
        if layer is not None:
            layer.data = data
            for name in options.keys() - KEPT:
                setattr(layer, name, options[name])
            return layer
        layer = kind(data, **options)
        self.viewer.add_layer(layer)
        for name in EDITS:
            if (event := getattr(layer.events, name, None)) is not None:
                event.connect(_on_edit)
        return layer

    def _predecessor(self, kind: type[Layer]) -> Any:
        """The last run's layer of the same key, unless the user has changed it since."""
        assert self.result is not None
        for layer in self.viewer.layers:
            ours = layer.metadata.get(METADATA, {})
            if isinstance(layer, kind) and ours.get("result") == self.result.key and "edited" not in ours:
                return layer
        return None


_changing = 0


@contextmanager
def _our_change() -> Iterator[None]:
    """What changes inside is no edit of the user's."""
    global _changing
    _changing += 1
    try:
        yield
    finally:
        _changing -= 1


def _on_edit(event: Any) -> None:
    """Mark a layer as the user's; a function of the module, since layers outlive the widget."""
    if not _changing:
        event.source.metadata[METADATA]["edited"] = True


def _are_few(regions: Regions) -> bool:
    items = len(np.unique(regions.windows[:, 0]))
    return regions.kind == "points" or len(regions) <= MOST_NAMES * items


def colormap(colours: dict[int | None, np.ndarray]) -> DirectLabelColormap:
    """A napari colormap; the many entries come after the few, since napari converts each it is given."""
    made = DirectLabelColormap(color_dict={None: colours[None], 0: colours[None]})
    made.color_dict.update(colours)
    return made
