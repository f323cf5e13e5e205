"""Windows land where they should, and wrong requests are refused with advice."""

import dask.array as da
import numpy as np
import pytest

from napari_organelle.errors import RegionError
from napari_organelle.prepare import regions
from napari_organelle.prepare.regions import object_regions, pixels_from_um, point_regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet


def make_set(*sizes: tuple[int, int]) -> ImageSet:
    height, width = np.max(sizes, axis=0)
    images = ImageSet.from_array(np.zeros((len(sizes), 1, height, width), np.uint8), (Channel("protein"),))
    images.items["height"], images.items["width"] = zip(*sizes, strict=True)
    return images


def test_whole_images_keep_each_items_own_size() -> None:
    made = regions.image_regions(make_set((10, 20), (30, 20)))
    assert made.kind == "image"
    assert made.windows.tolist() == [[0, 0, 0, 10, 20], [1, 0, 0, 30, 20]]
    assert made.ids.tolist() == [1, 2]


def test_chosen_slices_keep_their_item_numbers() -> None:
    made = regions.slice_regions(make_set((8, 8), (8, 8), (8, 8)), [2, 0])
    assert made.kind == "slices"
    assert made.windows[:, 0].tolist() == [2, 0]
    assert made.centres().tolist() == [[2, 3.5, 3.5], [0, 3.5, 3.5]]


def test_tiles_that_divide_the_image_are_a_plain_grid() -> None:
    made = tile_regions((128, 192), 64)
    assert made.grid == (2, 3)
    assert made.stride == 64
    assert made.windows[:, 1:3].tolist() == [[0, 0], [0, 64], [0, 128], [64, 0], [64, 64], [64, 128]]
    assert made.ids.tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("tile", "stride"), [(64, 64), (64, 32), (64, 48), (100, 37), (1, 1), (101, 5)])
def test_tiles_cover_every_pixel_and_stay_inside(tile: int, stride: int) -> None:
    covered = np.zeros((101, 130), bool)
    for _, y, x, height, width in tile_regions(covered.shape, tile, stride).windows:
        assert y >= 0
        assert x >= 0
        assert y + height <= 101
        assert x + width <= 130
        covered[y : y + height, x : x + width] = True
    assert covered.all()


def test_last_tiles_end_at_the_border() -> None:
    made = tile_regions((1080, 1080), 64)
    assert made.grid == (17, 17)
    assert made.windows[-1].tolist() == [0, 1016, 1016, 64, 64]


def test_smaller_items_have_only_the_tiles_they_need() -> None:
    made = tile_regions([(4, 4), (2, 4)], 2)
    assert made.grid == (2, 2)
    assert made.windows[:, 0].tolist() == [0, 0, 0, 0, 1, 1]
    assert made.ids.tolist() == [1, 2, 3, 4, 5, 6]
    made = tile_regions([(2, 4), (4, 4)], 2)
    assert made.ids.tolist() == [1, 2, 5, 6, 7, 8]


def test_tile_larger_than_the_image_is_refused_with_advice() -> None:
    with pytest.raises(RegionError, match=r"128 px do not fit an image of 64 x 100 px.*at most 64 px"):
        tile_regions((64, 100), 128)


@pytest.mark.parametrize(("tile", "stride"), [(0, 1), (8, 0), (8, -3)])
def test_tile_and_stride_must_be_positive(tile: int, stride: int) -> None:
    with pytest.raises(RegionError, match="at least 1 px"):
        tile_regions((64, 64), tile, stride)


@pytest.mark.parametrize("side", [16.5, float("nan"), "a"])
def test_sides_are_whole_pixels(side: object) -> None:
    with pytest.raises(RegionError, match="the side of a tile in whole pixels"):
        tile_regions((64, 64), side)
    with pytest.raises(RegionError, match="the stride of tiles in whole pixels"):
        tile_regions((64, 64), 16, side)
    with pytest.raises(RegionError, match="the side of a window in whole pixels"):
        point_regions(np.array([[9.0, 9.0]]), side, (64, 64))
    with pytest.raises(RegionError, match="the side of a window in whole pixels"):
        object_regions(np.ones((64, 64), int), side)
    assert len(tile_regions((64, 64), np.float32(32))) == 4


