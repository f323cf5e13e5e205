"""Simulated budding yeast as screens show it: single-cell crops, and fields with instance masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_organelle.simulate.colony import scatter, surround
from napari_organelle.simulate.emitters import Cloud, join
from napari_organelle.simulate.microscope import Camera, Optics, digitise, draw_optics, expose, soften
from napari_organelle.simulate.yeast_cell import MEDIAN_VOLUME_UM3, Cell, Floats, draw_cell
from napari_organelle.simulate.yeast_organelles import YEAST_CLASSES, Strain, cytosol, draw_strain, paint

__all__ = [
    "PIXEL_SIZE_UM",
    "YEAST_CHANNELS",
    "YEAST_CLASSES",
    "Field",
    "SimulatedCrops",
    "simulate_crops",
    "simulate_field",
]

YEAST_CHANNELS = ("cytosol", "protein")

PIXEL_SIZE_UM = 0.12
"""Of the CyCLOPS crops, whose cells measure 34 pixels in the median where simulated ones measure 4.1 µm."""

AUTOFLUORESCENCE = 1500.0
"""Of one cell, in GFP molecules: below it, proteins spread over the cytosol are not seen."""


@dataclass(frozen=True)
class SimulatedCrops:
    """Single-cell pictures.

    Attributes
    ----------
    pixels : (N, 2, Y, X) uint8
        Channels as in `YEAST_CHANNELS`: cytosol (mCherry), protein (GFP).
    labels : (N,) int64
        Index into `YEAST_CLASSES`.
    pixel_size_um : float
        Micrometres per pixel.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    pixel_size_um: float


@dataclass(frozen=True)
class Field:
    """A field of view.

    Attributes
    ----------
    pixels : (2, Y, X) uint8
        Channels as in `YEAST_CHANNELS`.
    masks : (Y, X) int32
        0 for background, otherwise the cell (with its bud).
    organelles : dict of int to str
        Label in `masks` to the compartment that the cell's protein lights up.
    pixel_size_um : float
        Micrometres per pixel.
    """

    pixels: NDArray[np.uint8]
    masks: NDArray[np.int32]
    organelles: dict[int, str]
    pixel_size_um: float


def simulate_crops(
    count: int,
    *,
    seed: int,
    size: int = 64,
    pixel_size_um: float = PIXEL_SIZE_UM,
    classes: Sequence[str] | None = None,
    start: int = 0,
) -> SimulatedCrops:
    """Crops `start` to `start + count` of an endless series, one cell in the middle of each.

    Crop i shows class i modulo the number of `classes` (default: all), and depends on `seed` and i alone:
    parts made apart, in any process, are the same as the whole.
    """
    chosen = [YEAST_CLASSES.index(name) for name in classes or YEAST_CLASSES]
    labels = np.array([chosen[i % len(chosen)] for i in range(start, start + count)], dtype=np.int64)
    pixels = np.zeros((count, 2, size, size), dtype=np.uint8)
    for i, label in enumerate(labels):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(start + i,)))
        pixels[i] = _crop(rng, YEAST_CLASSES[label], size, pixel_size_um)
    return SimulatedCrops(pixels, labels, pixel_size_um)


def simulate_field(
    *,
    seed: int,
    size: int = 1024,
    cells: int = 150,
    pixel_size_um: float = PIXEL_SIZE_UM,
    classes: Sequence[str] | None = None,
) -> Field:
    """A field of up to `cells` cells, each with a protein of its own, in turn from `classes` (default: all).

    One class makes it a well of a real plate, where all cells are of one strain.
    """
    rng = np.random.default_rng(seed)
    placed = scatter(rng, cells, np.full(2, size * pixel_size_um))
    kinds = list(classes or YEAST_CLASSES)
    strains = {kind: draw_strain(rng, kind, spread=0.1) for kind in kinds}
    names = [kinds[i % len(kinds)] for i in range(len(placed))]
    optics = draw_optics(rng, pixel_size_um)
    pixels = _photograph(rng, placed, [strains[name] for name in names], optics, size)
    return Field(pixels, _masks(placed, size, pixel_size_um), dict(enumerate(names, start=1)), pixel_size_um)


def _crop(rng: np.random.Generator, organelle: str, size: int, pixel_size_um: float) -> NDArray[np.uint8]:
    strain = draw_strain(rng, organelle)
    cells = surround(rng, draw_cell(rng), int(rng.poisson(2.5)))
    middle = _centre(rng, cells[0]) + rng.normal(0.0, 0.15, 3) * (1, 1, 0)
    half = size * pixel_size_um / 2
    cells = [cell.moved(-middle) for cell in cells]
    seen = [c for c in cells if any((np.abs(b.center[:2]) - b.radii[0] < half).all() for b in c.bodies)]
    return _photograph(rng, seen, [strain] * len(seen), draw_optics(rng, pixel_size_um), size)


