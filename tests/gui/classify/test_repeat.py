"""What is copied gives the same table outside of the window; what can't be copied says why."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest
from qtpy.QtWidgets import QApplication
from tifffile import imwrite

from napari_organelle import api
from napari_organelle.cli import main
from napari_organelle.distribute import answer
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.readers import image_set_layers
from napari_organelle.read.open import open_image_set

from ..conftest import FakePredict
from .test_widget import pick

Open = Callable[[], ClassifyWidget]
SAME = ["y", "x", "height", "width", "called", "confidence", "p_bright", "p_dark"]


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, predict: FakePredict) -> Path:
    """A file of two channels of noise; the fake network answers for command line and Python too."""
    monkeypatch.setattr(answer, "predict_regions", predict)
    monkeypatch.setattr(api, "predict_regions", predict)
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64)).astype(np.uint8)
    metadata = {"axes": "CYX", "Channel": {"Name": ["mCherry", "GFP"]}}
    imwrite(tmp_path / "a field.ome.tif", pixels, metadata=metadata)
    return tmp_path / "a field.ome.tif"


def run_kind(widget: ClassifyWidget, kind: str, finish: Any) -> None:
    pick(widget.form.regions.kind, kind)
    widget.form.regions.tile.setValue(16)
    widget.form.regions.stride.setValue(8)
    widget.form.regions.window.setValue(20)
    widget.start()
    finish(widget)
    assert widget.results.result is not None, widget.message.text()


def copied(widget: ClassifyWidget, button: Any, qtbot: Any) -> str:
    QApplication.clipboard().setText("")
    button.click()
    qtbot.waitUntil(lambda: "clipboard" in widget.message.text() and not widget._jobs, timeout=10_000)
    return QApplication.clipboard().text()


def add_set(viewer: napari.Viewer, path: Path) -> None:
    for layer_data in image_set_layers(open_image_set(path)):
        viewer._add_layer_from_data(*layer_data)


def add_regions(viewer: napari.Viewer) -> None:
    cells = np.zeros((64, 64), np.int32)
    cells[4:20, 4:20], cells[30:60, 40:60] = 7, 3
    viewer.add_labels(cells, name="cells")
    viewer.add_points([[10, 12], [40, 30.5]], name="spots")
    viewer.layers.selection.active = viewer.layers[0]


@pytest.mark.parametrize("kind", ["tiles", "objects", "points", "image"])
def test_command_and_python_give_the_window_s_table(
    viewer: napari.Viewer, open_widget: Open, finish: Any, qtbot: Any, field: Path, tmp_path: Path, kind: str
) -> None:
    add_set(viewer, field)
    add_regions(viewer)
    widget = open_widget()
    run_kind(widget, kind, finish)
    widget.results.threshold.setValue(0.53)
    widget.results.export(tmp_path / "window.csv")
    window = pd.read_csv(tmp_path / "window.csv")
    command = copied(widget, widget.results.command_button, qtbot)
    words = shlex.split(command)
    assert words[:3] == ["napari-organelle", "classify", str(field)]
    assert "--channels cytosol=0,protein=1" in command
    assert "--threshold 0.53" in command
    assert main(words[1:]) == 0
    told = pd.read_csv(words[words.index("-o") + 1])
    pd.testing.assert_frame_equal(told[SAME], window[SAME], check_exact=False, rtol=1e-5)
    if kind == "objects":
        assert told["region"].tolist() == window["region"].tolist() == [3, 7]
    Path(words[words.index("-o") + 1]).unlink()
    code = copied(widget, widget.results.python_button, qtbot)
    exec(compile(code, "copied", "exec"), {})
    again = pd.read_csv(words[words.index("-o") + 1])
    pd.testing.assert_frame_equal(again[SAME], window[SAME], check_exact=False, rtol=1e-5)


def test_one_slice_is_copied_as_python_alone(
    viewer: napari.Viewer, open_widget: Open, finish: Any, qtbot: Any, field: Path, tmp_path: Path
) -> None:
    stack = np.random.default_rng(1).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    viewer.open(str(tmp_path / "stack.tif"))
    viewer.layers[0].name = "GFP"
    widget = open_widget()
    pick(widget.form.channel_axis, None)
    pick(widget.form.slices, "this slice")
    viewer.dims.set_current_step(0, 2)
    run_kind(widget, "tiles", finish)
    widget.results.export(tmp_path / "window.csv")
    widget.results.command_button.click()
    qtbot.waitUntil(lambda: not widget._jobs)
    assert "copy this run as Python" in widget.message.text()
    code = copied(widget, widget.results.python_button, qtbot)
    assert ".span(2, 3)" in code
    exec(compile(code, "copied", "exec"), {})
    table, window = pd.read_csv("stack-tiny.csv"), pd.read_csv(tmp_path / "window.csv")
    pd.testing.assert_frame_equal(table[SAME], window[SAME], check_exact=False, rtol=1e-5)


def test_what_is_in_no_file_and_what_has_changed_is_said(
    viewer: napari.Viewer, open_widget: Open, finish: Any, qtbot: Any, field: Path
) -> None:
    viewer.open(str(field))
    widget = open_widget()
    for slot, option in zip(widget.form.slots, (0, 1), strict=True):
        pick(slot, widget.form._options()[option])
    run_kind(widget, "tiles", finish)
    assert "cytosol=0,protein=1" in copied(widget, widget.results.command_button, qtbot)
    imwrite(field, np.zeros((2, 64, 64), np.uint8), metadata={"axes": "CYX"})
    widget.results.command_button.click()
    qtbot.waitUntil(lambda: "any more" in widget.message.text())
    pixels = viewer.layers[0].data
    viewer.layers.clear()
    viewer.add_image(pixels, name="GFP")
    for slot, option in zip(widget.form.slots, (0, 1), strict=True):
        pick(slot, widget.form._options()[option])
    run_kind(widget, "tiles", finish)
    widget.results.command_button.click()
    qtbot.waitUntil(lambda: "in no file" in widget.message.text())
