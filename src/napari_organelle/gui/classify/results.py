"""Results in the viewer: layers that are added, recoloured, and replaced by the next run unless edited."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace
from typing import Any

import napari
import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points
from napari.utils.colormaps import DirectLabelColormap

from napari_organelle.gui.classify.record import RECORD, ResultRecord, limits_of, record
from napari_organelle.gui.classify.request import ClassifyRequest
from napari_organelle.gui.inputs import METADATA, add_layer
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.plans import Objects
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show import result_kinds
from napari_organelle.show.layers import LayerData, Threshold
from napari_organelle.show.placement import Placement
from napari_organelle.show.result_kinds import Drawing, ResultKind

RESULT = "run"
"""Key of the result in a layer's ``metadata["napari_organelle"]``."""

HIDDEN = "hidden"
"""Key of the classes that are not shown, by number."""

LAYERS: dict[str, type[Layer]] = {"image": Image, "labels": Labels, "points": Points}

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


LEAST_SEEN_PX = 120
"""Pixels of the screen on which a region can be judged."""

KEPT = {"visible", "opacity", "text", "border_color", "out_of_slice_display"}
"""Options that stay as the user has set them when a result is replaced."""


@dataclass(frozen=True, eq=False)
class Result:
    """A prediction with all that is needed to show, to save and to repeat it; in its layers' metadata.

    Parameters
    ----------
    prediction : Prediction
        What the model said.
    request : ClassifyRequest
        What it was asked.
    record : ResultRecord
        How it was made. Runs that ask the same replace each other's layers.
    corrected : dict of int to str
        Rows of regions that were given a class by hand, and the class; ``"|"`` between several.
    """

    prediction: Prediction
    request: ClassifyRequest
    record: ResultRecord
    corrected: dict[int, str] = field(default_factory=dict)

    def __deepcopy__(self, memo: Any) -> Result:
        """Itself: napari copies a layer's metadata with the layer, and this holds the image's pixels."""
        return self

    @property
    def bundle(self) -> ModelBundle:
        """The model."""
        return self.request.bundle

    @property
    def images(self) -> ImageSet:
        """What was classified."""
        return self.request.images

    @property
    def placement(self) -> Placement:
        """Where it lies."""
        return self.request.placement

    @property
    def objects(self) -> Any:
        """(N, Y, X) labels, where objects were classified; else None."""
        plan = self.request.plan
        return plan.labels if isinstance(plan, Objects) else None

    @property
    def drawing(self) -> Drawing:
        """What its layers are made from."""
        classes = self.bundle.spec.classes
        return Drawing(self.prediction, classes, self.placement, self.objects, self.corrected)


def result_of(layer: Layer) -> Result | None:
    """The result that a layer shows; None of any other layer."""
    found = layer.metadata.get(METADATA, {}).get(RESULT)
    return found if isinstance(found, Result) else None


def look_at(viewer: ViewerModel, result: Result, row: int) -> None:
    """Bring a region to the middle of the view, and its slice on display."""
    regions, placement = result.prediction.regions, result.placement
    item, y, x = regions.centres()[row].tolist()
    world = placement.world(int(item), y, x)
    for axis, value in enumerate(world[:-2]):
        if placement.leading[axis] != "all":
            viewer.dims.set_point(viewer.dims.ndim - len(world) + axis, value)
    viewer.camera.center = tuple(world[-2:])


def frame(viewer: ViewerModel, result: Result, row: int) -> None:
    """As `look_at`; a region that is too small to be judged is brought nearer."""
    look_at(viewer, result, row)
    item, top, left, height, width = result.prediction.regions.windows[row].tolist()
    corners = [result.placement.world(item, y, x) for y, x in ((top, left), (top + height, left + width))]
    side = float(np.abs(np.subtract(*corners)[-2:]).max())
    viewer.camera.zoom = max(viewer.camera.zoom, LEAST_SEEN_PX / side)


