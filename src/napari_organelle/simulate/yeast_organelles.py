"""Where a tagged protein sits in a yeast cell: one painter for each compartment.

Each painter takes a cell and its strain's look, and gives the structure's light sources alone. Counts and
sizes carry their source; what the literature leaves open is drawn broadly, so that a network trained on the
pictures has to learn the place and not one look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_organelle.simulate.emitters import Cloud, cover, fill, join, puncta, waves
from napari_organelle.simulate.yeast_cell import Cell, CellBody, Floats, direction

YEAST_CLASSES: tuple[str, ...] = (
    "cell periphery",
    "cytoplasm",
    "endosome",
    "er",
    "golgi",
    "mitochondrion",
    "nuclear periphery",
    "nucleolus",
    "nucleus",
    "peroxisome",
    "spindle pole",
    "vacuole",
)
"""DeepYeast's compartments, in the order of its list `HOwt_doc.txt`."""


@dataclass(frozen=True)
class Strain:
    """What all cells of one strain share.

    Attributes
    ----------
    organelle : str
        One of `YEAST_CLASSES`.
    look : (3,) floats in [0, 1]
        Which of its kind: a membrane or the lumen, smooth or patchy, more or fewer spots.
    haze : float in [0, 1]
        Share of the protein that is free in the cytosol.
    copies : float
        Molecules in a cell of median volume.
    """

    organelle: str
    look: Floats
    haze: float
    copies: float


HAZE = {
    "cell periphery": (0.02, 0.3),
    "cytoplasm": (0.0, 0.0),
    "endosome": (0.1, 0.65),
    "er": (0.0, 0.3),
    "golgi": (0.1, 0.6),
    "mitochondrion": (0.15, 0.75),
    "nuclear periphery": (0.05, 0.55),
    "nucleolus": (0.02, 0.35),
    "nucleus": (0.02, 0.5),
    "peroxisome": (0.05, 0.6),
    "spindle pole": (0.25, 0.85),
    "vacuole": (0.0, 0.25),
}

COPIES = {
    "cytoplasm": 12000.0,
    "endosome": 2500.0,
    "golgi": 2800.0,
    "nuclear periphery": 3500.0,
    "nucleolus": 3000.0,
    "nucleus": 4000.0,
    "peroxisome": 2200.0,
    "spindle pole": 1200.0,
    "vacuole": 4000.0,
}
"""Median copies, 6000 where not given. The whole collection spans 50 to a million (Ghaemmaghami
et al. 2003), of which microscopes see what is above autofluorescence."""


def draw_strain(rng: np.random.Generator, organelle: str, spread: float = 0.5) -> Strain:
    """A strain of that compartment; `spread` is the standard deviation of its expression, in decades."""
    low, high = HAZE[organelle]
    copies = COPIES.get(organelle, 6000.0) * 10 ** float(np.clip(rng.normal(0.0, spread), -0.8, 1.2))
    return Strain(organelle, rng.random(3), float(rng.uniform(low, high)), copies)


def paint(rng: np.random.Generator, cell: Cell, strain: Strain) -> Cloud:
    """The strain's protein at its place in `cell`; haze not included."""
    return PAINTERS[strain.organelle](rng, cell, strain.look)


def cytosol(
    rng: np.random.Generator, cell: Cell, nucleus: float, vacuole: float, texture: float = 0.12
) -> Cloud:
    """All inside the membrane; `nucleus` and `vacuole` are the levels there against 1 in the cytosol."""
    clouds = [fill(rng, body, max(600, int(130 * body.volume))) for body in cell.bodies]
    if len(clouds) == 2:
        clouds[1] = _outside(clouds[1], cell.bodies[0])
    cloud = join(*clouds)
    level = 1 + texture * waves(rng, cloud.points, 1.1)
    for body in cell.nuclei:
        level[body.depth(cloud.points) < 1] = nucleus
    for body in cell.vacuoles:
        level[body.depth(cloud.points) < 1] = vacuole
    return Cloud(cloud.points, cloud.weights * np.maximum(level, 0))


