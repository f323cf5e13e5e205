"""Planes at the scale at which cells are found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage import transform


def shrunk(image: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A plane (Y, X) at another size, float32: means of whole blocks of pixels first, then between these.

    A Gaussian filter before the sampling, as `skimage.transform.resize` has it, costs several times as much.
    """
    height, width = image.shape
    factor = max(1, min(old // new for old, new in zip(image.shape, shape, strict=True)))
    inner = image[: height // factor * factor, : width // factor * factor]
    blocks = inner.reshape(height // factor, factor, width // factor, factor)
    means = blocks.astype(np.float32).mean((1, 3)) if factor > 1 else image.astype(np.float32)
    if list(means.shape) == list(shape):
        return means
    sigma = [0.35 * max(0.0, old / new - 1) for old, new in zip(means.shape, shape, strict=True)]
    blurred = ndimage.gaussian_filter(means, sigma, truncate=3) if max(sigma) > 0.1 else means
    return np.asarray(transform.resize(blurred, shape, order=1, anti_aliasing=False, preserve_range=True))


def enlarged(labels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Labels (Y, X) at the image's size, int32: the nearest pixel's."""
    rows, columns = (
        np.minimum(np.arange(new) * old // new, old - 1) for old, new in zip(labels.shape, shape, strict=True)
    )
    return labels.astype(np.int32)[np.ix_(rows, columns)]
