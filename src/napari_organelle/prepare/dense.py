"""Blocks of overlapping tiles that share their pixels: which tiles go together, and one scaling for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from napari_organelle.errors import RegionError
from napari_organelle.prepare.pixels import (
    PixelPlan,
    percentile_levels,
    resample,
    scale_by_dtype,
    stretch,
    to_rgb,
)
from napari_organelle.prepare.regions import Regions, tile_counts

BLOCK_PX = 768
"""Most network pixels along a side of a block, its halo included."""

HALO_PX = 16
"""Network pixels around a block's tiles that the network sees too."""

STRIP_STEP_PX = 32
"""Network pixels of which strips of a block begin at a multiple: two of the coarsest pixels, so that what is
rounded to the nearest of these stays where it was."""

LEVELS_A_TILE = 2
"""Positions along a tile's side at which percentiles are taken; between them they are interpolated."""


@dataclass(frozen=True, eq=False)
class TileBlock:
    """Neighbouring tiles of one item.

    Parameters
    ----------
    rows : (n_y, n_x) int64
        Which of the regions they are.
    window : (5,) int64
        Item, y, x, height and width of the block's pixels, halo included; may reach past the item.
    tops : (m_y,) float32
        First row of each row of tiles, in network pixels from the block's; the last is repeated up to the
        number that all blocks of an item have.
    lefts : (m_x,) float32
        The same along x.
    last : bool
        Whether the regions up to its last one are now all answered.
    """

    rows: np.ndarray
    window: np.ndarray
    tops: np.ndarray
    lefts: np.ndarray
    last: bool


@dataclass(frozen=True, eq=False)
class GridRows:
    """Whole rows of an item's grid of tiles.

    Parameters
    ----------
    item : int
        Whose.
    rows : (n_y, n_x) int64
        Which of the regions they are.
    first : int
        Row of the whole grid that they begin with.
    count : int
        Rows of the whole grid.
    """

    item: int
    rows: np.ndarray
    first: int
    count: int