def _outside(cloud: Cloud, body: CellBody) -> Cloud:
    keep = body.depth(cloud.points) >= 1
    return Cloud(cloud.points[keep], cloud.weights[keep])


def _membrane(rng: np.random.Generator, cell: Cell, inset: float, count: int) -> list[Cloud]:
    """Surfaces of mother and bud, open at the neck, `inset` µm below the plasma membrane."""
    shells = [body.grown(-inset) for body in cell.bodies]
    clouds = [cover(rng, shell, count) for shell in shells]
    if len(shells) == 2:
        clouds = [_outside(clouds[0], shells[1]), _outside(clouds[1], shells[0])]
    return clouds


def _patchy(rng: np.random.Generator, cloud: Cloud, strength: float, wavelength: float) -> Cloud:
    level = np.clip(1 + strength * waves(rng, cloud.points, wavelength), 0, None)
    return Cloud(cloud.points, cloud.weights * level)


def _in_cytosol(rng: np.random.Generator, cell: Cell, count: int, least: float = 0.0) -> Floats:
    """Points (`count`, 3) of the cytosol, further than `least` of the radius from the centre."""
    found: list[Floats] = []
    shares = np.array([body.volume for body in cell.bodies])
    while len(found) < count:
        body = cell.bodies[int(rng.choice(len(shares), p=shares / shares.sum()))]
        radius = rng.uniform(least**3, 0.95**3) ** (1 / 3)
        point = body.place(radius * direction(rng)[None])
        if all(b.depth(point)[0] > 1 for b in (*cell.nuclei, *cell.vacuoles)):
            found.append(point[0])
    return np.array(found)


