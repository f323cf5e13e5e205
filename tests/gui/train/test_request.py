"""A training request says what is wrong before anything starts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_organelle.errors import RegionError
from napari_organelle.gui.train.request import TrainingRequest, label_counts
from napari_organelle.gui.train.sources import (
    Crops,
    LayerSource,
    SetSource,
    channels_around,
    select,
    slot_for,
    sources_of,
)
from napari_organelle.prepare.channels import Slot
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.train.trainset import TrainingPlan


def image_set(labels: list[str], **columns: Any) -> ImageSet:
    data = np.zeros((len(labels), 2, 16, 16), np.uint8)
    images = ImageSet.from_array(data, (Channel("cytosol", "red"), Channel("protein", "green")))
    return replace(images, items=images.items.assign(label=labels, **columns))


def request(labels: list[str], folder: Path, **changes: Any) -> TrainingRequest:
    values = {"output": folder / "m.organelle", "slots": (Slot("protein"),), "indices": (1,)}
    return TrainingRequest(SetSource("s", image_set(labels)).crops(), TrainingPlan(**(values | changes)))


@pytest.mark.parametrize(
    ("labels", "changes", "words"),
    [
        ([""] * 4, {}, "No crop has a label"),
        (["er"] * 4, {}, "one class only, er"),
        (["er", "er", "golgi"], {}, "er (2), golgi (1)"),
        (["er", "golgi"] * 2, {"slots": ()}, "Tick 1 to 4 channels; 0 are ticked"),
        (["er", "golgi"] * 2, {"slots": (Slot("a"), Slot("a"))}, "a name of its own"),
        (["er", "golgi"] * 2, {"slots": (Slot(""),)}, "a name of its own"),
        (["er", "golgi"] * 2, {"output": Path("my model.organelle")}, "letters, digits"),
        (["er", "golgi"] * 2, {}, ""),
    ],
)
def test_problems_are_told(labels: list[str], changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    problem = request(labels, tmp_path, **changes).problem()
    assert words in problem
    assert bool(problem) == bool(words)


def test_a_model_is_replaced_or_resumed_only_when_asked(tmp_path: Path) -> None:
    labels = ["er", "golgi"] * 2
    (tmp_path / "m.organelle").write_text("")
    assert "“Replace it”" in request(labels, tmp_path).problem()
    assert request(labels, tmp_path, overwrite=True).problem() == ""
    (tmp_path / "m.organelle.training").mkdir()
    assert "“Go on with it”" in request(labels, tmp_path, overwrite=True).problem()
    assert request(labels, tmp_path, overwrite=True, resume=True).problem() == ""


def test_counts_take_several_labels_apart() -> None:
    assert label_counts(np.array(["er", "er|golgi", "", "golgi|er"])) == {"er": 3, "golgi": 2}


def test_crops_keep_the_group_that_was_asked_for(tmp_path: Path) -> None:
    images = image_set(["er", "golgi"] * 6, field=np.repeat([1, 2, 3], 4))
    plan = TrainingPlan(output=tmp_path / "m.organelle", group_by="field")
    assert set(TrainingRequest(SetSource("s", images).crops(), plan).examples().groups) == {"1", "2", "3"}
    viewer = ViewerModel()
    metadata = {"napari_organelle": {"image_set": images, "channel": 1}}
    layer = viewer.add_image(images.channel_data(1), name="protein", metadata=metadata)
    points = viewer.add_points([[0, 8, 8], [5, 8, 8], [11, 8, 8]], features={"class": ["er", "golgi", ""]})
    crops = LayerSource(points).crops(
        select(layer, channels_around(layer, viewer.layers), [Slot("protein")]), 16
    )
    by_field = TrainingRequest(crops, plan).examples()
    assert by_field.labels.tolist() == ["er", "golgi"]
    assert by_field.groups.tolist() == ["1", "2"]
    alone = TrainingRequest(crops, replace(plan, group_by="item")).examples()
    assert len(set(alone.groups)) == 2


def test_labelled_sets_and_layers_are_found(tmp_path: Path) -> None:
    viewer = ViewerModel()
    known, unknown = image_set(["er", ""]), image_set(["", ""])
    for channel in (0, 1):
        viewer.add_image(known.channel_data(channel), metadata={"napari_organelle": {"image_set": known}})
    viewer.add_image(unknown.channel_data(0), metadata={"napari_organelle": {"image_set": unknown}})
    viewer.add_points([[1, 1]], features={"class": [""]})
    labelled = viewer.add_points([[1, 1]], name="spots", features={"class": ["er"]})
    sources = sources_of(viewer.layers)
    assert sources == [LayerSource(labelled), SetSource("any name", known)]
    assert sources[0].name == "spots, by hand"


def cells() -> np.ndarray:
    labels = np.zeros((60, 80), np.uint16)
    for number, (y, x) in {2: (5, 5), 4: (5, 60), 7: (40, 30)}.items():
        labels[y : y + 10, x : x + 10] = number
    return labels


def test_objects_become_windows_with_their_class() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.random.default_rng(0).random((60, 80)), name="GFP")
    other = viewer.add_image(np.zeros((60, 80)), name="mCherry")
    viewer.add_image(np.zeros((10, 10)), name="elsewhere")
    table = pd.DataFrame({"index": [7, 2, 4], "class": ["er", "golgi", None]})
    source = LayerSource(viewer.add_labels(cells(), name="cells", features=table))
    options = channels_around(image, viewer.layers)
    assert [option.layer for option in options] == [image, other]
    assert source.default_window(image) == 14
    crops = source.crops(select(image, options, [slot_for("GFP"), slot_for("mCherry")]), 12)
    assert crops.labels.tolist() == ["golgi", "er"]
    assert crops.regions is not None
    assert crops.regions.windows.tolist() == [[0, 4, 4, 12, 12], [0, 39, 29, 12, 12]]
    assert crops.images.channel_names == ("GFP", "mCherry")
    assert crops.sides == (12, 12)


def test_labels_of_another_image_are_refused() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((30, 30)), name="GFP")
    source = LayerSource(viewer.add_labels(cells(), features={"index": [2], "class": ["er"]}))
    with pytest.raises(RegionError, match="shape"):
        source.crops(select(image, channels_around(image, viewer.layers), [Slot("GFP")]), 12)


def test_a_crop_of_a_stack_is_as_large_as_its_images() -> None:
    viewer = ViewerModel()
    stack = viewer.add_image(np.zeros((12, 40, 48)))
    field = viewer.add_image(np.zeros((400, 480)))
    points = LayerSource(viewer.add_points([[1, 20, 20]], features={"class": ["er"]}))
    assert points.default_window(stack) == 40
    assert points.default_window(field) == 64


def test_known_slots_keep_their_aliases_and_are_needed() -> None:
    assert slot_for("cytosol") == Slot(
        "cytosol", ("cytoplasm", "mCherry", "RFP", "tdTomato", "red"), required=True
    )
    assert slot_for(" actin ") == Slot("actin")


def test_crops_without_regions_have_the_sides_of_their_items() -> None:
    images = image_set(["er", "golgi"])
    images.items.loc[0, "height"] = 9
    assert Crops(images, np.array(["er", "golgi"])).sides == (9, 16)
