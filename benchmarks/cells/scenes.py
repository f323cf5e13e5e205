"""Simulated colonies of yeast as their parts, from which pictures of any contrast are mixed.

``python benchmarks/cells/scenes.py OUT.npz --count 160 --seed 1``
"""

from __future__ import annotations

import argparse

import numpy as np

from napari_organelle.simulate.colony import scatter
from napari_organelle.simulate.emitters import join
from napari_organelle.simulate.microscope import draw_optics, expose
from napari_organelle.simulate.transmitted import CONTRASTS, delay, transmit
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM, YEAST_CLASSES, _masks
from napari_organelle.simulate.yeast_organelles import cytosol, draw_strain, paint

SIDE = 320
PARTS = ("cytosol", "protein", *CONTRASTS, *CONTRASTS)


def scene(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Parts (P, Y, X) float16, each scaled to a 99.5th percentile of 1 or a background of 1; masks (Y, X)."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    pixel = PIXEL_SIZE_UM
    cells = scatter(rng, int(rng.integers(6, 48)), np.full(2, SIDE * pixel))
    strain = draw_strain(rng, YEAST_CLASSES[number % len(YEAST_CLASSES)], spread=0.1)
    level = np.exp(rng.normal(0, 0.35, (2, len(cells))))
    optics = draw_optics(rng, pixel)
    free = join(
        *(
            cytosol(rng, cell, nucleus=rng.uniform(0.7, 1.0), vacuole=rng.uniform(0.02, 0.5)).scaled(
                sum(body.volume for body in cell.bodies) * light
            )
            for cell, light in zip(cells, level[0], strict=True)
        )
    )
    lit = join(*(paint(rng, cell, strain).scaled(light) for cell, light in zip(cells, level[1], strict=True)))
    parts = [expose(cloud, optics, (SIDE, SIDE)) for cloud in (free, lit)]
    parts = [part / max(float(np.percentile(part, 99.5)), 1e-9) for part in parts]
    for contrast in (*CONTRASTS, *CONTRASTS):
        parts.append(transmit(rng, delay(rng, cells, SIDE, pixel), pixel, contrast))
    return np.clip(np.stack(parts), 0, 60000).astype(np.float16), _masks(cells, SIDE, pixel)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output")
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    made = [scene(args.seed, number) for number in range(args.count)]
    np.savez(args.output, parts=np.stack([m[0] for m in made]), masks=np.stack([m[1] for m in made]))


if __name__ == "__main__":
    main()
