"""Train `yeast-12` on simulated cells.

    python benchmarks/train_yeast_12.py -o src/napari_organelle/bundled/yeast-12.organelle

All layers of VGG16 are fine-tuned from ImageNet. No real cell, labelled or not, is trained on or chosen by.
The twelve classes are drawn equally often; 6 % of the pictures are no yeast, with the same probability for
every class as their truth; 15 % lack the cytosol marker. The first epochs see the central 48 pixels (half the
work), the last all 64. Temperature and threshold come from simulated crops that were not trained on. About 40
minutes on two cores with AMX (bfloat16), several hours on others. `yeast_12_card.py` judges it on real cells.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from multiprocessing import Pool
from pathlib import Path

import keras
import numpy as np
from distractors import make_distractors
from scipy import ndimage
from scipy.optimize import minimize_scalar

from napari_organelle.model.bundle import save_bundle
from napari_organelle.model.calibrate import probabilities
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.scores import Answers, score
from napari_organelle.model.spec import ModelSpec
from napari_organelle.model.vgg16 import (
    NetworkPlan,
    assign_weights,
    build_network,
    imagenet_weights,
    read_weights,
)
from napari_organelle.model.views import turned
from napari_organelle.prepare.channels import YEAST_SLOTS
from napari_organelle.prepare.pixels import PixelPlan, network_input
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM, YEAST_CLASSES, simulate_crops

PLAN = PixelPlan(input_size=64, window_px=64, pixel_size_um=PIXEL_SIZE_UM)
NETWORK = NetworkPlan(dropout=0.3)
CROP, PART = 72, 600
"""Side of the simulated crops, so that turning uncovers no corner; crops simulated at once."""

TRAIN, VALIDATE = (100, 30_000), (999, 2_400)
"""Seed and number of simulated crops."""

SMALL, LARGE, BATCH, AHEAD = 110_000, 40_000, 128, 3
RATE, WARM_UP, SMOOTHING, AVERAGE = 1.5e-4, 100, 0.05, 0.995
VIEWS = 8
DISTRACTORS, WITHOUT_CYTOSOL, SATURATED = 0.06, 0.15, 0.1
RIGHT_WHEN_SURE = 0.9
"""Share of right answers, on simulated crops, among those at or above the threshold."""

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


def move(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, mirror, shift and zoom raw crops at random, to (N, 2, 64, 64) float32."""
    side = PLAN.window_px
    moved = np.empty((*pixels.shape[:2], side, side), np.float32)
    for new, old in zip(moved, pixels, strict=True):
        angle, zoom = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(0.8), np.log(1.25)))
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


