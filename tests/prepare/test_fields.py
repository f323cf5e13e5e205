import numpy as np
import pytest

from napari_organelle.prepare.fields import parts_of
from napari_organelle.prepare.pixels import PixelPlan
from napari_organelle.prepare.regions import image_regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet

PLAN = PixelPlan(input_size=32, window_px=20, pixel_size_um=0.5, field_parts=2)


def images(side: int, pixel_size_um: float | None = None) -> ImageSet:
    data = np.zeros((2, 1, side, side + 1), np.uint8)
    return ImageSet.from_array(data, (Channel("GFP"),), pixel_size_um=pixel_size_um)


def test_a_field_is_divided_without_gaps_or_overlaps():
    image_set = images(45)
    parts, region_of = parts_of(image_regions(image_set), image_set, PLAN)
    assert region_of.tolist() == [0] * 4 + [1] * 4
    seen = np.zeros((2, 45, 46), int)
    for item, y, x, height, width in parts.tolist():
        seen[item, y : y + height, x : x + width] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("side", "pixel_size_um", "along"),
    [(29, None, 1), (30, None, 2), (300, None, 2), (60, 0.5, 3), (120, 0.25, 3), (60, 2.0, 8), (25, 0.5, 1)],
)
def test_parts_are_as_large_as_windows_where_the_pixel_size_is_known(
    side: int, pixel_size_um: float | None, along: int
):
    image_set = images(side, pixel_size_um)
    parts, _ = parts_of(image_regions(image_set), image_set, PLAN)
    assert len(parts) == 2 * along**2


def test_only_whole_images_are_divided_and_only_where_the_model_asks_for_it():
    image_set = images(60)
    tiles = tile_regions((60, 61), 40)
    assert np.array_equal(parts_of(tiles, image_set, PLAN)[0], tiles.windows)
    whole = image_regions(image_set)
    parts, region_of = parts_of(whole, image_set, PixelPlan(input_size=32, window_px=20))
    assert np.array_equal(parts, whole.windows)
    assert region_of.tolist() == [0, 1]
