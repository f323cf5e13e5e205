"""Pictures of real cells as a dimmer protein would give them."""

from __future__ import annotations

import numpy as np

PHOTONS = (60, 20, 8)
"""Of the brightest pixels, in starved pictures of genes."""


def as_uint8(pixels: np.ndarray) -> np.ndarray:
    """8-bit levels; floats in [0, 1] are scaled."""
    return np.clip(pixels * 255 if pixels.dtype.kind == "f" else pixels, 0, 255).astype(np.uint8)


def starved(pixels: np.ndarray, photons: float, seed: int = 7) -> np.ndarray:
    """Crops (N, 2, Y, X) uint8 whose protein sends few photons, over the cell's own glow, in 8 bits."""
    rng = np.random.default_rng(seed)
    top = np.maximum(pixels.max((2, 3), keepdims=True), 1)
    marker, protein = np.moveaxis(pixels / top, 1, 0)
    light = 0.75 * photons * protein + 0.25 * photons * marker + 2.0
    seen = rng.poisson(light) + rng.normal(0, 1.5, light.shape)
    dim = np.clip(np.rint(seen * 60 / photons + 5), 0, 255).astype(np.uint8)
    return np.stack([pixels[:, 0], dim], 1)
