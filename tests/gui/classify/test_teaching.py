"""Corrections are taught to the model of a result, which answers again; and what is not done to the user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest

from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.corrections import corrector
from napari_organelle.gui.region_news import region_news
from napari_organelle.model.bundle import ModelBundle

from ..conftest import save_model
from .test_results import run  # noqa: F401
from .test_widget import half_bright, pick

Run = Callable[..., ClassifyWidget]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_ORGANELLE_CACHE", str(tmp_path / "cache"))


def correct(widget: ClassifyWidget, rows: list[int], name: str) -> None:
    """As the gallery does it."""
    result = widget.results.result
    annotator = corrector(result, widget.viewer.layers, lambda: None)
    annotator.targets.choose(rows)
    annotator.assign(name)
    region_news.corrected.emit(widget.viewer, result)


def noisy_half() -> np.ndarray:
    """Bright on the left, dark on the right, and no two tiles alike."""
    return np.maximum(half_bright(), 5) - np.random.default_rng(0).integers(0, 5, (64, 64), np.uint8)


def stems(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_corrections_are_taught_and_the_regions_answered_again(
    viewer: napari.Viewer,
    run: Run,  # noqa: F811
    models: Path,
    finish: Any,
) -> None:
    viewer.add_image(noisy_half(), name="GFP")
    widget = run("tiny")
    panel = widget.results.teaching
    assert not panel.teach_button.isEnabled()
    assert "Nothing is corrected yet" in panel.intention.text()
    correct(widget, [0, 1], "dark")
    assert panel.intention.text() == "Teach makes tiny-taught from tiny and 2 corrections (dark 2)."
    widget.results.threshold.setValue(0.9)
    panel.teach_button.click()
    finish(widget)
    assert stems(models) == ["tiny-taught.organelle", "tiny.organelle"]
    taught = ModelBundle.open(models / "tiny-taught.organelle")
    assert taught.spec.provenance["lineage"][-1]["cells"] == 2
    assert "tiny-taught learned 2 corrections: held out in turn," in widget.message.text()
    assert "No region is called otherwise." in widget.message.text()
    result = widget.results.result
    assert result.record.model_id == taught.id
    assert dict(result.corrected) == {0: "dark", 1: "dark"}
    assert widget.results.threshold.value() == pytest.approx(0.5), "the threshold is the new model's"
    assert widget.form.model.bundle.id == taught.id
    assert [each.record.model for each in widget.runs.run.objects] == ["tiny-taught", "tiny"]
    assert viewer.layers["GFP: organelles (tiny-taught)"].visible
    assert not viewer.layers["GFP: organelles (tiny)"].visible


def test_cells_that_were_taught_are_not_taught_again_to_a_model_that_has_seen_them(
    viewer: napari.Viewer,
    run: Run,  # noqa: F811
    models: Path,
    finish: Any,
) -> None:
    viewer.add_image(noisy_half(), name="GFP")
    widget = run("tiny")
    panel = widget.results.teaching
    correct(widget, [0, 1], "dark")
    panel.teach_button.click()
    finish(widget)
    assert not panel.teach_button.isEnabled()
    assert "tiny-taught has learned these 2 corrections" in panel.intention.text()
    correct(widget, [2], "bright")
    assert "makes tiny-taught-2 from tiny and 3 corrections" in panel.intention.text()
    panel.teach_button.click()
    finish(widget)
    lineage = ModelBundle.open(models / "tiny-taught-2.organelle").spec.provenance["lineage"]
    assert [(each["model"].partition("@")[0], each["cells"]) for each in lineage] == [("tiny", 3)]


def test_a_stopped_lesson_leaves_nothing_and_one_correction_is_too_few(
    viewer: napari.Viewer,
    run: Run,  # noqa: F811
    models: Path,
    finish: Any,
) -> None:
    viewer.add_image(noisy_half(), name="GFP")
    widget = run("tiny")
    panel = widget.results.teaching
    correct(widget, [0], "dark")
    assert not panel.teach_button.isEnabled()
    assert panel.intention.text() == "Label at least 2 cells to teach tiny; 1 have a label."
    correct(widget, [1], "dark")
    panel.teach_button.click()
    widget.stop()
    finish(widget)
    assert stems(models) == ["tiny.organelle"]
    assert widget.message.text() == "Stopped: nothing was taught."
    assert widget.results.result.record.model == "tiny"


def test_a_model_picked_meanwhile_stays_and_a_new_class_is_learned(
    viewer: napari.Viewer,
    run: Run,  # noqa: F811
    models: Path,
    finish: Any,
) -> None:
    save_model(models, "other")
    viewer.add_image(noisy_half(), name="GFP")
    widget = run("tiny")
    combo = widget.form.model.combo
    pick(combo, next(each for each in combo._objects if each[0] == "other"))
    correct(widget, [0, 3], "ring")
    widget.results.teaching.teach_button.click()
    finish(widget)
    assert widget.form.model.bundle.spec.name == "other"
    taught = ModelBundle.open(models / "tiny-taught.organelle").spec
    assert taught.class_names == ("bright", "dark", "ring")


def test_next_shows_a_region_large_enough_to_be_judged(
    viewer: napari.Viewer,
    run: Run,  # noqa: F811
) -> None:
    viewer.add_image(np.where(half_bright(512, 512) > 0, 140, 0).astype(np.uint8), name="GFP")
    widget = run("tiny", tile=64)
    viewer.camera.zoom = 0.1
    widget.results.teaching.next_button.click()
    assert viewer.camera.zoom * 64 >= 120
    assert viewer.camera.center[-1] < 256, "the least sure are on the left"
