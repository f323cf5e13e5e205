"""Simulated cells with each of the 28 painted locations, as a picture for the model card.

    PYTHONPATH=src python benchmarks/hpa28/picture.py -o docs/images/hpa-28-locations.png

The stains and bodies come from the simulated field of human cells, so that no real image is shown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from napari_organelle.simulate.hpa import simulate_hpa_field
from napari_organelle.simulate.human_cell import HumanCell, find_cell
from napari_organelle.simulate.human_organelles import (
    HPA_LOCATIONS,
    divide,
    paint_locations,
    stain_unspecifically,
)

SIDE, COLUMNS = 176, 7


def simulated_cells(seed: int) -> list[HumanCell]:
    """Cells of a simulated field, cut out."""
    field = simulate_hpa_field(seed=seed, size=768)
    found = []
    for label in np.unique(field.masks)[1:]:
        rows, columns = np.nonzero(field.masks == label)
        y, x = (int(np.clip(c.mean() - SIDE / 2, 0, 768 - SIDE)) for c in (rows, columns))
        window = np.s_[y : y + SIDE, x : x + SIDE]
        red, blue, yellow = (field.pixels[c][window] * (field.masks[window] == label) for c in (0, 2, 3))
        cell = find_cell(red, blue, yellow)
        if cell is not None and cell.body.sum() > 0.2 * SIDE**2:
            found.append(cell)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    rng, cells = np.random.default_rng(0), simulated_cells(1)
    tiles = []
    for number, name in enumerate(HPA_LOCATIONS):
        cell = cells[number % len(cells)]
        cell = divide(rng, cell) if name == "Mitotic spindle" else cell
        protein = stain_unspecifically(rng, cell, paint_locations(rng, cell, [name]))
        rgb = np.stack([cell.microtubules * 0.5, np.clip(protein, 0, 1), cell.nucleus * 0.6], axis=-1)
        tile = Image.fromarray((np.clip(rgb, 0, 1) * 255).astype(np.uint8))
        ImageDraw.Draw(tile).text((4, 2), name, fill="white")
        tiles.append(np.asarray(tile))
    rows = [np.concatenate(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.concatenate(rows)).quantize(128).save(args.output, optimize=True)


if __name__ == "__main__":
    main()
