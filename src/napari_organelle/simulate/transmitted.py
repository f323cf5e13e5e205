"""Brightfield, phase contrast and DIC of simulated cells: what their bodies do to light that passes through.

A cell delays light by its thickness times how much more it refracts than the medium (Barer 1952). The delayed
wave is focused above or below the cells by the angular spectrum, through a pupil, and lit from several
directions, whose pictures add up (Born & Wolf, ch. 10).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_organelle.simulate.colony import scatter
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM
from napari_organelle.simulate.yeast_cell import Cell, CellBody, Floats

__all__ = ["CONTRASTS", "Contrast", "delay", "simulate_transmitted", "transmit"]

Contrast = Literal["brightfield", "phase", "dic"]
CONTRASTS: tuple[Contrast, ...] = ("brightfield", "phase", "dic")

WAVELENGTH_UM = 0.55
CONTENT, WALL, VACUOLE, DROPLET = 0.035, 0.06, -0.02, 0.08
"""Refractive index over the medium's, and over the cell's for what is inside it."""

WALL_UM = 0.15
DIRECTIONS = 6


def simulate_transmitted(
    *,
    seed: int,
    size: int = 1024,
    cells: int = 150,
    pixel_size_um: float = PIXEL_SIZE_UM,
    contrast: Contrast = "brightfield",
) -> NDArray[np.uint16]:
    """The cells of `simulate_field` with the same arguments, in transmitted light.

    Returns
    -------
    (Y, X) uint16
    """
    placed = scatter(np.random.default_rng(seed), cells, np.full(2, size * pixel_size_um))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    light = transmit(rng, delay(rng, placed, size, pixel_size_um), pixel_size_um, contrast)
    level = 10 ** rng.uniform(3.0, 4.2)
    seen = rng.normal(light * level, np.sqrt(light * level * rng.uniform(0.2, 1.0)))
    return np.clip(np.rint(seen + 100), 0, 65535).astype(np.uint16)


def delay(rng: np.random.Generator, cells: list[Cell], size: int, pixel_size_um: float) -> Floats:
    """Phase in radians (Y, X) by which cells, and some dirt, delay light."""
    path = np.zeros((size, size))
    content, wall = CONTENT * rng.uniform(0.7, 1.3), WALL * rng.uniform(0.3, 1.2)
    for cell in cells:
        own = content * rng.normal(1.0, 0.1)
        for body in cell.bodies:
            _add(path, body, pixel_size_um, own)
            _add(path, body.grown(WALL_UM / 2), pixel_size_um, wall)
            _add(path, body.grown(-WALL_UM / 2), pixel_size_um, -wall)
            for _ in range(rng.poisson(2.0)):
                spot = body.place(rng.normal(0.0, 0.35, 3))
                _add(path, CellBody(spot, np.full(3, rng.uniform(0.12, 0.3))), pixel_size_um, DROPLET)
        for vacuole in cell.vacuoles:
            _add(path, vacuole, pixel_size_um, VACUOLE * rng.uniform(0.5, 1.3))
    for _ in range(rng.poisson(size**2 * pixel_size_um**2 / 1500)):
        spot = np.append(rng.uniform(-0.5, 0.5, 2) * size * pixel_size_um, 0.0)
        _add(path, CellBody(spot, rng.uniform(0.2, 0.8, 3)), pixel_size_um, 0.05)
    return 2 * np.pi / WAVELENGTH_UM * path


def _add(path: Floats, body: CellBody, pixel_size_um: float, index: float) -> None:
    """Add the optical path through an ellipsoid, in µm."""
    size = len(path)
    middle = body.center[:2] / pixel_size_um + size / 2
    reach = float(body.radii[:2].max()) / pixel_size_um + 1
    low = np.clip(np.floor(middle - reach), 0, size).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, 0, size).astype(int)
    rows, columns = ((np.ogrid[low[0] : high[0], low[1] : high[1]][axis] + 0.5 - size / 2) for axis in (0, 1))
    dy, dx = rows * pixel_size_um - body.center[0], columns * pixel_size_um - body.center[1]
    cos, sin = np.cos(body.angle), np.sin(body.angle)
    along, across = dy * cos + dx * sin, dx * cos - dy * sin
    inside = np.clip(1 - (along / body.radii[0]) ** 2 - (across / body.radii[1]) ** 2, 0, None)
    path[low[0] : high[0], low[1] : high[1]] += 2 * body.radii[2] * index * np.sqrt(inside)


def transmit(
    rng: np.random.Generator, phase: Floats, pixel_size_um: float, contrast: Contrast = "brightfield"
) -> Floats:
    """Intensity (Y, X), about 1 where nothing is, of light that `phase` radians (Y, X) delay."""
    wave = np.fft.fft2(np.exp(1j * phase))
    frequency = np.fft.fftfreq(len(phase), pixel_size_um)
    aperture, opening = rng.uniform(0.5, 1.3), rng.uniform(0.1, 0.5)
    focus = {"brightfield": 1.6, "phase": 0.5, "dic": 0.4}[contrast] * rng.normal()
    shear, bias = rng.uniform(0.1, 0.25), rng.uniform(0.4, 1.2)
    turn = rng.uniform(0, 2 * np.pi)
    ring, plate = (
        rng.uniform(0.05, 0.15),
        rng.uniform(0.3, 0.7) * np.exp(0.5j * np.pi * rng.choice((-1, 1, 1))),
    )
    light = np.zeros(phase.shape)
    for angle in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS:
        tilt = opening / WAVELENGTH_UM * np.array([np.sin(angle), np.cos(angle)])
        ky, kx = np.meshgrid(frequency + tilt[0], frequency + tilt[1], indexing="ij")
        squared = ky**2 + kx**2
        passed = wave * (squared < (aperture / WAVELENGTH_UM) ** 2)
        passed = passed * np.exp(-1j * np.pi * WAVELENGTH_UM * focus * squared)
        if contrast == "dic":
            shift = np.pi * shear * (ky * np.sin(turn) + kx * np.cos(turn))
            passed = passed * 1j * np.sin(shift + bias / 2)
        elif contrast == "phase":
            direct = np.exp(-((np.hypot(ky - tilt[0], kx - tilt[1]) / ring) ** 2))
            passed = passed * (1 + direct * (plate - 1))
        light += np.abs(np.fft.ifft2(passed)) ** 2
    light = gaussian_filter(light, rng.uniform(0.3, 0.8))
    return np.asarray(light / np.median(light))
