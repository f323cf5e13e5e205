from dataclasses import replace

import numpy as np
import pytest

from napari_organelle.model.palette import colour_classes
from napari_organelle.train.recipes import DEFAULT
from napari_organelle.train.stages import _drawing, class_weights


def test_rare_classes_weigh_more():
    targets = np.eye(2, dtype=bool)[[0] * 9 + [1]]
    weights = class_weights(DEFAULT, targets, np.arange(10))
    assert weights.mean() == pytest.approx(1)
    assert weights[:9].sum() == pytest.approx(weights[9])
    assert class_weights(replace(DEFAULT, balance="none"), targets, np.arange(10)).tolist() == [1] * 10


def test_resampling_draws_each_class_equally_often():
    targets = np.eye(3, dtype=bool)[[0] * 90 + [1] * 9 + [2]]
    train = np.arange(1, 100)
    draw = _drawing(replace(DEFAULT, balance="resample", drawn_per_class=50), targets, train)
    rows = draw(np.random.default_rng(0))
    assert targets[rows].sum(axis=0).tolist() == [50, 50, 50]
    assert 0 not in rows


def test_without_resampling_each_example_is_drawn_once():
    rows = _drawing(DEFAULT, np.eye(2, dtype=bool)[[0, 1] * 5], np.arange(2, 9))(np.random.default_rng(0))
    assert sorted(rows.tolist()) == list(range(2, 9))


def test_an_organelle_has_its_colour_in_every_model():
    first, second = (
        colour_classes(["Golgi apparatus", "mine"]),
        colour_classes(["mine", "golgi_apparatus", "er"]),
    )
    assert first[0].colour == second[1].colour
    assert first[1].colour == second[0].colour
    many = colour_classes([f"class {index}" for index in range(60)] + ["golgi", "Golgi"])
    assert len({each.colour for each in many}) == 62
