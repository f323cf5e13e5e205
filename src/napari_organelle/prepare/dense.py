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
from napari_organelle.prepare.regions import Regions

BLOCK_PX = 768
"""Most network pixels along a side of a block, its halo included."""

HALO_PX = 16
"""Network pixels around a block's tiles that the network sees too."""

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


def tile_blocks(regions: Regions, input_size: int) -> Iterator[TileBlock]:
    """Divide tiles into blocks of equal size, in the regions' order.

    Parameters
    ----------
    regions : Regions
        Of the kind ``"tiles"``.
    input_size : int
        Side in network pixels to which a tile is resampled.

    Raises
    ------
    RegionError
        If the regions are no tiles, or not all tiles of an item's grid.
    """
    if regions.kind != "tiles":
        raise RegionError(
            f"the dense way is for tiles, not for {regions.kind}: choose tiles, or the exact way"
        )
    for item in np.unique(regions.windows[:, 0]):
        rows = np.flatnonzero(regions.windows[:, 0] == item)
        y, x = np.unique(regions.windows[rows, 1]), np.unique(regions.windows[rows, 2])
        if len(rows) != len(y) * len(x):
            raise RegionError("the dense way needs all tiles of an image: don't leave any out")
        down, across = (_Axis.of(starts, regions, input_size) for starts in (y, x))
        grid = rows.reshape(len(y), len(x))
        for i, (top, tops) in enumerate(down.parts):
            for j, (left, lefts) in enumerate(across.parts):
                yield TileBlock(
                    rows=grid[
                        i * down.tiles : (i + 1) * down.tiles, j * across.tiles : (j + 1) * across.tiles
                    ],
                    window=np.array([item, top, left, down.extent, across.extent]),
                    tops=tops,
                    lefts=lefts,
                    last=j == len(across.parts) - 1,
                )


@dataclass(frozen=True, eq=False)
class _Axis:
    """Blocks along one axis: tiles in each, their pixels, and for each block its first pixel and starts."""

    tiles: int
    extent: int
    parts: list[tuple[int, np.ndarray]]

    @classmethod
    def of(cls, starts: np.ndarray, regions: Regions, input_size: int) -> _Axis:
        """Divide tiles that start at these pixels."""
        tile, stride = int(regions.windows[0, 3]), regions.stride or int(regions.windows[0, 3])
        halo = round(HALO_PX * tile / input_size)
        most = max(1, (BLOCK_PX * tile // input_size - 2 * halo - tile) // stride + 1)
        tiles = -(-len(starts) // -(-len(starts) // most))
        whole = tile // gcd(tile, input_size)
        extent = -(-((tiles - 1) * stride + tile + 2 * halo) // whole) * whole
        parts = []
        for first in range(0, len(starts), tiles):
            part = starts[first : first + tiles]
            part = np.append(part, np.repeat(part[-1], tiles - len(part)))
            origin = int(part[0]) - halo
            parts.append((origin, ((part - origin) * (input_size / tile)).astype(np.float32)))
        return cls(tiles, extent, parts)


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
    return to_rgb(np.clip(pixels, 0, 1, out=pixels))


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