def test_object_windows_are_centred_on_centroids() -> None:
    labels = np.zeros((40, 60), np.uint16)
    labels[10:14, 20:26] = 7
    labels[30, 50] = 3
    made = object_regions(labels, 5)
    assert made.ids.tolist() == [3, 7]
    assert made.windows.tolist() == [[0, 28, 48, 5, 5], [0, 10, 21, 5, 5]]
    assert made.centres()[0].tolist() == [0, 30, 50]


def test_windows_that_hold_a_part_of_each_object_are_doubted() -> None:
    labels = np.zeros((200, 200), int)
    labels[10:90, 10:90], labels[110:190, 110:190], labels[0:3, 0:3] = 1, 2, 3
    small = object_regions(labels, 64)
    assert small.diameter == pytest.approx(80 * 2 / np.pi**0.5)
    assert small.doubt.startswith("the objects are about 90 px wide, and windows of 64 px hold a part")
    assert object_regions(labels, 96).doubt == ""
    assert tile_regions((200, 200), 64).doubt == ""


def test_border_object_has_a_window_past_the_image() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[0, 39] = 1
    assert object_regions(labels, 8).windows.tolist() == [[0, -3, 36, 8, 8]]


def test_objects_of_strips_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (37, 23))
    whole = object_regions(labels, 4)
    monkeypatch.setattr(regions, "ROWS_AT_A_TIME", 5)
    assert np.array_equal(object_regions(labels, 4).windows, whole.windows)
    assert np.array_equal(object_regions(da.from_array(labels, chunks=9), 4).windows, whole.windows)


def test_stack_has_regions_of_its_own_for_a_label_that_comes_back() -> None:
    labels = np.zeros((2, 9, 9), int)
    labels[0, 4, 4] = labels[1, 5, 5] = 1
    made = object_regions(labels, 3)
    assert made.ids.tolist() == [1, 1]
    assert made.windows[:, :3].tolist() == [[0, 3, 3], [1, 4, 4]]


def test_huge_label_numbers_cost_no_memory() -> None:
    labels = np.zeros((9, 9), np.int64)
    labels[4, 4] = 2**40
    assert object_regions(labels, 3).ids.tolist() == [2**40]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((4, 4), int), "hold no object"),
        (np.ones((4, 4), bool), "whole-number labels"),
        (np.ones((4, 4), complex), "whole-number labels"),
        (np.ones((5, 4), int), r"labels have shape \(5, 4\), the image \(4, 4\)"),
    ],
)
def test_wrong_labels_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(RegionError, match=message):
        object_regions(labels, 3, (4, 4))


def test_point_windows() -> None:
    made = point_regions(np.array([[5.2, 6.4], [0, 0]]), 4, (10, 10))
    assert made.ids.tolist() == [0, 1]
    assert made.windows.tolist() == [[0, 4, 5, 4, 4], [0, -1, -1, 4, 4]]


def test_points_of_a_stack_carry_their_item() -> None:
    made = point_regions(np.array([[1, 5, 5]]), 3, [(10, 10), (10, 10)])
    assert made.windows.tolist() == [[1, 4, 4, 3, 3]]


def test_points_outside_are_counted_and_named() -> None:
    points = np.array([[5, 5], [-3, 5], [5, 10]])
    with pytest.raises(RegionError, match="2 of 3 points lie outside the image of 10 x 10 px: rows 1, 2"):
        point_regions(points, 3, (10, 10))
    with pytest.raises(RegionError, match="1 of 1 points lie outside"):
        point_regions(np.array([[2, 5, 5]]), 3, [(10, 10), (10, 10)])
    with pytest.raises(RegionError, match="has none"):
        point_regions(np.zeros((0, 2)), 3, (10, 10))


def test_micrometres_become_pixels_only_where_the_pixel_size_is_known() -> None:
    assert pixels_from_um(10, 0.5) == 20
    assert pixels_from_um(0.01, 0.5) == 1
    with pytest.raises(RegionError, match="10 µm needs the pixel size"):
        pixels_from_um(10, None)


def test_labels_beyond_whole_numbers_of_64_bits_are_refused():
    labels = np.zeros((9, 9), np.uint64)
    labels[2, 2] = 2**63 - 1
    assert object_regions(labels, 4).ids.tolist() == [2**63 - 1]
    labels[4, 4] = 2**63
    with pytest.raises(RegionError, match=r"labels below 2\*\*63; there is 9223372036854775808"):
        object_regions(labels, 4)
