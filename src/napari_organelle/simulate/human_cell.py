"""The geometry of a human cell, measured on its stains, and the strokes that paint its organelles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
AnyArray = NDArray[Any]


@dataclass(frozen=True)
class HumanCell:
    """One cell's stains, and masks of it; every array is (Y, X).

    Attributes
    ----------
    microtubules, nucleus, er : float32
        Stains in [0, 1].
    dna : bool
        Inside of the nucleus.
    body : bool
        Inside of the cell, its nucleus included.
    """

    microtubules: Floats
    nucleus: Floats
    er: Floats
    dna: Mask
    body: Mask

    @property
    def shape(self) -> tuple[int, int]:
        return self.dna.shape[0], self.dna.shape[1]

    @property
    def cytoplasm(self) -> Mask:
        return self.body & ~self.dna

    @cached_property
    def radius(self) -> float:
        """Of a circle as large as the nucleus, in pixels; every length is painted as a share of it."""
        return max(float(np.sqrt(self.dna.sum() / np.pi)), 3.0)

    @cached_property
    def center(self) -> NDArray[np.float64]:
        """Middle of the nucleus (y, x)."""
        return np.asarray(ndimage.center_of_mass(self.dna))

    @cached_property
    def in_nucleus(self) -> Floats:
        """Distance from the nuclear envelope inside, in radii; 0 outside."""
        return self._distance(self.dna)

    @cached_property
    def from_nucleus(self) -> Floats:
        """Distance from the nucleus outside, in radii; 0 inside."""
        return self._distance(~self.dna)

    @cached_property
    def from_edge(self) -> Floats:
        """Distance from the plasma membrane inside, in radii; 0 outside."""
        return self._distance(self.body)

    @cached_property
    def nucleoli(self) -> Mask:
        """Dark spots of the DNA."""
        smooth = ndimage.gaussian_filter(self.nucleus, 0.07 * self.radius)
        wide = ndimage.gaussian_filter(self.nucleus, 0.3 * self.radius)
        inner = self.in_nucleus > 0.18
        dark = smooth / np.maximum(wide, 1e-3)
        if inner.sum() < 20:
            return inner
        return np.asarray(ndimage.binary_opening(inner & (dark < np.percentile(dark[inner], 16))))

    @cached_property
    def organizer(self) -> NDArray[np.float64]:
        """Where microtubules are densest beside the nucleus (y, x): the centrosome's place."""
        near = self.cytoplasm & (self.from_nucleus < 0.45)
        dense = ndimage.gaussian_filter(self.microtubules, 0.15 * self.radius) * near
        return np.array(np.unravel_index(int(dense.argmax()), self.shape), float)

    def _distance(self, inside: Mask) -> Floats:
        return (ndimage.distance_transform_edt(inside) / self.radius).astype(np.float32)


def find_cell(microtubules: AnyArray, nucleus: AnyArray, er: AnyArray) -> HumanCell | None:
    """Measure a cut-out cell, dark around.

    Parameters
    ----------
    microtubules, nucleus, er : (Y, X) uint8
        Its stains.

    Returns
    -------
    HumanCell or None
        None where no nucleus stands out.
    """
    from skimage.filters import threshold_otsu

    stains = [_unit(stain) for stain in (microtubules, nucleus, er)]
    blue = ndimage.gaussian_filter(stains[1], 1.0)
    dna = _largest(ndimage.binary_fill_holes(blue > 0.7 * threshold_otsu(blue)))
    light = ndimage.gaussian_filter(np.maximum(stains[0], stains[2]), 2.5)
    body = _largest(ndimage.binary_fill_holes((light > 0.05) | dna))
    if dna.sum() < 40 or dna.mean() > 0.4 or body.sum() < 1.2 * dna.sum():
        return None
    return HumanCell(stains[0], stains[1], stains[2], dna & body, body)


