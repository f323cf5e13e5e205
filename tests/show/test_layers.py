"""Layer data have the right labels, colours, features and places."""

import numpy as np
import pytest

from napari_organelle.model.calling import UNSURE_COLOUR
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.spec import OrganelleClass
from napari_organelle.prepare.regions import (
    Regions,
    image_regions,
    object_regions,
    point_regions,
    slice_regions,
    tile_regions,
)
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.show.colours import called_names, colour_codes, rgba
from napari_organelle.show.layers import labels_layer, points_layer
from napari_organelle.show.legend import legend
from napari_organelle.show.placement import Placement

CLASSES = (OrganelleClass("nucleus", "#0000ff"), OrganelleClass("er", "#00ff00"))
CLEAR = (0, 0, 0, 0)


def predict(regions: Regions, *rows: tuple[float, float], task: str = "single") -> Prediction:
    return Prediction(regions, np.array(rows, np.float32), ("nucleus", "er"), task, "test@0")


def colour_at(layer: tuple, index: tuple[int, ...]) -> tuple:
    data, options, _ = layer
    return tuple(options["colormap"].get(int(data[index]), options["colormap"][None]))


def test_tiles_are_one_pixel_each_in_their_classes_colours() -> None:
    regions = tile_regions((128, 128), 64)
    layer = labels_layer(
        predict(regions, (0.9, 0.1), (0.2, 0.8), (0.5, 0.5), (np.nan, np.nan)),
        CLASSES,
        0.7,
        Placement.plain((128, 128)),
    )
    data, options, kind = layer
    assert kind == "labels"
    assert data.shape == (2, 2)
    assert options["scale"] == (64, 64)
    assert options["translate"] == (31.5, 31.5)
    assert colour_at(layer, (0, 0)) == (0, 0, 1, 1)
    assert colour_at(layer, (0, 1)) == (0, 1, 0, 1)
    assert colour_at(layer, (1, 0)) == pytest.approx(rgba(UNSURE_COLOUR))
    assert colour_at(layer, (1, 1)) == CLEAR
    features = options["features"]
    assert features["index"].tolist() == data.ravel().tolist()
    assert features["called"].tolist() == ["nucleus", "er", "unsure", ""]
    assert features["p_er"].tolist()[:3] == pytest.approx([0.1, 0.8, 0.5])
    assert features["confidence"].tolist()[:3] == pytest.approx([0.9, 0.8, 0.5])


def test_overlapping_tiles_lie_in_the_middle_of_their_tile() -> None:
    regions = tile_regions((128, 128), 64, 32)
    _, options, _ = labels_layer(
        predict(regions, *[(0.9, 0.1)] * 9), CLASSES, 0.5, Placement.plain((128, 128))
    )
    assert options["scale"] == (32, 32)
    assert options["translate"] == (31.5, 31.5)


def test_tiles_of_a_smaller_item_leave_the_rest_empty() -> None:
    regions = tile_regions([(2, 4), (4, 4)], 2)
    data, _, _ = labels_layer(
        predict(regions, *[(0.9, 0.1)] * 6), CLASSES, 0.5, Placement.plain((2, 4, 4), ("items",))
    )
    assert data.tolist() == [[[1, 2], [0, 0]], [[3, 4], [5, 6]]]


def test_objects_keep_the_very_array() -> None:
    labels = np.zeros((40, 40), np.uint16)
    labels[5:9, 5:9], labels[20:25, 30:35] = 7, 3
    prediction = predict(object_regions(labels, 8), (0.9, 0.1), (0.1, 0.9))
    layer = labels_layer(prediction, CLASSES, 0.5, Placement.plain((40, 40)), labels)
    assert np.shares_memory(layer[0], labels)
    assert colour_at(layer, (22, 32)) == (0, 0, 1, 1)
    assert colour_at(layer, (6, 6)) == (0, 1, 0, 1)
    assert colour_at(layer, (0, 0)) == CLEAR
    assert layer[1]["features"]["index"].tolist() == [3, 7]


