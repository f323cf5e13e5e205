"""A simulated field of human cells under the four stains of the Human Protein Atlas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_organelle.simulate.microscope import Camera, digitise

__all__ = ["HPA_CHANNELS", "HPA_PROTEINS", "HpaField", "simulate_hpa_field"]

Floats = NDArray[np.float64]

HPA_CHANNELS = ("microtubules", "protein", "nucleus", "endoplasmic reticulum")
"""Red, green, blue and yellow of the Atlas."""

MIXED = "mixed"
"""Instead of a protein: cells show every second of `HPA_PROTEINS` in turn."""

PIXEL_SIZE_UM = 0.16
"""Half the resolution of the Atlas's 2048-pixel images (63x, 0.08 µm)."""


@dataclass(frozen=True)
class HpaField:
    """A field of view.

    Attributes
    ----------
    pixels : (4, Y, X) uint8
        Channels as in `HPA_CHANNELS`.
    masks : (Y, X) int32
        0 for background, otherwise the cell.
    protein : str
        One of `HPA_PROTEINS`, or `MIXED`.
    pixel_size_um : float
        Micrometres per pixel.
    organelles : dict of int to str
        Where each cell of `masks` shows its protein.
    """

    pixels: NDArray[np.uint8]
    masks: NDArray[np.int32]
    protein: str
    pixel_size_um: float
    organelles: dict[int, str]


@dataclass(frozen=True)
class _Sheet:
    """A drawn monolayer, every array (Y, X): labels, and distances in pixels."""

    rng: np.random.Generator
    cells: NDArray[np.int32]
    nuclei: NDArray[np.int32]
    nucleoli: NDArray[np.bool_]
    from_edge: Floats
    from_nucleus: Floats
    centrosomes: Floats

    @property
    def cytoplasm(self) -> NDArray[np.bool_]:
        return (self.cells > 0) & (self.nuclei == 0)

    @property
    def shape(self) -> tuple[int, int]:
        return self.cells.shape[0], self.cells.shape[1]


def simulate_hpa_field(
    *, seed: int, size: int = 1024, protein: str = "mitochondria", pixel_size_um: float = PIXEL_SIZE_UM
) -> HpaField:
    """A monolayer of cells about 28 µm across, nuclei about 14 µm, whose protein lights up one compartment.

    Parameters
    ----------
    seed : int
        The same seed gives the same cells, whatever the protein.
    size : int
        Pixels a side.
    protein : str
        One of `HPA_PROTEINS`; `MIXED` for six of them side by side, as no well has it.
    pixel_size_um : float
        Micrometres per pixel.
    """
    if protein not in HPA_PROTEINS and protein != MIXED:
        raise ValueError(f"protein must be one of {', '.join(HPA_PROTEINS)}, or {MIXED!r}; it is {protein!r}")
    sheet = _draw_sheet(np.random.default_rng(seed), size, 0.16 / pixel_size_um)
    names = list(HPA_PROTEINS)[::2] if protein == MIXED else [protein]
    organelles = {int(c): names[c % len(names)] for c in np.unique(sheet.cells[sheet.cells > 0])}
    microtubules, shown = _microtubules(sheet, 170), [HPA_PROTEINS[name](sheet) for name in names]
    stains = [microtubules, *shown, _chromatin(sheet), _reticulum(sheet)]
    developed = [_develop(sheet, stain, pixel_size_um) for stain in stains]
    which = sheet.cells % len(names)
    pixels = np.stack([developed[0], np.choose(which, developed[1:-2]), *developed[-2:]])
    return HpaField(pixels, sheet.cells, protein, pixel_size_um, organelles)


def _develop(sheet: _Sheet, stain: Floats, pixel_size_um: float) -> NDArray[np.uint8]:
    """One confocal channel; cells differ in staining by about a quarter."""
    per_cell = np.exp(sheet.rng.normal(0.0, 0.25, int(sheet.cells.max()) + 1))
    light = ndimage.gaussian_filter(stain * per_cell[sheet.cells], 0.11 / pixel_size_um)
    top = float(np.percentile(light[sheet.cells > 0], 99.5))
    photons = light / max(top, 1e-9) * 90.0
    return digitise(sheet.rng, photons, Camera(gain=2.1, read_noise=0.8, offset=0.0))


def _noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Floats:
    """Smooth noise (Y, X) with features of about `grain` pixels, mean 0, standard deviation 1."""
    coarse = rng.normal(size=[int(n / grain) + 4 for n in shape])
    rows, columns = (np.arange(n) / grain + 1 for n in shape)
    fine = ndimage.map_coordinates(coarse, np.meshgrid(rows, columns, indexing="ij"), order=3, mode="reflect")
    return np.asarray((fine - fine.mean()) / fine.std())


