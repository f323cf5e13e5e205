"""Raw yeast crops to random network input, on the device that trains, with any of Keras's backends."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops, random

SIDE, CROP = 64, 72
LOW, HIGH = round(0.005 * (SIDE**2 - 1)), round(0.998 * (SIDE**2 - 1))
"""Ranks of the pixels that become 0 and 1, as `PixelPlan`'s "window" scaling has them."""

DIM, SATURATED, WITHOUT_CYTOSOL, WITHOUT_PROTEIN = 0.35, 0.08, 0.2, 0.03
"""Shares of pictures."""

VISIBLE_PHOTONS = 5.0
"""Of a structure's brightest pixels: with fewer the truth is spread over all classes."""


def move(raw: Any, rng: np.random.Generator) -> Any:
    """(B, 2, 72, 72) raw to (B, 64, 64, 2) float32, turned, mirrored, shifted and zoomed at random."""
    count = len(raw)
    angle = rng.uniform(0, 2 * np.pi, count)
    zoom = np.exp(rng.uniform(np.log(0.8), np.log(1.25), count))
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    mirror = rng.choice((-1.0, 1.0), count)
    matrix = np.stack([cos * mirror, -sin, sin * mirror, cos], 1).reshape(count, 2, 2)
    middle = (CROP - 1) / 2
    offset = middle + rng.uniform(-3, 3, (count, 2)) - matrix.sum(2) * middle
    pixels = np.arange(CROP, dtype=np.float32)
    grid = np.stack(np.meshgrid(pixels, pixels, indexing="ij"), -1).reshape(-1, 2)
    places = (grid @ matrix.transpose(0, 2, 1) + offset[:, None]).astype(np.float32)
    images = ops.transpose(ops.cast(ops.convert_to_tensor(raw), "float32"), (0, 2, 3, 1))
    moved = sample(images, ops.convert_to_tensor(places))
    margin = (CROP - SIDE) // 2
    return moved[:, margin:-margin, margin:-margin]


def sample(images: Any, places: Any) -> Any:
    """Bilinear values of (B, n, n, C) images at (B, n * n, 2) places y, x: all images at once.

    Keras's own affine transform goes through a batch one image at a time on torch: 8 times slower a step.
    """
    count, side, _, channels = images.shape
    flat = ops.reshape(images, (count, side * side, channels))
    places = ops.clip(places, 0, side - 1)
    corner = ops.minimum(ops.floor(places), side - 2)
    y, x = ops.split(places - corner, 2, axis=-1)
    first = ops.cast(corner[..., :1] * side + corner[..., 1:], "int64")
    total = 0.0
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        index = ops.repeat(first + down * side + across, channels, axis=-1)
        weight = (y if down else 1 - y) * (x if across else 1 - x)
        total = total + weight * ops.take_along_axis(flat, index, axis=1)
    return ops.reshape(total, images.shape)


def starve(images: Any, rng: np.random.Generator) -> tuple[Any, np.ndarray]:
    """Some pictures with few photons over the cell's own glow, in 8 bits; and how visible the protein is.

    Returns
    -------
    (B, 64, 64, 2) tensor, (B,) float32 in [0, 1]
    """
    count = len(images)
    dim = rng.random(count) < DIM
    photons = np.exp(rng.uniform(np.log(4), np.log(150), count))
    glow = rng.random(count) ** 2
    glow[rng.random(count) < WITHOUT_PROTEIN] = 1.0
    dim |= glow == 1.0
    top = ops.maximum(ops.max(images, axis=(1, 2), keepdims=True), 1.0)
    shape = images / top
    protein = column(photons * (1 - glow)) * shape[..., 1:] + column(photons * glow) * shape[..., :1]
    marker = column(np.exp(rng.uniform(np.log(8), np.log(150), count))) * shape[..., :1]
    light = ops.concatenate([marker, protein], axis=-1) + column(rng.uniform(0, 4, count))
    spread = ops.sqrt(light + column(rng.uniform(0.5, 3, count)) ** 2)
    seen = light + spread * normal(light.shape, rng)
    levels = ops.round(ops.clip(seen * column(np.exp(rng.uniform(-1, 1, count))), 0, 255))
    chosen = np.stack([dim & (rng.random(count) < 0.4), dim], 1).astype(np.float32)[:, None, None]
    visible = np.where(dim, 1 - np.exp(-photons * (1 - glow) / VISIBLE_PHOTONS), 1.0)
    return images + ops.convert_to_tensor(chosen) * (levels - images), visible.astype(np.float32)


