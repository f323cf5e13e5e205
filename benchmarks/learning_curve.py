"""How good a model is after 1, 2, 5, 10 and 20 labelled cells a class; prints a table and draws it.

    python benchmarks/learning_curve.py ../shared/data/yeast_cyclops -o docs/images/learning_curve.png

Mitochondrion (AAC1) against cytoplasm (AAH1, AAP1): in each draw half of the fields of each gene are held out
for the test, and the labelled cells come from the others. About five minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.train.run import TrainingPlan, train

PLACES = {"AAC1": "mitochondrion", "AAH1": "cytoplasm", "AAP1": "cytoplasm"}
LABELLED = (1, 2, 5, 10, 20)


def draw(images: ImageSet, labelled: int, seed: int) -> ImageSet:
    """The set with `labelled` cells a class on the training side, and half of the fields on the test side."""
    rng = np.random.default_rng(seed)
    items = images.items.copy()
    fields = items["gene"] + "/" + items["field"].astype(str)
    held = np.concatenate([rng.permutation(names.unique())[:2] for _, names in fields.groupby(items["gene"])])
    items["split"] = np.where(fields.isin(held), "test", "")
    truth = items["gene"].map(PLACES)
    for name in sorted(set(PLACES.values())):
        pool = np.flatnonzero((truth == name) & (items["split"] == ""))
        items.loc[rng.permutation(pool)[:labelled], "split"] = "train"
    items["label"] = truth.where(items["split"] != "", "")
    return replace(images, items=items)


def main() -> None:
    """Run all draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    images = open_image_set(args.data)
    means, spreads = [], []
    for labelled in LABELLED:
        scores = []
        for seed in range(args.draws):
            with tempfile.TemporaryDirectory() as folder:
                plan = TrainingPlan(output=Path(folder) / "curve.organelle", group_by="field", seed=seed)
                plan = replace(plan, recipe=replace(plan.recipe, min_count=1))
                scores.append(_run(plan, draw(images, labelled, seed)))
        means.append(float(np.mean(scores)))
        spreads.append(float(np.std(scores)))
        print(
            f"{labelled:3} cells a class: macro F1 {means[-1]:.3f} ± {spreads[-1]:.3f} ({args.draws} draws)",
            flush=True,
        )
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axis = figure.subplots()
    axis.errorbar(LABELLED, means, spreads, marker="o", capsize=3)
    axis.axhline(0.5, color="grey", linestyle=":", label="guessing")
    axis.set(
        xscale="log", xlabel="labelled cells a class", ylabel="macro F1 on other fields", ylim=(0.4, 1.02)
    )
    axis.set_xticks(LABELLED, [str(number) for number in LABELLED])
    axis.legend()
    args.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output, dpi=150)


def _run(plan: TrainingPlan, images: ImageSet) -> float:
    reports = train(plan, images)
    while True:
        try:
            next(reports)
        except StopIteration as end:
            return float(end.value.scores.macro_f1)


if __name__ == "__main__":
    main()
