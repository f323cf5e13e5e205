"""Which regions a gallery shows, in which order, and which one lies where."""

from dataclasses import replace

import numpy as np
import pytest

from napari_organelle.model.prediction import Prediction
from napari_organelle.model.usefulness import most_useful, uncertainty
from napari_organelle.prepare.regions import Regions, object_regions, tile_regions
from napari_organelle.show.gallery import gallery_rows, region_at
from napari_organelle.show.placement import Placement

P = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.1, 0.2, 0.7], [0.5, 0.5, 0], [np.nan] * 3], np.float32)


def prediction(task: str = "single", probabilities: np.ndarray = P) -> Prediction:
    windows = np.array([[0, 0, 10 * row, 10, 10] for row in range(len(probabilities))])
    regions = Regions("tiles", windows, np.arange(1, len(windows) + 1))
    return Prediction(regions, probabilities, ("er", "golgi", "nucleus"), task, "m", (0.6,))


@pytest.mark.parametrize(
    ("wanted", "order", "rows"),
    [
        ("er", "sure", [0, 1]),
        ("er", "unsure", [1, 0]),
        ("unsure", "sure", [3]),
        ("all", "sure", [0, 2, 1, 3, 4]),
        ("all", "image", [0, 1, 2, 3, 4]),
        ("golgi", "sure", []),
    ],
)
def test_rows_of_a_class_in_order(wanted: str, order: str, rows: list[int]) -> None:
    assert gallery_rows(prediction(), 0.6, wanted, order).tolist() == rows


def test_corrections_count_instead_of_calls() -> None:
    given = {0: "golgi", 3: "er|golgi"}
    assert gallery_rows(prediction(), 0.6, "er", "image", given).tolist() == [1, 3]
    assert gallery_rows(prediction(), 0.6, "golgi", "image", given).tolist() == [0, 3]
    assert gallery_rows(prediction(), 0.6, "corrected", "image", given).tolist() == [0, 3]
    assert gallery_rows(prediction(), 0.6, "unsure", "image", given).tolist() == []


def test_regions_unlike_the_training_pictures_are_a_class_of_the_gallery() -> None:
    strange = replace(prediction(), unlike=np.array([True, False, False, True, True]))
    assert gallery_rows(strange, 0.6, "unlike training", "image").tolist() == [0, 3]
    assert gallery_rows(prediction(), 0.6, "unlike training", "image").tolist() == []


def test_uncertainty_is_the_margin_or_the_distance_to_the_threshold() -> None:
    assert uncertainty(prediction(), 0.6)[:4] == pytest.approx([0.2, 0.8, 0.5, 1.0])
    multi = uncertainty(prediction("multi"), np.array([0.5, 0.25, 0.5]))
    assert multi[:2] == pytest.approx([1 - 0.15 / 0.75, 1 - 0.15 / 0.75])
    assert multi[3] == pytest.approx(1.0)


def test_the_most_useful_is_unsure_and_unlike_the_known() -> None:
    alike = np.array([[0.5, 0.5, 0], [0.51, 0.49, 0], [0, 0.45, 0.55], [0.9, 0.1, 0]], np.float32)
    made = prediction("single", alike)
    assert most_useful(made, 0.6, []) == 0
    assert most_useful(made, 0.6, [0]) == 2
    assert most_useful(made, 0.6, [0, 1, 2, 3]) is None


def test_what_lies_at_a_place() -> None:
    labels = np.zeros((2, 40, 40), np.int32)
    labels[0, 4:10, 4:10], labels[1, 4:10, 4:10], labels[1, 20:30, 20:30] = 3, 3, 8
    regions = object_regions(labels, 16)
    assert [region_at(regions, labels, item, 6, 6) for item in (0, 1)] == [0, 1]
    assert region_at(regions, labels, 1, 25.4, 25.4) == 2
    assert region_at(regions, labels, 0, 25, 25) is None
    assert region_at(regions, labels, 0, -3, 25) is None
    tiles = tile_regions((40, 40), 20, 10)
    assert tiles.windows[region_at(tiles, None, 0, 21, 12)].tolist() == [0, 10, 0, 20, 20]
    assert region_at(tiles, None, 0, 41, 12) is None


def test_the_world_and_back() -> None:
    plain = Placement.plain((7, 5, 3, 40, 50), (4, "items", "all"))
    turned = Placement(
        **{**vars(plain), "scale": (1.0, 2.0, 1.0, 0.1, 0.1), "translate": (0.0, 1.0, 0, 5, 6)}
    )
    for placement in (plain, turned):
        world = placement.world(3, 12.5, 7.0)
        assert placement.pixel(world) == pytest.approx((3, 12.5, 7.0))
        assert placement.pixel([*(world + np.array([1, 0, 0, 0, 0]))]) is None
    assert plain.pixel(plain.world(0, 1, 2) - np.array([0, 1, 0, 0, 0])) is None
