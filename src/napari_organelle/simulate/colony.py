"""Cells side by side: neighbours that touch, in a colony or scattered over a field."""

from __future__ import annotations

import numpy as np

from napari_organelle.simulate.yeast_cell import Cell, CellBody, Floats, draw_cell


def gap(one: CellBody, other: CellBody) -> float:
    """Micrometres between two outlines along the line of their centres; negative where they overlap."""
    dy, dx = (other.center - one.center)[:2]
    towards = float(np.arctan2(dx, dy))
    return float(np.hypot(dy, dx)) - one.reach(towards) - other.reach(towards + np.pi)


def clearance(one: Cell, others: list[Cell]) -> float:
    """Smallest gap between a cell and any of the others."""
    return min((gap(a, b) for other in others for a in one.bodies for b in other.bodies), default=np.inf)


def beside(rng: np.random.Generator, host: Cell, others: list[Cell], loose: float = 0.3) -> Cell | None:
    """A new cell next to `host`, touching or up to `loose` µm away; None where there is no room for it."""
    cell = draw_cell(rng)
    angle = rng.uniform(0, 2 * np.pi)
    step = np.array([np.cos(angle), np.sin(angle), 0.0])
    start = host.bodies[0].center * (1, 1, 0) - cell.bodies[0].center + (0, 0, rng.normal(0.0, 0.4))
    wanted = rng.uniform(-0.12, loose)
    distance = 2.0
    for _ in range(40):
        placed = cell.moved(start + distance * step)
        space = clearance(placed, [host])
        if space >= wanted - 0.05:
            break
        distance += max(0.1, 0.7 * (wanted - space))
    return placed if clearance(placed, others) > -0.15 else None


def surround(rng: np.random.Generator, center: Cell, tries: int) -> list[Cell]:
    """`center` and up to `tries` neighbours, most of them touching it."""
    cells = [center]
    for _ in range(tries):
        host = cells[0] if rng.random() < 0.75 else cells[int(rng.integers(len(cells)))]
        cell = beside(rng, host, cells, loose=0.4 if rng.random() < 0.6 else 3.0)
        if cell is not None:
            cells.append(cell)
    return cells


def scatter(rng: np.random.Generator, count: int, extent_um: Floats) -> list[Cell]:
    """`count` cells over a field of `extent_um` (y, x): colonies here and there, and cells joining one."""
    cells: list[Cell] = []
    for _ in range(40 * count):
        if len(cells) == count:
            break
        if not cells or rng.random() < 0.15:
            cell: Cell | None = draw_cell(rng).moved(np.append(rng.uniform(-0.47, 0.47, 2) * extent_um, 0.0))
        else:
            host = cells[int(rng.integers(len(cells)))]
            cell = beside(rng, host, _near(cells, host), loose=0.4)
        if cell is None or (np.abs(cell.bodies[0].center[:2]) > 0.48 * extent_um).any():
            continue
        if clearance(cell, _near(cells, cell)) > -0.15:
            cells.append(cell)
    return cells


def _near(cells: list[Cell], cell: Cell) -> list[Cell]:
    middle = cell.bodies[0].center[:2]
    return [c for c in cells if np.linalg.norm(c.bodies[0].center[:2] - middle) < 20.0]
