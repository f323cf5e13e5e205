"""Composites: real nuclei, microtubules, ER and bodies with a painted protein, one cell or several."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from napari_organelle.simulate.human_cell import Floats, HumanCell, find_cell
from napari_organelle.simulate.human_organelles import (
    HPA_LOCATIONS,
    divide,
    paint_locations,
    stain_unspecifically,
)

NAMES = tuple(HPA_LOCATIONS)
SPINDLE, BRIDGE = NAMES.index("Mitotic spindle"), NAMES.index("Cytokinetic bridge")
COMMON = [
    NAMES.index(name) for name in ("Nucleoplasm", "Cytosol", "Plasma membrane", "Nucleoli", "Golgi apparatus")
]
SIDE = 224
SINGLES, FIELDS = 4, 3
GROUPS = 12
"""Groups of a part; each shares its locations among 4 pictures of a cell and 3 of several."""

DARK = 0.04
"""Share of groups in which no location stands out."""

Stained = tuple[Floats, Floats]
"""A cell's four stains (4, Y, X), and its body (Y, X)."""


def decode(stored: np.ndarray) -> np.ndarray:
    """(Y, X) uint8 of a JPEG's bytes."""
    return np.asarray(Image.open(io.BytesIO(stored.tobytes())))


def held_out(mosaics: np.ndarray, targets: np.ndarray, fold: int) -> np.ndarray:
    """(N,) bool: cells whose mosaic is in this one of 5 folds, which each location shares alike."""
    held: set[str] = set()
    for target in np.unique(targets):
        names = sorted(set(mosaics[targets == target].tolist()))
        held |= {name for place, name in enumerate(names) if place % 5 == fold}
    return np.isin(mosaics, sorted(held))


@lru_cache(maxsize=1)
def references(pack: Path, fold: int, held: bool = False) -> list[HumanCell]:
    """The cells that are trained on, or those that are held out, measured."""
    with np.load(pack) as real:
        rows = np.flatnonzero(held_out(real["mosaic"], real["target"], fold) == held)
        planes = [decode(real[f"cell{row:04d}"]).reshape(4, SIDE, SIDE) for row in rows]
    found = [find_cell(stains[0], stains[2], stains[3]) for stains in planes]
    return [cell for cell in found if cell is not None]


def make_part(task: tuple[Path, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(N, 4, 224, 224) uint8 composites, red, green, blue and yellow, and (N, 28) uint8 truths.

    Parameters
    ----------
    task : (Path, int, int, int)
        Pack, fold that is held out, seed and number of the part.
    """
    pack, fold, seed, number = task
    return compose(np.random.default_rng((seed, number)), references(pack, fold))


def compose(rng: np.random.Generator, cells: list[HumanCell]) -> tuple[np.ndarray, np.ndarray]:
    """As `make_part`, with one's own cells."""
    pictures, truths = [], []
    for _ in range(GROUPS):
        chosen = draw_locations(rng)
        painted = [stain(rng, cells[rng.integers(len(cells))], chosen) for _ in range(SINGLES)]
        others = (
            [c for c in chosen if c not in (SPINDLE, BRIDGE)] if {SPINDLE, BRIDGE} & set(chosen) else None
        )
        crowd = painted
        if others is not None:
            crowd = [stain(rng, cells[rng.integers(len(cells))], others) for _ in range(3)]
        made = [single[0] for single in painted]
        for _ in range(FIELDS):
            first = painted[int(rng.integers(SINGLES))]
            made.append(
                crowded(rng, [first, *(crowd[i] for i in rng.integers(len(crowd), size=rng.integers(2, 11)))])
            )
        pictures += [photograph(rng, picture) for picture in made]
        truth = np.zeros(len(NAMES), np.uint8)
        truth[chosen] = 1
        truths += [truth] * len(made)
    return np.stack(pictures), np.stack(truths)


def draw_locations(rng: np.random.Generator) -> list[int]:
    """None to three of the 28, the first the brightest."""
    if rng.random() < DARK:
        return []
    chosen = [int(rng.integers(len(NAMES)))]
    for chance in (0.4, 0.25):
        if rng.random() < chance:
            other = int(rng.choice(COMMON) if rng.random() < 0.5 else rng.integers(len(NAMES)))
            if other not in chosen and other != SPINDLE:
                chosen.append(other)
        else:
            break
    return chosen


def stain(rng: np.random.Generator, cell: HumanCell, chosen: list[int]) -> Stained:
    """The cell with its protein painted."""
    if SPINDLE in chosen:
        cell = divide(rng, cell)
    light = paint_locations(rng, cell, [NAMES[location] for location in chosen])
    protein = stain_unspecifically(rng, cell, light) * np.exp(rng.normal(0, 0.25))
    stains = [cell.microtubules, protein, cell.nucleus, cell.er]
    return np.stack(stains).astype(np.float32), cell.body.astype(np.float32)


def crowded(rng: np.random.Generator, cells: list[Stained]) -> Floats:
    """(4, 224, 224): cells at half size, turned and mirrored, side by side; the brighter counts."""
    field = np.zeros((4, SIDE, SIDE), np.float32)
    taken = np.zeros((SIDE, SIDE), np.float32)
    half = SIDE // 2
    for number, (stains, body) in enumerate(cells):
        small = stains.reshape(4, half, 2, half, 2).mean(axis=(2, 4))
        mask = body.reshape(half, 2, half, 2).mean(axis=(1, 3)) > 0.5
        turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
        small, mask = np.rot90(small, turns, (1, 2)), np.rot90(mask, turns)
        if mirrored:
            small, mask = small[:, :, ::-1], mask[:, ::-1]
        for _ in range(8 if number else 1):
            low, high = (-half // 3, SIDE - 2 * half // 3) if number else (half // 4, SIDE - half - half // 4)
            y, x = (int(v) for v in rng.integers(low, high, 2))
            there = np.s_[max(y, 0) : min(y + half, SIDE), max(x, 0) : min(x + half, SIDE)]
            here = np.s_[max(-y, 0) : min(half, SIDE - y), max(-x, 0) : min(half, SIDE - x)]
            if (taken[there] * mask[here]).sum() < 0.12 * mask.sum():
                taken[there] = np.maximum(taken[there], mask[here])
                whole = (slice(None), *there)
                field[whole] = np.maximum(field[whole], small[(slice(None), *here)])
                break
    return field


def photograph(rng: np.random.Generator, picture: Floats) -> np.ndarray:
    """(4, Y, X) uint8 with photon noise; protein exposed dimly to a little too brightly."""
    top = max(float(np.percentile(picture[1], 99.9)), 0.05)
    levels = picture / np.array([1, top, 1, 1], np.float32)[:, None, None]
    gain = np.array([1, *np.exp(rng.uniform(np.log(0.35), np.log(1.25), 1)), 1, 1])[:, None, None]
    photons = np.exp(rng.uniform(np.log(30), np.log(600)))
    light = np.clip(levels * gain, 0, None)
    noisy = light + np.sqrt(light / photons) * rng.standard_normal(light.shape, np.float32)
    noisy = noisy + rng.uniform(0, 0.02) * np.abs(rng.standard_normal(light.shape, np.float32))
    return np.clip(noisy * 255, 0, 255).astype(np.uint8)
