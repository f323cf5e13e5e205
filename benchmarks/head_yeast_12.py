"""Teach the head of `yeast-12` the look of real cells; the convolution layers stay as they are.

    python benchmarks/training/real_cells.py DATA -o real.npz
    python benchmarks/head_yeast_12.py yeast-12 real.npz -o yeast-12.organelle --figure docs/images

On simulated crops the head learns to answer as before, on 264 real cells (24 of a figure, turned and starved
30 times each) the truth: so it gains the real cells and forgets little. Two trials, each without one of the
two figure cells of every class, say how well that works; temperature and threshold come from cells that the
model or its trial had not seen. Five minutes on two cores. With `--keep-head` the head stays too, and the
model only gets the examples that it brings along for whoever teaches it (`train/replay.py`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path

import keras
import numpy as np
from assemble_yeast_12 import (
    DESCRIPTION,
    draw_reliability,
    fit_temperature,
    held_out,
    pooled,
    print_table,
    threshold_at,
)
from scipy.special import softmax
from train_yeast_12 import CLASSES, judged_on, logits, part
from training.augment import random_input

from napari_organelle.model.bundle import ModelBundle, open_bundle, save_bundle
from napari_organelle.model.networks.keras_models import (
    assign_weights,
    build_feature_extractor,
    build_head,
    read_weights,
)
from napari_organelle.model.scoring.scores import Answers, score
from napari_organelle.simulate.yeast import YEAST_CLASSES, simulate_crops
from napari_organelle.train.replay import PER_CLASS, REPLAY_FILE, no_replay

SIMULATED, TURNS, HELD = 4_500, 30, 480
SMOOTHING, RATE, EPOCHS, BATCH = 0.05, 3e-4, 4, 64
REAL_ALONG = 12
SIMULATED_ROW, MORE_ROW = -1, -2
"""In the column that else names the figure cell's trial."""


