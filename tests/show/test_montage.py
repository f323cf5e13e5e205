"""Crops lie where the montage says, with what to read above them."""

import numpy as np
import pandas as pd

from napari_organelle.show.montage import make_montage, rows_of_cell, sample_of_each_class


def table(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "truth": ["er"] * count,
            "called": ["endoplasmic reticulum"] + ["er"] * (count - 1),
            "confidence": 0.5,
            "right": [False] + [True] * (count - 1),
            "item": "x",
        }
    )


def test_every_crop_is_at_its_centre_and_apart_from_the_others() -> None:
    crops = np.zeros((7, 9, 9, 3), np.float32)
    crops[:] = (np.arange(1, 8) / 10)[:, None, None, None]
    crops[6] = np.nan
    montage = make_montage(crops, table(7))
    for number, (y, x) in enumerate(montage.centres.astype(int)):
        square = montage.image[y - 4 : y + 5, x - 4 : x + 5]
        assert np.unique(square).tolist() == [0 if number == 6 else round(255 * (number + 1) / 10)]
    assert (montage.image > 0).any(axis=2).sum() == 6 * 81
    assert montage.image.dtype == np.uint8
    assert montage.captions()[:2] == ["er\n→ endoplasmic r…", "er"]


def test_a_cell_of_the_matrix_is_its_rows() -> None:
    targets = np.eye(3, dtype=bool)[[0, 0, 1, 2, 0]]
    called = np.eye(3, dtype=bool)[[0, 1, 1, 0, 1]]
    assert rows_of_cell(targets, called, 0, 1).tolist() == [1, 4]
    assert rows_of_cell(targets, called, 1, 0).tolist() == []


def test_a_sample_has_rare_classes_too() -> None:
    targets = np.eye(3, dtype=bool)[[0] * 90 + [1] * 8 + [2] * 2]
    rows = sample_of_each_class(targets, 12)
    assert targets[rows].sum(axis=0).tolist() == [5, 5, 2]
    assert np.array_equal(rows, np.sort(rows))
    assert len(sample_of_each_class(targets, 500)) == 100
