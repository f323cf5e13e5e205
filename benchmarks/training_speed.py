"""Time of a head epoch on 10,000 cached feature vectors, and from 24 crops to a saved model.

python benchmarks/training_speed.py ../shared/data/yeast_cyclops
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_organelle.model.engine.device import choose_device
from napari_organelle.model.networks.keras_models import build_head
from napari_organelle.read.open import open_image_set
from napari_organelle.train.checkpoint import Progress
from napari_organelle.train.features import FeatureCache
from napari_organelle.train.fitting import Fit, FittingData, compile_for, fit, initialise
from napari_organelle.train.recipes import DEFAULT
from napari_organelle.train.run import TrainingPlan, train

VECTORS, CLASSES, EPOCHS = 10_000, 12, 5


def head_epoch(folder: Path) -> float:
    """Seconds of one epoch of the default head, read from the cache, measured and checkpointed."""
    length = DEFAULT.network.feature_count(96)
    cache = FeatureCache(folder / "cache", length)
    rng = np.random.default_rng(0)
    keys = [b"%015d" % index for index in range(VECTORS)]
    for start in range(0, VECTORS, 256):
        cache.add(keys[start : start + 256], rng.random((len(keys[start : start + 256]), length), np.float32))
    network = build_head(DEFAULT.network, length, CLASSES)
    compile_for(network, DEFAULT.head, "single")
    initialise(network, 0)

    def read(rows: np.ndarray) -> np.ndarray:
        return cache.read([keys[row] for row in rows])

    rows = np.arange(VECTORS)
    data = FittingData(
        train=rows[:8000],
        val=rows[8000:],
        targets=np.eye(CLASSES, dtype=bool)[rng.integers(CLASSES, size=VECTORS)],
        weights=np.ones(VECTORS, np.float32),
        draw=lambda rng: rng.permutation(rows),
        train_input=lambda rows, rng: read(rows),
        plain_input=read,
        task="single",
    )
    plan = replace(DEFAULT.head, epochs=EPOCHS)
    stage = Fit("head", network, plan, data, 0, folder / "head.npz", choose_device("cpu"))
    times = [time.perf_counter()]
    for _ in fit(stage, Progress()):
        times.append(time.perf_counter())
    return float(np.median(np.diff(times)))


def few_crops(data: Path, folder: Path) -> float:
    """Seconds from 24 labelled crops to a saved, cross-validated model; tensorflow is loaded already."""
    images = open_image_set(data)
    genes = images.items["gene"]
    chosen = np.concatenate([np.flatnonzero(genes == gene)[::9][:12] for gene in ("AAC1", "AAH1")])
    labels = np.full(len(images), "", dtype=object)
    labels[chosen] = genes.iloc[chosen]
    images = replace(images, items=images.items.assign(label=labels))
    plan = TrainingPlan(output=folder / "few.organelle", cache=folder / "few", group_by="item")
    started = time.perf_counter()
    for report in train(plan, images):
        if report.stage == "done":
            print(report.note)
    return time.perf_counter() - started


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(f"head epoch on {VECTORS:,} vectors: {head_epoch(Path(name)):.2f} s")
        print(f"24 crops to a saved model: {few_crops(args.data, Path(name)):.1f} s")


if __name__ == "__main__":
    main()
