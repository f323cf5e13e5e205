from dataclasses import replace

import numpy as np
import pytest

from napari_organelle.errors import RegionError
from napari_organelle.prepare import dense
from napari_organelle.prepare.dense import dense_input, fitting_stride, local_levels, tile_blocks
from napari_organelle.prepare.pixels import PixelPlan, network_input, percentile_levels
from napari_organelle.prepare.regions import point_regions, tile_regions


@pytest.mark.parametrize(("tile", "stride"), [(32, 8), (48, 12), (24, 24), (32, 50)])
def test_every_tile_is_in_one_block_at_its_place(tile: int, stride: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dense, "BLOCK_PX", 112)
    regions = tile_regions([(300, 217), (60, 130)], tile, stride)
    blocks = list(tile_blocks(regions, 32))
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
    assert (
        len({(block.window[0], *block.window[3:], len(block.tops), len(block.lefts)) for block in blocks})
        == 2
    )


def test_only_tiles_can_share():
    with pytest.raises(RegionError, match="for tiles, not for points"):
        list(tile_blocks(point_regions(np.array([[20, 20]]), 32, (64, 64)), 32))


def test_a_part_of_a_grid_is_refused():
    regions = tile_regions((64, 64), 32)
    part = replace(regions, windows=regions.windows[:3], ids=regions.ids[:3])
    with pytest.raises(RegionError, match="needs all tiles"):
        list(tile_blocks(part, 32))


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