def _centre(rng: np.random.Generator, cell: Cell) -> Floats:
    """What a segmentation would take for the cell: the mother, her bud, or the two as one."""
    mother = cell.bodies[0]
    if len(cell.bodies) == 1 or rng.random() < 0.5:
        return mother.center * (1, 1, 0)
    bud = cell.bodies[1]
    if bud.radii[1] > 1.0 and rng.random() < 0.4:
        return bud.center * (1, 1, 0)
    both = mother.center * mother.volume + bud.center * bud.volume
    return np.asarray(both / (mother.volume + bud.volume) * (1, 1, 0))


def _photograph(
    rng: np.random.Generator, cells: list[Cell], strains: list[Strain], optics: Optics, size: int
) -> NDArray[np.uint8]:
    """Both channels (2, Y, X) of one exposure."""
    lit = [_fluorophores(rng, cell, strain) for cell, strain in zip(cells, strains, strict=True)]
    drift = np.append(rng.normal(0.0, 0.06, 2), 0.0)
    marker = join(*(red for red, _ in lit))
    red = expose(Cloud(marker.points + drift, marker.weights), optics, (size, size))
    green = expose(join(*(green for _, green in lit)), optics, (size, size)) * 10 ** rng.uniform(0.5, 1.8)
    marker_photons = 10 ** rng.uniform(1.5, 2.5)
    red *= marker_photons / max(float(np.percentile(red, 99)), 1e-9)
    red += 0.1 * rng.random() ** 2 * marker_photons * green / max(float(green.max()), 1e-9)
    smoothing = rng.uniform(0.3, 0.5)
    green_smoothing = smoothing if rng.random() < 0.3 else 0.0
    picture = np.stack([_develop(rng, red, smoothing), _develop(rng, green, green_smoothing)])
    return soften(rng, picture) if rng.random() < 0.3 else picture


def _fluorophores(rng: np.random.Generator, cell: Cell, strain: Strain) -> tuple[Cloud, Cloud]:
    """Marker and protein of one cell; the latter with its free share and the cell's own glow."""
    volume = sum(body.volume for body in cell.bodies) / MEDIAN_VOLUME_UM3
    free = cytosol(rng, cell, nucleus=rng.uniform(0.7, 1.0), vacuole=rng.uniform(0.02, 0.3))
    copies = strain.copies * volume * np.exp(rng.normal(0.0, 0.3))
    dying = rng.random() < 0.03
    glow = AUTOFLUORESCENCE * volume * np.exp(rng.normal(0.0, 0.25)) * (15.0 if dying else 1.0)
    structure = paint(rng, cell, strain).scaled(copies * (1 - strain.haze))
    marker = free.scaled(volume * np.exp(rng.normal(0.0, 0.3)))
    return marker, join(structure, free.scaled(copies * strain.haze + glow))


def _develop(rng: np.random.Generator, photons: Floats, smoothing: float) -> NDArray[np.uint8]:
    """Camera, and the scaling to 8 bits of a whole plate: most cells stay far below 255, a few go over it."""
    brightest = float(np.percentile(photons, 99.7))
    gain = 255.0 * 10 ** rng.uniform(-0.9, 0.1) / max(brightest, 30.0)
    stray = rng.uniform(0.0, 0.12) * brightest + rng.uniform(0.0, 4.0)
    camera = Camera(gain, rng.uniform(1.0, 6.0), rng.uniform(0.0, 10.0), smoothing)
    return digitise(rng, photons + stray, camera)


def _masks(cells: list[Cell], size: int, pixel_size_um: float) -> NDArray[np.int32]:
    """Outlines seen from above; where two cells overlap, the later one lies on top."""
    masks = np.zeros((size, size), dtype=np.int32)
    for label, cell in enumerate(cells, start=1):
        for body in cell.bodies:
            middle = body.center[:2] / pixel_size_um + size / 2
            reach = body.radii[0] / pixel_size_um + 1
            low = np.clip(np.floor(middle - reach), 0, size).astype(int)
            high = np.clip(np.ceil(middle + reach) + 1, 0, size).astype(int)
            rows, columns = np.mgrid[low[0] : high[0], low[1] : high[1]] + 0.5 - size / 2
            flat = np.stack(
                [rows * pixel_size_um, columns * pixel_size_um, np.full(rows.shape, body.center[2])]
            )
            inside = body.depth(flat.reshape(3, -1).T).reshape(rows.shape) < 1
            masks[low[0] : high[0], low[1] : high[1]][inside] = label
    return masks
