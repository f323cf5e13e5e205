"""The 28 locations of the Human Protein Atlas's 2018 set, painted into the geometry of a human cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from napari_organelle.simulate.human_cell import (
    AnyArray,
    Floats,
    HumanCell,
    discs,
    dots,
    smooth_noise,
    strewn,
    threads,
)

__all__ = ["HPA_LOCATIONS", "divide", "paint_locations", "stain_unspecifically"]

Painter = Callable[[np.random.Generator, HumanCell], Floats]

SHARP = 0.8
"""Standard deviation in pixels of the sharpest spot."""


def paint_locations(rng: np.random.Generator, cell: HumanCell, locations: Sequence[str]) -> Floats:
    """A protein that lights up `locations` at once, the first brightest.

    Parameters
    ----------
    rng : numpy.random.Generator
    cell : HumanCell
        For the mitotic spindle, as `divide` makes it.
    locations : sequence of str
        Keys of `HPA_LOCATIONS`; none gives a dark cell.

    Returns
    -------
    (Y, X) float32
        Light, about 1 at its brightest.
    """
    light = np.zeros(cell.shape, np.float32)
    for rank, name in enumerate(locations):
        part = HPA_LOCATIONS[name](rng, cell)
        top = float(np.percentile(part[cell.body], 99.7)) if cell.body.any() else 1.0
        share = 1.0 if rank == 0 else rng.uniform(0.35, 0.9)
        light += share * np.minimum(part / max(top, 1e-4, 0.6 * float(part.max())), 1.5)
    return light


def stain_unspecifically(rng: np.random.Generator, cell: HumanCell, light: Floats) -> Floats:
    """Protein as an antibody shows it: grainy, over a haze of cytosol and nucleoplasm, out of focus.

    Parameters
    ----------
    rng : numpy.random.Generator
    cell : HumanCell
    light : (Y, X) float32
        Of `paint_locations`.

    Returns
    -------
    (Y, X) float32
        About 1 at its brightest.
    """
    fine = np.clip(1 + rng.uniform(0.05, 0.5) * smooth_noise(rng, cell.shape, rng.uniform(1, 1.8)), 0, None)
    level = min(float(rng.exponential(0.09)), 0.35)
    thin = np.minimum(cell.from_edge / 0.3, 1.0) * (0.6 + 0.4 * np.exp(-cell.from_nucleus / 0.8))
    haze = _blur(np.where(cell.dna, rng.uniform(0, 1.3), thin))
    specks = dots(rng, cell.body, int(rng.integers(0, 60)), 0.8, 0.7) * rng.uniform(0, 0.25)
    glow = rng.uniform(0, 0.3) * ndimage.gaussian_filter(light, rng.uniform(0.1, 0.4) * cell.radius)
    grainy = light * (1 + 0.5 * (fine - 1)) + glow + ((level + 0.02) * haze + specks) * fine
    return np.asarray(grainy, np.float32)


def divide(rng: np.random.Generator, cell: HumanCell) -> HumanCell:
    """The cell in metaphase: round, its DNA a plate, its microtubules a spindle."""
    rows, columns = np.indices(cell.shape, np.float32)
    angle, radius = rng.uniform(0, np.pi), cell.radius * rng.uniform(1.15, 1.45)
    along = np.cos(angle) * (rows - cell.center[0]) + np.sin(angle) * (columns - cell.center[1])
    across = np.cos(angle) * (columns - cell.center[1]) - np.sin(angle) * (rows - cell.center[0])
    warp = smooth_noise(rng, cell.shape, 0.5 * cell.radius) * 0.04 * radius
    body = np.hypot(along, across) + warp < radius
    plate = np.exp(-(((along + warp) / (0.13 * radius)) ** 4) - (across / (0.6 * radius)) ** 4)
    narrow = np.clip(1 - (np.abs(along) / (0.72 * radius)) ** 1.6, 0, 1)
    spindle = np.exp(-((across / (0.12 * radius + 0.42 * radius * narrow)) ** 4))
    spindle = spindle * (np.abs(along) < 0.75 * radius)
    fibres = 0.75 + 0.25 * smooth_noise(rng, cell.shape, 2.0)
    hazy = body * rng.uniform(0.1, 0.35)
    er = body * (1 - 0.7 * spindle) * (0.5 + 0.15 * smooth_noise(rng, cell.shape, 2.5))
    picture = [spindle * fibres + hazy, plate * (0.9 + 0.1 * fibres), er]
    microtubules, dna, reticulum = (_blur(np.clip(p, 0, 1), 0.7) for p in picture)
    return replace(cell, microtubules=microtubules, nucleus=dna, er=reticulum, dna=plate > 0.4, body=body)


def _nucleoplasm(rng: np.random.Generator, cell: HumanCell) -> Floats:
    grain = smooth_noise(rng, cell.shape, rng.uniform(0.06, 0.2) * cell.radius)
    own = np.clip(1 + rng.uniform(0.05, 0.35) * grain, 0.1, None)
    like_dna = rng.uniform(0, 0.6) * cell.nucleus + 1 - rng.uniform(0, 0.3)
    hollow = 1 - rng.uniform(0.2, 1.0) * ndimage.gaussian_filter(cell.nucleoli.astype(np.float32), 1.0)
    return _soft(cell.dna) * own * like_dna * hollow


def _soft(mask: AnyArray) -> Floats:
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), SHARP))


def _haze(cell: HumanCell) -> Floats:
    """Protein left in the cytosol: thin at the cell's edge, thickest beside the nucleus."""
    thin = np.minimum(cell.from_edge / 0.45, 1.0) * (0.45 + 0.55 * np.exp(-cell.from_nucleus / 0.7))
    return _blur(thin * np.where(cell.dna, 0.35, np.clip(1.15 - 0.5 * cell.er, 0, None)), 1.0)


