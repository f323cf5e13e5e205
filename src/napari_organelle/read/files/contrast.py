"""Contrast limits that make the first view right, from a few items."""

from __future__ import annotations

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import ImageSet

PIXELS = 8_000_000
"""About how many pixels of each channel are read."""

LOW, HIGH = 5.0, 99.9
"""Percentiles of the sampled pixels that become black and white."""


def contrast_limits(images: ImageSet, channel: int) -> tuple[float, float]:
    """Black and white of one channel, from 3 to 96 items spread evenly over those that have it.

    Returns
    -------
    (low, high) with low < high, in raw values
    """
    missing = images.items["missing"]
    name = images.channels[channel].name
    without = [text for text in missing.unique() if name in text.split(", ")]
    present = np.flatnonzero(~missing.isin(without))
    height, width = images.data.shape[2:]
    wanted = int(np.clip(PIXELS // (height * width), 3, 96))
    chosen = (
        present[np.unique(np.linspace(0, len(present) - 1, wanted).round().astype(int))]
        if len(present)
        else present
    )
    values = [_thin(images, int(item), channel) for item in chosen]
    pixels = np.concatenate([np.empty(0, images.data.dtype), *values])
    if pixels.size:
        low, high = np.percentile(pixels, (LOW, HIGH))
        if high > low:
            return float(low), float(high)
    return _full_range(pixels.max() if pixels.size else 0, images.data.dtype)


def _thin(images: ImageSet, item: int, channel: int) -> np.ndarray:
    """At most about 250,000 finite pixels of one item; none where it can't be read."""
    try:
        pixels = images.read(item, [channel])[0]
    except ReadError:
        return np.empty(0, images.data.dtype)
    step = max(1, int(np.sqrt(pixels.size / 250_000)))
    thin = pixels[::step, ::step].ravel()
    return thin[np.isfinite(thin)]


def _full_range(brightest: float, dtype: np.dtype) -> tuple[float, float]:
    """For an image of one value."""
    if np.issubdtype(dtype, np.integer) and dtype.itemsize == 1:
        return 0.0, 255.0
    return (0.0, float(brightest)) if brightest > 0 else (0.0, 1.0)
