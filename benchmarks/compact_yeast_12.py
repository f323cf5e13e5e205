"""Teach a network of a quarter of the filters what `yeast-12` says: `yeast-12-compact`.

    python benchmarks/training/real_cells.py DATA -o real.npz
    python benchmarks/compact_yeast_12.py yeast-12 real.npz -o compact.organelle
    python benchmarks/head_yeast_12.py compact.organelle real.npz -o compact.organelle --keep-head
    python benchmarks/domain_yeast_12.py compact.organelle DATA real.npz -o yeast-12-compact.organelle

`LOOKS` pictures of simulated cells, of a few real ones and of what is no yeast, in random pose and light, are
answered once by `yeast-12`; the small network learns those answers, each picture turned and mirrored anew
whenever it is seen. Temperature and threshold come from real cells on which neither was trained: the genes,
also starved, the nuclei and the autofluorescent cells. An hour on two cores.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from assemble_yeast_12 import KINDS, Judged, fit_temperature, pooled, print_table, threshold_at
from scipy.special import softmax
from train_yeast_12 import (
    BATCH,
    CLASSES,
    DISTRACTORS,
    FIGURE,
    HELD,
    MORE,
    Stage,
    judged_on,
    logits,
    make_batch,
    simulate,
)

from napari_organelle.model.bundle import ModelBundle, open_bundle, save_bundle
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.networks.keras_models import build_network, read_weights
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.scoring.scores import Answers, score
from napari_organelle.model.spec import ModelSpec
from napari_organelle.simulate.yeast import YEAST_CLASSES

NETWORK = NetworkPlan(width=0.25, units=(), dropout=0.2)
SEED, CROPS, STRANGE, LOOKS, EPOCHS = 0, 30_000, 1_800, 150_000, 8
RATE, WARM_UP, AVERAGE, OF_TEACHER = 2e-3, 200, 0.998, 0.75
"""Learning rate, its first steps, momentum of the running mean, the teacher's weight beside the truth's."""


def looks(teacher: ModelBundle, real: dict[str, np.ndarray], workers: int) -> tuple[np.ndarray, ...]:
    """Pictures (N, 64, 64, 2) uint8, what they teach (N, 12) float32, and held-out crops with labels."""
    pixels, labels, others, held = simulate(CROPS, workers, STRANGE)
    sources = (
        (1 - DISTRACTORS - FIGURE - MORE, pixels, labels),
        (DISTRACTORS, others, np.full(len(others), -1)),
        (FIGURE, real["figure"], real["figure_labels"]),
        (MORE, real["more"], real["more_labels"]),
    )
    stage = Stage(sources, LOOKS, 0, 0, SEED)
    answer = load(teacher).probabilities
    count = LOOKS // BATCH
    pictures = np.empty((count, BATCH, 64, 64, 2), np.uint8)
    taught = np.empty((count, BATCH, CLASSES), np.float32)
    began = time.perf_counter()
    for step in range(count):
        images, truth = make_batch(stage, step)
        images = np.asarray(images, np.float32)
        pictures[step] = np.rint(images[..., :2] * 255)
        taught[step] = OF_TEACHER * answer(images) + (1 - OF_TEACHER) * truth
        if step % 50 == 49:
            print(f"  {(step + 1) * BATCH} looks, {time.perf_counter() - began:.0f} s", flush=True)
    return pictures.reshape(-1, 64, 64, 2), taught.reshape(-1, CLASSES), *held[:2]


def as_input(pictures: np.ndarray) -> np.ndarray:
    """(B, 64, 64, 2) uint8 to the (B, 64, 64, 3) float32 that the network takes."""
    images = np.zeros((*pictures.shape[:3], 3), np.float32)
    images[..., :2] = pictures / np.float32(255)
    return images


def scale_convolutions(network: Any, images: np.ndarray) -> None:
    """Scale each convolution of a new network so that its output varies by 1 (Mishkin & Matas 2015)."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            watch = keras.Model(network.input, layer.output)
            spread = np.asarray(watch.predict_on_batch(images)).astype(np.float32).std()
            layer.kernel.assign(layer.kernel / max(float(spread), 1e-3))


