"""Shape of a budding yeast cell and of what is inside it, in micrometres.

Axes are (y, x, z); z points along the light path and every body keeps one principal axis on it, so that its
outline seen from above is an ellipse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PHASES = ("G1", "S", "G2", "anaphase", "telophase")
PHASE_SHARES = (0.42, 0.22, 0.18, 0.06, 0.12)
"""Shares of a log-phase haploid culture; about 40 % of cells carry no bud (Hartwell & Unger 1977)."""

MEDIAN_VOLUME_UM3 = 42.0
"""Haploid cell in log phase (Jorgensen et al. 2002, BioNumbers 100427)."""

NUCLEUS_SHARE = 0.075
"""Nuclear over cell volume, the same at every cell size (Jorgensen et al. 2007)."""


@dataclass(frozen=True)
class CellBody:
    """Ellipsoid: `center` (y, x, z), `radii` along its own axes, turned by `angle` radians about z."""

    center: Floats
    radii: Floats
    angle: float = 0.0

    @cached_property
    def turn(self) -> Floats:
        """Rotation (3, 3) from the body's own axes to (y, x, z)."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    @property
    def volume(self) -> float:
        return float(4.0 / 3.0 * np.pi * np.prod(self.radii))

    def place(self, unit: Floats) -> Floats:
        """Points (N, 3) of the unit ball, set into this body."""
        return np.asarray((unit * self.radii) @ self.turn.T + self.center)

    def depth(self, points: Floats) -> Floats:
        """Distance (N,) of each point from the centre, 1 on the surface."""
        own = (points - self.center) @ (self.turn / self.radii)
        return np.sqrt(np.einsum("ij,ij->i", own, own))

    def grown(self, by: float) -> CellBody:
        """The same body with `by` micrometres more on each radius."""
        return CellBody(self.center, np.maximum(self.radii + by, 0.05), self.angle)

    def moved(self, by: Floats) -> CellBody:
        return CellBody(self.center + by, self.radii, self.angle)

    def reach(self, direction: float) -> float:
        """Radius of the outline towards `direction`, an angle in the image plane."""
        t = direction - self.angle
        return float(1.0 / np.hypot(np.cos(t) / self.radii[0], np.sin(t) / self.radii[1]))


@dataclass(frozen=True)
class Cell:
    """One cell: `bodies` are the mother and, past G1, its bud; `poles` (P, 3) are the spindle poles."""

    phase: str
    bodies: tuple[CellBody, ...]
    nuclei: tuple[CellBody, ...]
    vacuoles: tuple[CellBody, ...]
    nucleolus_axis: Floats
    poles: Floats

    def moved(self, by: Floats) -> Cell:
        def each(bodies: tuple[CellBody, ...]) -> tuple[CellBody, ...]:
            return tuple(b.moved(by) for b in bodies)

        return Cell(
            self.phase,
            each(self.bodies),
            each(self.nuclei),
            each(self.vacuoles),
            self.nucleolus_axis,
            self.poles + by,
        )


def direction(rng: np.random.Generator, flatness: float = 1.0) -> Floats:
    """A random unit vector; `flatness` below 1 keeps it near the image plane."""
    v = rng.normal(size=3) * (1.0, 1.0, flatness)
    return np.asarray(v / np.linalg.norm(v))


def draw_cell(rng: np.random.Generator) -> Cell:
    """A cell of a log-phase culture, its mother centred on the origin."""
    phase = PHASES[int(rng.choice(len(PHASES), p=PHASE_SHARES))]
    volume = MEDIAN_VOLUME_UM3 * np.exp(rng.normal(0.0, 0.42)) * (0.85 if phase == "G1" else 1.0)
    aspect = 1.0 + abs(rng.normal(0.13, 0.12))
    short = (volume * 0.75 / np.pi / aspect) ** (1 / 3)
    mother = CellBody(np.zeros(3), np.array([short * aspect, short, short]), rng.uniform(0, 2 * np.pi))
    bodies = (mother, *_bud(rng, mother, phase))
    vacuoles = tuple(v for body in bodies for v in _vacuoles(rng, body))
    nuclei, poles = _nuclei(rng, bodies, vacuoles, phase)
    return Cell(phase, bodies, nuclei, vacuoles, direction(rng), poles)


def _bud(rng: np.random.Generator, mother: CellBody, phase: str) -> tuple[CellBody, ...]:
    """No bud in G1, then one that grows to about 0.8 of its mother's radius."""
    span = {"S": (0.25, 0.5), "G2": (0.5, 0.75), "anaphase": (0.6, 0.85), "telophase": (0.7, 0.92)}.get(phase)
    if span is None:
        return ()
    radius = mother.radii[1] * rng.uniform(*span)
    towards = mother.angle + rng.choice((0.0, np.pi)) + rng.normal(0.0, 0.5)
    aspect = rng.uniform(1.0, 1.25)
    distance = mother.reach(towards) + radius * aspect * rng.uniform(0.82, 0.96)
    tilt = rng.normal(0.0, 0.2)
    axis = np.array([np.cos(towards) * np.cos(tilt), np.sin(towards) * np.cos(tilt), np.sin(tilt)])
    return (CellBody(mother.center + distance * axis, radius * np.array([aspect, 1.0, 1.0]), towards),)


