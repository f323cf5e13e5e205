"""Simulated yeast cells with the place of their organelle, to check where a model looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_organelle.simulate.emitters import join
from napari_organelle.simulate.microscope import Camera, Optics, digitise, expose
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM
from napari_organelle.simulate.yeast_cell import draw_cell
from napari_organelle.simulate.yeast_organelles import cytosol, draw_strain, paint

OPTICS = Optics(PIXEL_SIZE_UM, sigma_um=0.17, focus_um=0.0, depth_um=0.6, section_um=1.0, halo=0.1)
CAMERA = Camera(gain=1.0, read_noise=2.0, offset=4.0)
PHOTONS, FREE_SHARE = 180.0, 0.08
PLACE_SHARE = 0.3
"""Of the brightest light of the structure: where it is brighter lies the organelle."""


@dataclass(frozen=True)
class LocatedCell:
    """One cell in the middle of a crop.

    Parameters
    ----------
    pixels : (2, Y, X) uint8
        Cytosol and protein.
    organelle, cell : (Y, X) bool
        Where the organelle's own light falls, and where the cell lies.
    """

    pixels: NDArray[np.uint8]
    organelle: NDArray[np.bool_]
    cell: NDArray[np.bool_]


def simulate_located(organelle: str, *, seed: int, size: int = 64) -> LocatedCell:
    """A cell alone in an even picture, in focus, and where its organelle is.

    Parameters
    ----------
    organelle : str
        One of `YEAST_CLASSES`.
    seed : int
        Of the cell, its strain and the noise.
    size : int
        Side of the crop in pixels of `PIXEL_SIZE_UM`.
    """
    rng = np.random.default_rng(seed)
    strain, cell = draw_strain(rng, organelle), draw_cell(rng)
    cell = cell.moved(-cell.bodies[0].center * (1, 1, 0))
    free = cytosol(rng, cell, nucleus=0.9, vacuole=0.1)
    structure = paint(rng, cell, strain)
    shape = (size, size)
    red, own = expose(free, OPTICS, shape), expose(structure, OPTICS, shape)
    green = expose(join(structure, free.scaled(FREE_SHARE)), OPTICS, shape)
    lit = [PHOTONS * light / max(float(np.percentile(light, 99.7)), 1e-9) for light in (red, green)]
    pixels = np.stack([digitise(rng, light, CAMERA) for light in lit])
    return LocatedCell(pixels, own > PLACE_SHARE * own.max(), red > PLACE_SHARE * red.max())
