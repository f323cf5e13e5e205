"""Fluorophores as clouds of weighted points, and the even point sets that fill bodies and cover surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from napari_organelle.simulate.yeast_cell import CellBody, Floats, direction


@dataclass(frozen=True)
class Cloud:
    """Light sources: `points` (N, 3) in micrometres (y, x, z), and the light `weights` (N,) of each."""

    points: Floats
    weights: Floats

    def scaled(self, total: float) -> Cloud:
        """The same cloud, sending out `total` light."""
        now = self.weights.sum()
        return Cloud(self.points, self.weights * (total / now if now > 0 else 0.0))


def join(*clouds: Cloud) -> Cloud:
    return Cloud(np.concatenate([c.points for c in clouds]), np.concatenate([c.weights for c in clouds]))


@cache
def _ball(fineness: int) -> tuple[Floats, float]:
    """Points of a cubic grid inside the unit ball, 1.2 ** `fineness` or so, and the step of the grid."""
    step = (4 / 3 * np.pi / 1.2**fineness) ** (1 / 3)
    axis = np.arange(-1 + step / 2, 1, step)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return grid[(grid**2).sum(1) < (1 + step / 2) ** 2], step


@cache
def _sphere(count: int) -> Floats:
    """`count` points of a Fibonacci lattice on the unit sphere."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], 1)


def ball(rng: np.random.Generator, count: int) -> Floats:
    """Jittered grid points (about `count`, 3) of the unit ball."""
    grid, step = _ball(round(np.log(count) / np.log(1.2)))
    points = grid + (rng.random(grid.shape) - 0.5) * step
    return points[np.einsum("ij,ij->i", points, points) < 1]


def sphere(rng: np.random.Generator, count: int) -> Floats:
    """Jittered, randomly turned lattice points (`count`, 3) of the unit sphere."""
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    points = _sphere(count) @ turn + rng.normal(0.0, 0.6 / np.sqrt(count), (count, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def waves(rng: np.random.Generator, points: Floats, wavelength: float, count: int = 4) -> Floats:
    """Smooth random field (N,) over `points`, mean 0 and standard deviation about 1."""
    wave_vectors = np.stack([direction(rng) for _ in range(count)], 1) * (2 * np.pi / wavelength)
    phases = rng.uniform(0, 2 * np.pi, count)
    return np.asarray(np.cos(points @ wave_vectors + phases) @ np.full(count, np.sqrt(2 / count)))


def fill(rng: np.random.Generator, body: CellBody, count: int) -> Cloud:
    """The inside of a body, equally bright everywhere, light in proportion to its volume."""
    points = ball(rng, count)
    return Cloud(body.place(points), np.full(len(points), body.volume / len(points)))


def cover(rng: np.random.Generator, body: CellBody, count: int) -> Cloud:
    """The surface of a body, light in proportion to its area."""
    area = float(np.prod(body.radii) ** (2 / 3))
    return Cloud(body.place(sphere(rng, count)), np.full(count, area / count))


def puncta(rng: np.random.Generator, centers: Floats, size_um: float, spread: float) -> Cloud:
    """Round spots of SD about `size_um` at `centers` (N, 3); log-brightness has SD `spread`."""
    per_spot = 24
    sizes = size_um * np.exp(rng.normal(0.0, 0.3 * spread, len(centers)))
    offsets = rng.normal(size=(len(centers), per_spot, 3)) * sizes[:, None, None]
    bright = np.exp(rng.normal(0.0, spread, len(centers)))
    return Cloud((centers[:, None] + offsets).reshape(-1, 3), np.repeat(bright / per_spot, per_spot))
