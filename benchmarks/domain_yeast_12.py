"""Teach `yeast-12` what pictures it was trained on, and print how many others it tells from them.

    python benchmarks/training/real_cells.py DATA -o real.npz
    python benchmarks/domain_yeast_12.py yeast-12 DATA real.npz -o yeast-12.organelle

A logistic regression on the features that the head takes, between cells in the poses and light of training
and pictures of other kinds, all made here: enlarged and shrunk cells, inverted and phase-scrambled ones,
simulated human cells and transmitted light, noise and shapes. Its limit is such that `KEPT` of the cells are
within, by cross-validation. Figure cells are judged by the half that the fit had not seen; CyCLoPS, nuclei,
autofluorescent cells, Atlas sets, photographs and real brightfield are never fitted. The weights of the
network stay.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage
import tifffile
from distractors import make_distractors
from head_yeast_12 import raw_cells
from scipy.ndimage import zoom
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from training.augment import random_input
from training.starve import PHOTONS, as_uint8, starved

from napari_organelle.model.bundle import ModelBundle, open_bundle, save_bundle
from napari_organelle.model.domain import DOMAIN_FILE, Domain
from napari_organelle.model.engine.loaded import load
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.pixels import network_input
from napari_organelle.prepare.regions import tile_regions
from napari_organelle.read.open import open_image_set
from napari_organelle.simulate.transmitted import CONTRASTS, simulate_transmitted
from napari_organelle.simulate.yeast import simulate_crops

KEPT, STRENGTH, FOLDS = 0.975, 1e-3, 5
SIDE = 64
OTHERS = 500
"""Pictures of each other kind."""

Pictures = dict[str, np.ndarray]
"""Kind to crops (N, 2, Y, X): cytosol marker and protein."""


def enlarged(crops: np.ndarray, factor: float) -> np.ndarray:
    """The middle of crops, as if a pixel were `factor` times smaller."""
    margin = round(crops.shape[-1] * (1 - 1 / factor) / 2)
    middle = crops[..., margin:-margin, margin:-margin]
    return zoom(
        middle, (1, 1, crops.shape[-2] / middle.shape[-2], crops.shape[-1] / middle.shape[-1]), order=1
    )


def shrunk(crops: np.ndarray, factor: int) -> np.ndarray:
    """Mosaics of crops, each `factor` times smaller."""
    side = crops.shape[-1] // factor * factor
    count = len(crops) // factor**2
    tiles = crops[: count * factor**2, :, :side, :side].reshape(
        count, factor, factor, 2, side // factor, factor, side // factor, factor
    )
    small = tiles.mean((5, 7))
    return small.transpose(0, 3, 1, 4, 2, 5).reshape(count, 2, side, side).astype(np.uint8)


def scrambled(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Crops with the power spectrum of cells and random phases."""
    phases = np.angle(np.fft.fft2(rng.normal(size=crops.shape)))
    pictures = np.real(np.fft.ifft2(np.abs(np.fft.fft2(crops)) * np.exp(1j * phases)))
    low, high = (pictures.min((2, 3), keepdims=True), pictures.max((2, 3), keepdims=True))
    return ((pictures - low) / (high - low) * 255).astype(np.uint8)


def transmitted(count: int) -> np.ndarray:
    """Crops of simulated cells in transmitted light, in both channels."""
    fields = [
        simulate_transmitted(seed=seed, size=512, cells=40, contrast=contrast)
        for seed in range(4)
        for contrast in CONTRASTS
    ]
    rng = np.random.default_rng(3)
    squares = []
    for number in range(count):
        y, x = rng.integers(0, 512 - SIDE, 2)
        squares.append(fields[number % len(fields)][y : y + SIDE, x : x + SIDE])
    return np.repeat(np.stack(squares)[:, None], 2, axis=1)


def other_kinds() -> Pictures:
    rng = np.random.default_rng(1)
    crops = simulate_crops(9 * OTHERS, seed=300).pixels
    light = transmitted(2 * OTHERS)
    beside = light[:OTHERS].astype(float)
    beside[:, 0] = crops[:OTHERS, 0]
    return {
        "enlarged": np.concatenate([enlarged(crops[:OTHERS], 3), enlarged(crops[OTHERS : 2 * OTHERS], 2.3)]),
        "shrunk": shrunk(crops, 3),
        "inverted": 255 - crops[:OTHERS],
        "scrambled": scrambled(crops[:OTHERS], rng),
        "transmitted": light,
        "transmitted, with a marker": beside,
        "strange": make_distractors(3 * OTHERS, seed=5)[..., 4:-4, 4:-4],
    }


