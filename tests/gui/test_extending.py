"""The window's side of the recipes of docs/extending.md."""

from collections.abc import Callable
from typing import Any, ClassVar

import napari
import numpy as np
import pytest

from napari_organelle.gui.classify import region_form
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.prepare.plans import Images
from napari_organelle.show import result_kinds
from napari_organelle.show.layers import LayerData, Threshold
from napari_organelle.show.result_kinds import Drawing, ResultKind


class Halves(Images):
    """A toy kind of region; its answers are drawn as points, since nothing says otherwise."""

    kind: ClassVar[str] = "halves"
    noun: ClassVar[str] = "half"


class Confidence(ResultKind):
    """A toy kind of result: how sure the model is of each tile, as an image."""

    name: ClassVar[str] = "confidence"

    def fits(self, drawing: Drawing) -> bool:
        return drawing.prediction.regions.layout == "grid"

    def make(self, drawing: Drawing, threshold: Threshold) -> LayerData:
        regions = drawing.prediction.regions
        grid = drawing.prediction.confidence().reshape(regions.grid)
        stride = regions.stride
        middle = (regions.windows[0, 3] - 1) / 2
        return grid, drawing.placement.options((stride, stride), (middle, middle)), "image"


def test_a_kind_of_region_is_offered_and_planned(
    viewer: napari.Viewer, open_widget: Callable[[], ClassifyWidget], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(region_form.TEXTS, "halves", "Halves")
    monkeypatch.setitem(region_form.WITHOUT_FIELDS, "halves", Halves)
    viewer.add_image(np.zeros((32, 32), np.uint8), name="GFP")
    widget = open_widget()
    widget.form.regions.kind.choose("halves")
    request, problem = widget.form.request()
    assert problem == ""
    assert request is not None
    assert isinstance(request.plan, Halves)


def test_a_kind_of_result_is_shown(
    viewer: napari.Viewer,
    open_widget: Callable[[], ClassifyWidget],
    finish: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(result_kinds, "RESULT_KINDS", (*result_kinds.RESULT_KINDS, Confidence()))
    viewer.add_image(np.zeros((32, 64), np.uint8), name="GFP")
    widget = open_widget()
    widget.form.regions.kind.choose("tiles")
    widget.start()
    finish(widget)
    (layer,) = [layer for layer in viewer.layers if "confidence" in layer.name]
    assert layer.data.shape == widget.results.result.prediction.regions.grid
    widget.start()
    finish(widget)
    assert [layer for layer in viewer.layers if "confidence" in layer.name] == [layer]