def _nuclear_membrane(rng: np.random.Generator, cell: HumanCell) -> Floats:
    depth = cell.in_nucleus * cell.radius - 1
    rim = cell.dna * np.exp(-((depth / rng.uniform(1.0, 2.4)) ** 2))
    patches = np.clip(1 + rng.uniform(0, 0.4) * smooth_noise(rng, cell.shape, 0.3 * cell.radius), 0.2, None)
    inside = rng.uniform(0.03, 0.35) * _soft(cell.dna)
    folds = _ridges(rng, cell, 0.9, 0.06) * cell.dna * (rng.random() < 0.2) * 0.4
    return _blur(rim * patches + inside + folds)


def _blur(light: AnyArray, sigma: float = SHARP) -> Floats:
    return np.asarray(ndimage.gaussian_filter(light.astype(np.float32), sigma))


def _ridges(rng: np.random.Generator, cell: HumanCell, grain: float, width: float) -> Floats:
    """Bright where smooth noise crosses zero."""
    return np.exp(-((smooth_noise(rng, cell.shape, grain * cell.radius) / (width / grain * 4)) ** 2))


def _nucleoli_mask(rng: np.random.Generator, cell: HumanCell) -> AnyArray:
    if rng.random() < 0.75 and cell.nucleoli.sum() > 0.03 * cell.dna.sum():
        return cell.nucleoli
    radii = cell.radius * rng.uniform(0.12, 0.32, rng.integers(1, 6))
    return np.asarray(discs(rng, cell.in_nucleus > 0.3, radii) > 0.3) & (cell.in_nucleus > 0.1)


def _nucleoli(rng: np.random.Generator, cell: HumanCell) -> Floats:
    mask = _nucleoli_mask(rng, cell)
    grain = 1 + 0.15 * smooth_noise(rng, cell.shape, 2.5)
    rim = 1 + (rng.random() < 0.2) * (ndimage.distance_transform_edt(mask) < 2)
    return _blur(mask * grain * rim) + rng.uniform(0, 0.3) * _soft(cell.dna)


def _fibrillar_center(rng: np.random.Generator, cell: HumanCell) -> Floats:
    mask = _nucleoli_mask(rng, cell)
    count, sigma = int(rng.integers(3, 18)), rng.uniform(0.8, 0.06 * cell.radius + 0.6)
    return dots(rng, mask, count, sigma) + rng.uniform(0, 0.2) * _soft(cell.dna) + 0.1 * _soft(mask)


def _speckles(rng: np.random.Generator, cell: HumanCell) -> Floats:
    grain = smooth_noise(rng, cell.shape, rng.uniform(0.09, 0.16) * cell.radius)
    patches = np.clip(grain - rng.uniform(0.5, 1.1), 0, 1.2)
    inner = (cell.in_nucleus > 0.06) & ~cell.nucleoli
    return _blur(patches * inner) + rng.uniform(0.02, 0.35) * _soft(cell.dna & ~cell.nucleoli)


