"""Number keys label objects and points; every label is saved, can be undone, and comes back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.utils.events import Event
from napari.utils.key_bindings import KeymapHandler

from napari_organelle.gui.annotate.layers import label_file
from napari_organelle.gui.annotate.widget import AnnotateWidget


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_ORGANELLE_LABELS", str(tmp_path))
    return tmp_path


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def widget(viewer: ViewerModel, qtbot: Any) -> Iterator[AnnotateWidget]:
    made = AnnotateWidget(viewer)
    qtbot.addWidget(made)
    yield made
    made.close()


def four_cells() -> np.ndarray:
    labels = np.zeros((40, 40), np.uint16)
    for number, (y, x) in zip((3, 5, 8, 9), ((2, 2), (2, 30), (30, 2), (30, 30)), strict=True):
        labels[y : y + 6, x : x + 6] = number
    return labels


def press(viewer: ViewerModel, key: str) -> bool:
    handler = KeymapHandler()
    handler.keymap_providers = [viewer.layers.selection.active, viewer]
    return handler.press_key(key)


def classes(layer: Any) -> dict[int, str]:
    table = layer.features
    return dict(zip(table["index"], table["class"], strict=True))


def test_keys_give_the_selected_object_a_class_and_go_on(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    layer = viewer.add_labels(four_cells(), name="cells")
    widget.form.start.setChecked(True)
    assert layer.selected_label == 3
    press(viewer, "2")
    assert layer.selected_label == 5
    press(viewer, "3")
    layer.selected_label = 9
    press(viewer, "2")
    assert classes(layer) == {3: "mitochondrion", 5: "cytoplasm", 8: "", 9: "mitochondrion"}
    assert widget.annotator is not None
    assert widget.annotator.counts() == {"nucleus": 0, "mitochondrion": 2, "cytoplasm": 1, "": 1}
    assert widget.form.progress.value() == 3
    mitochondrion = widget.annotator.colours["mitochondrion"]
    assert np.allclose(layer.get_color(3)[:3], [int(mitochondrion[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def test_every_label_is_in_the_file_at_once(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    layer = viewer.add_labels(four_cells(), name="cells")
    widget.begin()
    press(viewer, "1")
    path = label_file(layer, None)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert list(lines[0]["colours"]) == ["nucleus", "mitochondrion", "cytoplasm"]
    assert {k: lines[1][k] for k in ("layer", "kind", "id", "label", "previous")} == {
        "layer": "cells",
        "kind": "object",
        "id": 3,
        "label": "nucleus",
        "previous": "",
    }
    assert four_cells()[tuple(int(each) for each in lines[1]["position"])] == 3
    press(viewer, "U")
    assert json.loads(path.read_text().splitlines()[-1])["previous"] == "nucleus"
    assert len(path.read_text().splitlines()) == 3


def test_undo_takes_steps_back_in_order(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    layer = viewer.add_labels(four_cells())
    widget.begin()
    press(viewer, "1")
    layer.selected_label = 3
    press(viewer, "2")
    press(viewer, "U")
    assert classes(layer)[3] == "nucleus"
    assert layer.selected_label == 3
    press(viewer, "U")
    assert classes(layer)[3] == ""
    press(viewer, "U")
    assert set(classes(layer).values()) == {""}


def test_labels_come_back_to_the_object_at_their_place(
    viewer: ViewerModel, widget: AnnotateWidget, qtbot: Any, caplog: pytest.LogCaptureFixture
) -> None:
    viewer.add_labels(four_cells(), name="cells")
    image = viewer.add_image(four_cells().astype(float), name="field")
    widget.begin()
    for key in "123":
        press(viewer, key)
    path = label_file(viewer.layers["cells"], image)
    assert widget.annotator is not None
    assert widget.annotator.log.path == path
    renumbered = np.where(four_cells() > 0, four_cells() + 20, 0)
    renumbered[renumbered == 28] = 0
    other = ViewerModel()
    other.add_image(four_cells().astype(float), name="field")
    layer = other.add_labels(renumbered, name="cells")
    second = AnnotateWidget(other)
    qtbot.addWidget(second)
    second.begin()
    assert classes(layer) == {23: "nucleus", 25: "mitochondrion", 29: ""}
    assert second.annotator is not None
    assert second.annotator.lost == 1
    second.close()


def test_keys_are_borrowed_only_while_labelling(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    layer = viewer.add_labels(four_cells())
    colormap, contour = layer.colormap, layer.contour
    layer.bind_key("U", own := (lambda _: None))
    before = dict(layer.keymap)
    widget.begin()
    assert press(viewer, "7")
    assert layer.mode == "pan_zoom"
    assert set(classes(layer).values()) == {""}
    widget.form.start.setChecked(False)
    assert layer.keymap == before
    assert list(layer.keymap.values()) == [own]
    assert layer.mouse_drag_callbacks == []
    assert (layer.colormap, layer.contour) == (colormap, contour)
    widget.begin()
    widget.close()
    assert layer.keymap == before
    assert "class" in layer.features


def test_points_one_an_image_of_a_stack(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    viewer.add_image(np.zeros((3, 20, 30)), name="crops", scale=(1, 0.5, 0.5))
    widget.form.make_points.click()
    points = viewer.layers["crops points"]
    assert points.data.tolist() == [[0, 9.5, 14.5], [1, 9.5, 14.5], [2, 9.5, 14.5]]
    widget.begin()
    assert viewer.dims.current_step[0] == 0
    press(viewer, "2")
    assert viewer.dims.current_step[0] == 1
    press(viewer, "1")
    assert points.features["class"].tolist() == ["mitochondrion", "nucleus", ""]
    assert getattr(viewer, "scene", viewer).camera.center[1:] == (4.75, 7.25)


def test_a_deleted_point_stays_deleted_and_a_lost_one_comes_back(
    viewer: ViewerModel, widget: AnnotateWidget, qtbot: Any
) -> None:
    viewer.add_image(np.zeros((20, 20)), name="field")
    points = viewer.add_points([[1, 1], [5, 5], [9, 9]], name="spots")
    widget.begin()
    for key in "123":
        press(viewer, key)
    points.selected_data = {1}
    points.remove_selected()
    points.add([15, 15])
    assert points.features["class"].tolist() == ["nucleus", "cytoplasm", ""]
    other = ViewerModel()
    other.add_image(np.zeros((20, 20)), name="field")
    again = other.add_points([[9, 9]], name="spots")
    second = AnnotateWidget(other)
    qtbot.addWidget(second)
    second.begin()
    assert again.data.tolist() == [[9, 9], [1, 1]]
    assert again.features["class"].tolist() == ["cytoplasm", "nucleus"]
    second.close()


def test_classes_are_added_renamed_and_removed(
    viewer: ViewerModel, widget: AnnotateWidget, folder: Path
) -> None:
    layer = viewer.add_labels(four_cells())
    widget.begin()
    press(viewer, "1")
    widget._add_class()
    widget.form.classes.renamed.emit("nucleus", "nuclei")
    assert classes(layer)[3] == "nuclei"
    widget.form.classes.removed.emit("nuclei")
    widget.form.classes.removed.emit("cytoplasm")
    assert widget.annotator is not None
    assert list(widget.annotator.colours) == ["nuclei", "mitochondrion", "class 1"]
    assert len(set(widget.annotator.colours.values())) == 3
    press(viewer, "U")
    assert classes(layer)[3] == ""


def test_going_on_in_another_file_loses_nothing(
    viewer: ViewerModel, widget: AnnotateWidget, folder: Path
) -> None:
    layer = viewer.add_labels(four_cells())
    widget.begin()
    press(viewer, "1")
    first = widget.annotator.log.path if widget.annotator else folder
    before = first.read_bytes()
    widget.use_file(folder / "mine")
    press(viewer, "2")
    assert first.read_bytes() == before
    lines = [json.loads(line) for line in (folder / "mine.labels.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines if "label" in line] == ["nucleus", "mitochondrion"]
    (folder / "notes.txt").write_text("my notes")
    widget.use_file(folder / "notes.txt")
    assert (folder / "notes.txt").read_text() == "my notes"
    assert widget.annotator is not None
    assert widget.annotator.log.path == folder / "mine.labels.jsonl"
    assert classes(layer)[3] == "nucleus"


def test_a_disk_that_refuses_gives_no_label(
    viewer: ViewerModel, widget: AnnotateWidget, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = viewer.add_labels(four_cells())
    (folder / "file").write_text("")
    monkeypatch.setenv("NAPARI_ORGANELLE_LABELS", str(folder / "file" / "x"))
    shown: list[str] = []
    monkeypatch.setattr("napari_organelle.gui.annotate.widget.show_warning", shown.append)
    widget.begin()
    press(viewer, "1")
    assert set(classes(layer).values()) == {""}
    assert "can't be saved" in shown[0]


def test_a_click_selects_what_lies_under_it(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    layer = viewer.add_labels(four_cells(), scale=(2, 2))
    widget.begin()
    drag = layer.mouse_drag_callbacks[0]
    view = {"view_direction": None, "dims_displayed": (0, 1)}
    for last, wanted in (("mouse_release", 8), ("mouse_move", 8)):
        event = Event("mouse_press", position=(64, 8) if last == "mouse_release" else (8, 64), **view)
        running = drag(layer, event)
        next(running)
        event._type = last
        assert list(running) == []
        assert layer.selected_label == wanted


def test_own_features_and_classes_are_kept(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    table = pd.DataFrame({"index": [3, 5], "area": [36.0, 36.0], "class": ["vacuole", np.nan]})
    layer = viewer.add_labels(four_cells(), features=table)
    widget.begin()
    assert layer.features["area"].dropna().tolist() == [36.0, 36.0]
    assert classes(layer) == {3: "vacuole", 5: "", 8: "", 9: ""}
    assert widget.annotator is not None
    assert widget.annotator.counts()["vacuole"] == 1


@pytest.mark.parametrize("stack", [False, True])
def test_what_cannot_be_labelled_is_told(
    viewer: ViewerModel, widget: AnnotateWidget, monkeypatch: pytest.MonkeyPatch, stack: bool
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("napari_organelle.gui.annotate.widget.show_warning", shown.append)
    if stack:
        viewer.add_labels(np.stack([four_cells(), four_cells()]), name="masks")
    widget.form.start.setChecked(True)
    assert not widget.form.start.isChecked()
    assert ("same numbers" if stack else "add Labels or Points") in shown[0]


def test_found_cells_become_a_layer_in_the_image_s_place(
    viewer: ViewerModel, widget: AnnotateWidget, qtbot: Any
) -> None:
    y, x = np.mgrid[:120, :120]
    disks = [(y - cy) ** 2 + (x - cx) ** 2 < 200 for cy, cx in ((30, 30), (30, 90), (90, 60))]
    viewer.add_image(10 + 500.0 * np.any(disks, axis=0), name="field", scale=(0.1, 0.1))
    widget.form.find_cells.click()
    qtbot.waitUntil(lambda: "field cells" in viewer.layers, timeout=60_000)
    layer = viewer.layers["field cells"]
    assert len(np.unique(layer.data)) == 4
    assert tuple(layer.scale) == (0.1, 0.1)
    assert widget.form.target.value is layer


def test_closing_the_dock_gives_the_keys_back(make_napari_viewer: Callable[[], Any]) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(four_cells())
    dock, widget = viewer.window.add_plugin_dock_widget("napari-organelle", "Label organelles by hand")
    before = dict(layer.keymap)
    widget.begin()
    assert layer.keymap != before
    assert "object 3" in widget.form.hint.text()
    viewer.layers.selection.active = viewer.add_image(np.zeros((9, 9)))
    assert "The keys rest" in widget.form.hint.text()
    viewer.window.remove_dock_widget(dock)
    assert layer.keymap == before
    viewer.layers.clear()


def test_results_of_a_run_are_offered_last(viewer: ViewerModel, widget: AnnotateWidget) -> None:
    cells = viewer.add_labels(four_cells(), name="cells")
    viewer.add_labels(four_cells(), name="GFP: organelles", metadata={"napari_organelle": {"result": 1}})
    assert [widget.form.target.itemText(row) for row in range(2)] == ["cells", "GFP: organelles"]
    assert widget.form.target.value is cells
