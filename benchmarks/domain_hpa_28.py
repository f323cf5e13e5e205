"""Teach `hpa-28` what pictures it was trained on, and print how many others it tells from them.

    python benchmarks/hpa28/pack.py DATA -o hpa28_real.npz
    export PYTHONPATH=src:benchmarks/hpa28
    python benchmarks/domain_hpa_28.py hpa-28 DATA hpa28_real.npz -o hpa-28.organelle

As `domain_yeast_12.py`: a logistic regression on the features that the head takes, between looks at
training's cells, fields and composites (zoomed 0.5 to 2, turned, blurred, starved, with stains missing, a
stain as the protein; fields of up to 16 cells) and pictures of other kinds, all made here: simulated yeast,
cells enlarged 5 and shrunk 8 times, inverted and phase-scrambled ones, transmitted light, noise, rings and
shapes. `KEPT` of the looks are within, by cross-validation. Judged are cells and fields of the fold that was
held out, complete sets, and real pictures of other kinds. Ten minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import domain_yeast_12 as yeast
import numpy as np
import tifffile
from compose import SIDE, decode, held_out, make_part
from distractors import noise, rings, shapes, to_uint8
from finish import CONDITIONS, Held, zoom
from scipy import ndimage

from napari_organelle.model.bundle import ModelBundle, open_bundle, save_bundle
from napari_organelle.model.domain import DOMAIN_FILE, Domain
from napari_organelle.prepare.pixels import network_input
from napari_organelle.read.open import open_image_set
from napari_organelle.simulate.yeast import simulate_crops

KEPT, FOLD, PARTS, LOOKS, OTHERS = 0.99, 0, 14, 4, 500
"""Share within; fold that is held out; parts of 84 composites; looks at a cell; others of each kind."""

LOST = {0: 0.3, 2: 0.15, 3: 0.45}
"""How often a stain is missing in training, beside `ALONE` without any."""

ALONE, AS_PROTEIN = 0.12, 0.25
RED, GREEN, BLUE, YELLOW = range(4)

Windows = Sequence[np.ndarray]
"""(4, Y, X) windows: microtubules, protein, nucleus, ER."""


def looked_at(window: np.ndarray, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """A window as training sees one: turned, zoomed, blurred, starved, and with stains missing."""
    stains = np.rot90(window, rng.integers(4), (1, 2))[:, :, :: rng.choice((-1, 1))].astype(np.float32)
    stains = zoom(stains, float(np.exp(rng.uniform(np.log(low), np.log(high)))), ())
    if rng.random() < 0.4:
        stains = ndimage.gaussian_filter(stains, (0, *[rng.uniform(0.3, 1.2)] * 2))
    if rng.random() < 0.5:
        photons = np.exp(rng.uniform(np.log(20), np.log(400)))
        stains = rng.poisson(np.clip(stains, 0, None) / 255 * photons) / photons * 255
    alone = rng.random() < ALONE
    for stain, chance in LOST.items():
        if alone or rng.random() < chance:
            stains[stain] = 0
    return stains


def training_windows(pack: Path, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Looks at cells of mosaics, single stains and composites, none of the fold that is held out."""
    with np.load(pack) as real:
        rows = np.flatnonzero(~held_out(real["mosaic"], real["target"], FOLD))
        for row in rows:
            cell = decode(real[f"cell{row:04d}"]).reshape(4, SIDE, SIDE)
            for _ in range(LOOKS):
                yield looked_at(as_protein(cell, rng) if rng.random() < AS_PROTEIN else cell, rng, 0.5, 2)
        cells = [decode(real[f"cell{row:04d}"]).reshape(4, SIDE, SIDE) for row in rows]
        for _ in range(OTHERS):
            aside = int(rng.integers(2, 5))
            field = tiled([cells[n] for n in rng.integers(len(cells), size=aside**2)], aside)
            yield looked_at(as_protein(field, rng) if rng.random() < AS_PROTEIN else field, rng, 1, 1.5)
        yield from field_windows(real, rng)
    for number in range(PARTS):
        for picture in make_part((pack, FOLD, 1, number))[0]:
            yield looked_at(picture, rng, 0.7, 2)