def _nuclei(
    rng: np.random.Generator, bodies: tuple[CellBody, ...], vacuoles: tuple[CellBody, ...], phase: str
) -> tuple[tuple[CellBody, ...], Floats]:
    """Nuclei and spindle poles: one nucleus, by the neck in G2, through it in anaphase, two at last."""
    mother = bodies[0]
    radius = (NUCLEUS_SHARE * mother.volume * rng.uniform(0.8, 1.3) * 0.75 / np.pi) ** (1 / 3)
    if phase in ("anaphase", "telophase"):
        return _divided_nuclei(rng, bodies, phase, radius)
    room = float(mother.radii[1]) - radius
    if phase == "G2":
        axis = bodies[1].center - mother.center
        axis = axis / np.linalg.norm(axis)
        center = mother.center + axis * rng.uniform(0.6, 1.0) * room
    else:
        center = _clear_spot(rng, mother, vacuoles, radius)
        axis = direction(rng)
    stretch = rng.uniform(1.0, 1.2)
    nucleus = CellBody(center, radius * np.array([stretch, 1, 1 / stretch]), rng.uniform(0, np.pi))
    single = phase == "G1" or (phase == "S" and rng.random() < 0.5)
    return (nucleus,), nucleus.place(np.array([axis] if single else [axis, _opposite(rng, axis, phase)]))


def _clear_spot(
    rng: np.random.Generator, mother: CellBody, vacuoles: tuple[CellBody, ...], radius: float
) -> Floats:
    """The place with most room among a few, for a nucleus of `radius` beside the vacuoles."""
    best, largest_room = mother.center, -np.inf
    for _ in range(12):
        spot = mother.center + direction(rng, 0.6) * rng.uniform(0.3, 1.0) * (mother.radii[1] - radius - 0.15)
        room = min(
            (float(np.linalg.norm(spot - v.center)) - v.radii[1] - radius for v in vacuoles), default=0.0
        )
        if min(room, 0.1) > largest_room:
            best, largest_room = spot, min(room, 0.1)
    return np.asarray(best)


def _opposite(rng: np.random.Generator, first: Floats, phase: str) -> Floats:
    """Second spindle pole: 0.5–1 µm from the first in S, facing it across the nucleus (1.5–2 µm) in G2."""
    spread = 0.7 if phase == "S" else -1.0
    v = spread * first + 0.7 * direction(rng)
    return np.asarray(v / np.linalg.norm(v))


def _divided_nuclei(
    rng: np.random.Generator, bodies: tuple[CellBody, ...], phase: str, radius: float
) -> tuple[tuple[CellBody, ...], Floats]:
    mother, bud = bodies
    axis = bud.center - mother.center
    length = float(np.linalg.norm(axis))
    axis = axis / length
    shift = 0.15 if phase == "anaphase" else rng.uniform(-0.25, 0.3)
    ends = (mother.center + axis * shift * mother.radii[1], bud.center - axis * shift * bud.radii[1])
    angle = float(np.arctan2(axis[1], axis[0]))
    lobes = tuple(CellBody(end, 0.8 * radius * np.array([1.15, 1, 1]), angle) for end in ends)
    poles = np.array([ends[0] - axis * radius * 0.9, ends[1] + axis * radius * 0.9])
    if phase == "telophase":
        return lobes, poles
    middle = (ends[0] + ends[1]) / 2
    bridge = CellBody(
        middle, np.array([np.linalg.norm(ends[1] - ends[0]) / 2, radius * 0.3, radius * 0.3]), angle
    )
    return (*lobes, bridge), poles


def _vacuoles(rng: np.random.Generator, body: CellBody) -> list[CellBody]:
    """One to four lobes, about a quarter of the section in all (Wiemken & Dürr 1974); few in young buds."""
    vacuoles: list[CellBody] = []
    inner = float(body.radii[1])
    wanted = (
        int(rng.choice((1, 2, 3, 4), p=(0.45, 0.3, 0.15, 0.1))) if inner > 1.3 else int(rng.random() < 0.5)
    )
    for attempt in range(16):
        if len(vacuoles) == wanted:
            break
        radius = inner * rng.uniform(0.4, 0.8) / max(wanted, 1) ** 0.3 * 0.97**attempt
        center = body.center + direction(rng, 0.6) * rng.uniform(0.3, 1.0) * max(inner - radius - 0.12, 0.0)
        if all(np.linalg.norm(center - v.center) > 0.93 * (radius + v.radii[1]) for v in vacuoles):
            vacuoles.append(
                CellBody(center, radius * np.array([rng.uniform(1.0, 1.2), 1, 1]), rng.uniform(0, np.pi))
            )
    return vacuoles
