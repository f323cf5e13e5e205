"""Whether heat maps point at the organelle: simulated yeast cells whose organelle's place is known.

``python benchmarks/explain.py [MODEL] [CELLS] [FIGURE]`` explains CELLS cells of each class with MODEL
(yeast-12). Of those that it calls rightly it prints, for each class, the share of the heat that falls on the
organelle, the organelle's share of the crop's area, and the ratio of the two: the mean and the least. A heat
map that is the same everywhere, the trivial one, has a ratio of 1. FIGURE is a PNG of one cell of each class.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.explain import Explanation, explain
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.simulate.located import LocatedCell, simulate_located

ENLARGED = 2
HEAT = np.array([1.0, 0.75, 0.1])


def explained(bundle: ModelBundle, cell: LocatedCell, target: int) -> Explanation:
    images = ImageSet.from_array(cell.pixels[None], (Channel("cytosol"), Channel("protein")), name="cell")
    channels = ChannelMap(bundle.spec.slots, (0, 1), ("cytosol", "protein"))
    window = np.array([0, 0, 0, *cell.pixels.shape[1:]])
    *_, last = explain(bundle, images, window, channels, target)
    return last


def strip(cell: LocatedCell, found: Explanation) -> np.ndarray:
    """Crop, place of the organelle and heat map above each other, uint8."""
    grey = 0.6 * found.crop.max(axis=-1, keepdims=True)
    share = (found.heat / max(found.heat.max(), 1e-9))[..., None]
    place = np.where(cell.organelle[..., None], 1.0, 0.3 * cell.cell[..., None]) * np.ones(3)
    column = np.concatenate([found.crop, place, grey * (1 - share) + HEAT * share])
    column = np.pad(column, ((0, 0), (0, 2), (0, 0)))
    return np.round(255 * column).astype(np.uint8).repeat(ENLARGED, 0).repeat(ENLARGED, 1)


def main(model: str, count: int, figure: str) -> None:
    bundle = open_bundle(model)
    strips = []
    print(f"{'class':20s} called   heat   area  ratio  least  seconds")
    for index, name in enumerate(bundle.spec.class_names):
        rows, start = [], time.perf_counter()
        for seed in range(count):
            cell = simulate_located(name, seed=seed)
            found = explained(bundle, cell, index)
            if found.probabilities.argmax() == index:
                share = found.heat[cell.organelle].sum() / found.heat.sum()
                rows.append((share, cell.organelle.mean(), share / cell.organelle.mean()))
                strips += [strip(cell, found)] if len(rows) == 1 else []
        seconds = (time.perf_counter() - start) / count
        mean = np.mean(rows, axis=0) if rows else np.full(3, np.nan)
        least = min((row[2] for row in rows), default=np.nan)
        numbers = "".join(f"{value:7.2f}" for value in (*mean, least, seconds))
        print(f"{name:20s} {len(rows):2d}/{count:<3d}{numbers}")
    if figure:
        iio.imwrite(Path(figure), np.concatenate(strips, axis=1))


if __name__ == "__main__":
    given = [*sys.argv[1:], *["yeast-12", "10", ""][len(sys.argv) - 1 :]]
    main(given[0], int(given[1]), given[2])