def answers_of(bundle: ModelBundle) -> Callable[[np.ndarray], np.ndarray]:
    """Network input (N, 64, 64, 3) to features (N, F)."""
    model = load(bundle, "auto")

    def features(images: np.ndarray) -> np.ndarray:
        rows = -(-len(images) // 32) * 32
        padded = np.pad(images, ((0, rows - len(images)), (0, 0), (0, 0), (0, 0)))
        parts = [model.answers(padded[start : start + 32])[1] for start in range(0, rows, 32)]
        return np.concatenate(parts)[: len(images)].astype(np.float32)

    return features


def inputs(bundle: ModelBundle, crops: np.ndarray, *, alone: bool = False) -> np.ndarray:
    """Crops as the network takes them; `alone` without the cytosol marker."""
    pixels = np.array(crops, np.float32)
    if alone:
        pixels[:, 0] = 0
    slots = {"protein": 1, "cytosol": 0}
    order = [slots[slot.name] for slot in bundle.spec.slots]
    return network_input(list(pixels[:, order]), bundle.spec.pixels)


def own_pictures(bundle: ModelBundle, real: Pictures) -> tuple[np.ndarray, np.ndarray]:
    """Network input of cells in training's light, and which half judges figure cells (-1 for others)."""
    rng = np.random.default_rng(0)
    images, halves = [], []
    for raw, _, half in raw_cells(real):
        for start in range(0, len(raw), 200):
            images.append(np.asarray(random_input(raw[start : start + 200], rng)[0]))
            halves.append(half[start : start + 200])
    plain = simulate_crops(1_000, seed=301).pixels
    images += [inputs(bundle, plain), inputs(bundle, plain, alone=True)]
    halves.append(np.full(2 * len(plain), -1))
    return np.concatenate(images), np.concatenate(halves)


def fit(features: np.ndarray, own: np.ndarray, kept: float = KEPT) -> Domain:
    """What tells other pictures from training's own, on (N, F) features and (N,) bool."""
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
    )
    strangeness = cross_val_predict(model, features, ~own, cv=FOLDS, method="decision_function")
    scaler, head = model.fit(features, ~own)
    weights = head.coef_[0] / scaler.scale_
    offset = head.intercept_[0] - weights @ scaler.mean_
    return Domain(weights.astype(np.float32), float(offset - np.quantile(strangeness[own], kept)))


def atlas(data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Tiles of real human cells: the protein beside microtubules."""
    for folder in ("hpa2018/complete", "hpa2021/train"):
        images = open_image_set(data / folder)
        names = images.channel_names
        sizes = images.items[["height", "width"]].to_numpy()
        windows = tile_regions(sizes, SIDE, 128).windows
        windows = windows[np.random.default_rng(0).permutation(len(windows))[:600]]
        channels = (names.index("microtubules"), names.index("protein"))
        yield f"Atlas, {folder.split('/')[0]}", np.stack(list(cut(images, windows, channels)))


def squares(picture: np.ndarray) -> np.ndarray:
    """(N, 2, 64, 64) of a gray picture, the same in both channels."""
    rows, columns = (size // SIDE for size in picture.shape)
    cells = picture[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    return np.repeat(cells.reshape(-1, 1, SIDE, SIDE), 2, axis=1)


def judged_others(data: Path) -> Pictures:
    genes = as_uint8(np.asarray(open_image_set(data / "yeast_cyclops").data))
    rng = np.random.default_rng(4)
    photographs = [getattr(skimage.data, name)() for name in ("camera", "coins", "brick", "grass", "page")]
    _, brightfield, _ = tifffile.imread(data / "yeast_more/lipid_droplets/pln1_bf_mask.tif")
    return {
        "CyCLoPS, enlarged 3 times": enlarged(genes, 3),
        "CyCLoPS, shrunk 3 times": shrunk(genes, 3),
        **dict(atlas(data)),
        "photographs": np.concatenate([squares(each) for each in photographs]),
        "real brightfield": squares(brightfield),
        "Poisson noise": rng.poisson(20, (300, 2, SIDE, SIDE)),
    }


def flagged(domain: Domain, features: np.ndarray) -> str:
    return f"{len(features)} | {(domain.excess(features) > 0).mean():.3f} |"


def print_table(bundle: ModelBundle, data: Path, real: Pictures, domain: Domain, run: Callable) -> None:
    print("| pictures | n | unlike | n, protein alone | unlike |\n|---|---|---|---|---|")
    genes = real["cyclops"]
    own = {"CyCLoPS": genes, "nuclei": real["nuclei"], "autofluorescent": real["autofluorescent"]}
    own |= {f"CyCLoPS, starved to {count} photons": starved(genes, count) for count in PHOTONS}
    for kind, crops in {**own, **judged_others(data)}.items():
        predicted = [flagged(domain, run(inputs(bundle, crops, alone=alone))) for alone in (False, True)]
        print(f"| {kind} | {' '.join(predicted)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("real", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    bundle, real = open_bundle(args.model), dict(np.load(args.real))
    run = answers_of(bundle)
    images, half = own_pictures(bundle, real)
    own = run(images)
    kinds = other_kinds()
    others = np.concatenate(
        [run(inputs(bundle, crops, alone=alone)) for crops in kinds.values() for alone in (False, True)]
    )
    features = np.concatenate([own, others])
    is_own = np.arange(len(features)) < len(own)
    half = np.concatenate([half, np.full(len(others), -1)])
    domain = fit(features, is_own)
    figure = inputs(bundle, real["figure"][..., 4:-4, 4:-4])
    seen_by = [fit(features[half != trial], is_own[half != trial]) for trial in (0, 1)]
    predicted = [seen_by[trial].excess(run(figure[trial::2])) > 0 for trial in (0, 1)]
    print(
        f"{len(own)} pictures of training, {len(others)} others; "
        f"figure cells: {np.mean(predicted):.3f} unlike"
    )
    extras = {name: bundle.extra(name) for name in bundle.extras} | {DOMAIN_FILE: domain.arrays()}
    save_bundle(args.output, bundle.spec, bundle.weights(), extras=extras, overwrite=True)
    print_table(bundle, args.data, real, domain, run)


if __name__ == "__main__":
    main()