def train(pictures: np.ndarray, taught: np.ndarray, epochs: int) -> Any:
    """The small network, at the running mean of its weights."""
    keras.utils.set_random_seed(SEED)
    rng = np.random.default_rng(SEED)
    network = build_network(NETWORK, CLASSES, None, "float32")
    scale_convolutions(network, as_input(pictures[:BATCH]))
    standardise = network.get_layer("standardise")
    standardise.trainable, standardise.momentum = True, 0.98
    optimizer = keras.optimizers.AdamW(
        RATE, weight_decay=2e-3, clipnorm=2.0, use_ema=True, ema_momentum=AVERAGE
    )
    network.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    steps, step, losses, began = epochs * (len(pictures) // BATCH), 0, [], time.perf_counter()
    for _ in range(epochs):
        order = rng.permutation(len(pictures))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = np.sort(order[start : start + BATCH])
            images = as_input(pictures[rows])
            images = np.rot90(images, rng.integers(4), axes=(1, 2))[:, :, :: rng.choice((-1, 1))]
            progress = step / steps
            optimizer.learning_rate = (
                RATE * min(1, (step + 1) / WARM_UP) * (0.01 + 0.99 * np.cos(progress * np.pi / 2) ** 2)
            )
            losses.append(float(network.train_on_batch(np.ascontiguousarray(images), taught[rows])))
            step += 1
            if step % 200 == 0:
                rate = step * BATCH / (time.perf_counter() - began)
                print(f"  {step} of {steps}: loss {np.mean(losses[-200:]):.3f}, {rate:.0f}/s", flush=True)
    optimizer.finalize_variable_values(network.trainable_variables)
    return network


def judge(network: Any, real: dict[str, np.ndarray], held: tuple[np.ndarray, ...]) -> Judged:
    """Logits and truths of what is judged, by name; of the figure cells none, all were trained on."""
    sets = judged_on(real, held)
    return {
        kind: (logits(network, images), truth)
        for kind, (images, truth) in sets.items()
        if not kind.startswith("figure")
    }


def spec_of(teacher: ModelSpec, judged: Judged, seconds: float) -> ModelSpec:
    """What the compact model is, calibrated on real cells."""
    real = {kind: judged[kind] for kind in KINDS if kind in judged}
    temperature = fit_temperature(real)
    threshold = threshold_at(*pooled(real, temperature))
    print(f"\ntemperature {temperature:.2f}, threshold {threshold}")
    print_table(judged, temperature, threshold)
    predicted, truth = judged["simulated"]
    scores = score(
        Answers(
            np.eye(CLASSES, dtype=bool)[truth],
            softmax(predicted / temperature, axis=1),
            YEAST_CLASSES,
            "single",
            np.array([threshold]),
        )
    )
    return ModelSpec(
        name="yeast-12-compact",
        classes=teacher.classes,
        task="single",
        slots=teacher.slots,
        pixels=teacher.pixels,
        network=NETWORK,
        thresholds=(threshold,),
        temperature=temperature,
        views=1,
        description=f"{teacher.description} Ten times faster than {teacher.name}, which taught it.",
        scores=scores.to_dict(),
        provenance={
            "data": f"{LOOKS} looks at {CROPS} simulated crops and 264 real cells",
            "taught_by": teacher.name,
            "judged_on": f"{HELD} simulated crops; threshold from real cells",
            "recipe": "benchmarks/compact_yeast_12.py",
            "seed": SEED,
            "seconds": round(seconds),
        },
        versions={package: version(package) for package in ("napari-organelle", "keras", "numpy")},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", help="the teacher, yeast-12")
    parser.add_argument("real", type=Path, help="as from training/real_cells.py")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    began = time.perf_counter()
    teacher = open_bundle(args.model)
    with np.load(args.real) as file:
        real = dict(file)
    pictures, taught, *held = looks(teacher, real, args.workers)
    network = train(pictures, taught, args.epochs)
    judged = judge(network, real, (held[0], held[1]))
    spec = spec_of(teacher.spec, judged, time.perf_counter() - began)
    weights = {
        name: w.astype(np.float16) if name.endswith("kernel") else w
        for name, w in read_weights(network).items()
    }
    save_bundle(args.output, spec, weights, overwrite=True)


if __name__ == "__main__":
    main()