def saturate(images: Any, rng: np.random.Generator) -> Any:
    """Raw pixels, some exposed so long that 255 is passed."""
    hot = rng.random(len(images)) < SATURATED
    return ops.clip(images * column(np.where(hot, rng.uniform(1.5, 5, len(images)), 1.0)), 0, 255)


def stretch(images: Any) -> Any:
    """(B, 64, 64, 2) to [0, 1], each channel by its own percentiles, as prediction does."""
    flat = ops.reshape(images, (len(images), SIDE**2, images.shape[-1]))
    ordered = ops.sort(flat, axis=1)
    dark, bright = ordered[:, LOW : LOW + 1, None], ordered[:, HIGH : HIGH + 1, None]
    contrast = bright - dark
    scaled = (images - dark) / ops.where(contrast > 0, contrast, ops.ones_like(contrast))
    return ops.clip(scaled * ops.cast(contrast > 0, "float32"), 0, 1)


def disturb(images: Any, rng: np.random.Generator) -> Any:
    """Blur or sharpen, bleed cytosol into the protein, change gain, gamma and noise, lose the cytosol."""
    count = len(images)
    chance = rng.random(count)
    share = np.where(chance < 0.35, rng.random(count), np.where(chance < 0.45, -0.7 * rng.random(count), 0))
    once = blur(images)
    smooth = blur(once) if rng.random() < 0.5 else once
    images = images + column(share) * (smooth - images)
    bleed = column(np.where(rng.random(count) < 0.2, rng.uniform(0, 0.4, count), 0))
    images = ops.concatenate([images[..., :1], (1 - bleed) * images[..., 1:] + bleed * images[..., :1]], -1)
    spread = np.log(1.3)
    gain, gamma = (
        ops.convert_to_tensor(np.exp(rng.uniform(-spread, spread, (count, 1, 1, 2))).astype(np.float32))
        for _ in range(2)
    )
    images = (ops.clip(images, 0, 1) + 1e-6) ** gamma * ops.minimum(gain, 1.15)
    images = images + column(0.05 * rng.random(count) ** 2) * normal(images.shape, rng)
    kept = np.stack([rng.random(count) >= WITHOUT_CYTOSOL, np.ones(count)], 1).astype(np.float32)
    images = ops.clip(images, 0, 1) * ops.convert_to_tensor(kept[:, None, None])
    return ops.concatenate([images, ops.zeros_like(images[..., :1])], axis=-1)


def blur(images: Any) -> Any:
    """Binomial filter of 5 pixels, SD 1."""
    for axis in (1, 2):
        padding = [(0, 0)] * 4
        padding[axis] = (2, 2)
        padded = ops.pad(images, padding, mode="reflect")
        cuts = [
            padded[:, step : step + SIDE] if axis == 1 else padded[:, :, step : step + SIDE]
            for step in range(5)
        ]
        images = (cuts[0] + 4 * cuts[1] + 6 * cuts[2] + 4 * cuts[3] + cuts[4]) / 16
    return images


def column(values: np.ndarray) -> Any:
    """(B,) to a (B, 1, 1, 1) float32 tensor."""
    return ops.convert_to_tensor(np.asarray(values, np.float32)[:, None, None, None])


def normal(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    return random.normal(tuple(shape), seed=int(rng.integers(2**31)), dtype="float32")


def random_input(raw: np.ndarray, rng: np.random.Generator) -> tuple[Any, np.ndarray]:
    """Raw crops (B, 2, 72, 72) uint8 to (B, 64, 64, 3) in [0, 1], and the protein's visibility (B,)."""
    images, visible = starve(move(raw, rng), rng)
    return disturb(stretch(saturate(images, rng)), rng), visible


def turned(images: Any) -> list[Any]:
    """The 8 views of a batch."""
    views = []
    for _ in range(2):
        for flip in ((), (1,), (2,), (1, 2)):
            view = images
            for axis in flip:
                view = ops.flip(view, axis=axis)
            views.append(view)
        images = ops.transpose(images, (0, 2, 1, 3))
    return views
