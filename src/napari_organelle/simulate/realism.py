"""What of a single-cell picture is compared between real and simulated cells; no label is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

__all__ = ["cell_diameter", "channel_correlation", "darkest_quarter", "power_spectrum", "stretched"]


def stretched(images: ArrayLike) -> NDArray[np.float64]:
    """Images (..., Y, X) between their 0.5 and 99.8 percentiles, which become 0 and 1."""
    pixels = np.asarray(images, dtype=np.float64)
    low, high = np.percentile(pixels, [0.5, 99.8], axis=(-2, -1), keepdims=True)
    return np.asarray((pixels - low) / (high - low))


def power_spectrum(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Decades of power (12,) of a square image (Y, X) at 1 to 12 cycles per side, all directions averaged."""
    side = len(image)
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    frequency = np.fft.fftfreq(side, 1 / side)
    ring = np.hypot(*np.meshgrid(frequency, frequency)).astype(int).ravel()
    mean = np.bincount(ring, power.ravel()) / np.bincount(ring)
    return np.asarray(np.log10(mean[1:13]))


def cell_diameter(image: NDArray[np.floating]) -> float:
    """Diameter in pixels of the object in the middle of (Y, X) at half height; NaN where it is cut off."""
    cell = _middle_cell(image)
    return float("nan") if cell is None else float(2 * np.sqrt(cell.sum() / np.pi))


def darkest_quarter(cytosol: NDArray[np.floating]) -> float:
    """How bright the darkest quarter of the middle cell's inside is against its bright parts, in (Y, X).

    Vacuoles are what is dark in a cytosol marker: the 25th over the 90th percentile, above the background;
    NaN where the cell is cut off.
    """
    cell = _middle_cell(cytosol)
    if cell is None:
        return float("nan")
    smooth = ndimage.gaussian_filter(cytosol, 1) - np.percentile(cytosol, 5)
    dark, bright = np.percentile(smooth[ndimage.distance_transform_edt(cell) > 4], [25, 90])
    return float(dark / bright)


def _middle_cell(image: NDArray[np.floating]) -> NDArray[np.bool_] | None:
    """Mask (Y, X) of the object in the middle at half height; None where it is cut off or too small."""
    middle = len(image) // 2
    inner = slice(middle - 8, middle + 8)
    smooth = ndimage.gaussian_filter(image, 1)
    low, high = np.percentile(smooth, 5), np.percentile(smooth[inner, inner], 80)
    objects, _ = ndimage.label(ndimage.binary_fill_holes(smooth > (low + high) / 2))
    cell = np.asarray(objects == objects[middle, middle])
    cut_off = cell[[0, -1]].any() or cell[:, [0, -1]].any() or not objects[middle, middle]
    return None if cut_off or ndimage.distance_transform_edt(cell).max() < 6 else cell


def channel_correlation(cell: NDArray[np.generic]) -> float:
    """Pearson's correlation of the two channels of (2, Y, X)."""
    return float(np.corrcoef(np.reshape(cell, (2, -1)))[0, 1])
