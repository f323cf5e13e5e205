"""Two runs are compared region by region, by where the regions lie."""

import numpy as np
import pytest

from napari_organelle.errors import RegionError
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.regions import object_regions, tile_regions
from napari_organelle.show.compare import changes_layer, compare
from napari_organelle.show.placement import Placement


def said(size: int, *called: str, stride: int | None = None) -> Prediction:
    names = ("er", "nucleus")
    rows = [[0.9 * (name == one) + 0.05 for one in names] for name in called]
    return Prediction(
        tile_regions((64, 64), size, stride), np.array(rows, np.float32), names, "single", "a@0"
    )


def test_changed_calls_are_counted_and_ringed_where_they_lie() -> None:
    first = said(32, "er", "er", "nucleus", "unsure")
    second = said(32, "er", "nucleus", "nucleus", "er")
    comparison = compare(first, second, (0.5, 0.5))
    table = comparison.table()
    assert table.loc["er"].to_dict() == {"er": 1, "nucleus": 1}
    assert table.loc["unsure", "er"] == 1
    assert table.to_numpy().sum() == 4
    assert comparison.summary() == "2 of 4 regions are called the same (50.0%, kappa 0.20)."
    data, options, kind = changes_layer(comparison, Placement.plain((64, 64)))
    assert kind == "points"
    assert data.tolist() == [[15.5, 47.5], [47.5, 47.5]]
    assert options["features"]["before"].tolist() == ["er", "unsure"]
    assert options["features"]["after"].tolist() == ["nucleus", "er"]


def test_only_common_regions_count_and_none_is_an_error() -> None:
    first = said(32, *["er"] * 9, stride=16)
    assert len(compare(first, said(32, *["er"] * 4), (0.5, 0.5)).rows) == 4
    with pytest.raises(RegionError, match="no region in common"):
        compare(first, said(64, "er"), (0.5, 0.5))


def test_objects_are_the_same_in_windows_of_any_size() -> None:
    labels = np.zeros((64, 64), int)
    labels[10:20, 10:20], labels[40:50, 40:50] = 3, 7
    small, large = (
        Prediction(
            object_regions(labels, side), np.array(rows, np.float32), ("er", "nucleus"), "single", "a@0"
        )
        for side, rows in ((16, [[0.9, 0.1], [0.9, 0.1]]), (48, [[0.9, 0.1], [0.1, 0.9]]))
    )
    comparison = compare(small, large, (0.5, 0.5))
    assert comparison.first.tolist() == ["er", "er"]
    assert comparison.second.tolist() == ["er", "nucleus"]
    assert comparison.sides.tolist() == [16, 16]


def test_regions_without_an_answer_are_left_out() -> None:
    first = said(32, "er", "er", "er", "er")
    first.probabilities[2] = np.nan
    comparison = compare(first, said(32, *["er"] * 4), (0.5, 0.5))
    assert comparison.rows.tolist() == [0, 1, 3]
    assert comparison.summary() == "3 of 3 regions are called the same (100.0%)."
