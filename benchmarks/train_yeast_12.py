"""Train `yeast-12` on simulated cells, and judge it on real ones where they are.

    python benchmarks/train_yeast_12.py -o src/napari_organelle/bundled/yeast-12.organelle --real DATA

A compact VGG16 (a quarter of the filters) is trained from nothing with batch normalisation, which is then
folded into the plain layers. No real cell, labelled or not, is trained on or chosen by. Twelve classes are
drawn equally often; 6 % of the pictures are no yeast, with the same probability for every class as their
truth; 15 % lack the cytosol marker. The first epochs see the central 48 pixels (half the work), the last all
64. Temperature and threshold come from simulated crops that were not trained on. Under an hour on two cores.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import imagecodecs
import keras
import numpy as np
from distractors import make_distractors
from keras import layers, ops
from scipy import ndimage

from napari_organelle.model.bundle import save_bundle
from napari_organelle.model.calibrate import fit_temperature, probabilities
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.scores import Answers, score
from napari_organelle.model.spec import ModelSpec
from napari_organelle.model.vgg16 import IMAGENET_BGR_MEAN, NetworkPlan, assign_weights, build_network
from napari_organelle.prepare.channels import YEAST_SLOTS
from napari_organelle.prepare.pixels import PixelPlan, network_input
from napari_organelle.read.open import open_image_set
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM, YEAST_CLASSES, simulate_crops

PLAN = PixelPlan(input_size=64, window_px=64, pixel_size_um=PIXEL_SIZE_UM)
NETWORK = NetworkPlan(width=0.25, dropout=0.3)
CROP, PART = 72, 600
"""Side of the simulated crops, so that turning uncovers no corner; crops simulated at once."""

TRAIN, VALIDATE = (100, 18_000), (999, 2_400)
"""Seed and number of simulated crops."""

SMALL, LARGE, BATCH = 80_000, 24_000, 64
RATE, WARM_UP, SMOOTHING = 2e-3, 200, 0.05
DISTRACTORS, WITHOUT_CYTOSOL = 0.06, 0.15
EPSILON = 1e-3
RIGHT_WHEN_SURE = 0.9
"""Share of right answers, on simulated crops, among those at or above the threshold."""

GENES = {"AAC1": "mitochondrion", "AAH1": "cytoplasm", "AAP1": "cytoplasm"}
DESCRIPTION = (
    "The 12 DeepYeast compartments of budding yeast, from the protein (GFP) and, where there is one, a "
    "cytosol marker. Trained on simulated cells only, and the scores are on simulated cells; for real ones "
    "see the model card in the documentation."
)


def simulate(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2, 72, 72) uint8 crops and (N,) class indices."""
    with Pool() as pool:
        parts = pool.map(_part, [(seed, start) for start in range(0, count, PART)], chunksize=1)
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _part(seed_and_start: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    seed, start = seed_and_start
    crops = simulate_crops(PART, seed=seed, start=start, size=CROP)
    return crops.pixels, crops.labels


def simulated(seed: int, count: int, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """As `simulate`, from a file where they were simulated before."""
    file = cache / f"yeast-{seed}-{count}.npz"
    if not file.exists():
        pixels, labels = simulate(seed, count)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, pixels=pixels, labels=labels)
    with np.load(file) as stored:
        return stored["pixels"], stored["labels"]


def centre(pixels: np.ndarray, side: int) -> np.ndarray:
    """The central square of (N, 2, Y, X) pixels."""
    margin = (pixels.shape[-1] - side) // 2
    return pixels[..., margin : margin + side, margin : margin + side]


def move(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, mirror, shift and zoom raw crops at random, to (N, 2, 64, 64) float32."""
    side = PLAN.window_px
    moved = np.empty((*pixels.shape[:2], side, side), np.float32)
    for new, old in zip(moved, pixels, strict=True):
        angle, zoom = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(0.85), np.log(1.2)))
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
        if rng.random() < 0.5:
            matrix[:, 1] *= -1
        offset = np.full(2, (CROP - 1) / 2) + rng.uniform(-3, 3, 2) - matrix @ np.full(2, (side - 1) / 2)
        for channel in range(2):
            ndimage.affine_transform(
                old[channel].astype(np.float32), matrix, offset, output=new[channel],
                output_shape=(side, side), order=1, mode="nearest",
            )  # fmt: skip
    return moved


def change_light(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random gain, gamma and noise of network input; some lose the cytosol."""
    spread = np.log(1.3)
    gain, gamma = np.exp(rng.uniform(-spread, spread, (2, len(images), 1, 1, 3))).astype(np.float32)
    deviation = (0.05 * rng.random((len(images), 1, 1, 1)) ** 2).astype(np.float32)
    changed = images**gamma * np.minimum(gain, 1.15)
    changed += deviation * rng.standard_normal(changed.shape, dtype=np.float32)
    changed[rng.random(len(images)) < WITHOUT_CYTOSOL, ..., 0] = 0
    changed[..., 2] = 0
    return np.clip(changed, 0, 1)


def build_normalised() -> keras.Model:
    """The network of `NETWORK` with batch normalisation before each ReLU; takes any input size."""
    image = keras.Input((None, None, 3))
    offset = [-mean for mean in IMAGENET_BGR_MEAN]
    x = layers.Rescaling(255.0, offset)(ops.flip(image, axis=-1))
    pooled = []
    for block in range(1, 6):
        if block > 1:
            x = layers.MaxPooling2D(2)(x)
        for index, filters in enumerate(NETWORK.filters(block), 1):
            name = f"block{block}_conv{index}"
            x = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
            )(x)
            x = layers.BatchNormalization(momentum=0.98, epsilon=EPSILON, name=f"{name}_norm")(x)
            x = layers.ReLU()(x)
        if block in NETWORK.blocks:
            pooled += [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
    x = layers.Concatenate()(pooled)
    x = layers.BatchNormalization(center=False, scale=False, momentum=0.98, name="standardise")(x)
    for index, units in enumerate(NETWORK.units, 1):
        x = layers.Dropout(NETWORK.dropout)(x)
        x = layers.Dense(units, activation="relu", name=f"dense_{index}")(x)
    x = layers.Dropout(NETWORK.dropout)(x)
    return keras.Model(image, layers.Dense(len(YEAST_CLASSES), name="logits")(x))


def fold(trained: keras.Model) -> dict[str, np.ndarray]:
    """Weights of the plain network that answers as the trained one does, float16 values."""
    weights = {}
    for layer in trained.layers:
        values = [np.asarray(ops.convert_to_numpy(value)) for value in layer.weights]
        if "_conv" in layer.name and not layer.name.endswith("_norm"):
            norm = trained.get_layer(f"{layer.name}_norm")
            gamma, beta, mean, variance = (ops.convert_to_numpy(value) for value in norm.weights)
            factor = gamma / np.sqrt(variance + EPSILON)
            weights[f"{layer.name}/kernel"] = values[0] * factor
            weights[f"{layer.name}/bias"] = beta - mean * factor
        elif layer.name.startswith(("dense_", "logits")):
            weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"] = values
        elif layer.name == "standardise":
            weights["standardise/moving_mean"], weights["standardise/moving_variance"] = values
    return weights


def fit(pixels: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Train, printing the loss; gives the folded weights."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    others = make_distractors(2_400, seed=1, size=CROP)
    network = build_normalised()
    steps = (SMALL + LARGE) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        RATE / 50, steps - WARM_UP, alpha=0.01, warmup_target=RATE, warmup_steps=WARM_UP
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=2e-3, clipnorm=2.0),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    flat = 1 / len(YEAST_CLASSES)
    began, losses = time.perf_counter(), []
    for step in range(steps):
        rows = rng.integers(len(pixels), size=BATCH)
        raw, truth = pixels[rows], np.eye(len(YEAST_CLASSES), dtype=np.float32)[labels[rows]]
        truth = truth * (1 - SMOOTHING) + np.float32(SMOOTHING * flat)
        strange = rng.random(BATCH) < DISTRACTORS
        raw[strange] = others[rng.integers(len(others), size=strange.sum())]
        truth[strange] = flat
        images = change_light(network_input(move(raw, rng), PLAN), rng)
        images = images[:, 8:56, 8:56] if step < SMALL // BATCH else images
        losses.append(float(network.train_on_batch(images, truth)))
        if step % 100 == 99:
            speed = (step + 1) * BATCH / (time.perf_counter() - began)
            print(f"{step + 1} of {steps}: loss {np.mean(losses[-20:]):.3f}, {speed:.0f}/s", flush=True)
    return fold(network)


def answer(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """(N, 12) logits."""
    return np.asarray(network.predict(images, batch_size=128, verbose=0))


def threshold_at(told: np.ndarray, labels: np.ndarray) -> float:
    """The lowest confidence from which `RIGHT_WHEN_SURE` of the answers are right."""
    confidence, right = told.max(axis=1), told.argmax(axis=1) == labels
    grid = np.arange(0.3, 0.95, 0.01)
    return float(round(next(t for t in grid if right[confidence >= t].mean() >= RIGHT_WHEN_SURE), 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--real", type=Path, help="folder with yeast_cyclops and deepyeast/figure_cells")
    parser.add_argument("--cache", type=Path, default=Path("yeast-12-crops"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    began = time.perf_counter()
    held, held_labels = simulated(*VALIDATE, args.cache)
    pixels, labels = simulated(*TRAIN, args.cache)
    weights = fit(pixels, labels, args.seed)
    weights = {name: value.astype(np.float16) for name, value in weights.items()}
    network = build_network(NETWORK, len(YEAST_CLASSES), PLAN.input_size)
    assign_weights(network, weights)
    images = network_input(centre(held, PLAN.window_px), PLAN)
    logits, truth = answer(network, images), np.eye(len(YEAST_CLASSES), dtype=bool)[held_labels]
    temperature = fit_temperature(logits, truth, "single")
    told = probabilities(logits, "single", temperature)
    threshold = threshold_at(told, held_labels)
    scores = score(Answers(truth, told, YEAST_CLASSES, "single", np.array([threshold])))
    spec = ModelSpec(
        name="yeast-12",
        classes=colour_classes(YEAST_CLASSES),
        task="single",
        slots=YEAST_SLOTS,
        pixels=PLAN,
        network=NETWORK,
        thresholds=(threshold,),
        temperature=temperature,
        description=DESCRIPTION,
        scores=scores.to_dict(),
        provenance={
            "data": f"{TRAIN[1]} simulated crops, seed {TRAIN[0]}",
            "judged_on": f"{VALIDATE[1]} simulated crops, seed {VALIDATE[0]}",
            "recipe": "benchmarks/train_yeast_12.py",
            "seed": args.seed,
            "seconds": round(time.perf_counter() - began),
        },
        versions={name: version(name) for name in ("napari-organelle", "keras", "numpy", "tensorflow")},
    )
    save_bundle(args.output, spec, weights, overwrite=True)
    print(f"simulated: macro F1 {scores.macro_f1:.3f}, temperature {temperature:.2f}, threshold {threshold}")
    report(network, temperature, threshold, "not yeast", centre(make_distractors(400, seed=2, size=CROP), 64))
    blank = np.array(centre(held, 64))
    blank[:, 0] = 0
    report(network, temperature, threshold, "simulated, GFP only", blank, held_labels)
    if args.real:
        judge_real(network, temperature, threshold, args.real)


def judge_real(network: keras.Model, temperature: float, threshold: float, data: Path) -> None:
    """Real cells: CyCLoPS crops of three genes, and the 24 cells of DeepYeast's figure."""
    cyclops = open_image_set(data / "yeast_cyclops")
    raw = np.asarray(cyclops.data)
    genes = cyclops.items["label"].to_numpy()
    truth = np.array([YEAST_CLASSES.index(GENES[gene]) for gene in genes])
    report(network, temperature, threshold, "CyCLoPS", raw, truth)
    for gene in GENES:
        report(network, temperature, threshold, gene, raw[genes == gene], truth[genes == gene])
    alone = raw.copy()
    alone[:, 0] = 0
    report(network, temperature, threshold, "CyCLoPS, GFP only", alone, truth)
    files = sorted((data / "deepyeast" / "figure_cells").glob("*/*.png"))
    cells = np.stack([imagecodecs.png_decode(file.read_bytes())[..., :2] for file in files])
    names = [file.parent.name.replace("_", " ") for file in files]
    truth = np.array([YEAST_CLASSES.index(name) for name in names])
    report(network, temperature, threshold, "24 figure cells", cells.transpose(0, 3, 1, 2), truth)


def report(
    network: keras.Model, temperature: float, threshold: float, name: str, raw: np.ndarray, truth: Any = None
) -> None:
    """Print how one set is called: top-1, top-2, and what is called at the threshold."""
    told = probabilities(answer(network, network_input(raw, PLAN)), "single", temperature)
    sure = told.max(axis=1) >= threshold
    if truth is None:
        print(f"{name}: {1 - sure.mean():.3f} of {len(raw)} unsure", flush=True)
        return
    order = np.argsort(-told, axis=1)
    right = order[:, 0] == truth
    second = right | (order[:, 1] == truth)
    trivial = np.bincount(truth).max() / len(truth)
    print(
        f"{name}: {len(raw)} cells, top-1 {right.mean():.3f}, top-2 {second.mean():.3f}, "
        f"{sure.mean():.3f} called, of which {right[sure].mean():.3f} right; majority class {trivial:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