def _nuclear_bodies(rng: np.random.Generator, cell: HumanCell) -> Floats:
    radii = cell.radius * rng.uniform(0.03, rng.uniform(0.06, 0.11), rng.integers(2, 20))
    return discs(rng, cell.in_nucleus > 0.12, radii) + rng.uniform(0, 0.35) * _soft(cell.dna)


def _reticulum(rng: np.random.Generator, cell: HumanCell) -> Floats:
    if rng.random() < 0.7:
        own = cell.er ** rng.uniform(0.7, 1.3) * (1 + 0.2 * smooth_noise(rng, cell.shape, 2.0))
    else:
        net = _ridges(rng, cell, 0.14, 0.02) + _ridges(rng, cell, 0.18, 0.02)
        own = cell.cytoplasm * np.exp(-cell.from_nucleus / rng.uniform(0.5, 1.2)) * (0.3 + net)
    rim = rng.uniform(0, 0.5) * np.exp(-((cell.from_nucleus - 0.03) ** 2) / 0.002) * cell.cytoplasm
    return _blur(np.clip(own, 0, None) + rim, rng.uniform(0.3, 0.9))


def _near(cell: HumanCell, place: AnyArray, reach: float) -> Floats:
    rows, columns = np.ogrid[: cell.shape[0], : cell.shape[1]]
    squared = (rows - place[0]) ** 2 + (columns - place[1]) ** 2
    return np.exp(-squared / (2 * (reach * cell.radius) ** 2)).astype(np.float32)


def _golgi(rng: np.random.Generator, cell: HumanCell) -> Floats:
    region = _near(cell, cell.organizer, rng.uniform(0.25, 0.55)) * cell.cytoplasm
    if rng.random() < 0.25:
        region = np.maximum(region, np.exp(-cell.from_nucleus / 0.25) * cell.cytoplasm * 0.6)
    ribbon = _ridges(rng, cell, rng.uniform(0.22, 0.4), 0.035) * (region > 0.35)
    pieces = dots(rng, region**2, int(rng.integers(10, 60)), rng.uniform(1.0, 1.8))
    wisps = rng.uniform(0.02, 0.12) * cell.cytoplasm
    return _blur(ribbon * region + rng.uniform(0.1, 0.8) * pieces + wisps)


def _peroxisomes(rng: np.random.Generator, cell: HumanCell) -> Floats:
    weight = cell.cytoplasm * (cell.from_edge > 0.08) * np.exp(-cell.from_nucleus / rng.uniform(1.0, 4))
    spots = dots(rng, weight, int(rng.integers(60, 260)), rng.uniform(0.8, 1.2), 0.25)
    return spots + rng.uniform(0, 0.12) * _haze(cell)


def _endosomes(rng: np.random.Generator, cell: HumanCell) -> Floats:
    weight = cell.cytoplasm * (cell.from_edge > 0.05) * np.exp(-cell.from_nucleus / rng.uniform(0.6, 3))
    small = dots(rng, weight, int(rng.integers(20, 120)), rng.uniform(0.9, 1.4), 0.8)
    large = discs(
        rng, weight, cell.radius * rng.uniform(0.05, 0.11, rng.integers(2, 20)), rng.uniform(0, 0.9)
    )
    return small + large + rng.uniform(0, 0.15) * _haze(cell) * ~cell.dna


def _lysosomes(rng: np.random.Generator, cell: HumanCell) -> Floats:
    near = _near(cell, cell.organizer, rng.uniform(0.6, 1.2))
    weight = cell.cytoplasm * (near + 0.15 * np.exp(-cell.from_nucleus))
    bodies = discs(rng, weight, cell.radius * rng.uniform(0.04, 0.1, rng.integers(15, 70)))
    return bodies + rng.uniform(0, 0.1) * _haze(cell) * ~cell.dna


