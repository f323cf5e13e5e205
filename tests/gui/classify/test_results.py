"""Results say which run they are, none is lost in silence, and the table is true whatever is visible."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from tifffile import imwrite

from napari_organelle.gui.classify.record import record
from napari_organelle.gui.classify.widget import ClassifyWidget

from ..conftest import FakePredict, save_model
from .test_widget import half_bright, pick

Open = Callable[[], ClassifyWidget]


@pytest.fixture
def run(viewer: napari.Viewer, open_widget: Open, finish: Any) -> Callable[..., ClassifyWidget]:
    opened: list[ClassifyWidget] = []

    def run_(model: str = "tiny", kind: str = "tiles", tile: int = 16) -> ClassifyWidget:
        widget = opened[0] if opened else open_widget()
        opened.append(widget)
        widget.form.model.refresh()
        combo = widget.form.model.combo
        pick(combo, next(each for each in combo._objects if each[0] == model))
        pick(widget.form.regions.kind, kind)
        if kind == "tiles":
            widget.form.regions.tile.setValue(tile)
        widget.start()
        finish(widget)
        return widget

    return run_


def test_each_model_has_layers_of_its_own_and_the_last_is_shown(
    viewer: napari.Viewer, run: Callable[..., ClassifyWidget], models: Path
) -> None:
    save_model(models, "other", thresholds=(0.7,))
    viewer.add_image(half_bright(), name="GFP")
    widget = run("tiny")
    run("other")
    names = ["GFP", *(f"GFP: organelle{end} ({m})" for m in ("tiny", "other") for end in ("s", " names"))]
    assert [layer.name for layer in viewer.layers] == names
    assert not viewer.layers["GFP: organelles (tiny)"].visible
    assert viewer.layers["GFP: organelles (other)"].visible
    known = record(viewer.layers["GFP: organelles (other)"])
    assert known is not None
    assert (known.model, known.thresholds, known.image) == ("other", (0.7,), "GFP")
    assert known.model_id == widget.form.model.bundle.id
    assert known.settings["regions"] == "tiles tile 16 stride 16"
    assert known.date.startswith("20")
    assert "GFP by other@" in widget.results.about.text()
    assert "threshold 0.70" in widget.results.about.text()


def test_other_settings_add_and_the_same_replace_and_say_so(
    viewer: napari.Viewer, run: Callable[..., ClassifyWidget]
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    run(tile=16)
    run(tile=32)
    assert len(viewer.layers) == 5
    widget = run(tile=32)
    assert len(viewer.layers) == 5
    assert "It replaces the same run of" in widget.message.text()


def test_hidden_layers_tell_what_is_called_now(
    viewer: napari.Viewer, run: Callable[..., ClassifyWidget]
) -> None:
    viewer.add_image(np.full((64, 64), 150, np.uint8), name="GFP")
    widget = run()
    labels, points = viewer.layers[1], viewer.layers[2]
    labels.visible = points.visible = False
    widget.results.threshold.setValue(0.9)
    widget.results.recolour()
    for layer in (labels, points):
        assert set(layer.features["called"]) == {"unsure"}
        assert record(layer).thresholds == pytest.approx((0.9,))
    assert widget.results.legend.item(2, 1).text() == "16"


def test_the_table_says_model_threshold_and_date(
    viewer: napari.Viewer, run: Callable[..., ClassifyWidget], tmp_path: Path
) -> None:
    imwrite(tmp_path / "GFP.tif", half_bright())
    viewer.open(tmp_path / "GFP.tif", plugin="napari")
    widget = run()
    widget.results.threshold.setValue(0.6)
    widget.results.export(tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert set(table["model"]) == {"tiny"}
    assert set(table["threshold"]) == {0.6}
    assert table["classified"][0].startswith("20")
    assert set(table["source"]) == {str(tmp_path / "GFP.tif")}


def test_a_single_region_is_one_region(viewer: napari.Viewer, run: Callable[..., ClassifyWidget]) -> None:
    viewer.add_image(half_bright(16, 16), name="GFP")
    assert run(kind="image").message.text() == "Classified 1 region."


def test_a_region_without_an_answer_is_named(
    viewer: napari.Viewer, run: Callable[..., ClassifyWidget], predict: FakePredict
) -> None:
    predict.unanswered = 5
    viewer.add_image(half_bright(), name="GFP")
    assert "Without an answer: 6 (y 16, x 16)." in run().message.text()


def test_regions_unlike_the_training_images_are_counted_and_stay_unsure(
    viewer: napari.Viewer, run: Callable[..., ClassifyWidget], predict: FakePredict
) -> None:
    predict.dark_is_unlike = True
    viewer.add_image(half_bright(), name="GFP")
    widget = run()
    points = viewer.layers[2]
    unlike = points.features["unlike_training"].to_numpy(bool)
    assert 0 < unlike.sum() < len(unlike)
    told = f"{unlike.sum()} of {len(unlike)} regions are unlike the images that tiny was trained on"
    assert told in widget.message.text()
    widget.results.threshold.setValue(0.0)
    widget.results.recolour()
    calls = points.features["called"].to_numpy(str)
    assert set(calls[unlike]) == {"unsure"}
    assert "unsure" not in calls[~unlike]
    legend = widget.results.legend
    assert legend.item(3, 0).text() == "  of these unlike training"
    assert legend.item(3, 1).text() == legend.item(2, 1).text() == str(unlike.sum())
    legend.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    assert legend.hidden == {0}
