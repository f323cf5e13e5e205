"""The HPA notebook of 2019 again: its label counts, its empty score, its recipe beside the default one.

    python benchmarks/hpa28/pack.py DATA -o hpa28_real.npz
    python benchmarks/experiment_2019.py DATA hpa28_real.npz -o docs/images

Prints how often the 28 labels of the 2018 set occur and what binary accuracy it takes to answer "no" to all
of them; then trains the notebook's recipe and the plugin's default one on the same real cells of five
locations, judged by the same five folds of whole mosaics, two seeds each. Twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from napari_organelle.read.hpa.atlas import CHANNELS
from napari_organelle.read.image_set import ImageSet
from napari_organelle.simulate.human_organelles import HPA_LOCATIONS
from napari_organelle.train.examples import examples_of_items
from napari_organelle.train.recipes import DEFAULT, NOTEBOOK_HPA
from napari_organelle.train.run import TrainingResult, train
from napari_organelle.train.trainset import TrainingPlan

NAMES = tuple(HPA_LOCATIONS)
SIDE, SEEDS = 224, 2


def label_counts(data: Path) -> tuple[Counter[int], int]:
    """How many images of 2018 have each label, and how many images there are."""
    targets = pd.read_csv(data / "hpa2018" / "train.csv")["Target"].str.split()
    return Counter(int(label) for row in targets for label in row), len(targets)


def no_to_all(counts: list[int], images: int) -> float:
    """Binary accuracy of answering "no" to every one of some labels."""
    return 1 - sum(counts) / (images * len(counts))


def draw_counts(counts: Counter[int], file: Path) -> None:
    figure = Figure(figsize=(7, 4.6), layout="constrained", dpi=110)
    axes = figure.subplots()
    order = [label for label, _ in counts.most_common()][::-1]
    axes.barh([NAMES[label] for label in order], [counts[label] for label in order], color="#0072b2")
    axes.set(xscale="log", xlabel="images of the 2018 set")
    axes.tick_params(axis="y", labelsize=7)
    figure.savefig(file)


def cells(pack: Path) -> ImageSet:
    """630 real cells of 70 mosaics, each with its location and its mosaic as the field."""
    with np.load(pack) as real:
        stored = [real[f"cell{row:04d}"] for row in range(len(real["target"]))]
        targets, mosaics = real["target"].astype(int), real["mosaic"]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(each.tobytes()))) for each in stored])
    images = ImageSet.from_array(pixels.reshape(-1, 4, SIDE, SIDE), CHANNELS)
    images.items["label"] = np.array(NAMES)[targets]
    images.items["field"] = mosaics.astype(str)
    return images


def finish(plan: TrainingPlan, images: ImageSet) -> TrainingResult:
    reports = train(plan, examples_of_items(images, "field"))
    while True:
        try:
            next(reports)
        except StopIteration as end:
            return end.value


def compare(images: ImageSet) -> None:
    """Print both recipes' scores."""
    print("| recipe | seed | macro F1 | exactly right | binary accuracy | “no” to all | trivial macro F1 |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for recipe in (NOTEBOOK_HPA, DEFAULT):
            for seed in range(SEEDS):
                plan = TrainingPlan(
                    output=Path(folder) / f"{recipe.name}-{seed}.organelle",
                    recipe=recipe,
                    group_by="field",
                    judge="cross",
                    seed=seed,
                    cache=Path(folder) / "cache",
                )
                result = finish(plan, images)
                scores, truth = result.scores, result.held_out.targets
                binary = ((result.probabilities >= 0.5) == truth).mean()
                trivial = scores.trivial["macro_f1"]
                figures = (scores.macro_f1, scores.accuracy, binary, 1 - truth.mean(), trivial)
                print(
                    f"| {recipe.name} | {seed} | {' | '.join(f'{each:.3f}' for each in figures)} |",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("pack", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the picture")
    args = parser.parse_args()
    counts, images = label_counts(args.data)
    print(f"{images:,} images with {sum(counts.values()) / images:.2f} labels each")
    frequent = [count for _, count in counts.most_common()]
    for kept in (28, 24, 22, 20, 16, 10):
        print(f"no to all of the {kept} most frequent labels: {no_to_all(frequent[:kept], images):.4f}")
    draw_counts(counts, args.output / "hpa-2018-labels.png")
    compare(cells(args.pack))


if __name__ == "__main__":
    main()
