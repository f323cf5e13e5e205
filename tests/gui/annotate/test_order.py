"""Cells are offered from all over the image, and large enough on the screen to be judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_organelle.gui.annotate.layers import LEAST_SHOWN_PX, SHOWN_SHARE
from napari_organelle.gui.annotate.widget import AnnotateWidget


@pytest.fixture
def widget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> Iterator[AnnotateWidget]:
    monkeypatch.setenv("NAPARI_ORGANELLE_LABELS", str(tmp_path))
    made = AnnotateWidget(ViewerModel())
    qtbot.addWidget(made)
    yield made
    made.close()


def grid_of_cells(rows: int = 10, step: int = 100, side: int = 20) -> np.ndarray:
    """Labels in rows from above, (rows * step) pixels a side."""
    labels = np.zeros((rows * step,) * 2, np.uint16)
    for row in range(rows):
        for column in range(rows):
            y, x = row * step + 40, column * step + 40
            labels[y : y + side, x : x + side] = 1 + row * rows + column
    return labels


def test_the_first_cells_lie_all_over_the_image_and_in_the_same_order_each_time(
    widget: AnnotateWidget,
) -> None:
    widget.viewer.add_labels(grid_of_cells(), name="cells")
    widget.begin()
    first = []
    for _ in range(20):
        assert widget.annotator is not None
        first += widget.annotator.targets.selected()
        widget.give("nucleus")
    quadrants = {((key - 1) // 10 >= 5, (key - 1) % 10 >= 5) for key in first[:10]}
    assert len(quadrants) == 4
    assert len(set(first)) == 20
    keys = widget.annotator.targets.keys()
    widget.end()
    widget.begin()
    assert widget.annotator is not None
    assert widget.annotator.targets.keys() == keys


def test_a_small_cell_is_zoomed_to_and_a_fit_zoom_is_left_alone(widget: AnnotateWidget) -> None:
    viewer = widget.viewer
    viewer.add_labels(grid_of_cells(), name="cells", scale=(0.5, 0.5))
    camera = getattr(viewer, "scene", viewer).camera
    room = min(viewer.canvas.size if hasattr(viewer, "canvas") else viewer._canvas_size)
    assert camera.zoom * 10 < LEAST_SHOWN_PX
    widget.begin()
    assert camera.zoom * 10 == pytest.approx(room * SHOWN_SHARE)
    assert widget.annotator is not None
    targets = widget.annotator.targets
    y, x = targets.position(targets.selected()[0])
    assert camera.center[-2:] == pytest.approx((y / 2, x / 2))
    camera.zoom = 7.0
    widget.go_to_next()
    assert camera.zoom == 7.0
