"""Pictures that are no yeast, on which `yeast-12` learns to be unsure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from napari_organelle.simulate.hpa import HPA_PROTEINS, simulate_hpa_field

HPA_SHARE = 0.4
FIELD = 1024


def make_distractors(count: int, *, seed: int, size: int = 72) -> np.ndarray:
    """Two-channel pictures: human cells, coloured noise, bright-field-like rings, and simple shapes.

    Returns
    -------
    (count, 2, size, size) uint8
        Every tenth or so saturates, as crops do.
    """
    rng = np.random.default_rng(seed)
    proteins = enumerate(HPA_PROTEINS)
    fields = [simulate_hpa_field(seed=seed * 100 + index, protein=name).pixels for index, name in proteins]
    painters: list[Callable[[np.random.Generator, int], np.ndarray]] = [noise, rings, shapes]
    pictures = np.empty((count, 2, size, size), np.uint8)
    for picture in pictures:
        if rng.random() < HPA_SHARE:
            planes = human_cells(fields[rng.integers(len(fields))], rng, size)
        else:
            paint = painters[rng.choice(3, p=(0.42, 0.33, 0.25))]
            second = paint(rng, size)
            planes = np.stack([second if rng.random() < 0.5 else paint(rng, size), second])
        picture[:] = [to_uint8(plane, rng) for plane in planes]
    return pictures


def human_cells(field: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """A square of 0.6 to 10 times the crop's side from two channels of a field, resampled to the crop's."""
    side = min(int(size * np.exp(rng.uniform(np.log(0.6), np.log(10)))), FIELD)
    y, x = rng.integers(0, FIELD + 1 - side, 2)
    channels = rng.choice(4, 2, replace=False)
    square = field[channels, y : y + side, x : x + side].astype(float)
    grid = np.stack(np.meshgrid(*[np.linspace(0, side - 1, size)] * 2, indexing="ij"))
    planes = [ndimage.map_coordinates(plane, grid, order=1) for plane in square]
    return np.stack([plane + rng.normal(0, rng.uniform(0, 4), plane.shape) for plane in planes])


def noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Gaussian noise with a power spectrum of f to the minus 0 to 3.5."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1 / size
    spectrum = np.fft.fft2(rng.normal(size=(size, size))) * frequency ** (-rng.uniform(0, 3.5) / 2)
    plane = np.real(np.fft.ifft2(spectrum))
    return plane / plane.std()


def rings(rng: np.random.Generator, size: int) -> np.ndarray:
    """Dark and bright halos around round bodies, as cells out of focus in bright field."""
    y, x = np.mgrid[:size, :size]
    plane = np.zeros((size, size))
    for _ in range(rng.integers(1, 6)):
        centre, radius = rng.uniform(0, size, 2), rng.uniform(8, 22)
        distance = np.hypot(y - centre[0], (x - centre[1]) * rng.uniform(0.8, 1.2)) - radius
        inner = np.exp(-((distance / 1.8) ** 2)) * rng.choice((-1, 1))
        outer = np.exp(-(((distance - 3.5) / 2) ** 2)) * rng.choice((-1, 1))
        plane += rng.uniform(0.5, 1) * (inner - outer) + rng.uniform(-0.3, 0.3) * (distance < 0)
    return plane + (0.06 + 0.15 * rng.random()) * noise(rng, size)


def shapes(rng: np.random.Generator, size: int) -> np.ndarray:
    """Waves, a slope, or straight fibres."""
    y, x = np.mgrid[:size, :size]
    kind = rng.integers(3)
    if kind == 0:
        angle = rng.uniform(0, 2 * np.pi)
        plane = np.sin((y * np.cos(angle) + x * np.sin(angle)) * rng.uniform(0.1, 1.2))
    elif kind == 1:
        plane = (y * rng.normal() + x * rng.normal()) / size
    else:
        plane = np.zeros((size, size))
        for _ in range(rng.integers(2, 30)):
            angle, centre = rng.uniform(0, np.pi), rng.uniform(0, size, 2)
            distance = (y - centre[0]) * np.cos(angle) + (x - centre[1]) * np.sin(angle)
            plane += np.exp(-((distance / rng.uniform(0.8, 3)) ** 2))
    return plane + 0.1 * rng.random() * noise(rng, size)


def to_uint8(plane: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A plane at a random exposure."""
    low, high = np.percentile(plane, (0.2, 99.8))
    scaled = (plane - low) / (high - low + 1e-9) * rng.uniform(40, 255) + rng.uniform(0, 20)
    return np.clip(scaled, 0, 255).astype(np.uint8)