def _intermediate(rng: np.random.Generator, cell: HumanCell) -> Floats:
    weight = cell.cytoplasm * np.exp(-cell.from_nucleus / rng.uniform(0.25, 0.9))
    starts = strewn(rng, weight, int(rng.integers(120, 320)))
    offset = starts - cell.center
    radial = np.arctan2(offset[:, 0], offset[:, 1])
    headings = radial + np.pi / 2 * rng.choice([-1, 0, 1], len(starts)) + rng.normal(0, 0.5, len(starts))
    lines = threads(
        rng, cell.cytoplasm, starts, headings, int(rng.uniform(1, 2.5) * cell.radius), rng.uniform(0.12, 0.35)
    )
    bundles = _blur(np.minimum(lines, 5), rng.uniform(0.4, 0.8)) ** rng.uniform(0.9, 1.4)
    return bundles + rng.uniform(0, 0.3) * weight


def _actin(rng: np.random.Generator, cell: HumanCell) -> Floats:
    axis = np.linalg.eigh(np.cov(np.argwhere(cell.body).T))[1][:, -1]
    main = np.arctan2(axis[0], axis[1]) + rng.normal(0, 0.25)
    starts = strewn(rng, cell.body, int(rng.integers(25, 110)))
    headings = main + rng.normal(0, rng.uniform(0.03, 0.25), len(starts))
    pair = np.concatenate([headings, headings + np.pi])
    both = np.concatenate([starts, starts])
    fibres = threads(rng, cell.body, both, pair, int(rng.uniform(1, 3) * cell.radius), 0.012)
    cortex = np.exp(-cell.from_edge / 0.05) * cell.body * rng.uniform(0.3, 2.5)
    return _blur(np.minimum(fibres, 3) + cortex, rng.uniform(0.5, 1.0)) + rng.uniform(0, 0.2) * cell.body


def _focal_adhesions(rng: np.random.Generator, cell: HumanCell) -> Floats:
    rim = cell.body * (cell.from_edge > 0.02) * np.exp(-cell.from_edge / rng.uniform(0.08, 0.25))
    starts = strewn(rng, rim, int(rng.integers(20, 80)))
    offset = cell.center - starts
    headings = np.arctan2(offset[:, 0], offset[:, 1]) + rng.normal(0, 0.3, len(starts))
    dashes = threads(
        rng, cell.body, starts, headings, max(int(rng.uniform(0.12, 0.3) * cell.radius), 3), 0.02
    )
    return _blur(np.minimum(dashes, 2), 0.9) + rng.uniform(0.02, 0.2) * _haze(cell)


def _microtubules(rng: np.random.Generator, cell: HumanCell) -> Floats:
    grain = 1 + 0.1 * smooth_noise(rng, cell.shape, 2.0)
    return _blur(cell.microtubules ** rng.uniform(0.75, 1.3) * grain, rng.uniform(0.2, 0.8))


def _microtubule_ends(rng: np.random.Generator, cell: HumanCell) -> Floats:
    weight = cell.cytoplasm * (0.05 + cell.microtubules) * (cell.from_nucleus + 0.1)
    starts = strewn(rng, weight, int(rng.integers(40, 160)))
    offset = starts - cell.organizer
    headings = np.arctan2(offset[:, 0], offset[:, 1]) + rng.normal(0, 0.35, len(starts))
    comets = threads(rng, cell.body, starts, headings, max(int(0.1 * cell.radius), 2), 0.02)
    return _blur(np.minimum(comets, 2)) + rng.uniform(0, 0.3) * cell.microtubules


def _bridge(rng: np.random.Generator, cell: HumanCell) -> Floats:
    rim = cell.body & (cell.from_edge < 0.12)
    place = strewn(rng, rim, 1)[0]
    outward = place - cell.center
    outward /= max(float(np.hypot(*outward)), 1e-6)
    rows, columns = np.indices(cell.shape)
    along = (rows - place[0]) * outward[0] + (columns - place[1]) * outward[1]
    across = (rows - place[0]) * outward[1] - (columns - place[1]) * outward[0]
    length, width = cell.radius * rng.uniform(0.25, 0.6), max(cell.radius * rng.uniform(0.03, 0.07), 1.0)
    bar = np.exp(-((along / length) ** 6) - (across / width) ** 2)
    gap = 1 - 0.9 * (rng.random() < 0.5) * np.exp(-((along / (0.12 * length)) ** 2))
    if rng.random() < 0.3:
        bar = np.exp(-(along**2 + across**2) / (2 * (1.6 * width) ** 2))
    return _blur(bar * gap) + rng.uniform(0.02, 0.3) * _haze(cell)


