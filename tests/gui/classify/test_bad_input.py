"""Whatever is wrong with the input is said before Run, or after it, in plain words, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest

from napari_organelle.errors import DeviceError
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.inputs import ChannelOption
from napari_organelle.gui.selection import Selection
from napari_organelle.prepare.channels import Slot
from napari_organelle.read.image_set import Channel

from ..conftest import FakePredict, save_model

Open = Callable[[], ClassifyWidget]
Finish = Callable[[ClassifyWidget], None]


def pick(combo: Any, value: Any) -> None:
    combo.choose(value)
    combo.activated.emit(combo.currentIndex())


def why_not(widget: ClassifyWidget) -> str:
    """What the status line says, with Run off."""
    widget.refresh()
    assert not widget.run_button.isEnabled()
    return widget.status.text()


def test_no_image(open_widget: Open) -> None:
    assert why_not(open_widget()) == "Open an image, or a set of images, to classify."


def test_no_model(viewer: napari.Viewer, open_widget: Open, models: Path) -> None:
    (models / "tiny.organelle").unlink()
    viewer.add_image(np.ones((64, 64)), name="GFP")
    assert "No model is found. Press 'Open…'" in why_not(open_widget())


def test_damaged_model(viewer: napari.Viewer, open_widget: Open, tmp_path: Path) -> None:
    viewer.add_image(np.ones((64, 64)), name="GFP")
    widget = open_widget()
    path = tmp_path / "torn.organelle"
    path.write_bytes(b"PK torn")
    widget.form.model.open(path)
    assert "torn.organelle can't be read as a model bundle" in why_not(widget)


def test_slot_with_nothing_in_it(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.ones((64, 64)), name="GFP")
    widget = open_widget()
    pick(widget.form.slots[1], None)
    assert "The model needs 'protein'" in why_not(widget)


def test_channels_of_two_images(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.ones((32, 32)), name="mCherry")
    viewer.add_image(np.ones((64, 64)), name="GFP")
    widget = open_widget()
    cytosol = widget.form.slots[0]
    pick(cytosol, next(option for option in cytosol._objects if str(option) == "mCherry"))
    assert "'mCherry' has shape (32, 32), 'GFP' has (64, 64). Pick channels of one image." in why_not(widget)


def test_bool_pixels(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.eye(64, dtype=bool), name="GFP")
    assert "'GFP' has bool pixels" in why_not(open_widget())


def test_complex_pixels() -> None:
    layer = SimpleNamespace(data=np.ones((8, 8), complex), name="GFP", multiscale=False, rgb=False)
    option = ChannelOption(layer, None, Channel("GFP"))
    selection = Selection(layer, None, True, (Slot("protein"),), (option,), (0, 0))
    assert "'GFP' has complex128 pixels" in selection.problem()
    assert "modulus" in selection.problem()


def test_labels_of_another_shape(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.ones((64, 64)), name="GFP")
    viewer.add_labels(np.ones((60, 64), int), name="cells")
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    assert "'cells' has shape (60, 64), 'GFP' has (64, 64)" in why_not(widget)


def test_zero_objects(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.ones((64, 64)), name="GFP")
    viewer.add_labels(np.zeros((64, 64), int), name="cells")
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    assert "The labels hold no object" in why_not(widget)


def test_tiles_larger_than_the_image(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.ones((64, 48)), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.form.regions.tile.setValue(100)
    assert "tiles of 100 px do not fit an image of 64 x 48 px. Choose tiles of at most 48 px" in why_not(
        widget
    )


def test_micrometres_without_pixel_size(viewer: napari.Viewer, open_widget: Open) -> None:
    image = viewer.add_image(np.ones((64, 64)), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    pick(widget.form.regions.unit, "µm")
    assert "needs the pixel size, and the image has none" in why_not(widget)
    image.scale = (0.5, 0.5)
    image.units = ("um", "um")
    widget.form.regions.tile.setValue(8)
    widget.refresh()
    assert "16 tiles" in widget.status.text()


def test_points_outside_and_no_points(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(np.ones((64, 64)), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "points")
    assert "No points are picked" in why_not(widget)
    viewer.add_points([[5, 5], [5, 70], [-4, 3]], name="clicks")
    assert "2 of 3 points lie outside the image of 64 x 64 px: rows 1, 2" in why_not(widget)


def test_find_cells_in_a_constant_image(viewer: napari.Viewer, open_widget: Open, finish: Finish) -> None:
    viewer.add_image(np.full((64, 64), 7), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    widget.find_cells()
    finish(widget)
    assert "every pixel of the image is 7" in widget.message.text()


@pytest.mark.slow
def test_constant_and_nan_images_with_the_real_engine(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    from napari_organelle.gui.classify import request
    from napari_organelle.model.classify import predict_regions

    monkeypatch.setattr(request, "predict_regions", predict_regions)
    image = np.full((32, 64), 3.0, np.float32)
    image[0, 40] = np.nan
    viewer.add_image(image, name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.form.regions.tile.setValue(32)
    widget.start()
    qtbot.waitUntil(lambda: widget._job is None, timeout=120_000)
    features = viewer.layers["GFP: organelles (tiny)"].features
    assert features["p_bright"].isna().all()
    assert features["called"].tolist() == ["", ""]
    assert "1 not classified: no contrast in a channel that the model needs" in widget.message.text()
    assert "1 not classified: pixels that are NaN or infinite" in widget.message.text()


def test_layer_deleted_during_a_run(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, predict: FakePredict, qtbot: Any
) -> None:
    predict.go.clear()
    image = viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    qtbot.waitUntil(lambda: predict.calls == 1)
    viewer.layers.remove(image)
    predict.go.set()
    finish(widget)
    assert viewer.layers["GFP: organelles (tiny)"].features["called"].tolist() == ["bright"] * 16


def test_cancel_keeps_what_is_done(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, predict: FakePredict, qtbot: Any
) -> None:
    predict.stepwise = True
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    qtbot.waitUntil(lambda: widget.progress.text().startswith("4 of 16"))
    widget.stop_button.click()
    assert widget.progress.text() == "stopping…"
    predict.go.set()
    finish(widget)
    called = viewer.layers["GFP: organelles (tiny)"].features["called"].tolist()
    assert called == ["bright"] * 8
    assert widget.message.text() == "Stopped after 8 of 16 regions."
    assert predict.closed.is_set()
    assert widget.run_button.isEnabled()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DeviceError("The memory of gpu:0 does not hold a single region."), "does not hold a single region"),
        (RuntimeError("torn tensor"), "the job failed: RuntimeError: torn tensor"),
    ],
)
def test_failing_run_says_why_and_keeps_what_is_done(
    viewer: napari.Viewer,
    open_widget: Open,
    finish: Finish,
    predict: FakePredict,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    text: str,
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("napari_organelle.gui.body.show_error", shown.append)
    predict.error = error
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    assert text in widget.message.text()
    assert "The 4 of 16 regions before it are shown" in widget.message.text()
    assert len(shown) == isinstance(error, RuntimeError)
    assert viewer.layers["GFP: organelles (tiny)"].features["called"].tolist().count("bright") == 4
    assert widget.run_button.isEnabled()


def test_notes_of_the_engine_are_told_once(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, predict: FakePredict
) -> None:
    predict.note = "The device's memory was full: 2 regions at once now, no longer 4."
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.start()
    finish(widget)
    assert widget.message.text().count("memory was full") == 1


def test_viewer_closed_during_a_run(
    make_napari_viewer_proxy: Any,
    models: Path,
    predict: FakePredict,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    monkeypatch.setattr("napari_organelle.gui.classify.widget.ask_devices", lambda: iter([[("cpu", "CPU")]]))
    monkeypatch.setattr("napari_organelle.gui.classify.widget.warm_up", lambda *_: iter(()))
    viewer = make_napari_viewer_proxy()
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    _, widget = viewer.window.add_plugin_dock_widget("napari-organelle", "Classify organelles")
    pick(widget.form.regions.kind, "tiles")
    predict.go.clear()
    widget.start()
    qtbot.waitUntil(lambda: predict.calls == 1)
    threading.Timer(0.2, predict.go.set).start()
    viewer.close()
    qtbot.waitUntil(predict.closed.is_set)


def test_full_disk_at_export(
    viewer: napari.Viewer, open_widget: Open, finish: Finish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = open_widget()
    widget.start()
    finish(widget)
    path = tmp_path / "out.csv"
    path.write_text("old")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", full)
        widget.results.export(path)
    assert "No space left on device" in widget.message.text()
    assert path.read_text() == "old"
    widget.results.export(path)
    assert "Wrote" in widget.message.text()
    assert len(pd.read_csv(path)) > 0


def test_devices_that_cannot_be_listed(
    viewer: napari.Viewer, open_widget: Open, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    def refuse() -> Any:
        raise DeviceError("no device could be listed: no module named tensorflow")
        yield

    open_widget()
    monkeypatch.setattr("napari_organelle.gui.classify.widget.ask_devices", refuse)
    viewer.add_image(np.full((64, 64), 255, np.uint8), name="GFP")
    widget = ClassifyWidget(viewer)
    qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: "no module named tensorflow" in widget.status.text())


def test_request_is_judged_without_a_window(models: Path) -> None:
    from napari_organelle.gui.classify.request import ClassifyRequest
    from napari_organelle.prepare.channels import ChannelMap
    from napari_organelle.prepare.plans import Images, Objects, RegionPlan, Tiles
    from napari_organelle.read.image_set import Channel, ImageSet
    from napari_organelle.show.placement import Placement

    bundle = save_model(models, "pure")
    images = ImageSet.from_array(np.zeros((1, 1, 64, 64), np.uint8), (Channel("GFP"),))

    def request(plan: RegionPlan, *indices: int | None) -> ClassifyRequest:
        channels = ChannelMap(bundle.spec.slots, indices, ("GFP",))
        return ClassifyRequest(bundle, images, channels, plan, Placement.plain((64, 64)))

    assert request(Images(), None, 0).problem() == ""
    assert "needs 'protein'" in request(Images(), 0, None).problem()
    assert "at most 64 px" in request(Tiles(65), None, 0).problem()
    blank = Objects(np.zeros((64, 64), int), window=9)
    assert "hold no object" in request(blank, None, 0).problem()