def _periphery(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """Plasma membrane: even, or in patches as eisosomes are (Walther et al. 2006)."""
    clouds = _membrane(rng, cell, 0.0, 2600)
    if len(clouds) == 2:
        clouds[1] = Cloud(clouds[1].points, clouds[1].weights * np.exp(1.6 * (look[1] - 0.5)))
    cloud = join(*clouds)
    if look[0] > 0.7:
        chosen = rng.choice(len(cloud.points), int(rng.integers(25, 60)), replace=False)
        spots = puncta(rng, cloud.points[chosen], 0.07, 0.4).scaled(float(cloud.weights.sum()))
        return join(spots, cloud.scaled(0.4 * float(cloud.weights.sum())))
    return _patchy(rng, cloud, 0.6 * look[2], 1.5)


def _cytoplasm(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    return cytosol(
        rng, cell, nucleus=0.25 + 1.0 * look[0], vacuole=0.12 * look[1], texture=0.08 + 0.2 * look[2] ** 2
    )


def _endosome(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """A few large, unequal bodies by the vacuole, whose membrane may glow (Day et al. 2018)."""
    count = 1 + int(rng.poisson(1.5 + 4 * look[0]))
    centers = _in_cytosol(rng, cell, count)
    for i in np.flatnonzero(rng.random(count) < 0.65):
        if cell.vacuoles:
            vacuole = cell.vacuoles[int(rng.integers(len(cell.vacuoles)))]
            centers[i] = vacuole.grown(0.12).place(direction(rng, 0.7)[None])[0]
    spots = puncta(rng, centers, 0.10 + 0.13 * look[1], 0.6)
    if look[2] < 0.4 or not cell.vacuoles:
        return spots
    rims = join(*(cover(rng, v, 700) for v in cell.vacuoles))
    return join(spots, rims.scaled(0.5 * (look[2] - 0.3) * float(spots.weights.sum())))


def _er(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """Nuclear envelope, cortex under 20–45 % of the membrane (West et al. 2011), and a few spokes."""
    envelope = join(*(cover(rng, n, 900) for n in cell.nuclei))
    cortex = _patchy(rng, join(*_membrane(rng, cell, 0.08, 2600)), 0.35 + 0.5 * look[0], 1.3)
    light = float(cortex.weights.sum())
    ends = _in_cytosol(rng, cell, int(rng.integers(2, 6)), 0.85)
    start = cell.nuclei[0].center
    along = rng.random((len(ends), 60, 1))
    spokes = (start + (ends - start)[:, None] * along + rng.normal(0, 0.06, (len(ends), 60, 3))).reshape(
        -1, 3
    )
    tubules = Cloud(spokes, np.ones(len(spokes))).scaled(0.12 * light)
    return join(envelope.scaled(light * (0.12 + 0.33 * look[1])), cortex, tubules)


def _golgi(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """5–16 separate cisternae through the cytosol (Preuss et al. 1992; Papanikou & Glick 2009)."""
    count = 3 + int(rng.poisson(2 + 7 * look[0]))
    return puncta(rng, _in_cytosol(rng, cell, count), 0.08 + 0.16 * look[1], 0.2 + 0.4 * look[2])


def _mitochondrion(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """Tubules 0.3–0.35 µm across under the cortex (Egner et al. 2002), long or in pieces."""
    clouds = []
    for body in cell.bodies:
        room = float(body.radii[1])
        count = 1 + int(rng.poisson((1.5 + 3.5 * look[0]) * (room / 2.1) ** 1.5))
        arc = (
            rng.uniform(0.8, 2.5 + 3.5 * look[1], count)[:, None, None]
            * np.linspace(-0.5, 0.5, 40)[None, :, None]
        )
        a, b, c = (np.array([direction(rng, 0.5) for _ in range(count)])[:, None] for _ in range(3))
        path = np.cos(arc) * a + np.sin(arc) * b + 0.35 * np.sin(2.5 * arc + rng.uniform(0, 6)) * c
        path /= np.linalg.norm(path, axis=2, keepdims=True)
        radius = np.clip(1 - rng.uniform(0.15, 0.7, (count, 1, 1)) / room, 0.2, 0.95)
        points = body.place((path * radius).reshape(-1, 3))
        weights = np.repeat(np.abs(arc[:, -1, 0]) * np.exp(rng.normal(0, 0.3, count)), 40)
        thickness = rng.uniform(0.07, 0.2)
        points = np.repeat(points, 3, 0) + rng.normal(0, thickness, (3 * len(points), 3))
        clouds.append(Cloud(points, np.repeat(weights, 3)))
    cloud = join(*clouds)
    return _patchy(rng, cloud, 0.4 * look[2], 1.0)


def _nuclear_periphery(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """Nuclear envelope with its 65–182 pores, in loose groups (Winey et al. 1997)."""
    cloud = join(*(cover(rng, n.grown(0.03), 1200) for n in cell.nuclei))
    return _patchy(rng, cloud, 0.15 + 0.5 * look[0], 0.8 + 0.5 * look[1])


def _nucleolus(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """A crescent or an oval by the envelope, about a third of the nucleus (Léger-Silvestre et al. 1999)."""
    if look[2] < 0.5:
        return join(*(fill(rng, _oval(cell, n, look), 700) for n in _lobes(cell)))
    cloud = join(*(fill(rng, n, 1500) for n in _lobes(cell)))
    inside = np.zeros(len(cloud.points), dtype=bool)
    for nucleus in _lobes(cell):
        unit = (cloud.points - nucleus.center) / nucleus.radii[1]
        hollow = (
            np.linalg.norm(unit + (0.9 + 0.5 * look[1]) * cell.nucleolus_axis, axis=1) > 1.4 + 0.35 * look[0]
        )
        inside |= hollow & (nucleus.depth(cloud.points) < 1)
    return Cloud(cloud.points, cloud.weights * np.where(inside, 1.0, 0.12 * look[2]))


def _oval(cell: Cell, nucleus: CellBody, look: Floats) -> CellBody:
    """A longish body at the nucleus's edge, across the nucleolus's axis."""
    radius = float(nucleus.radii[1]) * (0.4 + 0.3 * look[0])
    y, x = cell.nucleolus_axis[:2]
    radii = radius * np.array([1.2 + 0.5 * look[1], 0.8, 0.9])
    center = nucleus.center + cell.nucleolus_axis * (float(nucleus.radii[1]) - 0.7 * radius)
    return CellBody(center, radii, float(np.arctan2(x, y)) + np.pi / 2)


def _lobes(cell: Cell) -> tuple[CellBody, ...]:
    """Nuclei without the bridge of anaphase."""
    return cell.nuclei[:2]


def _nucleus(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """Nucleoplasm; the nucleolus is left dark by most chromatin proteins."""
    cloud = join(*(fill(rng, n, 1200) for n in cell.nuclei))
    nucleus = cell.nuclei[0]
    towards = (cloud.points - nucleus.center) @ cell.nucleolus_axis / nucleus.radii[1]
    level = np.where(towards > 0.35, look[0], 1.0) * (1 + 0.35 * look[1] * waves(rng, cloud.points, 0.7))
    return Cloud(cloud.points, cloud.weights * np.maximum(level, 0))


def _peroxisome(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """2–14 bodies of 0.1–0.2 µm radius, most near the cortex (Motley & Hettema 2007)."""
    count = 2 + int(rng.poisson(1.5 + 7.0 * look[0]))
    return puncta(rng, _in_cytosol(rng, cell, count, 0.45), 0.05 + 0.07 * look[1], 0.1 + 0.35 * look[2])


def _spindle_pole(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """One or two plaques of 0.1–0.2 µm in the nuclear envelope (Winey & Bloom 2012), or a faint spindle."""
    spots = puncta(rng, cell.poles, 0.05 + 0.05 * look[0], 0.25)
    if len(cell.poles) == 2 and look[1] > 0.8:
        along = rng.random((80, 1))
        bar = cell.poles[0] + along * (cell.poles[1] - cell.poles[0]) + rng.normal(0, 0.05, (80, 3))
        spots = join(spots, Cloud(bar, np.ones(80)).scaled(0.6 * look[1]))
    nucleoplasm = join(*(fill(rng, n, 400) for n in cell.nuclei))
    return join(spots, nucleoplasm.scaled(0.3 * look[2] ** 2 * float(spots.weights.sum())))


def _vacuole(rng: np.random.Generator, cell: Cell, look: Floats) -> Cloud:
    """Lumen or limiting membrane; proteins bound for it also glow at spots on its rim."""
    if not cell.vacuoles:
        return puncta(rng, _in_cytosol(rng, cell, 1), 0.25, 0.1)
    if look[0] < 0.7:
        lobes = join(*(fill(rng, v, 1200) for v in cell.vacuoles))
        edges = join(*(cover(rng, v, 700) for v in cell.vacuoles))
        return join(lobes, edges.scaled(0.4 * look[1] ** 2 * float(lobes.weights.sum())))
    rims = join(*(cover(rng, v, 1400) for v in cell.vacuoles))
    rims = _patchy(rng, rims, 0.5 * look[1], 1.2)
    lumen = join(*(fill(rng, v, 600) for v in cell.vacuoles))
    return join(rims, lumen.scaled(0.3 * look[2] * float(rims.weights.sum())))


PAINTERS: dict[str, Callable[[np.random.Generator, Cell, Floats], Cloud]] = {
    "cell periphery": _periphery,
    "cytoplasm": _cytoplasm,
    "endosome": _endosome,
    "er": _er,
    "golgi": _golgi,
    "mitochondrion": _mitochondrion,
    "nuclear periphery": _nuclear_periphery,
    "nucleolus": _nucleolus,
    "nucleus": _nucleus,
    "peroxisome": _peroxisome,
    "spindle pole": _spindle_pole,
    "vacuole": _vacuole,
}