def _spindle(rng: np.random.Generator, cell: HumanCell) -> Floats:
    return _microtubules(rng, cell) + rng.uniform(0, 0.25) * _haze(cell)


def _organizing_center(rng: np.random.Generator, cell: HumanCell) -> Floats:
    cloud = _near(cell, cell.organizer, rng.uniform(0.08, 0.18))
    headings = rng.uniform(0, 2 * np.pi, 40)
    aster = threads(
        rng, cell.cytoplasm, np.repeat(cell.organizer[None], 40, 0), headings, int(0.7 * cell.radius), 0.1
    )
    return cloud + rng.uniform(0, 0.3) * _blur(np.minimum(aster, 2)) + rng.uniform(0, 0.2) * _haze(cell)


def _centrosome(rng: np.random.Generator, cell: HumanCell) -> Floats:
    place, light = cell.organizer, np.zeros(cell.shape, np.float32)
    for _ in range(int(rng.integers(1, 3))):
        light += _near(cell, place, rng.uniform(0.035, 0.07))
        place = place + rng.normal(0, 0.12 * cell.radius, 2)
    return light + rng.uniform(0.02, 0.3) * _haze(cell)


def _lipid_droplets(rng: np.random.Generator, cell: HumanCell) -> Floats:
    patch = np.exp(0.9 * smooth_noise(rng, cell.shape, 0.6 * cell.radius))
    weight = cell.cytoplasm * (cell.from_edge > 0.08) * patch
    radii = cell.radius * rng.uniform(0.05, rng.uniform(0.09, 0.17), rng.integers(10, 60))
    return discs(rng, weight, radii, rng.choice([0.0, 0.95])) + rng.uniform(0, 0.15) * _haze(cell) * ~cell.dna


def _plasma_membrane(rng: np.random.Generator, cell: HumanCell) -> Floats:
    rim = cell.body * np.exp(-cell.from_edge / rng.uniform(0.03, 0.09))
    patches = np.clip(1 + 0.4 * smooth_noise(rng, cell.shape, 0.25 * cell.radius), 0.1, None)
    sheet = _soft(cell.body) * np.clip(1 + 0.5 * smooth_noise(rng, cell.shape, 2.0), 0, None)
    ruffles = _ridges(rng, cell, 0.3, 0.03) * cell.body * np.exp(-cell.from_edge / 0.5)
    spots = dots(rng, cell.body, int(rng.integers(20, 200)), 1.0)
    parts = rng.uniform((0.3, 0.08, 0, 0), (1.3, 0.6, 0.5, 0.3))
    return _blur(parts[0] * rim * patches + parts[1] * sheet + parts[2] * ruffles + parts[3] * spots, 0.6)


def _junctions(rng: np.random.Generator, cell: HumanCell) -> Floats:
    rows, columns = np.indices(cell.shape)
    angle = np.arctan2(rows - cell.center[0], columns - cell.center[1])
    facing = np.cos((angle - rng.uniform(0, 2 * np.pi)) * rng.integers(1, 3)) > rng.uniform(-0.2, 0.6)
    rim = cell.body * np.exp(-((cell.from_edge / rng.uniform(0.04, 0.08)) ** 2)) * facing
    beads = np.clip(1 + rng.uniform(0.2, 0.9) * smooth_noise(rng, cell.shape, 2.5), 0, None)
    return _blur(rim * beads) + rng.uniform(0.02, 0.2) * _haze(cell)


def _mitochondria(rng: np.random.Generator, cell: HumanCell) -> Floats:
    weight = cell.cytoplasm * (cell.from_edge > 0.1) * np.exp(-cell.from_nucleus / rng.uniform(0.35, 1.2))
    starts = strewn(rng, weight, int(rng.integers(60, 200)))
    offset = starts - cell.center
    headings = np.arctan2(offset[:, 0], offset[:, 1]) + rng.normal(0, 0.8, len(starts))
    steps = max(int(rng.uniform(0.12, 0.6) * cell.radius), 3)
    lines = threads(rng, cell.cytoplasm & (cell.from_edge > 0.06), starts, headings, steps, 0.3)
    return _blur(np.minimum(lines, 2), rng.uniform(0.7, 1.1)) + rng.uniform(0, 0.15) * weight