def _draw_sheet(rng: np.random.Generator, size: int, scale: float) -> _Sheet:
    shape = (size, size)
    centers = _scatter(rng, size, 112.0 * scale)
    warp = np.stack([_noise(rng, shape, 45.0 * scale) for _ in range(2)]) * 9.0 * scale
    cells = _nearest(rng, centers, warp * 1.6, 105.0 * scale, aspect=1.7)
    nuclei = np.where(cells > 0, _nearest(rng, centers, warp * 0.4, 39.0 * scale, aspect=1.4), 0).astype(
        np.int32
    )
    nuclei[nuclei != cells] = 0
    speckle = _noise(rng, shape, 13.0 * scale)
    inner = ndimage.distance_transform_edt(nuclei > 0) > 7 * scale
    borders = (ndimage.maximum_filter(cells, 3) != ndimage.minimum_filter(cells, 3)) | (cells == 0)
    angles = rng.uniform(0, 2 * np.pi, len(centers))
    centrosomes = centers + 44.0 * scale * np.stack([np.sin(angles), np.cos(angles)], 1)
    return _Sheet(
        rng=rng,
        cells=cells,
        nuclei=nuclei,
        nucleoli=inner & (speckle > 1.5),
        from_edge=np.asarray(ndimage.distance_transform_edt(~borders)) / scale,
        from_nucleus=np.asarray(ndimage.distance_transform_edt(nuclei == 0)) / scale,
        centrosomes=centrosomes,
    )


def _scatter(rng: np.random.Generator, size: int, apart: float) -> Floats:
    """Points (N, 2) at least `apart` pixels from each other."""
    points = [rng.uniform(0, size, 2)]
    for candidate in rng.uniform(-0.02 * size, 1.02 * size, (4000, 2)):
        if min(float(np.hypot(*(candidate - p))) for p in points) > apart * rng.uniform(1.0, 1.3):
            points.append(candidate)
    return np.array(points)


def _nearest(
    rng: np.random.Generator, centers: Floats, warp: Floats, reach: float, aspect: float
) -> NDArray[np.int32]:
    """Label (Y, X) of the nearest center, each by its own stretched measure, up to about `reach` pixels."""
    size = warp.shape[1]
    best = np.full(warp.shape[1:], 1.0)
    labels = np.zeros(warp.shape[1:], dtype=np.int32)
    for label, center in enumerate(centers, start=1):
        span = reach * 2.2
        low = np.clip((center - span).astype(int), 0, size)
        high = np.clip((center + span).astype(int), 0, size)
        window = np.s_[low[0] : high[0], low[1] : high[1]]
        offset = np.mgrid[window] + warp[(np.s_[:], *window)] - center[:, None, None]
        angle, stretch = rng.uniform(0, np.pi), np.sqrt(rng.uniform(1.0, aspect))
        along = (np.cos(angle) * offset[0] + np.sin(angle) * offset[1]) / stretch
        across = (np.cos(angle) * offset[1] - np.sin(angle) * offset[0]) * stretch
        distance = np.hypot(along, across) / (reach * rng.uniform(0.85, 1.15))
        closer = distance < best[window]
        best[window][closer] = distance[closer]
        labels[window][closer] = label
    return labels


def _paths(sheet: _Sheet, starts: Floats, angles: Floats, steps: int, bend: float) -> NDArray[np.int64]:
    """Pixels (N, steps, 2) of curves from `starts` (N, 2) leaving at `angles` (N,), wandering by `bend`."""
    turns = ndimage.gaussian_filter1d(sheet.rng.normal(0.0, bend, (len(starts), steps)), 6.0, axis=1).cumsum(
        1
    )
    heading = angles[:, None] + turns
    walk = np.stack([np.sin(heading), np.cos(heading)], -1).cumsum(1) + starts[:, None]
    return np.clip(np.rint(walk), 0, np.array(sheet.shape) - 1).astype(np.int64)


def _trace(
    sheet: _Sheet, paths: NDArray[np.int64], owner: NDArray[np.int64], through_nucleus: float
) -> Floats:
    """Picture of `paths`, each kept to the cell that owns it and ended where it leaves the field."""
    rows, columns = paths[..., 0], paths[..., 1]
    height, width = sheet.shape
    leaves = (rows % (height - 1) == 0) | (columns % (width - 1) == 0)
    inside = np.cumprod((sheet.cells[rows, columns] == owner[:, None]) & ~leaves, axis=1)
    light = inside * np.where(sheet.nuclei[rows, columns] > 0, through_nucleus, 1.0)
    flat = np.bincount((rows * width + columns).ravel(), light.ravel(), minlength=sheet.cells.size)
    return np.asarray(flat.reshape(sheet.shape))


def _microtubules(sheet: _Sheet, count: int) -> Floats:
    """Filaments that radiate from the centrosome and bend round the nucleus."""
    rng, cells = sheet.rng, len(sheet.centrosomes)
    owner = np.repeat(np.arange(1, cells + 1), count)
    starts = sheet.centrosomes[owner - 1] + rng.normal(0.0, 9.0, (len(owner), 2))
    paths = _paths(sheet, starts, rng.uniform(0, 2 * np.pi, len(owner)), 300, 0.16)
    network = np.minimum(_trace(sheet, paths, owner, 0.12), 6.0)
    return network + 0.15 * sheet.cytoplasm


