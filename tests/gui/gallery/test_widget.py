"""The gallery shows the regions of a class, follows canvas, table and legend, and corrects by key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.gallery.widget import GalleryWidget

from ..classify.test_widget import pick

Open = Callable[[], ClassifyWidget]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_ORGANELLE_LABELS", str(tmp_path / "labels"))
    return tmp_path / "labels"


def cells() -> np.ndarray:
    """Four cells: 7 and 9 bright, 12 dark, 20 between."""
    labels = np.zeros((64, 64), np.int32)
    for number, (y, x) in zip((7, 9, 12, 20), ((8, 8), (8, 40), (40, 8), (40, 40)), strict=True):
        labels[y : y + 16, x : x + 16] = number
    return labels


def field() -> np.ndarray:
    """Each cell a little brighter on its left."""
    image = np.zeros((64, 64), np.uint8)
    for number, brightness in ((7, 250), (9, 200), (12, 20), (20, 120)):
        image[cells() == number] = brightness
        image[:, :16][cells()[:, :16] == number] += 4
        image[:, 40:48][cells()[:, 40:48] == number] += 4
    return image


@pytest.fixture
def classified(viewer: napari.Viewer, open_widget: Open, finish: Any) -> ClassifyWidget:
    viewer.add_image(field(), name="GFP")
    viewer.add_labels(cells(), name="cells")
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    widget.form.regions.window.setValue(16)
    widget.start()
    finish(widget)
    return widget


@pytest.fixture
def gallery(viewer: napari.Viewer, classified: ClassifyWidget, qtbot: Any) -> GalleryWidget:
    classified.results.teaching.gallery_button.click()
    (found,) = [w for name, w in viewer.window.dock_widgets.items() if "Gallery" in name]
    return found


def ids(gallery: GalleryWidget) -> list[int]:
    assert gallery.result is not None
    return gallery.result.prediction.regions.ids[gallery.list.crops.rows].tolist()


def choose(gallery: GalleryWidget, *rows: int) -> None:
    gallery.list.select(list(rows))


def labels_layer(viewer: napari.Viewer) -> Any:
    return viewer.layers["GFP: organelles (tiny)"]


def lines(folder: Path) -> list[dict]:
    (path,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_shows_a_class_in_the_order_that_is_asked_for(gallery: GalleryWidget) -> None:
    assert gallery.controls.category.itemText(0) == "all (4)"
    assert ids(gallery) == [7, 12, 9, 20]
    pick(gallery.controls.category, "bright")
    assert ids(gallery) == [7, 9]
    pick(gallery.controls.category, "all")
    pick(gallery.controls.order, "unsure")
    assert ids(gallery) == [20, 9, 12, 7]
    pick(gallery.controls.order, "image")
    assert ids(gallery) == [7, 9, 12, 20]


def test_thumbnails_show_the_cells(gallery: GalleryWidget, qtbot: Any) -> None:
    assert gallery.thumbnails is not None
    for row in range(4):
        gallery.thumbnails.get(row)
    qtbot.waitUntil(lambda: len(gallery.thumbnails) == 4, timeout=10_000)
    image = gallery.thumbnails.get(0)
    assert (image.width(), image.height()) == (32, 32)
    assert image.pixelColor(4, 16).green() > image.pixelColor(28, 16).green()


def test_a_thumbnail_goes_to_its_cell_and_a_click_on_a_cell_to_its_thumbnail(
    viewer: napari.Viewer, gallery: GalleryWidget
) -> None:
    gallery.list.setCurrentIndex(gallery.list.crops.index(gallery.list.crops.place(3)))
    assert np.allclose(viewer.camera.center[-2:], (47.5, 47.5))
    assert labels_layer(viewer).selected_label == 20
    frame = viewer.layers["region looked at"]
    assert np.allclose(frame.data, [[47.5, 47.5]])
    assert frame.size[0] == 16
    event = SimpleNamespace(type="mouse_press", position=(10.0, 45.0))
    drag = viewer.mouse_drag_callbacks[-1]
    step = drag(viewer, event)
    next(step)
    event.type = "mouse_release"
    next(step, None)
    assert gallery.list.current_row() == 1
    viewer.layers.selection.active = labels_layer(viewer)
    labels_layer(viewer).selected_label = 12
    assert gallery.list.current_row() == 2


def test_the_legend_and_the_threshold_are_followed(
    classified: ClassifyWidget, gallery: GalleryWidget, qtbot: Any
) -> None:
    classified.results.legend.cellClicked.emit(1, 0)
    assert gallery.controls.category.value == "dark"
    assert ids(gallery) == [12, 20]
    classified.results.threshold.setValue(0.9)
    classified.results.recolour()
    assert gallery.controls.category.itemText(1) == "bright (1)"
    assert ids(gallery) == [12]


def test_keys_correct_what_is_selected(
    viewer: napari.Viewer, gallery: GalleryWidget, folder: Path, qtbot: Any
) -> None:
    choose(gallery, 0, 1)
    QTest.keyClick(gallery.list, Qt.Key.Key_2)
    assert gallery.result.corrected == {0: "dark", 1: "dark"}
    head, *given = lines(folder)
    assert head == {"colours": {"bright": "#ff0000", "dark": "#0000ff"}}
    assert [(each["id"], each["kind"], each["label"]) for each in given] == [
        (7, "object", "dark"),
        (9, "object", "dark"),
    ]
    assert all(cells()[tuple(map(int, each["position"]))] == each["id"] for each in given)
    qtbot.waitUntil(lambda: "corrected" in labels_layer(viewer).features)
    assert labels_layer(viewer).features["corrected"].tolist() == ["dark", "dark", "", ""]
    assert np.allclose(labels_layer(viewer).get_color(7), (0, 0, 1, 1))
    features = viewer.layers["cells"].features
    assert dict(zip(features["index"], features["class"], strict=True))[7] == "dark"
    pick(gallery.controls.category, "dark")
    assert set(ids(gallery)) == {7, 9, 12, 20}
    QTest.keyClick(gallery.list, Qt.Key.Key_U)
    assert gallery.result.corrected == {}
    assert [each["label"] for each in lines(folder)[3:]] == ["", ""]
    choose(gallery, 3)
    QTest.keyClick(gallery.list, Qt.Key.Key_1)
    QTest.keyClick(gallery.list, Qt.Key.Key_0)
    assert gallery.result.corrected == {}


def test_corrections_come_back(
    viewer: napari.Viewer, gallery: GalleryWidget, classified: ClassifyWidget, finish: Any, qtbot: Any
) -> None:
    choose(gallery, 2)
    gallery.give("bright")
    first = gallery.result
    qtbot.waitUntil(lambda: "corrected" in labels_layer(viewer).features)
    assert classified.results.saving().table()["corrected"].tolist() == ["", "", "bright", ""]
    classified.form.regions.window.setValue(20)
    classified.start()
    finish(classified)
    again = classified.results.saving().table()
    assert again["called"].tolist()[2] == "dark"
    assert again["corrected"].tolist() == ["", "", "bright", ""]
    gallery.refresh()
    assert gallery.result is not first
    assert gallery.result.corrected == {2: "bright"}


def test_labels_given_before_a_run_are_in_its_first_table(
    viewer: napari.Viewer, classified: ClassifyWidget, gallery: GalleryWidget, finish: Any
) -> None:
    choose(gallery, 2)
    gallery.give("bright")
    viewer.window.remove_dock_widget(gallery)
    first = classified.results.result
    classified.form.regions.window.setValue(20)
    classified.start()
    finish(classified)
    assert classified.results.result is not first
    assert classified.results.result.corrected == {2: "bright"}
    second = classified.results.result
    first.corrected.clear()
    classified.runs.run.choose(first)
    classified.runs.show_button.click()
    assert classified.results.result is first
    assert first.corrected == {2: "bright"}
    assert second.corrected == {2: "bright"}
    gallery.annotator.log.path.write_text("no line of labels\n")
    classified.runs.show_button.click()
    assert "Its corrections are not shown" in classified.message.text()


def test_a_class_that_the_model_does_not_know_can_be_given(gallery: GalleryWidget, folder: Path) -> None:
    gallery.controls.new_class.setText("lysosome")
    gallery.controls.new_class.returnPressed.emit()
    choose(gallery, 0)
    QTest.keyClick(gallery.list, Qt.Key.Key_3)
    assert gallery.result.corrected == {0: "lysosome"}
    assert "lysosome" in lines(folder)[0]["colours"]


def test_wrong_order_says_what_to_do(viewer: napari.Viewer, gallery: GalleryWidget) -> None:
    gallery.list.clearSelection()
    gallery.give("dark")
    assert gallery.message.text() == "Select thumbnails first."
    viewer.layers.remove("GFP")
    viewer.layers.remove("cells")
    gallery.take(gallery.result)
    choose(gallery, 0)
    gallery.give("dark")
    assert not gallery.result.corrected
    assert "no longer open" in gallery.controls.hint.text()


def test_next_is_unsure_and_unlike_those_that_are_known(
    viewer: napari.Viewer, gallery: GalleryWidget
) -> None:
    gallery.go_to_next()
    assert gallery.list.current_row() == 3
    gallery.give("dark")
    gallery.go_to_next()
    assert gallery.list.current_row() == 1
    assert np.allclose(viewer.camera.center[-2:], (15.5, 47.5))


def test_without_a_result_it_says_so_and_follows_the_first(
    viewer: napari.Viewer, open_widget: Open, finish: Any, qtbot: Any
) -> None:
    _, gallery = viewer.window.add_plugin_dock_widget("napari-organelle", "Gallery of regions")
    assert "No layer shows a result" in gallery.status.text()
    assert not gallery.controls.isEnabled()
    viewer.add_image(field(), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    qtbot.waitUntil(lambda: gallery.result is not None)
    assert len(ids(gallery)) == 16
    choose(gallery, 5)
    gallery.give("dark")
    assert gallery.result.corrected == {5: "dark"}
    gallery.take(gallery.result)
    assert gallery.result.corrected == {5: "dark"}


def test_closing_gives_all_back(viewer: napari.Viewer, gallery: GalleryWidget) -> None:
    gallery.list.setCurrentIndex(gallery.list.crops.index(1))
    viewer.window.remove_dock_widget(gallery)
    assert "region looked at" not in viewer.layers
    assert gallery._picker._drag not in viewer.mouse_drag_callbacks


def test_teach_says_why_not_and_else_teaches_the_result_that_is_shown(
    classified: ClassifyWidget,
    gallery: GalleryWidget,
    finish: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAPARI_ORGANELLE_CACHE", str(tmp_path / "cache"))
    gallery.controls.teach.click()
    assert "Nothing is corrected yet" in gallery.message.text()
    choose(gallery, 0, 1)
    gallery.give("dark")
    gallery.controls.teach.click()
    assert gallery.message.text() == ""
    finish(classified)
    assert (tmp_path / "models" / "tiny-taught.organelle").is_file()
    assert "learned 2 corrections" in classified.message.text()