def raw_cells(real: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Crops, classes, and trial (0 or 1) of the figure cells, by source."""
    with Pool() as pool:
        parts = pool.map(part, [(100, start) for start in range(0, SIMULATED, 200)])
    pixels, labels = (np.concatenate([each[i] for each in parts])[:SIMULATED] for i in (0, 1))
    figure = np.repeat(np.arange(len(real["figure"])), TURNS)
    return [
        (pixels, labels, np.full(SIMULATED, SIMULATED_ROW)),
        (real["figure"][figure], real["figure_labels"][figure], figure % 2),
        (real["more"], real["more_labels"], np.full(len(real["more"]), MORE_ROW)),
    ]


def training_features(
    extractor: keras.Model, real: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, F), classes and trials of cells in random pose and light."""
    rng = np.random.default_rng(0)
    features, labels, trials = [], [], []
    for raw, classes, trial in raw_cells(real):
        for start in range(0, len(raw), 200):
            images, _ = random_input(raw[start : start + 200], rng)
            features.append(logits(extractor, np.asarray(images)))
            labels.append(classes[start : start + 200])
            trials.append(trial[start : start + 200])
    return np.concatenate(features), np.concatenate(labels), np.concatenate(trials)


def new_head(bundle: ModelBundle, features: int) -> keras.Model:
    head = build_head(bundle.spec.plan, features, CLASSES)
    assign_weights(head, bundle.weights())
    return head


def teach(
    bundle: ModelBundle, features: np.ndarray, labels: np.ndarray, simulated: np.ndarray
) -> keras.Model:
    """The bundle's head, fitted to its own answers on simulated cells and to the truth of real ones."""
    keras.utils.set_random_seed(0)
    head = new_head(bundle, features.shape[1])
    truth = np.eye(CLASSES, dtype=np.float32)[labels] * (1 - SMOOTHING) + SMOOTHING / CLASSES
    truth[simulated] = softmax(head.predict(features[simulated], batch_size=512, verbose=0), axis=1)
    steps = EPOCHS * -(-len(features) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    head.compile(
        keras.optimizers.AdamW(rate, weight_decay=2e-3),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    head.fit(features, truth, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return head


def examples_along(
    bundle: ModelBundle, features: np.ndarray, labels: np.ndarray, trials: np.ndarray
) -> dict[str, np.ndarray]:
    """What the model brings along: of each class `REAL_ALONG` views of real cells, the rest simulated."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(labels))
    chosen = []
    for label in range(CLASSES):
        rows = order[labels[order] == label]
        real = rows[trials[rows] != SIMULATED_ROW][:REAL_ALONG]
        chosen += [real, rows[trials[rows] == SIMULATED_ROW][: PER_CLASS - len(real)]]
    rows = np.concatenate(chosen)
    names = np.array(bundle.spec.class_names)[labels[rows]]
    return no_replay(features.shape[1]).with_examples(features[rows], names).arrays()


def save(
    bundle: ModelBundle,
    head: keras.Model,
    results: dict,
    file: Path,
    figure: Path | None,
    extras: dict[str, dict[str, np.ndarray]],
) -> None:
    """Calibrate, print the table, and write the bundle."""
    judged = held_out(results, "final")
    temperature = fit_temperature(judged)
    curve = pooled(judged, temperature)
    threshold = threshold_at(*curve)
    print(f"\ntemperature {temperature:.2f}, threshold {threshold}")
    print_table(judged, temperature, threshold)
    predicted = softmax(results["final/simulated"] / temperature, axis=1)
    truth = np.eye(CLASSES, dtype=bool)[results["truth/simulated"]]
    scores = score(Answers(truth, predicted, YEAST_CLASSES, "single", np.array([threshold])))
    provenance = dict(bundle.spec.provenance) | {
        "judged_on": f"{HELD} simulated crops, seed 999",
        "head": f"{SIMULATED} simulated crops and {TURNS} views of 24 real cells, 240 more: head_yeast_12.py",
    }
    spec = replace(
        bundle.spec, temperature=temperature, thresholds=(threshold,), views=1, description=DESCRIPTION,
        scores=scores.to_dict(), provenance=provenance,
    )  # fmt: skip
    trained = read_weights(head).items()
    stored = {name: w.astype(np.float16) if name.endswith("kernel") else w for name, w in trained}
    save_bundle(file, spec, bundle.weights() | stored, extras=extras, overwrite=True)
    if figure:
        draw_reliability({"yeast-12": curve}, figure / "yeast-12-reliability.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("real", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--figure", type=Path, help="folder for the reliability diagram")
    parser.add_argument("--keep-head", action="store_true", help="only add the examples to bring along")
    args = parser.parse_args()
    bundle = open_bundle(args.model)
    with np.load(args.real) as file:
        real = dict(file)
    extractor = build_feature_extractor(bundle.spec.plan, bundle.spec.pixels.input_size)
    assign_weights(extractor, bundle.weights())
    features, labels, trials = training_features(extractor, real)
    kept = {name: bundle.extra(name) for name in bundle.extras}
    extras = kept | {REPLAY_FILE: examples_along(bundle, features, labels, trials)}
    if args.keep_head:
        save_bundle(args.output, bundle.spec, bundle.weights(), extras=extras, overwrite=True)
        return
    held = simulate_crops(HELD, seed=999, size=72)
    sets = judged_on(real, (held.pixels, held.labels))
    judged = {kind: logits(extractor, images) for kind, (images, _) in sets.items()}
    results = {f"truth/{kind}": truth for kind, (_, truth) in sets.items()}
    for name, left_out in (("trial 0", 1), ("trial 1", 0), ("final", None)):
        kept = np.ones(len(trials), bool) if left_out is None else trials != left_out
        head = teach(bundle, features[kept], labels[kept], trials[kept] == SIMULATED_ROW)
        results |= {f"{name}/{kind}": logits(head, rows) for kind, rows in judged.items()}
        right = [
            f"{kind} {(results[f'{name}/{kind}'].argmax(1) == truth).mean():.3f}"
            for kind, (_, truth) in sets.items()
        ]
        print(f"{name}: {', '.join(right)}", flush=True)
    save(bundle, head, results, args.output, args.figure, extras)


if __name__ == "__main__":
    main()