def grid_rows(regions: Regions, sizes: np.ndarray) -> Iterator[GridRows]:
    """Tiles as rows of the grids that `tile_regions` makes, item by item.

    Parameters
    ----------
    regions : Regions
        Of the kind ``"tiles"``: all tiles, or some whole rows of each item.
    sizes : (N, 2) int64
        Height and width of every item in pixels.

    Raises
    ------
    RegionError
        If the regions are no tiles, or not whole rows.
    """
    if regions.kind != "tiles":
        raise RegionError(
            f"the dense way is for tiles, not for {regions.kind}: choose tiles, or the exact way"
        )
    tile, stride = _tile_and_stride(regions)
    for item in np.unique(regions.windows[:, 0]).tolist():
        rows = np.flatnonzero(regions.windows[:, 0] == item)
        down, across = (_starts(length, tile, stride) for length in sizes[item].tolist())
        first = -(-int(regions.windows[rows[0], 1]) // stride)
        own = down[first : first + len(rows) // len(across)]
        expected = np.stack(np.meshgrid(own, across, indexing="ij"), axis=-1).reshape(-1, 2)
        if not np.array_equal(regions.windows[rows, 1:3], expected):
            raise RegionError("the dense way needs whole rows of tiles: don't leave any out")
        yield GridRows(item, rows.reshape(len(own), len(across)), first, len(down))


def tile_blocks(regions: Regions, sizes: np.ndarray, input_size: int) -> Iterator[TileBlock]:
    """Divide tiles into blocks of equal size, in the regions' order.

    An item's division depends on its whole grid alone, so that a part of the grid has the blocks, and the
    answers, that it has in the whole.

    Parameters
    ----------
    regions : Regions
        Of the kind ``"tiles"``: all tiles, or a part that begins and ends at one of `band_ends`.
    sizes : (N, 2) int64
        Height and width of every item in pixels.
    input_size : int
        Side in network pixels to which a tile is resampled.

    Raises
    ------
    RegionError
        If the regions are no tiles, or not whole rows of blocks.
    """
    for grid in grid_rows(regions, sizes):
        down, across = (_Axis.of(length, regions, input_size) for length in sizes[grid.item].tolist())
        last = grid.first + len(grid.rows)
        if grid.first % down.tiles or (last % down.tiles and last < grid.count):
            raise RegionError(
                f"the dense way takes {down.tiles} rows of these tiles at a time: "
                "give whole multiples of them, or all"
            )
        for i, (top, tops) in enumerate(down.parts[grid.first // down.tiles : -(-last // down.tiles)]):
            for j, (left, lefts) in enumerate(across.parts):
                yield TileBlock(
                    rows=grid.rows[
                        i * down.tiles : (i + 1) * down.tiles, j * across.tiles : (j + 1) * across.tiles
                    ],
                    window=np.array([grid.item, top, left, down.extent, across.extent]),
                    tops=tops,
                    lefts=lefts,
                    last=j == len(across.parts) - 1,
                )


def band_ends(sizes: np.ndarray, tile: int, stride: int, input_size: int) -> np.ndarray:
    """Where tiles can be cut into parts: after each row of blocks of each item.

    Parameters
    ----------
    sizes : (N, 2) int64
        Height and width of every item in pixels.
    tile, stride : int
        In image pixels, as for `tile_regions`.
    input_size : int
        Side of a tile in network pixels.

    Returns
    -------
    (bands,) int64
        Past-the-last tile of each band, in the order of all tiles; increasing.

    Raises
    ------
    RegionError
        As for `tile_regions`.
    """
    counts = tile_counts(sizes, tile, stride)
    before = np.cumsum(counts.prod(axis=1)) - counts.prod(axis=1)
    ends = []
    for start, (rows, columns) in zip(before.tolist(), counts.tolist(), strict=True):
        step = _tiles_a_block(rows, tile, stride, input_size)
        ends.append(start + columns * np.append(np.arange(step, rows, step), rows))
    return np.concatenate(ends)


def _tile_and_stride(regions: Regions) -> tuple[int, int]:
    tile = int(regions.windows[0, 3])
    return tile, regions.stride or tile


def _starts(length: int, tile: int, stride: int) -> np.ndarray:
    """First pixels of the tiles along an axis."""
    count = -(-(length - tile) // stride) + 1
    # the last tile is moved inwards, so that it too shows real pixels alone
    return np.minimum(np.arange(count) * stride, length - tile)


def _halo(tile: int, input_size: int) -> int:
    return round(HALO_PX * tile / input_size)


def _tiles_a_block(count: int, tile: int, stride: int, input_size: int) -> int:
    """Tiles in each block along an axis of so many: about equally many in each, and few enough."""
    room = BLOCK_PX * tile // input_size - 2 * _halo(tile, input_size) - tile
    largest = max(1, room // stride + 1)
    # equal blocks, since one that is nearly empty costs as much as a full one
    return -(-count // -(-count // largest))


@dataclass(frozen=True, eq=False)
class _Axis:
    """Blocks along one axis: tiles in each, their pixels, and for each block its first pixel and starts."""

    tiles: int
    extent: int
    parts: list[tuple[int, np.ndarray]]

    @classmethod
    def of(cls, length: int, regions: Regions, input_size: int) -> _Axis:
        """Divide the tiles along an axis of so many pixels."""
        tile, stride = _tile_and_stride(regions)
        starts, halo = _starts(length, tile, stride), _halo(tile, input_size)
        tiles = _tiles_a_block(len(starts), tile, stride, input_size)
        # only multiples of this many image pixels are a whole number of network pixels
        whole = tile // gcd(tile, input_size)
        extent = -(-((tiles - 1) * stride + tile + 2 * halo) // whole) * whole
        parts = []
        for first in range(0, len(starts), tiles):
            part = starts[first : first + tiles]
            # blocks of one shape, so that the network is compiled once and not for every last block
            part = np.append(part, np.repeat(part[-1], tiles - len(part)))
            origin = int(part[0]) - halo
            parts.append((origin, ((part - origin) * (input_size / tile)).astype(np.float32)))
        return cls(tiles, extent, parts)


def strips(
    image: np.ndarray, tops: np.ndarray, rows_at_once: int, input_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A block's network input in strips of a few rows of tiles each, with their halo.

    Parameters
    ----------
    image : (1, H, W, 3) float32
        The block.
    tops : (m_y,) float32
        First row of each row of tiles.
    rows_at_once : int
        Rows of tiles in a strip; the whole block is one where it has no more.
    input_size : int
        Side of a tile in network pixels.

    Yields
    ------
    (1, h, W, 3) float32, (n_y,) float32
    """
    if rows_at_once >= len(tops):
        yield image, tops
        return
    for strip_tops in np.array_split(tops, -(-len(tops) // rows_at_once)):
        # begins at a multiple, so that pooling groups the same pixels as in the whole block
        low = max(0, int(strip_tops[0]) - HALO_PX) // STRIP_STEP_PX * STRIP_STEP_PX
        yield image[:, low : int(strip_tops[-1]) + input_size + HALO_PX], strip_tops - np.float32(low)


def fitting_stride(tile: int, input_size: int, coarsest: int) -> int:
    """Smallest stride in image pixels that is a whole number of the network's coarsest pixels.

    Parameters
    ----------
    tile : int
        Side of a tile in image pixels.
    input_size : int
        The same in network pixels.
    coarsest : int
        Side in network pixels of the coarsest pixel that is pooled.
    """
    # then every tile begins on a pixel of the coarsest map, and none is pooled from beside its place
    return coarsest * tile // gcd(coarsest * tile, input_size)


def dense_input(raw: np.ndarray, plan: PixelPlan, tile: int) -> np.ndarray:
    """Raw pixels of a block to what the network takes.

    Parameters
    ----------
    raw : (S, height, width)
        Raw pixels of S slots, integers or floats; NaN and infinite ones count as 0.
    plan : PixelPlan
        The model's. With ``"window"`` scaling each pixel is scaled by the percentiles of the tiles around it,
        interpolated.
    tile : int
        Side of a tile in pixels.

    Returns
    -------
    (1, H, W, 3) float32
        RGB in [0, 1] at the network's scale.
    """
    pixels = np.where(np.isfinite(raw), raw, 0).astype(np.float32)[None]
    pixels = resample(pixels, *(side * plan.input_size // tile for side in raw.shape[1:]))
    if plan.scaling == "window":
        stretch(pixels, *local_levels(pixels[0], plan.input_size))
    else:
        scale_by_dtype(pixels, raw.dtype)
    return to_rgb(np.clip(pixels, 0, 1, out=pixels), plan.mixing)


def local_levels(pixels: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """`percentile_levels` of windows all over a block, linear between their middles.

    Parameters
    ----------
    pixels : (S, H, W) float32
    side : int
        Of the windows.

    Returns
    -------
    (S, H, W) float32, (S, H, W) float32
    """
    height, width = pixels.shape[1:]
    down, across = (_window_starts(length, side) for length in (height, width))
    windows = [pixels[:, y : y + side, x : x + side] for y in down for x in across]
    levels = np.array([percentile_levels(window[None]) for window in windows])
    grid = levels.reshape(len(down), len(across), 2, len(pixels)).transpose(2, 3, 0, 1)
    dark, bright = _between(down, side, height) @ grid @ _between(across, side, width).T
    return dark, bright


def _window_starts(length: int, side: int) -> np.ndarray:
    """First pixels of windows that cover `length` pixels evenly."""
    steps = -(-LEVELS_A_TILE * (length - side) // side)
    return np.round(np.linspace(0, length - side, steps + 1)).astype(np.int64)


def _between(starts: np.ndarray, side: int, length: int) -> np.ndarray:
    """(length, windows) float32 weights of linear interpolation between the windows' middles."""
    middles = starts + (side - 1) / 2
    return np.stack(
        [np.interp(np.arange(length), middles, one) for one in np.eye(len(starts))], axis=1
    ).astype(np.float32)