def _aggresome(rng: np.random.Generator, cell: HumanCell) -> Floats:
    place = cell.organizer + rng.normal(0, 0.1 * cell.radius, 2)
    size = rng.uniform(0.14, 0.34)
    warp = 1 + 0.25 * smooth_noise(rng, cell.shape, 0.25 * cell.radius)
    distance = np.sqrt(-2 * np.log(np.clip(_near(cell, place, size), 1e-9, 1))) * warp
    blob = 1 / (1 + np.exp(np.clip(14 * (distance - 1.2), -50, 50)))
    crumbs = dots(rng, _near(cell, place, 3 * size) * cell.cytoplasm, int(rng.integers(0, 15)), 1.3)
    grain = 1 + 0.15 * smooth_noise(rng, cell.shape, 2.0)
    return (
        _blur(blob * grain * ~(cell.in_nucleus > 0.2)) + 0.4 * crumbs + rng.uniform(0.02, 0.3) * _haze(cell)
    )


def _cytosol(rng: np.random.Generator, cell: HumanCell) -> Floats:
    thin = np.minimum(cell.from_edge / rng.uniform(0.05, 0.5), 1.0)
    bulge = 1 + rng.uniform(0, 1.5) * np.exp(-cell.from_nucleus / 0.6)
    fine = smooth_noise(rng, cell.shape, rng.uniform(1.2, 2.2))
    coarse = smooth_noise(rng, cell.shape, 0.2 * cell.radius)
    grain = np.clip(1 + rng.uniform(0.1, 0.55) * fine + rng.uniform(0, 0.2) * coarse, 0, None)
    organelles = 1 - rng.uniform(0, 0.5) * np.clip(cell.er, 0, 1)
    return _blur(cell.cytoplasm * thin * bulge * grain * organelles, 0.6) + rng.uniform(0, 0.35) * _soft(
        cell.dna
    )


def _cytoplasmic_bodies(rng: np.random.Generator, cell: HumanCell) -> Floats:
    radii = cell.radius * rng.uniform(0.04, 0.1, rng.integers(3, 22))
    spots = discs(rng, cell.cytoplasm & (cell.from_edge > 0.1), radii)
    return spots + rng.uniform(0.03, 0.35) * _haze(cell) * ~cell.dna


def _rods_and_rings(rng: np.random.Generator, cell: HumanCell) -> Floats:
    place = cell.body & (cell.from_edge > 0.15)
    count = int(rng.integers(1, 6))
    starts, headings = strewn(rng, place, count), rng.uniform(0, 2 * np.pi, count)
    rods = threads(rng, cell.body, starts, headings, int(rng.uniform(0.3, 0.8) * cell.radius), 0.01)
    rings = discs(rng, place, cell.radius * rng.uniform(0.1, 0.2, rng.integers(0, 4)), 1.0)
    return _blur(np.minimum(rods, 1.5), 1.1) * 3 + rings + rng.uniform(0.02, 0.2) * _haze(cell)


HPA_LOCATIONS: dict[str, Painter] = {
    "Nucleoplasm": _nucleoplasm,
    "Nuclear membrane": _nuclear_membrane,
    "Nucleoli": _nucleoli,
    "Nucleoli fibrillar center": _fibrillar_center,
    "Nuclear speckles": _speckles,
    "Nuclear bodies": _nuclear_bodies,
    "Endoplasmic reticulum": _reticulum,
    "Golgi apparatus": _golgi,
    "Peroxisomes": _peroxisomes,
    "Endosomes": _endosomes,
    "Lysosomes": _lysosomes,
    "Intermediate filaments": _intermediate,
    "Actin filaments": _actin,
    "Focal adhesion sites": _focal_adhesions,
    "Microtubules": _microtubules,
    "Microtubule ends": _microtubule_ends,
    "Cytokinetic bridge": _bridge,
    "Mitotic spindle": _spindle,
    "Microtubule organizing center": _organizing_center,
    "Centrosome": _centrosome,
    "Lipid droplets": _lipid_droplets,
    "Plasma membrane": _plasma_membrane,
    "Cell junctions": _junctions,
    "Mitochondria": _mitochondria,
    "Aggresome": _aggresome,
    "Cytosol": _cytosol,
    "Cytoplasmic bodies": _cytoplasmic_bodies,
    "Rods & rings": _rods_and_rings,
}
"""The 28 locations in the order of the 2018 set's indices, and what paints them."""