def recolour(
    viewer: ViewerModel,
    result: Result,
    threshold: Threshold | None = None,
    hidden: Collection[int] | None = None,
) -> None:
    """Show a result as it is now: its corrections, and another threshold or other classes where given."""
    drawing = result.drawing
    kinds = {kind.name: kind for kind in result_kinds.RESULT_KINDS}
    with _our_change():
        for layer in viewer.layers:
            ours = layer.metadata.get(METADATA, {})
            known = record(layer)
            if result_of(layer) is not result or known is None:
                continue
            if isinstance(layer, Points) and len(layer.data) != len(drawing.prediction.regions):
                continue  # the user has added or deleted some
            limits = np.asarray(known.thresholds) if threshold is None else threshold
            unseen = ours.get(HIDDEN, ()) if hidden is None else hidden
            for name, value in kinds[ours["kind"]].changes(drawing, limits, unseen).items():
                setattr(layer, name, _option(name, value))
            changed = {RECORD: dataclass_replace(known, thresholds=limits_of(limits)), HIDDEN: tuple(unseen)}
            layer.metadata = {**layer.metadata, METADATA: {**ours, **changed}}


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
        self.replaced = ""
        """When the result was made that the last one replaced; empty if it replaced none."""

    def show(self, result: Result, threshold: Threshold) -> None:
        """Add a result's layers, or fill those of a run that asked the same; other results are hidden."""
        drawing = result.drawing
        self.result = result
        self.replaced = ""
        with _our_change():
            for layer in self.viewer.layers:
                if record(layer) is not None:
                    layer.visible = False
            for kind in result_kinds.RESULT_KINDS:
                if kind.fits(drawing):
                    layer_data = kind.make(drawing, threshold)
                    layer = self._add(kind, layer_data)
                    layer.visible = layer_data[1].get("visible", True)
                    if isinstance(layer, Labels):
                        layer.editable = result.objects is None

    def take(self, result: Result) -> None:
        """Go back to a run whose layers are there; other results are hidden."""
        self.result = result
        self.replaced = ""
        with _our_change():
            for layer in self.viewer.layers:
                if record(layer) is not None:
                    layer.visible = result_of(layer) is result and _is_shown_first(layer, result)

    def recolour(self, threshold: Threshold, hidden: Collection[int] = ()) -> None:
        """Show the same probabilities with another threshold, and without the classes in `hidden`."""
        if self.result is not None:
            recolour(self.viewer, self.result, threshold, hidden)

    def go_to(self, row: int) -> None:
        """Bring a region to the middle of the view, and its slice on display."""
        if self.result is None:
            return
        look_at(self.viewer, self.result, row)

    def _add(self, kind: ResultKind, layer_data: LayerData) -> Layer:
        """Add a layer, or put it into that of the last run that asked the same."""
        assert self.result is not None
        data, options, layer_type = layer_data
        options = {name: _option(name, value) for name, value in options.items()}
        options |= {
            "name": f"{self.result.record.image}: {kind.name} ({self.result.record.model})",
            "metadata": {METADATA: {RECORD: self.result.record, "kind": kind.name, RESULT: self.result}},
        }
        layer = self._predecessor(kind, LAYERS[layer_type])
        if layer is not None:
            before = record(layer)
            self.replaced = before.date if before is not None else ""
            layer.data = data
            for name in options.keys() - KEPT:
                setattr(layer, name, options[name])
            return layer
        contour = options.pop("contour", 0)
        layer = LAYERS[layer_type](data, **options)
        if contour:  # napari takes it of a layer that is there
            layer.contour = contour
        add_layer(self.viewer, layer)
        for name in EDITS:
            if (event := getattr(layer.events, name, None)) is not None:
                event.connect(_on_edit)
        return layer

    def _predecessor(self, kind: ResultKind, layer_type: type[Layer]) -> Any:
        """The last layer of the kind that answers the same, unless the user has changed it since."""
        assert self.result is not None
        for layer in self.viewer.layers:
            before, ours = record(layer), layer.metadata.get(METADATA, {})
            is_kind = isinstance(layer, layer_type) and ours.get("kind") == kind.name
            if is_kind and before and before.same_run(self.result.record) and "edited" not in ours:
                return layer
        return None


def _is_shown_first(layer: Layer, result: Result) -> bool:
    """Whether a layer of a result is to be seen when its run is shown: names are not where they are many."""
    kind = next(k for k in result_kinds.RESULT_KINDS if k.name == layer.metadata[METADATA]["kind"])
    return kind.is_seen(result.drawing)


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


def _option(name: str, value: Any) -> Any:
    """An option as napari takes it."""
    return colormap(value) if name == "colormap" and isinstance(value, dict) else value


def colormap(colours: dict[int | None, np.ndarray]) -> DirectLabelColormap:
    """A napari colormap; the many entries come after the few, since napari converts each it is given."""
    colormap_ = DirectLabelColormap(color_dict={None: colours[None], 0: colours[None]})
    colormap_.color_dict.update(colours)
    return colormap_
