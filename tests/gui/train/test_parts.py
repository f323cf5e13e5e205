"""Curves, bars and the confusion matrix show what they are given."""

from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QWidget

from napari_organelle.gui.train.confusion import ConfusionTable
from napari_organelle.gui.train.curves import LearningCurves, nice_ticks
from napari_organelle.gui.train.label_bars import LabelBars
from napari_organelle.train.fitting import EpochReport


def pixels_of(widget: QWidget) -> np.ndarray:
    """(height, width, 3) uint8 of a widget as it is drawn."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    rows = raw.reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), -1, 3)


def test_curves_keep_stages_apart_and_leave_out_what_there_is_not(qtbot: Any) -> None:
    curves = LearningCurves()
    qtbot.addWidget(curves)
    curves.add(EpochReport("features", 3, 9))
    assert curves.history.stages == {}
    for epoch in (1, 2):
        curves.add(EpochReport("head", epoch, 40, train_loss=1 / epoch, train_macro_f1=0.5))
    curves.add(EpochReport("fold 1 of 5", 1, 40, 0.9, 0.8, 0.6, 0.4))
    assert curves.history.curve("head", "train_loss").tolist() == [[1, 1], [2, 0.5]]
    assert curves.history.curve("head", "val_loss").tolist() == []
    assert curves.history.curve("fold 1 of 5", "val_macro_f1").tolist() == [[1, 0.4]]
    assert "fold 1 of 5" in curves.legend.text()
    curves.clear()
    assert curves.plots["loss"].lines == []


def test_a_curve_is_drawn_where_its_values_are(qtbot: Any) -> None:
    curves = LearningCurves()
    qtbot.addWidget(curves)
    curves.resize(300, 500)
    for epoch in range(1, 11):
        curves.add(EpochReport("head", epoch, 10, 1.0, 0.5, 1.0, 0.5))
    drawn = pixels_of(curves.plots["macro_f1"]).astype(int)
    bluer = drawn[..., 2] - drawn[..., 0]
    rows = [np.flatnonzero((each > 40).sum(axis=1) > 50).mean() for each in (bluer, -bluer)]
    height = drawn.shape[0] - 42
    assert rows[0] == pytest.approx(22, abs=2)
    assert rows[1] == pytest.approx(22 + height / 2, abs=2)


@pytest.mark.parametrize(
    ("highest", "last", "number"),
    [(1.0, 1.0, 6), (0.69, 0.8, 5), (7.3, 8.0, 5), (0.004, 0.004, 5), (0, 0, 1)],
)
def test_ticks_are_round_and_reach_the_highest(highest: float, last: float, number: int) -> None:
    ticks = nice_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] == pytest.approx(last)
    assert len(ticks) == number


def test_bars_are_as_long_as_counts(qtbot: Any) -> None:
    bars = LabelBars()
    qtbot.addWidget(bars)
    bars.resize(400, 40)
    bars.show_counts({"er": 100, "golgi": 50})
    drawn = pixels_of(bars).astype(int)
    lengths = [
        (np.abs(drawn[row] - colour).sum(axis=1) < 12).sum()
        for row, colour in ((10, [0x00, 0x9E, 0x73]), (30, [0xE6, 0x9F, 0x00]))
    ]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=2)
    assert lengths[1] > 50


def test_a_click_asks_for_the_crops_of_a_cell_that_has_some(qtbot: Any) -> None:
    table = ConfusionTable()
    qtbot.addWidget(table)
    table.show_matrix([[8, 2], [0, 10]], ["er", "golgi"])
    asked: list[tuple[int, int]] = []
    table.cell_chosen.connect(lambda truth, call: asked.append((truth, call)))
    table.cellClicked.emit(0, 1)
    table.cellClicked.emit(1, 0)
    assert asked == [(0, 1)]
    assert table.item(0, 1).text() == "2"
    assert table.verticalHeaderItem(1).text() == "golgi"
    assert "20% of all er" in table.item(0, 1).toolTip().replace("(", "").replace(")", "")
