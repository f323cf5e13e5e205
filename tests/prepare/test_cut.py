from pathlib import Path

import dask.array as da
import imageio.v3 as imageio
import numpy as np
import pandas as pd
import pytest

from napari_organelle.errors import ReadError, RegionError
from napari_organelle.prepare import cut as cutting
from napari_organelle.prepare.cut import cut, iter_windows, unfit_items
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.open import open_image_set


def image_set(data: np.ndarray | da.Array) -> ImageSet:
    return ImageSet.from_array(data, tuple(Channel(f"c{index}") for index in range(data.shape[1])))


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_windows_come_from_their_item_place_and_channel():
    data = numbered(2, 3, 20, 30)
    first, second = cut(image_set(data), np.array([[1, 2, 3, 4, 5], [0, 10, 0, 8, 8]]), (2, 0))
    np.testing.assert_array_equal(first, data[1, [2, 0], 2:6, 3:8])
    np.testing.assert_array_equal(second, data[0, [2, 0], 10:18, 0:8])


def test_an_empty_slot_is_zero():
    data = numbered(1, 2, 8, 8) + 1
    (window,) = cut(image_set(data), np.array([[0, 0, 0, 8, 8]]), (None, 1))
    assert (window[0] == 0).all()
    np.testing.assert_array_equal(window[1], data[0, 1])


@pytest.mark.parametrize("lazy", [False, True])
def test_edge_pixels_are_repeated_outside(lazy: bool):
    data = numbered(1, 1, 10, 12)
    padded = np.pad(data[0, 0], 20, mode="edge")
    pixels = image_set(da.from_array(data, chunks=(1, 1, 4, 5)) if lazy else data)
    for y, x in [(-3, -2), (6, 9), (-6, 4), (9, 11), (2, 3)]:
        (window,) = cut(pixels, np.array([[0, y, x, 7, 6]]), (0,))
        np.testing.assert_array_equal(window[0], padded[y + 20 : y + 27, x + 20 : x + 26])


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ([0, 2, 3, 0, 5], "0 pixels is empty"),
        ([0, 2, 3, 5, -1], "-1 pixels is empty"),
        ([2, 0, 0, 4, 4], "on item 2; there are 2"),
        ([-1, 0, 0, 4, 4], "there are 2"),
        ([1, 10, 0, 4, 4], "off its image"),
        ([0, 0, -4, 4, 4], "off its image"),
        ([0, -20_000, -20_000, 48_000, 48_000], "48,000 pixels is larger than the image"),
        ([0, 2**62, 0, 4, 4], "off its image"),
        ([0, 1, 2, 3], "5 numbers"),
    ],
)
def test_windows_that_cannot_be_cut_are_refused(window: list[int], told: str):
    pixels = image_set(np.ones((2, 1, 10, 10), np.uint8))
    with pytest.raises(RegionError, match=told):
        cut(pixels, np.array([[0, 0, 0, 4, 4][: len(window)], window]), (0,))


def test_the_padding_of_small_items_is_not_read():
    pixels = image_set(np.ones((2, 1, 10, 10), np.uint8))
    pixels.items.loc[1, ["height", "width"]] = (4, 6)
    pixels.data[1, :, 4:] = 0
    pixels.data[1, :, :, 6:] = 0
    (window,) = cut(pixels, np.array([[1, 0, 0, 10, 10]]), (0,))
    assert (window == 1).all()


