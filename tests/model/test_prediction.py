from dataclasses import replace

import numpy as np
import pytest

from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.regions import Regions

NAMES = ("er", "golgi", "nucleus")
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [np.nan] * 3, [0.6, 0.55, 0.0]], np.float32)


def prediction(task: str) -> Prediction:
    windows = np.column_stack([np.zeros(4), np.arange(4), np.arange(4) * 2, np.full((4, 2), 8)]).astype(
        np.int64
    )
    return Prediction(Regions("points", windows, np.array([3, 5, 7, 9])), PROBABILITIES, NAMES, task, "m@1")


def test_one_label_is_the_likeliest_class_from_its_threshold_on():
    single = prediction("single")
    assert single.called(0.5) == ["er", "unsure", "", "er"]
    assert single.called(0.0) == ["er", "er", "", "er"]
    assert single.called(np.array([0.65])) == ["er", "unsure", "", "unsure"]


def test_several_labels_are_all_that_reach_their_thresholds():
    multi = prediction("multi")
    assert multi.called(0.5) == ["er", "unsure", "", "er|golgi"]
    assert multi.called(np.array([0.65, 0.3, 0.2])) == ["er", "golgi|nucleus", "", "golgi"]


def test_the_table_has_one_row_a_region_and_every_probability():
    table = prediction("single").to_frame(0.5)
    names = [
        "item",
        "region",
        "y",
        "x",
        "height",
        "width",
        "called",
        "confidence",
        "p_er",
        "p_golgi",
        "p_nucleus",
    ]
    assert list(table.columns) == names
    assert table["region"].tolist() == [3, 5, 7, 9]
    assert table["x"].tolist() == [0, 2, 4, 6]
    np.testing.assert_array_equal(table["confidence"], np.array([0.7, 0.4, np.nan, 0.6], np.float32))
    np.testing.assert_array_equal(table["p_golgi"], PROBABILITIES[:, 1])
    assert prediction("single").answered().tolist() == [True, True, False, True]


def test_a_prediction_knows_the_thresholds_of_its_model():
    multi = replace(prediction("multi"), thresholds=(0.65, 0.3, 0.2))
    assert multi.to_frame()["called"].tolist() == ["er", "golgi|nucleus", "", "golgi"]
    single = replace(prediction("single"), thresholds=(0.65,))
    assert single.to_frame()["called"].tolist() == ["er", "unsure", "", "unsure"]
    assert single.to_frame(0.5)["called"].tolist() == ["er", "unsure", "", "er"]
    with pytest.raises(ValueError, match="name one"):
        prediction("single").to_frame()
