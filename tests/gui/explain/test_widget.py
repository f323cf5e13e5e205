"""A region's crop, its classes as bars and its heat map, on a click."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
import pytest

from napari_organelle.errors import DeviceError
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.explain import widget as module
from napari_organelle.gui.explain.widget import ExplainWidget
from napari_organelle.gui.region_news import region_news
from napari_organelle.model.explain import Explanation, HiddenDone

from ..classify.test_widget import pick

SIDE = 8


class FakeExplain:
    """Hot in the middle; bright and dark are equally likely."""

    def __init__(self) -> None:
        self.windows: list[list[int]] = []
        self.targets: list[int | None] = []
        self.error: Exception | None = None

    def __call__(
        self, bundle: Any, images: Any, window: Any, channels: Any, target: int | None, device: str
    ) -> Iterator[Any]:
        self.windows.append(window.tolist())
        self.targets.append(target)
        crop = np.full((SIDE, SIDE, 3), 0.5, np.float32)
        probabilities = np.array([0.4, 0.6], np.float32)
        yield HiddenDone(crop, probabilities, 0, 2)
        if self.error is not None:
            raise self.error
        heat = np.zeros((SIDE, SIDE), np.float32)
        heat[4, 4] = 2
        yield Explanation(crop, probabilities, 1 if target is None else target, heat)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeExplain:
    made = FakeExplain()
    monkeypatch.setattr(module, "explain", made)
    return made


@pytest.fixture
def classified(
    viewer: napari.Viewer, open_widget: Callable[[], ClassifyWidget], finish: Any
) -> ClassifyWidget:
    viewer.add_image(
        np.random.default_rng(0).integers(0, 255, (3, 32, 64), np.uint8),
        name="GFP",
        axis_labels=("z", "y", "x"),
        scale=(1, 2, 2),
    )
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.form.regions.tile.setValue(16)
    widget.form.regions.stride.setValue(16)
    widget.start()
    finish(widget)
    return widget


@pytest.fixture
def why(viewer: napari.Viewer, classified: ClassifyWidget, fake: FakeExplain) -> ExplainWidget:
    _, widget = viewer.window.add_plugin_dock_widget("napari-organelle", "Why this call")
    return widget


def click(viewer: napari.Viewer, *position: float) -> None:
    event = SimpleNamespace(type="mouse_press", position=position)
    step = viewer.mouse_drag_callbacks[-1](viewer, event)
    next(step)
    event.type = "mouse_release"
    next(step, None)


def test_a_click_explains_the_region_below_it(
    viewer: napari.Viewer, why: ExplainWidget, fake: FakeExplain, qtbot: Any
) -> None:
    assert "Click a cell" in why.status.text()
    active = viewer.layers.selection.active
    click(viewer, 1, 40, 70)
    qtbot.waitUntil(lambda: why.shown is not None)
    assert fake.windows == [[1, 16, 32, 16, 16]]
    assert fake.targets == [None]
    assert [name for name, _, _ in why.bars.bars] == ["dark", "bright"]
    assert why.target.currentText() == "dark (0.60)"
    assert "16 x 16 px at y 16, x 32" in why.about.text()
    heat = viewer.layers["why: heat map"]
    assert viewer.layers.selection.active.name == active.name
    assert heat.data.shape == (1, SIDE, SIDE)
    assert np.allclose(heat.data_to_world((0, -0.5, -0.5)), (1, 2 * 15.5, 2 * 31.5))
    assert np.allclose(heat.data_to_world((0, 7.5, 7.5)), (1, 2 * 31.5, 2 * 47.5))
    assert heat.contrast_limits == [0, 2]


def test_another_class_and_another_region_are_explained(
    viewer: napari.Viewer, why: ExplainWidget, fake: FakeExplain, qtbot: Any, classified: ClassifyWidget
) -> None:
    region_news.region.emit(viewer, classified.results.result, 0)
    qtbot.waitUntil(lambda: why.shown is not None)
    pick(why.target, 0)
    qtbot.waitUntil(lambda: why.shown.target == 0)
    assert "“bright”" in why.message.text()
    click(viewer, 2, 1, 1)
    qtbot.waitUntil(lambda: len(fake.windows) == 3)
    assert fake.windows[-1] == [2, 0, 0, 16, 16]
    qtbot.waitUntil(lambda: np.allclose(viewer.layers["why: heat map"].translate, (2, 0.5 * 2, 0.5 * 2)))


def test_the_heat_map_can_be_hidden_and_goes_with_the_result(
    viewer: napari.Viewer, why: ExplainWidget, qtbot: Any
) -> None:
    click(viewer, 0, 1, 1)
    qtbot.waitUntil(lambda: "why: heat map" in viewer.layers)
    why.on_canvas.setChecked(False)
    assert "why: heat map" not in viewer.layers
    why.on_canvas.setChecked(True)
    for layer in [each for each in viewer.layers if "organelle" in each.name]:
        viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: "why: heat map" not in viewer.layers)
    assert why.shown is None
    assert "No layer shows a result" in why.status.text()


def test_what_goes_wrong_is_said(
    viewer: napari.Viewer, why: ExplainWidget, fake: FakeExplain, qtbot: Any
) -> None:
    fake.error = DeviceError("the device is gone")
    click(viewer, 0, 1, 1)
    qtbot.waitUntil(lambda: why.message.text() == "It can't be explained: the device is gone")
    assert "why: heat map" not in viewer.layers


def test_closing_takes_the_heat_map_away(viewer: napari.Viewer, why: ExplainWidget, qtbot: Any) -> None:
    click(viewer, 0, 1, 1)
    qtbot.waitUntil(lambda: "why: heat map" in viewer.layers)
    viewer.window.remove_dock_widget(why)
    assert "why: heat map" not in viewer.layers