def test_label_that_comes_back_in_another_item_gets_a_colour_of_its_own() -> None:
    labels = np.zeros((2, 20, 20), int)
    labels[0, 5, 5] = labels[1, 8, 8] = 4
    labels[1, 2, 2] = 9
    prediction = predict(object_regions(labels, 4), (0.9, 0.1), (0.1, 0.9), (0.9, 0.1))
    layer = labels_layer(prediction, CLASSES, 0.5, Placement.plain((2, 20, 20), ("items",)), labels)
    assert colour_at(layer, (0, 5, 5)) == (0, 0, 1, 1)
    assert colour_at(layer, (1, 8, 8)) == (0, 1, 0, 1)
    assert colour_at(layer, (1, 2, 2)) == (0, 0, 1, 1)
    assert (layer[0] > 0).sum() == 3


def test_objects_of_one_slice_lie_in_that_slice() -> None:
    labels = np.ones((20, 20), int)
    prediction = predict(object_regions(labels, 4), (0.9, 0.1))
    data, options, _ = labels_layer(prediction, CLASSES, 0.5, Placement.plain((5, 20, 20), (3,)), labels)
    assert data.shape == (1, 20, 20)
    assert options["translate"] == (3, 0, 0)


def test_whole_slices_are_one_value_each() -> None:
    images = ImageSet.from_array(np.zeros((3, 1, 10, 20), np.uint8), (Channel("protein"),))
    prediction = predict(slice_regions(images, [2, 0]), (0.9, 0.1), (0.1, 0.9))
    layer = labels_layer(prediction, CLASSES, 0.5, Placement.plain((3, 10, 20), ("items",)))
    assert layer[0].shape == (3, 1, 1)
    assert layer[1]["scale"] == (1, 10, 20)
    assert layer[1]["translate"] == (0, 4.5, 9.5)
    assert [colour_at(layer, (item, 0, 0)) for item in range(3)] == [(0, 1, 0, 1), CLEAR, (0, 0, 1, 1)]


def test_points_stand_in_the_middle_with_class_and_colour() -> None:
    images = ImageSet.from_array(np.zeros((2, 1, 10, 20), np.uint8), (Channel("protein"),))
    prediction = predict(image_regions(images), (0.9, 0.1), (0.55, 0.45))
    data, options, kind = points_layer(
        prediction, CLASSES, 0.6, Placement.plain((2, 3, 10, 20), ("items", "all"))
    )
    assert kind == "points"
    assert data.tolist() == [[0, 0, 4.5, 9.5], [1, 0, 4.5, 9.5]]
    assert options["translate"] == (0, 1, 0, 0)
    assert options["features"]["called"].tolist() == ["nucleus", "unsure"]
    assert options["face_color"][0].tolist() == [0, 0, 1, 1]
    assert options["text"]["string"] == {"feature": "called"}


def test_points_have_no_label_image() -> None:
    regions = point_regions(np.array([[3, 3]]), 4, (9, 9))
    with pytest.raises(ValueError, match="points_layer"):
        labels_layer(predict(regions, (0.9, 0.1)), CLASSES, 0.5, Placement.plain((9, 9)))


def test_several_organelles_take_the_colour_of_the_likeliest() -> None:
    regions = point_regions(np.array([[3, 3], [4, 4], [5, 5]]), 4, (9, 9))
    prediction = predict(regions, (0.7, 0.8), (0.9, 0.55), (0.3, 0.4), task="multi")
    assert colour_codes(prediction, np.array([0.6, 0.5])).tolist() == [1, 0, 2]
    assert prediction.called(np.array([0.6, 0.5])) == ["nucleus|er", "nucleus|er", "unsure"]
    assert colour_codes(prediction, np.array([0.95, 0.5])).tolist() == [1, 1, 2]
    entries = legend(prediction, CLASSES, np.array([0.95, 0.5]))
    assert [(entry.name, entry.rows.tolist()) for entry in entries] == [
        ("nucleus", []),
        ("er", [0, 1]),
        ("unsure", [2]),
    ]


def test_colours_and_names_agree_at_every_threshold() -> None:
    rng = np.random.default_rng(0)
    regions = point_regions(rng.uniform(0, 8, (200, 2)), 4, (9, 9))
    rows = rng.dirichlet((1, 1), 200).astype(np.float32)
    rows[:5] = np.nan
    prediction = predict(regions, *map(tuple, rows))
    names = np.array(["nucleus", "er", "unsure", ""])
    for threshold in (0.0, 0.5, 0.8, 1.0):
        assert names[colour_codes(prediction, threshold)].tolist() == prediction.called(threshold)
        assert called_names(prediction, threshold).tolist() == prediction.called(threshold)