def _unit(stain: AnyArray) -> Floats:
    pixels = np.asarray(stain, np.float32)
    return np.clip(pixels / max(float(np.percentile(pixels, 99.8)), 1.0), 0, 1)


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count < 2:
        return np.asarray(mask, bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Floats:
    """Noise (Y, X) with features of about `grain` pixels, mean 0, standard deviation about 1."""
    grain = max(grain, 1.0)
    coarse = rng.standard_normal([int(n / grain) + 3 for n in shape], np.float32)
    rows, columns = (_spline(n, grain, rng.random(), m) for n, m in zip(shape, coarse.shape, strict=True))
    fine = rows @ coarse @ columns.T
    return np.asarray(fine / max(float(fine.std()), 1e-6), np.float32)


def _spline(count: int, grain: float, shift: float, knots: int) -> Floats:
    """(count, knots) quadratic B-spline weights, so that noise is smooth and made by two matrix products."""
    place = (np.arange(count)[:, None] / grain + shift + 0.5) - np.arange(knots)
    distance = np.abs(place)
    inner, outer = 0.75 - distance**2, 0.5 * np.clip(1.5 - distance, 0, None) ** 2
    return np.where(distance < 0.5, inner, outer).astype(np.float32)


def dots(rng: np.random.Generator, weight: AnyArray, count: int, sigma: float, spread: float = 0.4) -> Floats:
    """`count` Gaussian spots strewn by `weight` (Y, X), brightness log-normal with `spread`; peak about 1."""
    total = weight.ravel().astype(np.float64).cumsum()
    if total[-1] <= 0:
        return np.zeros(weight.shape, np.float32)
    chosen = np.searchsorted(total, rng.random(count) * total[-1])
    light = np.exp(rng.normal(0, spread, count))
    flat = np.bincount(np.minimum(chosen, weight.size - 1), light, weight.size).reshape(weight.shape)
    return ndimage.gaussian_filter(flat.astype(np.float32), sigma) * np.float32(2 * np.pi * sigma**2 + 0.5)


def discs(rng: np.random.Generator, weight: AnyArray, radii: AnyArray, hollow: float = 0.0) -> Floats:
    """Round bodies of `radii` pixels strewn by `weight`; `hollow` is the share of light missing inside."""
    picture = np.zeros(weight.shape, np.float32)
    total = weight.ravel().astype(np.float64).cumsum()
    if total[-1] <= 0:
        return picture
    places = np.minimum(np.searchsorted(total, rng.random(len(radii)) * total[-1]), weight.size - 1)
    for place, radius in zip(places, radii, strict=True):
        y, x = divmod(int(place), weight.shape[1])
        reach = int(radius + 3)
        low = max(y - reach, 0), max(x - reach, 0)
        high = min(y + reach + 1, weight.shape[0]), min(x + reach + 1, weight.shape[1])
        window = np.s_[low[0] : high[0], low[1] : high[1]]
        rows, columns = np.ogrid[window]
        distance = np.hypot(rows - y, columns - x)
        body = 1 / (1 + np.exp((distance - radius) * 2.0))
        body *= 1 - hollow / (1 + np.exp((distance - 0.55 * radius) * 2.5))
        picture[window] = np.maximum(picture[window], body * rng.uniform(0.6, 1.0))
    return picture


def threads(
    rng: np.random.Generator,
    inside: Mask,
    starts: AnyArray,
    headings: AnyArray,
    steps: int,
    bend: float,
) -> Floats:
    """Lines of `steps` pixels from `starts` (N, 2), wandering by `bend` radians a pixel, kept `inside`."""
    turns = ndimage.gaussian_filter1d(rng.normal(0, bend, (len(starts), steps)), 4.0, axis=1).cumsum(1)
    heading = headings[:, None] + turns
    walk = starts[:, None] + np.stack([np.sin(heading), np.cos(heading)], -1).cumsum(1)
    rows, columns = np.rint(walk).astype(np.int64).transpose(2, 0, 1)
    height, width = inside.shape
    seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    light = np.cumprod(seen & inside[rows, columns], axis=1) * np.exp(rng.normal(0, 0.4, (len(starts), 1)))
    flat = np.bincount((rows * width + columns).ravel(), light.ravel(), inside.size)
    return flat.reshape(inside.shape).astype(np.float32)


def strewn(rng: np.random.Generator, weight: AnyArray, count: int) -> NDArray[np.float64]:
    """`count` places (N, 2) by `weight`."""
    total = weight.ravel().astype(np.float64).cumsum()
    chosen = np.searchsorted(total, rng.random(count) * total[-1]) if total[-1] > 0 else np.zeros(count)
    return np.stack(np.divmod(np.minimum(chosen, weight.size - 1), weight.shape[1]), 1).astype(float)
