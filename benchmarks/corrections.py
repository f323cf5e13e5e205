"""What correcting a few wrong calls of `yeast-12` brings for the other cells, and what it costs them.

    python benchmarks/corrections.py DATA

Real cells of three genes, and simulated ones of all classes: 5, 10 or 20 of the wrongly called, drawn at
random four times, are taught with their truth as *Teach* does it; how many of the others are right before
and after is printed. Five minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from teaching_curve import stage_of
from yeast_12_card import cyclops

from napari_organelle.model.bundle import open_bundle
from napari_organelle.simulate.yeast import simulate_crops
from napari_organelle.train.checkpoint import Progress
from napari_organelle.train.teach import TaughtHead

CORRECTED, DRAWS, HELD = (5, 10, 20), 4, 480


def after(stage: TaughtHead, cells: np.ndarray, name: str) -> np.ndarray:
    """(N,) class of every cell once some are taught."""
    progress = Progress()
    for _ in stage.fit(name, cells, np.zeros(0, np.int64), progress, keep_last=True):
        pass
    return stage.logits(np.arange(len(stage.training_set.examples)), progress).argmax(axis=1)


def print_rows(kind: str, stage: TaughtHead, truth: np.ndarray) -> None:
    right = stage.answers_before(np.arange(len(truth))).argmax(axis=1) == truth
    for count in CORRECTED:
        shares = []
        for seed in range(DRAWS):
            cells = np.random.default_rng(seed).permutation(np.flatnonzero(~right))[:count]
            others = np.setdiff1d(np.arange(len(truth)), cells)
            called = after(stage, cells, f"{count} {seed}")
            shares.append((right[others].mean(), (called[others] == truth[others]).mean()))
        before, now = np.mean(shares, axis=0)
        print(f"| {kind} | {len(truth)} | {count} | {before:.3f} | {now:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    bundle = open_bundle("yeast-12")
    genes, classes, _ = cyclops(args.data)
    made = simulate_crops(HELD, seed=999)
    sets = {"CyCLoPS": (genes, np.asarray(classes)), "simulated": (made.pixels, made.labels)}
    print("| cells | n | corrected | others right before | after |\n|---|---|---|---|---|")
    for kind, (crops, truth) in sets.items():
        with tempfile.TemporaryDirectory() as folder:
            stage = stage_of(Path(folder), {kind: (crops, truth)}, len(truth), bundle)
            assert isinstance(stage, TaughtHead)
            print_rows(kind, stage, truth)


if __name__ == "__main__":
    main()
