"""Groups of a result: table, bars and plate follow it, and a click shows the group in the viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.readers import image_set_layers
from napari_organelle.gui.rollup.table import COLUMNS
from napari_organelle.read.image_set import Channel, ImageSet

Open = Callable[[], ClassifyWidget]
HEADS = [column.head for column in COLUMNS]


def plate() -> ImageSet:
    """Wells A1 bright, A2 dark, B3 half of each, two fields a well; 4 tiles of 16 px a field."""
    data = np.zeros((6, 1, 32, 32), np.uint8)
    data[:2], data[2:4, :, 0, 0], data[4:, :, :16] = 255, 20, 255
    data[4:, :, 16:] = 1
    images = ImageSet.from_array(data, (Channel("GFP", "green"),))
    wells = ["A1", "A1", "A2", "A2", "B3", "B3"]
    return replace(images, items=images.items.assign(well=wells, plate="p1", gene="ABC1", field=[1, 2] * 3))


@pytest.fixture
def rolled(viewer: napari.Viewer, open_widget: Open, finish: Any, qtbot: Any) -> Callable[[], ClassifyWidget]:
    def run() -> ClassifyWidget:
        for layer_data in image_set_layers(plate()):
            viewer._add_layer_from_data(*layer_data)
        widget = open_widget()
        widget.form.regions.kind.choose("tiles")
        widget.form.regions._on_kind()
        widget.form.regions.tile.setValue(16)
        widget.start()
        finish(widget)
        widget.pages.setCurrentIndex(2)
        qtbot.waitUntil(lambda: widget.roll_up.rolled is not None)
        widget.roll_up.by.choose("well")
        widget.roll_up.by.activated.emit(0)
        qtbot.waitUntil(lambda: widget.roll_up.rolled.view.by == "well")
        return widget

    return run


def cells(widget: ClassifyWidget, head: str) -> list[str]:
    model = widget.roll_up.table.model_
    return [model.data(model.index(row, HEADS.index(head))) for row in range(model.rowCount())]


def test_wells_are_called_and_drawn_in_their_places(rolled: Any, tmp_path: Path) -> None:
    widget = rolled()
    page = widget.roll_up
    assert page.by._objects == ["gene", "well", "field", "plate", "item"]
    assert cells(widget, "Group") == ["A1", "A2", "B3"]
    assert cells(widget, "Called")[:2] == ["bright", "dark"]
    assert cells(widget, "Regions") == ["8 of 8"] * 3
    assert [bar[:2] for bar in page.table.model_.bars(2)] == [("bright", 0.5), ("dark", 0.5)]
    assert not page.map.isHidden()
    assert page.plate.isHidden()
    assert page.map.colour_of(0).name() == "#ff0000"
    assert "A2, ABC1: dark, 8 regions, 100% agree" in page.map.describe(1)
    page.shown.choose("dark")
    page.shown.activated.emit(2)
    assert [round(page.map.colour_of(group).alphaF(), 1) for group in range(3)] == [0, 1, 0.5]
    page.export(tmp_path / "wells.csv")
    assert pd.read_csv(tmp_path / "wells.csv")["well"].tolist() == ["A1", "A2", "B3"]


def test_a_click_on_a_well_shows_its_first_field(rolled: Any, viewer: napari.Viewer, qtbot: Any) -> None:
    widget = rolled()
    page = widget.roll_up
    qtbot.mouseClick(page.map, Qt.MouseButton.LeftButton, pos=page.map.middle_of(2).toPoint())
    assert viewer.dims.current_step[0] == 4
    assert page.table.currentIndex().row() == 2
    page.table.clicked.emit(page.table.model_.index(1, 0))
    assert viewer.dims.current_step[0] == 2
    page.table.sortByColumn(HEADS.index("Called"), Qt.SortOrder.DescendingOrder)
    assert cells(widget, "Called")[-1] == "bright"


def test_groups_follow_the_threshold(rolled: Any, qtbot: Any) -> None:
    widget = rolled()
    before = widget.roll_up.rolled
    widget.results.threshold.setValue(1.0)
    qtbot.waitUntil(lambda: widget.roll_up.rolled is not before)
    assert before.view.shares[1, -1] == 0
    assert widget.roll_up.rolled.view.shares[1, -1] == 0.25
