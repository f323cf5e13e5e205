"""Whatever the viewer shows and however large the image, a run ends with its results in the viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
import numpy as np
import pytest

from napari_organelle.gui.classify.widget import ClassifyWidget

from ..conftest import FakePredict
from .test_widget import half_bright, pick

Open = Callable[[], ClassifyWidget]


@pytest.mark.parametrize("kind", ["tiles", "objects", "image"])
def test_a_run_in_3d_display_keeps_its_results(
    viewer: napari.Viewer, open_widget: Open, finish: Any, kind: str
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    cells = np.zeros((64, 64), np.int32)
    cells[4:20, 4:20], cells[40:60, 40:60] = 1, 2
    viewer.add_labels(cells, name="cells")
    viewer.layers.selection.active = viewer.layers["GFP"]
    viewer.dims.ndisplay = 3
    viewer.mouse_over_canvas = True
    widget = open_widget()
    pick(widget.form.regions.kind, kind)
    widget.refresh()
    assert widget.run_button.isEnabled(), widget.status.text()
    widget.start()
    finish(widget)
    assert widget.results.result is not None
    assert "Classified" in widget.message.text()
    assert "GFP: organelles (tiny)" in viewer.layers
    assert "GFP: organelle names (tiny)" in viewer.layers
    assert widget.pages.currentIndex() == 1


def test_of_a_huge_image_only_what_was_reached_is_shown(
    viewer: napari.Viewer, open_widget: Open, finish: Any, predict: FakePredict, qtbot: Any
) -> None:
    da = pytest.importorskip("dask.array")
    predict.stepwise = True
    predict.go.clear()
    pyramid = [da.zeros((60_000 // step, 80_000 // step), dtype=np.uint8, chunks=2048) for step in (1, 64)]
    viewer.add_image(pyramid, name="GFP", multiscale=True, contrast_limits=(0, 255))
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.form.regions.tile.setValue(512)
    widget.start()
    predict.go.set()
    qtbot.waitUntil(lambda: widget.progress.text().startswith("4 of 18,"), timeout=20_000)
    widget.stop()
    predict.go.set()
    finish(widget)
    points = viewer.layers["GFP: organelle names (tiny)"]
    assert len(points.data) == len(points.features) == predict.answered < 20
    assert viewer.layers["GFP: organelles (tiny)"].data.shape == (118, 157)


def test_a_time_is_told_once_it_was_measured(
    viewer: napari.Viewer, open_widget: Open, finish: Any, predict: FakePredict
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.refresh()
    assert "About" not in widget.status.text()
    widget.start()
    finish(widget)
    widget.refresh()
    assert widget.status.text().endswith("About 1 s.")
    widget.form.regions.dense.setChecked(True)
    widget.refresh()
    assert "About" not in widget.status.text()


def test_no_stage_stays_as_a_message(viewer: napari.Viewer, open_widget: Open, finish: Any) -> None:
    cells = np.zeros((128, 128), np.uint16)
    y, x = np.ogrid[:128, :128]
    for middle in ((30, 30), (90, 40), (60, 95)):
        cells[(y - middle[0]) ** 2 + (x - middle[1]) ** 2 < 144] = 3000
    viewer.add_image(
        cells + np.random.default_rng(0).integers(90, 110, cells.shape).astype(np.uint16), name="GFP"
    )
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    widget.find_cells()
    finish(widget)
    assert widget.message.text() == "Found 3 cells."