@pytest.mark.parametrize("chunks", [(1, 1, 16, 16), (1, 2, 64, 48), (3, 2, 10, 48)])
def test_lazy_pixels_give_the_same_windows_in_any_order(
    chunks: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cutting, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(cutting, "PLANNED_ROWS", 23)
    data = numbered(3, 2, 64, 48)
    rng = np.random.default_rng(0)
    windows = np.column_stack(
        [rng.integers(0, 3, 60), rng.integers(-4, 48, (60, 2)), rng.integers(5, 20, (60, 2))]
    )
    expected = cut(image_set(data), windows, (1, 0))
    for window, lazy in zip(
        expected, cut(image_set(da.from_array(data, chunks=chunks)), windows, (1, 0)), strict=True
    ):
        np.testing.assert_array_equal(lazy, window)


class Counted:
    """An array that notes each piece that is read from it."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim
        self.reads: list[int] = []

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        piece = self.data[key]
        self.reads.append(piece.size)
        return piece


def tile_grid(side: int, tile: int) -> np.ndarray:
    y, x = np.mgrid[0:side:tile, 0:side:tile].reshape(2, -1)
    return np.column_stack([np.zeros_like(y), y, x, np.full_like(y, tile), np.full_like(y, tile)])


def test_each_chunk_is_read_about_once_for_a_grid_of_tiles_and_memory_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
):
    counted = Counted(np.zeros((1, 1, 512, 512), np.uint8))
    lazy = da.from_array(counted, chunks=(1, 1, 128, 128))
    monkeypatch.setattr(cutting, "BLOCK_BYTES", 128 * 512)
    cut(image_set(lazy), tile_grid(512, 16), (0,))
    assert len(counted.reads) <= 2 * 16
    assert sum(counted.reads) == 512 * 512


def test_far_apart_windows_do_not_read_what_lies_between():
    counted = Counted(np.zeros((1, 1, 1000, 1000), np.uint8))
    lazy = da.from_array(counted, chunks=(1, 1, 10, 10))
    cut(image_set(lazy), np.array([[0, 0, 0, 5, 5], [0, 990, 990, 5, 5], [0, 0, 500, 5, 5]]), (0,))
    assert sum(counted.reads) == 75


def test_a_broken_item_does_not_take_its_neighbours_along():
    def load(block_info: dict) -> np.ndarray:
        item = block_info[None]["chunk-location"][0]
        if item == 2:
            raise OSError("damaged file")
        return np.full((1, 1, 8, 8), item, np.uint8)

    lazy = da.map_blocks(load, chunks=((1,) * 5, 1, 8, 8), dtype=np.uint8, meta=np.empty((0,) * 4, np.uint8))
    windows = np.array([[item, 0, 0, 8, 8] for item in range(5)])
    pieces = list(iter_windows(image_set(lazy), windows, (0,)))
    assert [p.max() for p in pieces if not isinstance(p, ReadError)] == [0, 1, 3, 4]
    assert str(pieces[2]) == "image[2]: it is damaged or cut short (damaged file)"
    with pytest.raises(ReadError, match="damaged file"):
        cut(image_set(lazy), windows, (0,))


def test_items_of_files_are_read_once_in_bounded_blocks_and_never_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cutting, "MAX_FILES", 3)
    for index in range(8):
        pixels = np.full((16, 16, 3), index * 10, np.uint8)
        imageio.imwrite(tmp_path / f"{index}.png", pixels)
    pixels = open_image_set(sorted(tmp_path.glob("*.png")))
    (tmp_path / "4.png").write_bytes(b"damaged")
    reads: list[tuple[int, list[int]]] = []
    read = ImageSet.read

    def noting(self: ImageSet, item: int, channels: list[int]) -> np.ndarray:
        reads.append((item, channels))
        return read(self, item, channels)

    monkeypatch.setattr(ImageSet, "read", noting)
    windows = np.array([[item, y, 0, 8, 16] for item in range(8) for y in (0, 8)])
    pieces = iter_windows(pixels, windows, (2, None, 0))
    first = next(pieces)
    assert {item for item, _ in reads} == {0, 1, 2}
    pieces = [first, *pieces]
    assert sorted(reads) == [(item, [0, 2]) for item in range(8)]
    assert [None if isinstance(p, ReadError) else p[0, 3, 3] for p in pieces[::2]] == [
        0,
        10,
        20,
        30,
        None,
        50,
        60,
        70,
    ]
    assert "4.png" in str(pieces[8])
    assert "4.png" in str(pieces[9])


def test_bool_pixels_are_refused_before_anything_is_read():
    with pytest.raises(ReadError, match="not bool"):
        list(iter_windows(image_set(np.zeros((1, 1, 8, 8), bool)), np.array([[0, 0, 0, 8, 8]]), (0,)))


def test_items_without_a_needed_channel_are_unfit():
    pixels = image_set(np.zeros((3, 2, 8, 8), np.uint8))
    pixels.items["missing"] = pd.Series(["", "c1", "c0, c1"])
    pixels.items.loc[0, "problem"] = "cut short"
    assert unfit_items(pixels, (1, None)) == {0: "cut short", 1: "no c1 channel", 2: "no c1 channel"}
    assert set(unfit_items(pixels, (0,))) == {0, 2}
