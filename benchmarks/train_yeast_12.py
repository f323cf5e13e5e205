"""Train `yeast-12` on simulated cells and a handful of real ones.

    python benchmarks/training/real_cells.py DATA -o real.npz
    python benchmarks/train_yeast_12.py real.npz -o OUT [--minutes 6]
    python benchmarks/assemble_yeast_12.py OUT -o src/napari_organelle/bundled

1. Two trials, each with one of the two figure cells of every class: the other judges it, and with the genes,
   the fields and starved pictures of them sets temperature and threshold.
2. The model that ships, with both; then its answer from 8 views is taught to one view of it.

Runs with any backend of Keras, on all cores and one graphics card. `--minutes` shortens the stages in
proportion where they would take longer.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import keras
import numpy as np
from distractors import make_distractors
from scipy.special import softmax
from training.augment import random_input, turned
from training.starve import PHOTONS, starved

from napari_organelle.model.networks.keras_models import assign_weights, build_network, read_weights
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.networks.vgg16 import imagenet_weights
from napari_organelle.prepare.pixels import PixelPlan, network_input
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM, YEAST_CLASSES, simulate_crops

PLAN = PixelPlan(input_size=64, window_px=64, pixel_size_um=PIXEL_SIZE_UM)
NETWORK = NetworkPlan(dropout=0.3)
CLASSES = len(YEAST_CLASSES)
CROP, PART = 72, 200
"""Side of the simulated crops, so that turning uncovers no corner; crops simulated at once."""

TRAIN_SEED, HELD_SEED, HELD = 100, 999, 1_200
STRANGE_PART = 600
BATCH, WARM_UP, SMOOTHING, AVERAGE = 256, 100, 0.05, 0.995
DISTRACTORS, FIGURE, MORE = 0.06, 0.08, 0.04
"""Shares of a batch that are no yeast, cells of the figure, and other real cells."""

SAMPLES = {"trial 0": 250_000, "trial 1": 250_000, "final": 450_000, "one view": 80_000}


@dataclass(frozen=True)
class Stage:
    """What one training sees: raw crops and labels (-1 for no yeast) by source, and how long."""

    sources: tuple[tuple[float, np.ndarray, np.ndarray], ...]
    samples: int
    seconds: float
    rate: float
    seed: int
    half: bool = True
    """Whether the first 60 % see the central 48 pixels only, at half the work."""


def simulate(count: int, workers: int, distractors: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
    """Training crops and labels, pictures that are no yeast, and held-out crops; the same with any cores."""
    jobs = [(TRAIN_SEED, start) for start in range(0, count, PART)]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        parts = range(1, 1 + -(-distractors // STRANGE_PART))
        size = min(distractors, STRANGE_PART)
        strange = [pool.submit(make_distractors, size, seed=seed) for seed in parts]
        held = list(pool.map(part, [(HELD_SEED, start) for start in range(0, HELD, PART)]))
        made = list(pool.map(part, jobs))
        others = np.concatenate([job.result() for job in strange])
    pixels, labels = (np.concatenate([each[i] for each in made]) for i in (0, 1))
    return pixels, labels, others, tuple(np.concatenate([each[i] for each in held]) for i in (0, 1))


def part(seed_and_start: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    seed, start = seed_and_start
    crops = simulate_crops(PART, seed=seed, start=start, size=CROP)
    return crops.pixels, crops.labels


def make_batch(stage: Stage, step: int) -> tuple[Any, np.ndarray]:
    """Network input (B, 64, 64, 3) and truths (B, 12) of batch `step`, always the same."""
    rng = np.random.default_rng((stage.seed, step))
    shares = np.array([share for share, _, _ in stage.sources])
    counts = rng.multinomial(BATCH, shares / shares.sum())
    raw, labels = [], []
    for count, (_, pixels, classes) in zip(counts, stage.sources, strict=True):
        kinds = np.unique(classes)
        by_class = rng.choice(kinds, count)
        rows = rng.integers(len(pixels), size=count)
        if len(pixels) < 1000:
            rows = np.array([rng.choice(np.flatnonzero(classes == kind)) for kind in by_class], dtype=int)
        raw.append(pixels[rows])
        labels.append(classes[rows])
    chosen = np.concatenate(labels)
    images, visible = random_input(np.concatenate(raw), rng)
    truth = np.eye(CLASSES, dtype=np.float32)[chosen] * (chosen >= 0)[:, None]
    answers = (visible * (chosen >= 0))[:, None] * (1 - SMOOTHING)
    return images, (truth * answers + (1 - answers) / CLASSES).astype(np.float32)


def fit(network: Any, stage: Stage, retarget: Callable[[Any, np.ndarray], np.ndarray] | None = None) -> dict:
    """Train to the running mean of the weights; `retarget` gives other truths for a batch."""
    standardise = network.get_layer("standardise")
    standardise.trainable, standardise.momentum = True, 0.98
    network.compile(
        keras.optimizers.AdamW(
            stage.rate, weight_decay=2e-3, clipnorm=2.0, use_ema=True, ema_momentum=AVERAGE
        ),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    steps, began, losses, step, progress = max(1, stage.samples // BATCH), time.perf_counter(), [], 0, 0.0
    while progress < 1:
        rate = stage.rate * min(1, (step + 1) / WARM_UP) * (0.01 + 0.99 * np.cos(progress * np.pi / 2) ** 2)
        network.optimizer.learning_rate = rate
        images, truth = make_batch(stage, step)
        if retarget is not None:
            truth = retarget(images, truth)
        if stage.half and progress < 0.6:
            images = images[:, 8:56, 8:56]
        losses.append(float(network.train_on_batch(images, truth)))
        step += 1
        spent = time.perf_counter() - began
        progress = max(step / steps, spent / stage.seconds)
        if step % max(1, steps // 12) == 0:
            print(f"  {step}: loss {np.mean(losses[-50:]):.3f}, {step * BATCH / spent:.0f}/s", flush=True)
    network.optimizer.finalize_variable_values(network.trainable_variables)
    return {"samples": step * BATCH, "seconds": round(spent), "loss": float(np.mean(losses[-50:]))}


def logits(network: Any, images: np.ndarray) -> np.ndarray:
    parts = [network.predict_on_batch(images[i : i + 256]) for i in range(0, len(images), 256)]
    return np.concatenate([np.asarray(part, np.float32) for part in parts])


def eight(network: Any, images: np.ndarray) -> np.ndarray:
    """Log of the mean probability over 8 views."""
    views = [softmax(logits(network, np.ascontiguousarray(v)), axis=1) for v in turned_arrays(images)]
    return np.log(np.mean(views, axis=0) + 1e-9)


def turned_arrays(images: np.ndarray) -> list[np.ndarray]:
    turns = [np.rot90(images, quarters, axes=(1, 2)) for quarters in range(4)]
    return [view for turn in turns for view in (turn, turn[:, :, ::-1])]


def judged_on(real: Any, held: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Network input and class (-1 for none) of what is judged, by name."""
    genes, truth = real["cyclops"], real["cyclops_labels"]
    nucleus = np.full(len(real["nuclei"]), YEAST_CLASSES.index("nucleus"))
    sets: dict[str, tuple[Any, np.ndarray]] = {
        "simulated": (held[0][..., 4:-4, 4:-4], held[1]),
        "figure": (real["figure"][..., 4:-4, 4:-4], real["figure_labels"]),
        "figure_dim": (starved(real["figure"][..., 4:-4, 4:-4], 40), real["figure_labels"]),
        "cyclops": (genes, truth),
        "nuclei": (real["nuclei"], nucleus),
        "autofluorescent": (real["autofluorescent"], np.full(len(real["autofluorescent"]), -1)),
    }
    sets |= {f"cyclops_{count}_photons": (starved(genes, count), truth) for count in PHOTONS}
    images = {name: (network_input(pixels, PLAN), classes) for name, (pixels, classes) in sets.items()}
    alone = images["cyclops"][0].copy()
    alone[..., 0] = 0
    return images | {"cyclops_alone": (alone, truth)}


