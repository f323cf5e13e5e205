"""The Classify widget does the job: from layers to coloured labels, points and a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import napari
import numpy as np
import pandas as pd
import pytest

from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.model.agreement import Agreement
from napari_organelle.prepare.channels import Slot
from napari_organelle.read.image_set import Channel, ImageSet

from ..conftest import FakePredict, save_model

Open = Callable[[], ClassifyWidget]
Finish = Callable[[ClassifyWidget], None]

RED, BLUE = (1, 0, 0, 1), (0, 0, 1, 1)
PROTEIN = Slot("protein", ("GFP",))


def half_bright(height: int = 64, width: int = 64) -> np.ndarray:
    """uint8; the left half is 255, the right 0."""
    image = np.zeros((height, width), np.uint8)
    image[:, : width // 2] = 255
    return image


def pick(combo: Any, value: Any) -> None:
    """As a user picks: choose and activate."""
    combo.choose(value)
    combo.activated.emit(combo.currentIndex())


def pick_in_order(widget: Any) -> None:
    """The first channel for the first slot, and so on."""
    for index, combo in enumerate(widget.form.slots):
        combo.setCurrentIndex(index + 1)
        combo.activated.emit(index + 1)


def results(viewer: napari.Viewer, kind: type) -> Any:
    found = [layer for layer in viewer.layers if isinstance(layer, kind) and "organelle" in layer.name]
    assert len(found) == 1
    return found[0]


def colour(layer: napari.layers.Labels, *index: int) -> tuple[float, ...]:
    return tuple(layer.colormap.map(np.asarray(layer.data)[index]))


def test_tiles_of_two_layers(viewer: napari.Viewer, open_widget: Open, finish: Finish) -> None:
    transform = {"scale": (0.5, 0.5), "translate": (3, 4), "rotate": 30, "units": ("um", "um")}
    viewer.add_image(np.zeros((64, 64), np.uint8), name="mCherry", **transform)
    image = viewer.add_image(half_bright(), name="GFP", **transform)
    widget = open_widget()
    assert [str(combo.value) for combo in widget.form.slots] == ["mCherry", "GFP"]
    pick(widget.form.regions.kind, "tiles")
    widget.refresh()
    assert widget.status.text().startswith("Will classify 16 tiles of 64 x 64 px uint8 with tiny")
    assert "cytosol = mCherry, protein = GFP" in widget.status.text()
    assert ". CPU, 2 threads." in widget.status.text()
    widget.start()
    finish(widget)
    labels = results(viewer, napari.layers.Labels)
    assert labels.data.shape == (4, 4)
    assert colour(labels, 0, 0) == RED
    assert colour(labels, 0, 3) == BLUE
    assert tuple(labels.scale) == (8, 8)
    assert np.allclose(labels.rotate, image.rotate)
    assert labels.units == image.units
    assert np.allclose(labels.data_to_world((1, 2)), image.data_to_world((23.5, 39.5)))
    assert labels.features["called"].tolist()[:4] == ["bright", "bright", "dark", "dark"]
    assert labels.features["p_bright"].tolist()[:4] == [1, 1, 0, 0]
    points = results(viewer, napari.layers.Points)
    assert np.allclose(points.data_to_world(points.data[0]), image.data_to_world((7.5, 7.5)))
    assert points.face_color[0].tolist() == list(RED)
    assert points.text.values[3] == "dark"
    assert widget.message.text() == "Classified 16 regions."


def test_the_dense_tick_reaches_the_run(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, predict: FakePredict
) -> None:
    viewer.add_image(half_bright(128, 128), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.form.regions.stride.setValue(4)
    widget.form.regions.dense.setChecked(True)
    dense, _ = widget.form.request()
    assert dense is not None
    assert dense.plan.dense
    predict.agreement = Agreement(sampled=10, equal=9, sure=4, sure_equal=3, apart=0.5)
    widget.start()
    finish(widget)
    assert widget.message.text().count("Dense: 9 of 10 sampled tiles called as exactly") == 1
    assert predict.options["dense"] is True
    pick(widget.form.regions.kind, "points")
    assert widget.form.regions.dense.isHidden()


def test_objects_keep_their_labels_and_colours_follow(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    data = np.zeros((64, 64), np.int32)
    data[10:14, 10:14], data[40:44, 50:54], data[63, 0] = 5, 9, 30
    cells = viewer.add_labels(data.copy(), name="my cells")
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    widget.refresh()
    assert "3 objects" in widget.status.text()
    widget.start()
    finish(widget)
    labels = next(layer for layer in viewer.layers if layer.name == "GFP: organelles (tiny)")
    assert np.shares_memory(labels.data, cells.data)
    assert not labels.editable
    assert labels.features["index"].tolist() == [5, 9, 30]
    assert colour(labels, 11, 11) == RED
    assert colour(labels, 41, 51) == BLUE
    assert colour(labels, 63, 0) == RED
    assert tuple(colour(labels, 0, 60)) == (0, 0, 0, 0)
    assert np.array_equal(cells.data, data)
    assert not cells.visible


def test_labels_that_lie_elsewhere_are_told_and_a_new_dock_takes_the_result(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    data = np.zeros((64, 64), np.int32)
    data[10:14, 10:14] = 5
    viewer.add_labels(data, name="shifted", translate=(500, 500))
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    widget.start()
    finish(widget)
    assert "'shifted' lies elsewhere on the canvas than 'GFP'" in widget.message.text()
    another = open_widget()
    assert another.results.result is widget.results.result
    assert another.pages.isTabEnabled(another.pages.indexOf(another.pages.widget(1)))


def test_points_in_another_scale_are_where_they_look(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    viewer.add_image(half_bright(), name="GFP", scale=(0.1, 0.1), translate=(7, 7))
    viewer.add_points([[7 + 3.2, 7 + 1.0], [7 + 3.2, 7 + 5.4]], name="clicks")
    widget = open_widget()
    pick(widget.form.regions.kind, "points")
    widget.start()
    finish(widget)
    points = next(layer for layer in viewer.layers if layer.name == "GFP: organelle names (tiny)")
    assert points.features["called"].tolist() == ["bright", "dark"]
    assert np.allclose(points.data_to_world(points.data[1]), (10.2, 12.4), atol=0.1)
    assert points.visible
    assert not [layer for layer in viewer.layers if layer.name == "GFP: organelles (tiny)"]


def test_channel_axis_is_found_and_one_result_spans_it(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    viewer.add_image(np.stack([np.zeros((64, 64), np.uint8), half_bright()]), name="stack")
    widget = open_widget()
    assert widget.form.channel_axis.value == 0
    assert [combo.value for combo in widget.form.slots] == [None, None], "nothing says which is which"
    assert "the file does not say which it is" in widget.status.text()
    pick_in_order(widget)
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    labels = results(viewer, napari.layers.Labels)
    assert labels.data.shape == (1, 4, 4)
    for channel in (0, 1):
        viewer.dims.set_current_step(0, channel)
        assert labels.get_value((channel, 5, 5), world=True) == labels.data[0, 0, 0] != 0
    points = results(viewer, napari.layers.Points)
    for channel in (0, 1):
        viewer.dims.set_current_step(0, channel)
        assert points.get_value((channel, 7.5, 7.5), world=True) == 0


def test_stack_of_time_and_channels_all_slices_or_this_one(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    data = np.zeros((3, 2, 64, 64), np.uint8)
    data[1, 1] = half_bright()
    viewer.add_image(da.from_array(data), name="film", axis_labels=("t", "c", "y", "x"))
    widget = open_widget()
    assert widget.form.channel_axis.value == 1
    pick_in_order(widget)
    pick(widget.form.regions.kind, "slices")
    widget.refresh()
    assert "3 slices of 3 x 64 x 64 px" in widget.status.text()
    widget.start()
    finish(widget)
    labels = results(viewer, napari.layers.Labels)
    assert labels.data.shape == (3, 1, 1, 1)
    assert labels.features["p_bright"].tolist() == pytest.approx([0, 0.5, 0])
    viewer.dims.set_current_step(0, 1)
    pick(widget.form.slices, "this slice")
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    this = [layer for layer in viewer.layers if layer.name.startswith("film: organelles")][-1]
    assert this.data.shape == (1, 1, 4, 4)
    assert this.get_value((1, 0, 5, 5), world=True) == this.data[0, 0, 0, 0]
    viewer.dims.set_current_step(0, 2)
    assert not this.get_value((2, 0, 5, 5), world=True)
    assert colour(this, 0, 0, 0, 0) == RED


def test_rgb_and_multiscale(viewer: napari.Viewer, open_widget: Open, finish: Finish) -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[..., 1] = half_bright()
    viewer.add_image(rgb, name="photo", rgb=True)
    widget = open_widget()
    assert [str(combo.value) for combo in widget.form.slots] == ["photo [red]", "photo [green]"]
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    assert colour(results(viewer, napari.layers.Labels), 0, 0) == RED
    viewer.layers.clear()
    viewer.add_image([half_bright(), half_bright()[::2, ::2]], name="pyramid GFP", multiscale=True)
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    assert results(viewer, napari.layers.Labels).data.shape == (4, 4)


def test_set_of_the_reader_keeps_its_items(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, tmp_path: Path
) -> None:
    from napari_organelle.gui.readers import image_set_layers

    data = np.zeros((3, 2, 16, 16), np.uint8)
    data[0, 1], data[2, 1] = 255, 128
    images = ImageSet.from_array(data, (Channel("cytosol", "red"), Channel("protein", "green")), name="crop")
    images.items["label"] = ["er", "", "golgi"]
    for layer_data in image_set_layers(images):
        viewer._add_layer_from_data(*layer_data)
    widget = open_widget()
    assert widget.form.regions.kind.value == "slices"
    widget.start()
    finish(widget)
    labels = results(viewer, napari.layers.Labels)
    assert labels.features["called"].tolist() == ["bright", "dark", "bright"]
    widget.results.export(tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert table["item"].tolist() == ["crop[0]", "crop[1]", "crop[2]"]
    assert table["label"].tolist() == ["er", "", "golgi"]


def test_this_slice_of_a_plate_is_the_section_on_display(
    viewer: napari.Viewer, open_widget: Open, tmp_path: Path
) -> None:
    from plates import put_plate

    from napari_organelle.gui.readers import image_set_layers
    from napari_organelle.read.open import open_image_set

    pixels = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.full((3, 2, 16, 16), 100, np.uint8)
    plate = put_plate(tmp_path / "plate.zarr", "0.5", {"A/1": [pixels]}, "zcyx")
    for layer_data in image_set_layers(open_image_set(plate)):
        viewer._add_layer_from_data(*layer_data)
    widget = open_widget()
    pick(widget.form.slices, "this slice")
    viewer.dims.set_point(0, 2)
    (shown,) = [request.images for request, _ in [widget.form.request()] if request is not None]
    assert len(shown) == 1
    assert shown.read(0).max() == 200
    assert shown.items["item"].tolist() == open_image_set(plate).items["item"].tolist()[2:]


def test_threshold_recolours_without_inference(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, predict: FakePredict, tmp_path: Path, qtbot: Any
) -> None:
    image = np.zeros((16, 64), np.uint8)
    image[:, :16], image[:, 16:32], image[:, 32:48] = 255, 180, 100
    viewer.add_image(image, name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    labels, points = results(viewer, napari.layers.Labels), results(viewer, napari.layers.Points)
    assert labels.features["called"].tolist() == ["bright", "bright", "dark", "dark"]
    widget.results.threshold.setValue(0.8)
    qtbot.waitUntil(lambda: labels.features["called"].tolist() == ["bright", "unsure", "unsure", "dark"])
    assert points.text.values.tolist() == ["bright", "unsure", "unsure", "dark"]
    assert points.face_color[1, 0] == points.face_color[1, 1] == points.face_color[1, 2]
    assert colour(labels, 0, 1)[0] == pytest.approx(colour(labels, 0, 1)[2])
    assert [widget.results.legend.item(row, 1).text() for row in range(3)] == ["1", "1", "2"]
    assert predict.calls == 1
    widget.results.export(tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["called"].tolist() == labels.features["called"].tolist()


def test_legend_hides_a_class_and_jumps_to_its_regions(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    data = np.zeros((4, 64, 64), np.uint8)
    data[2] = half_bright()
    viewer.add_image(data, name="GFP", axis_labels=("z", "y", "x"), scale=(2, 1, 1))
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    labels, points = results(viewer, napari.layers.Labels), results(viewer, napari.layers.Points)
    legend = widget.results.legend
    legend.cellDoubleClicked.emit(0, 0)
    assert viewer.dims.current_step[0] == 2
    assert tuple(viewer.camera.center[-2:]) == (7.5, 7.5)
    legend.cellDoubleClicked.emit(0, 0)
    assert tuple(viewer.camera.center[-2:]) == (7.5, 23.5)
    from qtpy.QtCore import Qt

    legend.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    assert colour(labels, 2, 0, 0) == (0, 0, 0, 0)
    assert points.shown.sum() == 64 - 8
    legend.item(0, 0).setCheckState(Qt.CheckState.Checked)
    assert colour(labels, 2, 0, 0) == RED


def test_several_organelles_at_once(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, models: Path
) -> None:
    save_model(models, "several", task="multi", thresholds=(0.3, 0.6), slots=(PROTEIN,))
    viewer.add_image(np.full((16, 16), 102, np.uint8), name="GFP")
    widget = open_widget()
    widget.form.model.refresh()
    combo = widget.form.model.combo
    pick(combo, next(each for each in combo._objects if each[0] == "several"))
    pick(widget.form.regions.kind, "image")
    widget.start()
    finish(widget)
    labels = results(viewer, napari.layers.Labels)
    assert labels.features["called"].tolist() == ["bright|dark"]
    assert colour(labels, 0, 0) == BLUE
    assert results(viewer, napari.layers.Points).text.values.tolist() == ["bright|dark"]
    widget.results.threshold.setValue(0.7)
    widget.results.recolour()
    assert labels.features["called"].tolist() == ["unsure"]


def test_running_again_replaces_ours_and_keeps_what_was_edited(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    for _ in range(2):
        widget.start()
        finish(widget)
    assert [layer.name for layer in viewer.layers] == [
        "GFP",
        "GFP: organelles (tiny)",
        "GFP: organelle names (tiny)",
    ]
    first = results(viewer, napari.layers.Labels)
    first.paint((1, 1), 3)
    painted = first.data.copy()
    viewer.layers["GFP: organelle names (tiny)"].name = "mine"
    widget.start()
    finish(widget)
    assert first in viewer.layers
    assert np.array_equal(first.data, painted)
    assert "mine" in viewer.layers
    assert len(viewer.layers) == 5
    widget.start()
    finish(widget)
    assert len(viewer.layers) == 5


def test_find_cells_adds_labels_that_belong_to_the_user(
    viewer: napari.Viewer, open_widget: Open, finish: Finish
) -> None:
    y, x = np.indices((120, 160))
    cells = sum(np.exp(-((((y - cy) ** 2 + (x - cx) ** 2) / 150) ** 2)) for cy, cx in [(30, 30), (80, 100)])
    noise = np.random.default_rng(0).normal(20, 1, y.shape)
    viewer.add_image((cells * 200 + noise).astype(np.uint8), name="GFP", scale=(0.5, 0.5))
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    widget.refresh()
    assert "No objects are picked. Pick a Labels layer, or press 'Find cells'" in widget.status.text()
    assert not widget.run_button.isEnabled()
    widget.form.regions.find_button.click()
    finish(widget)
    found = viewer.layers["cells"]
    assert found.data.max() == 2
    assert tuple(found.scale) == (0.5, 0.5)
    assert widget.form.regions.labels.value == found
    widget.start()
    finish(widget)
    assert len(viewer.layers["GFP: organelles (tiny)"].features) == 2


def test_channels_for_finding_cells_are_guessed(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(half_bright(), name="GFP")
    viewer.add_image(half_bright(), name="my mCherry")
    widget = open_widget()
    regions = widget.form.regions
    assert (str(regions.cells.value), regions.nuclei.value) == ("my mCherry", None)
    viewer.layers.clear()
    for name in ("nucleus", "protein", "ER"):
        viewer.add_image(half_bright(), name=name)
    assert (str(regions.cells.value), str(regions.nuclei.value)) == ("ER", "nucleus")


def test_layers_are_followed(viewer: napari.Viewer, open_widget: Open) -> None:
    widget = open_widget()
    assert widget.status.text() == "Open an image, or a set of images, to classify."
    one = viewer.add_image(half_bright(), name="one")
    two = viewer.add_image(half_bright(32, 32), name="two")
    assert widget.form.image.value == two
    viewer.layers.selection.active = one
    assert widget.form.image.value == one
    one.name = "renamed"
    assert widget.form.image.currentText() == "renamed"
    assert "renamed" in widget.form.slots[1].currentText()
    pick(widget.form.image, two)
    viewer.layers.selection.active = one
    assert widget.form.image.value == two
    viewer.layers.remove(two)
    assert widget.form.image.value == one
    viewer.layers.clear()
    widget.refresh()
    assert not widget.run_button.isEnabled()


def test_model_that_suits_the_channels_is_suggested(
    viewer: napari.Viewer, open_widget: Open, models: Path
) -> None:
    from napari_organelle.prepare.channels import HPA_SLOTS

    save_model(models, "a-human", slots=HPA_SLOTS)
    viewer.add_image(half_bright(), name="GFP")
    widget = open_widget()
    assert widget.form.model.bundle.spec.name == "tiny"
    for name in ("nucleus", "microtubules", "ER"):
        viewer.add_image(half_bright(), name=name)
    assert widget.form.model.bundle.spec.name == "a-human"


def test_model_that_learned_nothing_is_marked(viewer: napari.Viewer, open_widget: Open, models: Path) -> None:
    scores = {"macro_f1": 0.2, "trivial": {"macro_f1": 0.21}, "verdict": "learned nothing"}
    path = save_model(models.parent, "poor", scores=scores).path
    widget = open_widget()
    assert "Macro F1 0.90" in widget.form.model.info.text()
    assert "(the trivial answer: 0.20)" in widget.form.model.info.text()
    widget.form.model.open(path)
    assert "LEARNED NOTHING" in widget.form.model.info.text()
    assert "color" in widget.form.model.info.styleSheet()
