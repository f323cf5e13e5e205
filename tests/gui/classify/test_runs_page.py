"""Runs are gone back to, and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import pytest

from napari_organelle.gui.classify.results_panel import thresholds_at, value_of
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.model.bundle import ModelBundle

from ..conftest import CLASSES, save_model
from .test_results import run  # noqa: F401
from .test_widget import half_bright

Run = Callable[..., ClassifyWidget]


def test_two_runs_are_compared_and_the_first_is_gone_back_to(
    viewer: napari.Viewer,
    run: Run,  # noqa: F811
    models: Path,
) -> None:
    save_model(models, "strict", thresholds=(1.0,))
    viewer.add_image(np.where(half_bright() > 0, 200, 0).astype(np.uint8), name="GFP")
    widget = run("tiny")
    widget.results.threshold.setValue(0.6)
    widget.results.recolour()
    run("strict")
    page = widget.runs
    assert [each.record.model for each in page.run.objects] == ["strict", "tiny"]
    page.compare()
    assert page.comparison is not None
    assert page.comparison.table().loc["bright", "unsure"] == 8
    assert "8 of 16 regions are called the same" in page.agreement.text()
    rings = [layer for layer in viewer.layers if "changes" in layer.name]
    assert [len(layer.data) for layer in rings] == [8]
    assert not page.table.isHidden()
    page.compare()
    assert sum("changes" in layer.name for layer in viewer.layers) == 1
    page.wanted.emit(page.run.objects[1])
    assert widget.results.result.record.model == "tiny"
    assert widget.results.threshold.value() == pytest.approx(0.6)
    assert viewer.layers["GFP: organelles (tiny)"].visible
    assert not viewer.layers["GFP: organelles (strict)"].visible
    row = page.comparison.table().index.get_loc("bright")
    page.go_to(row, page.comparison.table().columns.get_loc("unsure"))
    place = page.comparison.rows[page.comparison.changed[0]]
    centre = widget.results.result.prediction.regions.centres()[place][1:]
    assert viewer.camera.center[-2:] == pytest.approx(tuple(centre))


def test_rings_stay_while_their_two_runs_are_named_and_go_with_them(
    viewer: napari.Viewer,
    run: Run,  # noqa: F811
    models: Path,
) -> None:
    save_model(models, "strict", thresholds=(1.0,))
    viewer.add_image(np.where(half_bright() > 0, 200, 0).astype(np.uint8), name="GFP")
    run("tiny")
    page = run("strict").runs

    def rings() -> list[napari.layers.Layer]:
        return [layer for layer in viewer.layers if "changes" in layer.name]

    page.compare()
    (ring,) = rings()
    assert ring.name == "GFP: changes from tiny to strict"
    assert set(ring.features["before"]) == {"bright"}
    page.show_button.click()
    assert rings() == [ring]
    run("tiny", tile=32)
    assert rings() == []
    assert page.comparison is None
    assert page.table.isHidden()
    page.run.choose(page.run.objects[1])
    page.run.activated.emit(1)
    page.compare()
    assert len(rings()) == 1
    strict = page.run.value.record.model
    viewer.layers.remove(next(each for each in viewer.layers if f"names ({strict})" in each.name))
    assert len(rings()) == 1
    viewer.layers.remove(viewer.layers[f"GFP: organelles ({strict})"])
    assert rings() == []


@pytest.mark.parametrize("value", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_the_slider_finds_its_thresholds_again(tmp_path: Path, value: float) -> None:
    bundle: ModelBundle = save_model(tmp_path, "two", task="multi", classes=CLASSES, thresholds=(0.3, 0.6))
    limits = thresholds_at(bundle.spec, value)
    assert value_of(bundle.spec, tuple(np.atleast_1d(limits))) == pytest.approx(value)
