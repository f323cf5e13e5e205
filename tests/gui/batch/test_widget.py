"""A folder is classified in parts that are kept, stopped, gone on with, and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest
from tifffile import imwrite

from napari_organelle.gui.batch.widget import BatchWidget

from ..conftest import FakePredict

SIDE, TILE = 64, 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three fields of 16 tiles, bright to dark."""
    made = tmp_path / "fields"
    made.mkdir()
    for number, value in enumerate((255, 200, 10)):
        pixels = np.full((SIDE, SIDE), value, np.uint8)
        pixels[0, 0] = 0
        imwrite(made / f"field{number}_GFP.tif", pixels)
    return made


@pytest.fixture
def widget(viewer: napari.Viewer, models: Path, monkeypatch: pytest.MonkeyPatch) -> BatchWidget:
    monkeypatch.setattr("napari_organelle.gui.batch.widget.ask_devices", lambda: iter([[("cpu", "CPU")]]))
    return viewer.window.add_plugin_dock_widget("napari-organelle", "Classify folders and plates")[1]


def fill(widget: BatchWidget, folder: Path, output: Path) -> None:
    widget.form.take(folder)
    widget.form.write_to(output)
    widget.form.regions.choose("tiles")
    widget.form.regions.activated.emit(0)
    widget.form.tile.setValue(TILE)
    widget.form.channels.setText("protein=0,cytosol=none")


def test_what_is_missing_is_said_and_nothing_is_replaced(widget: BatchWidget, folder: Path) -> None:
    assert widget.status.text() == "Choose a folder, a plate or files to classify."
    assert not widget.run_button.isEnabled()
    fill(widget, folder, folder.parent / "out.csv")
    widget.refresh()
    assert widget.run_button.isEnabled()
    (folder.parent / "out.csv").write_text("mine")
    widget.refresh()
    assert not widget.run_button.isEnabled()
    assert "is there already, and stays" in widget.status.text()


def test_a_folder_becomes_a_table_and_groups_that_open_their_image(
    viewer: napari.Viewer, widget: BatchWidget, folder: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    monkeypatch.setattr("napari_organelle.distribute.answer.predict_regions", FakePredict())
    output = folder.parent / "out.csv"
    fill(widget, folder, output)
    widget.start()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=20_000)
    assert "Wrote 48 rows" in widget.message.text()
    table = pd.read_csv(output)
    assert table.groupby("item", sort=True)["called"].first().tolist() == ["bright", "bright", "dark"]
    assert not list(folder.parent.glob("*.parts*"))
    widget.show()
    qtbot.waitUntil(lambda: widget.roll_up.rolled is not None, timeout=10_000)
    assert len(widget.roll_up.rolled.view.groups) == 3
    widget.roll_up.go_to(2)
    qtbot.waitUntil(lambda: len(viewer.layers) > 0, timeout=10_000)
    assert "field2" in str(viewer.layers[0].metadata["napari_organelle"]["image_set"].source)
    count = len(viewer.layers)
    widget.roll_up.go_to(2)
    assert len(viewer.layers) == count


def test_a_stopped_run_keeps_its_rows_and_goes_on(
    widget: BatchWidget, folder: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    predict = FakePredict()
    predict.stepwise = True
    monkeypatch.setattr("napari_organelle.distribute.answer.predict_regions", predict)
    output = folder.parent / "out.csv"
    fill(widget, folder, output)
    widget.start()
    qtbot.waitUntil(lambda: predict.answered >= 4, timeout=20_000)
    widget.stop()
    predict.stepwise = False
    predict.go.set()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=20_000)
    assert "the same run again goes on" in widget.message.text()
    assert not output.exists()
    assert 0 < len(pd.read_csv(folder.parent / "out.partial.csv")) < 48
    widget.start()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=20_000)
    assert len(pd.read_csv(output)) == 48
    assert not (folder.parent / "out.partial.csv").exists()


def test_a_folder_without_images_is_one_sentence(widget: BatchWidget, tmp_path: Path, qtbot: Any) -> None:
    (tmp_path / "empty").mkdir()
    fill(widget, tmp_path / "empty", tmp_path / "out.csv")
    widget.start()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=20_000)
    assert str(tmp_path / "empty") in widget.message.text()
