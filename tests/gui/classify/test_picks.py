"""A guess fills what the user has not touched, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest

from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.inputs import guess_channel_axis
from napari_organelle.gui.model_news import model_news

from ..conftest import FakePredict, save_model
from .test_widget import half_bright, pick

Open = Callable[[], ClassifyWidget]


def bound(widget: ClassifyWidget) -> list[str]:
    return [str(combo.value) for combo in widget.form.slots]


def by_name(combo: Any, name: str) -> Any:
    return next(each for each in combo._objects if str(each) == name)


@pytest.fixture
def bound_by_hand(viewer: napari.Viewer, open_widget: Open, models: Path) -> ClassifyWidget:
    """Channels bound the other way round than a guess would."""
    save_model(models, "turned", views=8)
    for name in ("mCherry", "GFP"):
        viewer.add_image(half_bright(), name=name)
    widget = open_widget()
    model = widget.form.model
    pick(model.combo, next(each for each in model.combo._objects if each[0] == "turned"))
    assert bound(widget) == ["mCherry", "GFP"]
    for combo, name in zip(widget.form.slots, ("GFP", "mCherry"), strict=True):
        pick(combo, by_name(combo, name))
    return widget


def click_another_layer(viewer: napari.Viewer, widget: ClassifyWidget, models: Path) -> None:
    viewer.layers.selection.active = viewer.layers["mCherry"]


def change_the_image(viewer: napari.Viewer, widget: ClassifyWidget, models: Path) -> None:
    pick(widget.form.image, viewer.layers["mCherry"])


def tick_one_view(viewer: napari.Viewer, widget: ClassifyWidget, models: Path) -> None:
    widget.form.model.fast.setChecked(True)


def save_in_train(viewer: napari.Viewer, widget: ClassifyWidget, models: Path) -> None:
    model_news.saved.emit(save_model(models, "new").path)


def choose_another_model(viewer: napari.Viewer, widget: ClassifyWidget, models: Path) -> None:
    combo = widget.form.model.combo
    pick(combo, next(each for each in combo._objects if each[0] == "tiny"))


def add_a_layer(viewer: napari.Viewer, widget: ClassifyWidget, models: Path) -> None:
    viewer.add_image(half_bright(), name="another GFP")


@pytest.mark.parametrize(
    "act",
    [
        click_another_layer,
        change_the_image,
        tick_one_view,
        save_in_train,
        choose_another_model,
        add_a_layer,
    ],
)
def test_channels_bound_by_hand_stay(
    viewer: napari.Viewer, bound_by_hand: ClassifyWidget, models: Path, act: Callable[..., None]
) -> None:
    regions = bound_by_hand.form.regions
    pick(regions.kind, "tiles")
    regions.tile.setValue(24)
    regions.stride.setValue(12)
    act(viewer, bound_by_hand, models)
    assert bound(bound_by_hand) == ["GFP", "mCherry"]
    assert (regions.kind.value, regions.tile.value(), regions.stride.value()) == ("tiles", 24, 12)


def test_an_image_of_another_kind_is_guessed_anew_and_picks_return_with_the_old_one(
    viewer: napari.Viewer, bound_by_hand: ClassifyWidget
) -> None:
    other = viewer.add_image(half_bright(32, 32), name="small GFP")
    form = bound_by_hand.form
    assert form.image.value is not other
    pick(form.image, other)
    assert bound(bound_by_hand)[1] == "small GFP"
    pick(form.image, viewer.layers["GFP"])
    assert bound(bound_by_hand) == ["GFP", "mCherry"]


def test_a_threshold_that_was_set_outlasts_the_run(
    viewer: napari.Viewer, open_widget: Open, finish: Any, predict: FakePredict
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    for _ in range(2):
        widget.start()
        finish(widget)
        widget.results.threshold.setValue(0.77)
    widget.start()
    finish(widget)
    assert widget.results.threshold.value() == pytest.approx(0.77)


def test_another_unit_is_the_same_length(viewer: napari.Viewer, open_widget: Open) -> None:
    viewer.add_image(half_bright(), name="GFP", scale=(0.5, 0.5), units=("um", "um"))
    widget = open_widget()
    regions = widget.form.regions
    pick(regions.kind, "tiles")
    regions.tile.setValue(16)
    pick(regions.unit, "µm")
    assert (regions.tile.value(), regions.stride.value()) == (8, 8)
    pick(regions.unit, "px")
    assert (regions.tile.value(), regions.stride.value()) == (16, 16)
    regions.stride.setValue(4)
    regions.tile.setValue(20)
    assert (regions.tile.value(), regions.stride.value()) == (20, 4)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((30, 2, 12, 64, 64), 1),
        ((30, 3, 64, 64), 1),
        ((2, 3, 64, 64), None),
        ((3, 64, 64), 0),
        ((9, 2, 3, 8, 8), 1),
    ],
)
def test_channels_of_a_nameless_stack(shape: tuple[int, ...], axis: int | None) -> None:
    assert guess_channel_axis(napari.layers.Image(np.zeros(shape, np.uint8))) == axis
