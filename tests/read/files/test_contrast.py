import dask.array as da
import numpy as np
import pytest

from napari_organelle.read.files.contrast import contrast_limits
from napari_organelle.read.image_set import Channel, ImageSet


def limits(pixels: np.ndarray) -> tuple[float, float]:
    return contrast_limits(ImageSet.from_array(pixels[:, None], (Channel("protein"),)), 0)


def test_limits_span_all_items_but_not_single_hot_pixels() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(100, 200, (50, 64, 64)).astype(np.uint16)
    pixels[:, 0, 0] = 65_535
    low, high = limits(pixels)
    assert 100 <= low < 110
    assert 195 < high <= 200


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.zeros((3, 8, 8), np.uint8), (0, 255)),
        (np.zeros((3, 8, 8), np.float32), (0, 1)),
        (np.full((3, 8, 8), 700, np.uint16), (0, 700)),
        (np.full((3, 8, 8), np.nan, np.float32), (0, 1)),
    ],
)
def test_pixels_of_one_value_still_have_a_range(pixels: np.ndarray, expected: tuple[float, float]) -> None:
    assert limits(pixels) == expected


def test_items_without_the_channel_do_not_count() -> None:
    pixels = np.zeros((40, 1, 16, 16), np.uint8)
    pixels[7] = np.arange(256, dtype=np.uint8).reshape(16, 16)
    images = ImageSet.from_array(pixels, (Channel("ER"),))
    images.items["missing"] = ["ER" if item != 7 else "" for item in range(40)]
    low, high = contrast_limits(images, 0)
    assert low == pytest.approx(12.75)
    assert high > 250


def test_only_a_few_items_of_a_long_set_are_read() -> None:
    read: list[int] = []

    def block(block_id: tuple[int, ...]) -> np.ndarray:
        read.append(block_id[0])
        return np.full((1, 1, 64, 64), block_id[0] % 200, np.uint8)

    data = da.map_blocks(
        block, chunks=((1,) * 5000, (1,), (64,), (64,)), dtype=np.uint8, meta=np.empty((0,) * 4)
    )
    contrast_limits(ImageSet.from_array(data, (Channel("protein"),)), 0)
    assert 50 < len(read) < 100
    assert min(read) == 0
    assert max(read) == 4999