def _chromatin(sheet: _Sheet) -> Floats:
    texture = 1 + 0.18 * _noise(sheet.rng, sheet.shape, 6.0)
    return np.asarray((sheet.nuclei > 0) * np.where(sheet.nucleoli, 0.35, texture))


def _envelope(sheet: _Sheet) -> Floats:
    from_rim = np.asarray(ndimage.distance_transform_edt(sheet.nuclei > 0))
    return (sheet.nuclei > 0) * (np.exp(-from_rim / 2.0) + 0.08)


def _net(sheet: _Sheet, grain: float) -> Floats:
    """Reticular texture: bright where smooth noise crosses zero."""
    mesh = sum(np.exp(-((_noise(sheet.rng, sheet.shape, grain) / 0.3) ** 2)) for _ in range(2))
    return np.asarray(mesh)


def _reticulum(sheet: _Sheet) -> Floats:
    fade = 0.15 + np.exp(-sheet.from_nucleus / 32.0)
    rim = np.exp(-(((sheet.from_nucleus - 1.5) / 1.5) ** 2)) * 0.6
    thin = np.minimum(sheet.from_edge / 5.0, 1.0)
    return sheet.cytoplasm * (thin * fade * (0.35 + _net(sheet, 7.0)) + rim)


def _mitochondria(sheet: _Sheet) -> Floats:
    """Some sixty threads of 2–8 µm in each cell, denser round the nucleus."""
    rng, cells = sheet.rng, int(sheet.cells.max())
    weight = (sheet.cytoplasm * np.exp(-sheet.from_nucleus / 40.0) * (sheet.from_edge > 4)).ravel()
    chosen = rng.choice(weight.size, 70 * cells, p=weight / weight.sum())
    starts = np.stack(np.divmod(chosen, sheet.shape[1]), 1).astype(np.float64)
    outward = sheet.centrosomes[sheet.cells.ravel()[chosen] - 1] - starts
    angles = np.arctan2(outward[:, 0], outward[:, 1]) + rng.normal(0.0, 0.7, len(chosen))
    paths = _paths(sheet, starts, angles, 34, 0.3)
    threads = _trace(sheet, paths, sheet.cells.ravel()[chosen].astype(np.int64), 0.0)
    return ndimage.gaussian_filter(np.minimum(threads, 2.0), 0.8)


def _spots(sheet: _Sheet, weight: Floats, per_cell: int, sigma: float) -> Floats:
    chosen = sheet.rng.choice(weight.size, per_cell * int(sheet.cells.max()), p=weight.ravel() / weight.sum())
    bright = np.exp(sheet.rng.normal(0.0, 0.5, len(chosen)))
    flat = np.bincount(chosen, bright, minlength=weight.size).reshape(weight.shape)
    return np.asarray(ndimage.gaussian_filter(flat, sigma))


def _near_centrosome(sheet: _Sheet, reach: float) -> Floats:
    near = np.zeros(sheet.shape)
    rows, columns = np.indices(sheet.shape)
    for label, (y, x) in enumerate(sheet.centrosomes, start=1):
        mine = sheet.cells == label
        near[mine] = np.exp(-((rows[mine] - y) ** 2 + (columns[mine] - x) ** 2) / (2 * reach**2))
    return near


def _golgi(sheet: _Sheet) -> Floats:
    ribbon = np.exp(-((_noise(sheet.rng, sheet.shape, 9.0) / 0.35) ** 2))
    return sheet.cytoplasm * (_near_centrosome(sheet, 17.0) * ribbon + 0.02)


def _vesicles(sheet: _Sheet) -> Floats:
    weight = np.where(sheet.cytoplasm, np.exp(-sheet.from_nucleus / 50.0), 0.0)
    spots = _spots(sheet, weight, 90, 1.6)
    return spots / spots.max() + 0.03 * sheet.cytoplasm


HPA_PROTEINS: dict[str, Callable[[_Sheet], Floats]] = {
    "nucleoplasm": _chromatin,
    "nuclear membrane": _envelope,
    "nucleoli": lambda s: s.nucleoli + 0.08 * (s.nuclei > 0),
    "endoplasmic reticulum": _reticulum,
    "golgi apparatus": _golgi,
    "mitochondria": _mitochondria,
    "microtubules": lambda s: _microtubules(s, 170),
    "centrosome": lambda s: _near_centrosome(s, 3.0) + 0.04 * (s.cells > 0),
    "plasma membrane": lambda s: (s.cells > 0) * (np.exp(-s.from_edge / 2.5) + 0.08),
    "cytosol": lambda s: (
        s.cytoplasm * (1 + 0.15 * _noise(s.rng, s.shape, 5.0)) * np.minimum(s.from_edge / 5.0, 1.0)
    ),
    "vesicles": _vesicles,
}
"""Compartments that the protein can light up."""