def saturate(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Raw crops, some of them exposed so long that 255 is passed."""
    hot = rng.random(len(pixels)) < SATURATED
    pixels[hot] = np.minimum(pixels[hot] * rng.uniform(1.5, 5, (hot.sum(), 2, 1, 1)), 255)
    return pixels


def disturb(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur or sharpen network input, let the cytosol bleed into the protein, or hide a part, at random."""
    for image in images:
        chance = rng.random()
        if chance < 0.3:
            image[..., :2] = ndimage.gaussian_filter(image[..., :2], (*[rng.uniform(0.3, 1.0)] * 2, 0))
        elif chance < 0.4:
            blurred = ndimage.gaussian_filter(image[..., :2], (1, 1, 0))
            image[..., :2] += rng.uniform(0.2, 0.8) * (image[..., :2] - blurred)
        if rng.random() < 0.2:
            share = rng.uniform(0, 0.4)
            image[..., 1] = (1 - share) * image[..., 1] + share * image[..., 0]
        if rng.random() < 0.1:
            (height, width), (y, x) = rng.integers(6, 20, 2), rng.integers(0, 48, 2)
            image[y : y + height, x : x + width] = image.min((0, 1))
    return images


def change_light(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random gain, gamma and noise of network input; some lose the cytosol."""
    spread = np.log(1.3)
    gain, gamma = np.exp(rng.uniform(-spread, spread, (2, len(images), 1, 1, 3))).astype(np.float32)
    deviation = (0.05 * rng.random((len(images), 1, 1, 1)) ** 2).astype(np.float32)
    changed = np.clip(images, 0, 1) ** gamma * np.minimum(gain, 1.15)
    changed += deviation * rng.standard_normal(changed.shape, dtype=np.float32)
    changed[rng.random(len(images)) < WITHOUT_CYTOSOL, ..., 0] = 0
    changed[..., 2] = 0
    return np.clip(changed, 0, 1)


class Batches:
    """Random training batches; number `step` is always the same."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, seed: int) -> None:
        self.pixels, self.labels, self.seed = pixels, labels, seed
        self.others = make_distractors(2_400, seed=1, size=CROP)

    def make(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """(128, n, n, 3) images and (128, 12) truths."""
        rng = np.random.default_rng((self.seed, step))
        classes = len(YEAST_CLASSES)
        rows = rng.integers(len(self.pixels), size=BATCH)
        raw, truth = self.pixels[rows], np.eye(classes, dtype=np.float32)[self.labels[rows]]
        truth = truth * (1 - SMOOTHING) + np.float32(SMOOTHING / classes)
        strange = rng.random(BATCH) < DISTRACTORS
        raw[strange] = self.others[rng.integers(len(self.others), size=strange.sum())]
        truth[strange] = 1 / classes
        images = network_input(saturate(move(raw, rng), rng), PLAN)
        images = change_light(disturb(images, rng), rng)
        return (images[:, 8:56, 8:56] if step < SMALL // BATCH else images), truth


def start_network(precision: str) -> keras.Model:
    """VGG16 with ImageNet's layers, for any input size, ready to be fine-tuned as a whole."""
    network = build_network(NETWORK, len(YEAST_CLASSES), None, precision)
    assign_weights(network, imagenet_weights())
    standardise = network.get_layer("standardise")
    standardise.trainable, standardise.momentum = True, 0.98
    steps = (SMALL + LARGE) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        RATE / 50, steps - WARM_UP, alpha=0.01, warmup_target=RATE, warmup_steps=WARM_UP
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=2e-3, clipnorm=2.0, use_ema=True, ema_momentum=AVERAGE),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    return network


def fit(network: keras.Model, batches: Batches) -> None:
    """Train to the running mean of the weights, printing the loss; a thread makes batches, a few ahead."""
    steps = (SMALL + LARGE) // BATCH
    began, losses = time.perf_counter(), []
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(batches.make, step) for step in range(AHEAD)]
        for step in range(steps):
            images, truth = waiting.pop(0).result()
            if step + AHEAD < steps:
                waiting.append(pool.submit(batches.make, step + AHEAD))
            losses.append(float(network.train_on_batch(images, truth)))
            if step % 50 == 49:
                speed = (step + 1) * BATCH / (time.perf_counter() - began)
                print(f"{step + 1} of {steps}: loss {np.mean(losses[-50:]):.3f}, {speed:.0f}/s", flush=True)
    network.optimizer.finalize_variable_values(network.trainable_variables)


def stored(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Kernels in 16 bits; biases and statistics, which may pass 16 bits' range, in 32."""
    return {name: w.astype(np.float16) if name.endswith("kernel") else w for name, w in weights.items()}


def mean_probabilities(logits: list[np.ndarray], temperature: float) -> np.ndarray:
    """(N, 12), the mean over the logits of several views."""
    return np.mean([probabilities(view, "single", temperature) for view in logits], axis=0)


def fit_temperature_of_views(logits: list[np.ndarray], truth: np.ndarray) -> float:
    """The temperature with which the mean over views makes the (N, 12) bool truth most likely."""

    def surprise(temperature: float) -> float:
        return float(-np.log(mean_probabilities(logits, temperature)[truth]).mean())

    return float(minimize_scalar(surprise, bounds=(0.2, 3), method="bounded").x)


def threshold_at(told: np.ndarray, labels: np.ndarray) -> float:
    """The lowest confidence from which `RIGHT_WHEN_SURE` of the answers are right."""
    confidence, right = told.max(axis=1), told.argmax(axis=1) == labels
    grid = np.arange(0.3, 0.95, 0.01)
    return float(round(next(t for t in grid if right[confidence >= t].mean() >= RIGHT_WHEN_SURE), 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="mixed_bfloat16", help="of the training, as Keras names it")
    args = parser.parse_args()
    began = time.perf_counter()
    held, held_labels = simulate(*VALIDATE)
    pixels, labels = simulate(*TRAIN)
    keras.utils.set_random_seed(args.seed)
    trained = start_network(args.precision)
    fit(trained, Batches(pixels, labels, args.seed))
    weights = stored(read_weights(trained))

    network = build_network(NETWORK, len(YEAST_CLASSES), PLAN.input_size)
    assign_weights(network, weights)
    margin = (CROP - PLAN.window_px) // 2
    images = network_input(held[..., margin:-margin, margin:-margin], PLAN)
    logits = [network.predict(view, batch_size=64, verbose=0) for view in turned(images)]
    truth = np.eye(len(YEAST_CLASSES), dtype=bool)[held_labels]
    temperature = fit_temperature_of_views(logits, truth)
    told = mean_probabilities(logits, temperature)
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
        views=VIEWS,
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


if __name__ == "__main__":
    main()
