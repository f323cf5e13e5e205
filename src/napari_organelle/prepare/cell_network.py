"""A small network that sees where yeast are in one plane: haze, stain or transmitted light.

It runs on NumPy alone, so that cells are the same on every device and nothing large is imported for them.
`benchmarks/cells/train.py` made its weights from simulated cells.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from scipy import ndimage

SEEN_DIAMETER = 18.0
"""Pixels across a cell that the network saw most often in training; it knows 13 to 29."""

COARSE = 6

STEP = 16
"""Sides are multiples of it: three halvings after the first."""

GAMMA = 0.4
"""Brightness is raised to it, so that a cell's haze shows beside its organelles."""

BLOCK_BYTES = 2**21
"""Of patches that are multiplied with the weights at once: about a processor's cache."""

MAPS = ("cell", "border", "depth")


def visible(plane: np.ndarray) -> np.ndarray:
    """What the network is shown of a plane (Y, X): its brightness, and that against its surroundings.

    Returns
    -------
    (2, Y, X) float32
        Between the 1st and 99.5th percentile to the power of `GAMMA`, in [0, 1.3]; and in local standard
        deviations, in [-4, 4].
    """
    low, high = np.percentile(plane, [1, 99.5])
    bright = np.clip((plane - low) / max(float(high - low), 1e-12), 0, 2).astype(np.float32) ** GAMMA
    above = bright - _surroundings(bright)
    spread = np.sqrt(_surroundings(above**2))
    return np.stack([bright, np.clip(above / (spread + 0.02), -4, 4)])


def _surroundings(plane: np.ndarray) -> np.ndarray:
    """Mean over about three cells around each pixel; `COARSE` pixels are taken together, which is fast."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % COARSE), (0, -width % COARSE)), mode="edge")
    coarse = padded.reshape(len(padded) // COARSE, COARSE, -1, COARSE).mean((1, 3))
    coarse = ndimage.gaussian_filter(coarse, 1.5 * SEEN_DIAMETER / COARSE, truncate=2)
    return ndimage.zoom(coarse, COARSE, order=1, grid_mode=True, mode="nearest")[:height, :width]


def cell_maps(plane: np.ndarray) -> np.ndarray:
    """Where the network sees cells in a plane at `SEEN_DIAMETER` pixels a cell.

    Parameters
    ----------
    plane : (Y, X) array
        Finite numbers of any range.

    Returns
    -------
    (3, Y, X) float32
        As `MAPS`: probability of a cell; of a border between two cells that touch; and distance to the cell's
        outline in pixels over 10.
    """
    height, width = plane.shape
    shown = visible(plane)
    margins = [(0, 0), (0, -height % STEP), (0, -width % STEP)]
    maps = _forward(np.pad(shown, margins, mode="edge"), _weights())
    maps[:2] = 1 / (1 + np.exp(-maps[:2]))
    return maps[:, :height, :width]


@cache
def _weights() -> dict[str, np.ndarray]:
    with (files("napari_organelle") / "bundled" / "cells.npz").open("rb") as file, np.load(file) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def _forward(shown: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """(2, Y, X) to raw maps (3, Y, X)."""
    x, skips = _to_depth(shown), []
    levels = sum(name.startswith("down") for name in weights) // 4
    for level in range(levels):
        if level:
            skips.append(x)
            x = _halved(x)
        for number in "ab":
            x = _convolved(x, weights[f"down{level}{number}/w"], weights[f"down{level}{number}/b"])
    for level in reversed(range(levels - 1)):
        narrow = np.tensordot(weights[f"narrow{level}/w"], x, 1)
        x = skips[level] + narrow.repeat(2, axis=1).repeat(2, axis=2)
        x = _convolved(x, weights[f"up{level}/w"], weights[f"up{level}/b"])
    return _to_space(np.tensordot(weights["maps/w"], x, 1) + weights["maps/b"][:, None, None])


def _convolved(x: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3 x 3 convolution (C, Y, X) to (K, Y, X) with weights (K, 9 C), zeros outside, and ReLU."""
    channels, height, width = x.shape
    rows = max(1, BLOCK_BYTES // (36 * channels * width))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    result = np.empty((len(weights), height, width), np.float32)
    for start in range(0, height, rows):
        count = min(rows, height - start)
        patches = np.empty((channels, 3, 3, count, width), np.float32)
        for dy, dx in np.ndindex(3, 3):
            patches[:, dy, dx] = padded[:, start + dy : start + dy + count, dx : dx + width]
        block = weights @ patches.reshape(9 * channels, -1) + bias[:, None]
        result[:, start : start + count] = np.maximum(block, 0).reshape(-1, count, width)
    return result


def _halved(x: np.ndarray) -> np.ndarray:
    """Largest of each 2 x 2 pixels."""
    channels, height, width = x.shape
    return np.asarray(x.reshape(channels, height // 2, 2, width // 2, 2).max((2, 4)))


def _to_depth(x: np.ndarray) -> np.ndarray:
    """Each 2 x 2 pixels become channels of one: (C, Y, X) to (4 C, Y / 2, X / 2)."""
    channels, height, width = x.shape
    pixels = x.reshape(channels, height // 2, 2, width // 2, 2).transpose(0, 2, 4, 1, 3)
    return pixels.reshape(4 * channels, height // 2, width // 2)


def _to_space(x: np.ndarray) -> np.ndarray:
    """The reverse of `_to_depth`."""
    channels, height, width = x.shape
    pixels = x.reshape(channels // 4, 2, 2, height, width).transpose(0, 3, 1, 4, 2)
    return pixels.reshape(channels // 4, 2 * height, 2 * width)