def judge(name: str, network: Any, sets: dict, results: dict, views: bool) -> None:
    """Keep the logits of each set, and print accuracy."""
    line = []
    for kind, (images, truth) in sets.items():
        answers = results[f"{name}/{kind}"] = logits(network, images)
        if views and kind != "simulated":
            results[f"{name}/{kind}/8"] = eight(network, images)
        line.append(f"{kind} {(answers.argmax(1) == truth).mean():.3f}")
    print(f"{name}: " + ", ".join(line), flush=True)


def save_parts(folder: Path, name: str, weights: dict[str, np.ndarray], parts: int) -> None:
    """Kernels in 16 bits, the rest in 32, in files of about the same size."""
    stored = {k: w.astype(np.float16) if k.endswith("kernel") else w for k, w in weights.items()}
    files: list[dict[str, np.ndarray]] = [{} for _ in range(parts)]
    for key in sorted(stored, key=lambda k: -stored[k].nbytes):
        min(files, key=lambda file: sum(w.nbytes for w in file.values()))[key] = stored[key]
    for index, file in enumerate(files):
        np.savez(folder / f"{name}-{index}.npz", **file)


def keep_results(folder: Path, results: dict, sets: dict, report: dict) -> None:
    truths = {f"truth/{name}": truth for name, (_, truth) in sets.items()}
    np.savez_compressed(folder / "results.npz", report=json.dumps(report), **results, **truths)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("real", type=Path, help="as from training/real_cells.py")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=60_000)
    parser.add_argument("--distractors", type=int, default=2_400)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the samples of each stage")
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="mixed_bfloat16")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    began = time.perf_counter()
    args.output.mkdir(parents=True, exist_ok=True)
    with np.load(args.real) as file:
        real = dict(file)
    pixels, labels, others, held = simulate(args.crops, args.workers, args.distractors)
    print(f"simulated in {time.perf_counter() - began:.0f} s", flush=True)
    left = args.minutes * 60 - (time.perf_counter() - began) - 15
    limits = {name: left * samples / 1_200_000 for name, samples in SAMPLES.items()}
    limits["one view"] *= 3
    sets, results, report = judged_on(real, held), {}, {}

    def stage(name: str, figure: np.ndarray, rate: float, half: bool = True) -> Stage:
        strange = np.full(len(others), -1)
        sources = (
            (1 - DISTRACTORS - FIGURE - MORE, pixels, labels),
            (DISTRACTORS, others, strange),
            (FIGURE, real["figure"][figure], real["figure_labels"][figure]),
            (MORE, real["more"], real["more_labels"]),
        )
        samples = int(SAMPLES[name] * args.scale)
        return Stage(sources, samples, max(limits[name], 1.0), rate, args.seed, half)

    def train_large(name: str, figure: np.ndarray) -> Any:
        keras.utils.set_random_seed(args.seed)
        network = build_network(NETWORK, CLASSES, None, args.precision)
        assign_weights(network, imagenet_weights())
        report[name] = fit(network, stage(name, figure, 2e-4))
        return network

    every = np.arange(len(real["figure"]))
    for trial in range(2):
        network = train_large(f"trial {trial}", every[every % 2 == trial])
        judge(f"trial {trial}", network, sets, results, views=True)
    large = train_large("final", every)
    judge("final", large, sets, results, views=True)
    save_parts(args.output, "large", read_weights(large), 2)
    keep_results(args.output, results, sets, report)

    teacher = build_network(NETWORK, CLASSES, None, args.precision)
    assign_weights(teacher, read_weights(large))

    def from_eight(images: Any, truth: np.ndarray) -> np.ndarray:
        answers = [
            softmax(np.asarray(teacher.predict_on_batch(v), np.float64), axis=1) for v in turned(images)
        ]
        return np.mean(answers, axis=0).astype(np.float32)

    report["one view"] = fit(large, stage("one view", every, 3e-5, half=False), from_eight)
    judge("one view", large, sets, results, views=False)
    save_parts(args.output, "large", read_weights(large), 2)
    keep_results(args.output, results, sets, report)

    report |= {"crops": args.crops, "seed": args.seed, "seconds": round(time.perf_counter() - began)}
    keep_results(args.output, results, sets, report)
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
