"""What all widgets share: the × ends a run, the wheel scrolls, and every field has a name and a help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np
import pytest
from napari.utils.progress import progress
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QSlider,
    QTabBar,
)

from napari_organelle.gui import devices
from napari_organelle.gui.body import Body
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.train import widget as train_widget

from .conftest import FakePredict

Open = Callable[[], ClassifyWidget]
TITLES = (
    "Classify organelles",
    "Classify folders and plates",
    "Label organelles by hand",
    "Train a classifier",
)


@pytest.fixture(params=TITLES)
def body(request: Any, viewer: napari.Viewer, models: Any, monkeypatch: pytest.MonkeyPatch) -> Body:
    """Each widget with a run, opened as a user does, over an image with an object and a point."""
    monkeypatch.setattr("napari_organelle.gui.classify.widget.ask_devices", lambda: iter([[("cpu", "CPU")]]))
    monkeypatch.setattr("napari_organelle.gui.classify.widget.warm_up", lambda *_: iter(()))
    monkeypatch.setattr("napari_organelle.gui.batch.widget.ask_devices", lambda: iter([[("cpu", "CPU")]]))
    monkeypatch.setattr(train_widget, "ask_devices", lambda: iter([[("cpu", "CPU")]]))
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    _, made = viewer.window.add_plugin_dock_widget("napari-organelle", request.param)
    return made


def click_x(viewer: napari.Viewer, widget: Body) -> None:
    """Click the × of a widget's dock."""
    dock = next(each for each in viewer.window._qt_window.findChildren(object) if _holds(each, widget))
    dock.destroyOnClose()


def _holds(dock: Any, widget: Body) -> bool:
    return hasattr(dock, "destroyOnClose") and dock.isAncestorOf(widget)


def test_closing_the_dock_ends_the_run_at_once(
    viewer: napari.Viewer, open_widget: Open, predict: FakePredict, qtbot: Any
) -> None:
    predict.go.clear()
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = open_widget()
    widget.form.regions.kind.choose("tiles")
    widget.start()
    qtbot.waitUntil(lambda: predict.calls == 1)
    assert [each.desc for each in progress._all_instances] != []
    click_x(viewer, widget)
    predict.go.set()
    qtbot.waitUntil(predict.closed.is_set)
    qtbot.wait(50)
    assert predict.answered <= predict.batch
    assert [layer.name for layer in viewer.layers] == ["GFP"]
    assert not progress._all_instances
    viewer.add_image(np.ones((9, 9)), name="another")


def test_closing_the_dock_while_training_stops_it(
    viewer: napari.Viewer, models: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    monkeypatch.setattr("napari_organelle.gui.batch.widget.ask_devices", lambda: iter([[("cpu", "CPU")]]))
    monkeypatch.setattr(train_widget, "ask_devices", lambda: iter([[("cpu", "CPU")]]))
    _, widget = viewer.window.add_plugin_dock_widget("napari-organelle", "Train a classifier")
    qtbot.waitUntil(lambda: not widget._jobs)
    closed: list[bool] = []

    def forever() -> Any:
        try:
            while True:
                yield devices
        finally:
            closed.append(True)

    widget.start_run(forever(), lambda _: None, lambda *_: None, "training…")
    click_x(viewer, widget)
    qtbot.waitUntil(lambda: closed == [True])


def test_the_activity_dock_shows_a_run_and_can_cancel_it(
    viewer: napari.Viewer, open_widget: Open, predict: FakePredict, qtbot: Any
) -> None:
    predict.stepwise = True
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = open_widget()
    widget.form.regions.kind.choose("tiles")
    widget.start()
    qtbot.waitUntil(lambda: any("4 of 16" in each.desc for each in progress._all_instances))
    [shown] = [each for each in progress._all_instances if "Classify" in each.desc]
    assert (shown.n, shown.total) == (4, 16)
    shown.cancel()
    qtbot.waitUntil(lambda: not widget.stop_button.isEnabled())
    predict.go.set()
    qtbot.waitUntil(lambda: not widget.is_running)
    assert widget.message.text().startswith("Stopped after 8 of 16")


def test_the_wheel_changes_no_field(body: Body) -> None:
    for field in body.findChildren((QComboBox, QAbstractSpinBox, QSlider)):
        if isinstance(field, QComboBox) and field.count() < 2:
            field.addItems(["one", "two"])
        value = field.currentIndex() if isinstance(field, QComboBox) else field.property("value")
        for turn in (-120, 120):
            wheel = QWheelEvent(
                QPointF(3, 3), QPointF(3, 3), QPoint(0, 0), QPoint(0, turn), Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            QApplication.sendEvent(field, wheel)
            now = field.currentIndex() if isinstance(field, QComboBox) else field.property("value")
            assert now == value, field.toolTip()


def test_every_field_has_a_name_and_every_button_a_help(body: Body) -> None:
    for button in body.findChildren(QAbstractButton):
        if not isinstance(button.parent(), QTabBar) and button.metaObject().className()[0] == "Q":
            if isinstance(button.parent(), QAbstractItemView | QTabBar) or not button.text():
                continue
            assert button.toolTip(), button.text()
    for field in body.findChildren((QComboBox, QAbstractSpinBox, QLineEdit)):
        if field.objectName() not in ("qt_spinbox_lineedit",) and not isinstance(field.parent(), QComboBox):
            assert field.accessibleName(), (field, field.toolTip())
    assert body.help_button.toolTip()


def test_a_page_is_never_cut(body: Body, qtbot: Any) -> None:
    qtbot.wait(50)
    page = body.pages.currentWidget()
    assert page.viewport().width() >= page.widget().minimumSizeHint().width()


def test_tab_walks_the_form_from_top_to_bottom(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.zeros((64, 64), np.uint8), name="mCherry")
    viewer.add_image(np.zeros((64, 64), np.uint8), name="GFP")
    form = open_widget().form
    order, field = [], form.slices
    while len(order) < 4:
        if field in (form.slices, *form.slots, form.regions.kind):
            order.append(field)
        field = field.nextInFocusChain()
    assert order == [form.slices, *form.slots, form.regions.kind]
