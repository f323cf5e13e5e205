from dataclasses import replace

import numpy as np
import pytest

from napari_organelle.errors import RegionError
from napari_organelle.prepare import dense
from napari_organelle.prepare.dense import (
    band_ends,
    dense_input,
    fitting_stride,
    local_levels,
    strips,
    tile_blocks,
)
from napari_organelle.prepare.pixels import PixelPlan, network_input, percentile_levels
from napari_organelle.prepare.regions import point_regions, tile_regions

SIZES = np.array([(300, 217), (60, 130), (300, 217)])


@pytest.mark.parametrize(("tile", "stride"), [(32, 8), (48, 12), (24, 24), (32, 50)])
def test_every_tile_is_in_one_block_at_its_place(tile: int, stride: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dense, "BLOCK_PX", 112)
    regions = tile_regions(SIZES, tile, stride)
    blocks = list(tile_blocks(regions, SIZES, 32))
    assert sorted(np.concatenate([block.rows.ravel() for block in blocks])) == list(range(len(regions)))
    answered = 0
    for block in blocks:
        item, y, x, height, width = block.window
        assert max(height, width) <= 112 * tile / 32 + tile
        starts = [
            side[:n] * tile / 32 for side, n in zip((block.tops, block.lefts), block.rows.shape, strict=True)
        ]
        corners = np.stack(np.meshgrid(starts[0] + y, starts[1] + x, indexing="ij"), axis=-1)
        np.testing.assert_allclose(corners, regions.windows[block.rows, 1:3], atol=1e-3)
        assert (regions.windows[block.rows, 0] == item).all()
        assert (corners[-1, -1] + tile <= (y + height, x + width)).all()
        answered += block.rows.size
        assert answered == block.rows[-1, -1] + 1 or not block.last
    assert block.last
    assert len(
        {(block.window[0], *block.window[3:], len(block.tops), len(block.lefts)) for block in blocks}
    ) == len(SIZES)


@pytest.mark.parametrize(("tile", "stride"), [(32, 8), (48, 12), (32, 50)])
def test_a_band_has_the_blocks_that_it_has_in_the_whole(
    tile: int, stride: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dense, "BLOCK_PX", 112)
    whole = list(tile_blocks(tile_regions(SIZES, tile, stride), SIZES, 32))
    ends = band_ends(SIZES, tile, stride, 32)
    assert ends.tolist() == [block.rows[-1, -1] + 1 for block in whole if block.last]
    assert len(ends) > 2 * len(SIZES)
    start, parts = 0, []
    for end in ends:
        for block in tile_blocks(tile_regions(SIZES, tile, stride, start, end), SIZES, 32):
            parts.append(replace(block, rows=block.rows + start))
        start = end
    for part, block in zip(parts, whole, strict=True):
        for name in ("rows", "window", "tops", "lefts", "last"):
            np.testing.assert_array_equal(getattr(part, name), getattr(block, name))


def test_bands_of_a_large_image_are_cut_without_a_table_of_its_tiles():
    ends = band_ends(np.array([(65536, 65536)]), 64, 16, 64)
    assert ends[-1] == 4093**2
    assert np.diff(ends).max() <= 43 * 4093


def test_only_tiles_can_share():
    with pytest.raises(RegionError, match="for tiles, not for points"):
        list(tile_blocks(point_regions(np.array([[20, 20]]), 32, (64, 64)), np.array([(64, 64)]), 32))


@pytest.mark.parametrize(
    ("start", "stop", "problem"),
    [(0, 3, "whole rows of tiles"), (1, 4, "whole rows of tiles"), (0, 2, "2 rows"), (2, 4, "2 rows")],
)
def test_a_part_of_a_block_is_refused(start: int, stop: int, problem: str):
    with pytest.raises(RegionError, match=problem):
        list(tile_blocks(tile_regions((64, 64), 32, None, start, stop), np.array([(64, 64)]), 32))


def test_strips_of_a_block_hold_their_tiles_and_the_halo():
    image = np.random.default_rng(0).random((1, 200, 40, 3)).astype(np.float32)
    tops = np.float32([16, 33.5, 51, 68.5, 86, 103.5, 121])
    assert [strip.shape for strip, _ in strips(image, tops, 7, 32)] == [(1, 200, 40, 3)]
    found = list(strips(image, tops, 2, 32))
    assert [len(some) for _, some in found] == [2, 2, 2, 1]
    first = 0
    for strip, some in found:
        for top, own in zip(tops[first : first + len(some)], some, strict=True):
            low = int(top - own)
            assert low % 32 == 0
            np.testing.assert_array_equal(
                strip[:, int(own) - 16 : int(own) + 48], image[:, int(top) - 16 : int(top) + 48]
            )
        first += len(some)


def test_strides_that_fit_are_whole_coarsest_pixels():
    assert fitting_stride(64, 64, 16) == 16
    assert fitting_stride(256, 224, 16) == 128
    assert fitting_stride(256, 224, 4) == 32


@pytest.mark.parametrize("scaling", ["window", "dtype"])
def test_where_all_tiles_are_alike_a_block_is_scaled_as_each_of_them(scaling: str):
    plan = PixelPlan(input_size=32, window_px=32, scaling=scaling)
    tile = np.random.default_rng(0).integers(0, 60_000, (2, 48, 48)).astype(np.uint16)
    block = dense_input(np.tile(tile, (1, 3, 4)), plan, 48)
    assert block.shape == (1, 96, 128, 3)
    np.testing.assert_allclose(block[:, 32:64, 96:], network_input(tile[None], plan), atol=1e-5)


def test_levels_are_a_windows_own_in_its_middle_and_linear_between():
    pixels = np.random.default_rng(0).random((2, 64, 129)).astype(np.float32)
    pixels[..., 64:] *= 10
    dark, bright = local_levels(pixels, 33)
    for x in (0, 16, 96):
        own = percentile_levels(pixels[None, :, 31:64, x : x + 33])
        np.testing.assert_allclose(
            [dark[:, 47, x + 16], bright[:, 47, x + 16]], [own[0][0], own[1][0]], rtol=1e-5
        )
    between = bright[0, 47, 16:33]
    np.testing.assert_allclose(np.diff(between), np.diff(between)[0], atol=1e-6)
    assert bright[0, 47, 120] > 5 * bright[0, 47, 10]