def as_protein(window: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A stain in the place of the protein, and mostly missing in its own."""
    moved, stain = window.copy(), rng.choice((RED, BLUE, YELLOW))
    moved[GREEN] = window[stain]
    if rng.random() < 0.7:
        moved[stain] = 0
    return moved


def field_windows(real: np.lib.npyio.NpzFile, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Parts of images of 2018 with one stain each, in the protein's place."""
    seen = [0] * 4
    for row in range(len(real["fields"])):
        there = [stain for stain in range(4) if f"field{row:04d}_{stain}" in real.files]
        if len(there) == 4:
            continue
        (stain,) = there
        seen[stain] += 1
        if (seen[stain] - 1) % 5 == FOLD:
            continue
        plane = decode(real[f"field{row:04d}_{stain}"])
        for _ in range(LOOKS):
            side = int(rng.integers(150, 513))
            y, x = rng.integers(0, 513 - side, 2)
            window = np.zeros((4, side, side), np.uint8)
            window[GREEN] = plane[y : y + side, x : x + side]
            yield looked_at(window, rng, 1, 1)


def in_slots(pairs: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Two-channel pictures (N, 2, Y, X) with the second as the protein: alone, or the first as some stain."""
    for marker, protein in pairs:
        window = np.zeros((4, *protein.shape), np.float32)
        window[GREEN] = protein
        if rng.random() < 0.5:
            window[rng.choice((RED, BLUE, YELLOW))] = marker
        yield window


def other_windows(pack: Path, rng: np.random.Generator) -> Iterator[np.ndarray]:
    yield from in_slots(simulate_crops(2 * OTHERS, seed=300).pixels, rng)
    light = yeast.transmitted(OTHERS)
    yield from in_slots(light, rng)
    for window in in_slots(light, rng):
        window[BLUE] = 0
        yield window
    for paint in (noise, rings, shapes):
        pictures = [np.stack([to_uint8(paint(rng, SIDE), rng) for _ in range(2)]) for _ in range(OTHERS)]
        yield from in_slots(np.stack(pictures), rng)
    with np.load(pack) as real:
        rows = rng.permutation(np.flatnonzero(~held_out(real["mosaic"], real["target"], FOLD)))
        cells = [decode(real[f"cell{row:04d}"]).reshape(4, SIDE, SIDE) for row in rows[:OTHERS]]
    for index, cell in enumerate(cells):
        some = looked_at(cell, rng, 1, 1)
        yield zoom(some, 5, ())
        yield tiled([cells[(index + step) % len(cells)] for step in range(64)], 8)
        yield np.where(some.any((1, 2), keepdims=True), 255 - some, 0)
        yield np.where(some.any((1, 2), keepdims=True), yeast.scrambled(some[None] + 1e-3, rng)[0], 0)


def tiled(cells: Windows, aside: int) -> np.ndarray:
    """A field of `aside` by `aside` cells, each so much smaller."""
    side = SIDE // aside
    used = side * aside
    small = [cell[:, :used, :used].reshape(4, side, aside, side, aside).mean((2, 4)) for cell in cells]
    rows = [np.concatenate(small[row * aside : (row + 1) * aside], axis=2) for row in range(aside)]
    return np.concatenate(rows, axis=1)


def features_of(bundle: ModelBundle) -> Callable[[Iterator[np.ndarray] | Windows], np.ndarray]:
    run = yeast.answers_of(bundle)

    def features(windows: Iterator[np.ndarray] | Windows) -> np.ndarray:
        windows = [np.asarray(window, np.float32) for window in windows]
        parts = [
            run(network_input(windows[start : start + 32], bundle.spec.pixels))
            for start in range(0, len(windows), 32)
        ]
        return np.concatenate(parts)

    return features


def judged(data: Path, pack: Path) -> Iterator[tuple[str, Windows]]:
    """What was fitted nowhere: real human cells first, then other kinds."""
    held, rng = Held(pack, FOLD), np.random.default_rng(5)
    for name, (factor, lost) in CONDITIONS.items():
        yield f"held-out cells, {name}", [zoom(cell, factor, lost) for cell in held.cells]
    kinds = np.array(held.kind)
    for kind in sorted(set(held.kind)):
        fields = [field for field, one in zip(held.fields, kinds, strict=True) if one == kind]
        parts = [f[:, y : y + 256, x : x + 256] for f in fields for y in (0, 256) for x in (0, 256)]
        yield f"quarters of images, {kind}", parts
        yield f"images, {kind}", fields
    yield "held-out composites", list(held.painted)
    yield "held-out cells, enlarged 5 times", [zoom(cell, 5, ()) for cell in held.cells]
    for aside in (3, 8):
        fields = [tiled(held.cells[i : i + aside**2], aside) for i in range(0, len(held.cells) - aside**2, 4)]
        yield f"held-out cells, shrunk {aside} times", fields
    yield "CyCLoPS", list(in_slots(np.asarray(open_image_set(data / "yeast_cyclops").data), rng))
    others = yeast.judged_others(data)
    for name in ("photographs", "real brightfield", "Poisson noise"):
        yield name, list(in_slots(others[name], rng))
    field = tifffile.imread(next((data / "yeast_more/nucleus_field").glob("*.tif*"))).astype(np.float32)
    yield "field of yeast nuclei", list(in_slots(yeast.squares(field.reshape(-1, *field.shape[-2:])[0]), rng))


def print_table(domain: Domain, run: Callable[..., np.ndarray], data: Path, pack: Path) -> None:
    print("| pictures | n | unlike |\n|---|---|---|")
    for kind, windows in judged(data, pack):
        print(f"| {kind} | {yeast.flagged(domain, run(windows))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("pack", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    bundle, rng = open_bundle(args.model), np.random.default_rng(0)
    run = features_of(bundle)
    own, others = run(training_windows(args.pack, rng)), run(other_windows(args.pack, rng))
    is_own = np.arange(len(own) + len(others)) < len(own)
    domain = yeast.fit(np.concatenate([own, others]), is_own, KEPT)
    print(f"{len(own)} pictures of training, {len(others)} others")
    extras = {name: bundle.extra(name) for name in bundle.extras} | {DOMAIN_FILE: domain.arrays()}
    save_bundle(args.output, bundle.spec, bundle.weights(), extras=extras, overwrite=True)
    print_table(domain, run, args.data, args.pack)


if __name__ == "__main__":
    main()
