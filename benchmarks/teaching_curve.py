"""How good `yeast-12` is after 0, 1 and 2 labelled real cells a class: taught, and trained from ImageNet.

    git show ed6d150:src/napari_organelle/bundled/yeast-12.organelle > simulated.organelle
    python benchmarks/teaching_curve.py simulated.organelle DATA

The shipped head has seen the 24 real cells of DeepYeast's figure, two of each class. So the head before it
is taught here, which saw simulated cells only, and brings simulated ones along. One cell a class: the other
judges, in four draws and both ways round. Two: each cell is judged by a model that was taught the 23 others.
Real cells of other sets, none of them taught, and simulated ones show what is forgotten. Some minutes on two
cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from yeast_12_card import cyclops, figure_cells, marked_cells

from napari_organelle.model.bundle import ModelBundle, save_bundle
from napari_organelle.model.engine.device import choose_device
from napari_organelle.prepare.channels import YEAST_SLOTS
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.simulate.yeast import YEAST_CLASSES, simulate_crops
from napari_organelle.train.checkpoint import Progress
from napari_organelle.train.class_plan import plan_classes
from napari_organelle.train.examples import examples_of_items
from napari_organelle.train.features import FeatureCache, FeatureKey, compute_features, weights_hash
from napari_organelle.train.recipes import DEFAULT
from napari_organelle.train.replay import PER_CLASS, REPLAY_FILE, no_replay
from napari_organelle.train.splits import Split
from napari_organelle.train.stages import HeadStage, start_weights
from napari_organelle.train.teach import TaughtHead, taught_recipe
from napari_organelle.train.trainset import TrainingPlan, TrainingSet

CELLS, DRAWS = 24, 4
Sets = dict[str, tuple[np.ndarray, np.ndarray]]


def judged(data: Path) -> Sets:
    """Crops (N, 2, Y, X) and classes; the figure's cells first, then what is never taught."""
    rng = np.random.default_rng(0)
    genes, truth, _ = cyclops(data)
    some = rng.permutation(len(genes))[:300]
    nuclei, classes = marked_cells(data)
    held = simulate_crops(360, seed=999)
    return {
        "figure": figure_cells(data),
        "CyCLoPS": (genes[some], truth[some]),
        "nuclei": (nuclei[:150], np.asarray(classes)[:150]),
        "simulated": (held.pixels, held.labels),
    }


def with_replay(
    bundle: ModelBundle, folder: Path, head: Callable[[ModelBundle, Sets], HeadStage]
) -> ModelBundle:
    """The bundle with simulated examples to bring along."""
    crops = simulate_crops(1_500, seed=100)
    rows = np.concatenate([np.flatnonzero(crops.labels == k)[:PER_CLASS] for k in range(len(YEAST_CLASSES))])
    stage = head(bundle, {"simulated": (crops.pixels[rows], crops.labels[rows])})
    names = np.array(YEAST_CLASSES)[crops.labels[rows]]
    replay = no_replay(stage.cache.length).with_examples(stage.features(np.arange(len(rows))), names)
    file = folder / "with-replay.organelle"
    return save_bundle(file, bundle.spec, bundle.weights(), extras={REPLAY_FILE: replay.arrays()})


def stage_of(folder: Path, sets: Sets, cells: int, bundle: ModelBundle | None) -> HeadStage:
    """A head for `cells` cells of the first set, with the features of all; taught where there is a bundle."""
    side = 64
    pixels = np.concatenate([_resized(crops, side) for crops, _ in sets.values()])
    images = ImageSet.from_array(pixels, (Channel("cytosol", "red"), Channel("protein", "green")))
    truth = np.concatenate([classes for _, classes in sets.values()])
    images.items["label"] = np.array(YEAST_CLASSES)[truth]
    examples = examples_of_items(images, "item")
    model = ModelBundle.open(folder / "teacher") if bundle is None else bundle
    recipe = DEFAULT if bundle is None else taught_recipe(model.spec, cells)
    start = bundle.path.stem if bundle else "imagenet"
    plan = TrainingPlan(
        output=folder / f"{start}-{len(truth)}.organelle", recipe=recipe, device="cpu",
        cache=folder / "cache", teacher=str(bundle.path) if bundle else "",
    )  # fmt: skip
    nothing = np.zeros(0, np.int64)
    made = TrainingSet(
        examples=examples, classes=YEAST_CLASSES, targets=np.eye(len(YEAST_CLASSES), dtype=bool)[truth],
        task="single", hashes=np.array([f"{i:015d}".encode() for i in range(len(truth))]),
        slots=YEAST_SLOTS, indices=(0, 1), pixels=model.spec.pixels, folds=(), split_by="item", notes=(),
        split=Split(np.arange(cells), nothing, nothing),
        lesson=plan_classes(model.spec, examples.labels) if bundle else None,
    )  # fmt: skip
    return _computed(plan, made, folder, TaughtHead if bundle else HeadStage)


def _resized(crops: np.ndarray, side: int) -> np.ndarray:
    from napari_organelle.prepare.pixels import resample

    return resample(crops.astype(np.float32), side, side)


def _computed(plan: TrainingPlan, made: TrainingSet, folder: Path, kind: type[HeadStage]) -> HeadStage:
    weights, device = start_weights(plan), choose_device("cpu", keras=True)
    key = FeatureKey(plan.recipe.network, made.pixels, weights_hash(weights))
    length = plan.recipe.network.feature_count(made.pixels.input_size)
    cache = FeatureCache(folder / f"{key.folder()}-{len(made.examples)}", length)
    stage = kind(plan, made, cache, key, device)
    for _ in stage.compute(weights, compute_features):
        pass
    plan.folder.mkdir(exist_ok=True)
    return stage


def lessons() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Cells a class, cells that are taught, and figure cells that judge."""
    every = np.arange(CELLS)
    for seed in range(DRAWS):
        chosen = np.arange(0, CELLS, 2) + np.random.default_rng(seed).integers(2, size=CELLS // 2)
        for cells in (chosen, np.setdiff1d(every, chosen)):
            yield 1, cells, np.setdiff1d(every, cells)
    for cell in every:
        yield 2, np.setdiff1d(every, [cell]), np.array([cell])


def curve(stage: HeadStage, sets: Sets) -> dict[int, dict[str, float]]:
    """Share that is right, by cells a class and set."""
    truth = stage.training_set.targets.argmax(axis=1)
    ends = np.cumsum([len(classes) for _, classes in sets.values()])
    others = {name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(list(sets)[1:])}
    right: dict[int, dict[str, list[bool]]] = {}
    for index, (count, taught, held) in enumerate(lessons()):
        progress, row = Progress(), right.setdefault(count, {name: [] for name in sets})
        for _ in stage.fit(f"lesson {index}", taught, held, progress, keep_last=True):
            pass
        answers = {"figure": held} | (others if count == 1 or index % 4 == 0 else {})
        for name, rows in answers.items():
            row[name] += (stage.logits(rows, progress).argmax(axis=1) == truth[rows]).tolist()
    return {count: {name: float(np.mean(each)) for name, each in row.items()} for count, row in right.items()}


def print_row(name: str, count: int, shares: dict[str, float]) -> None:
    print(f"| {name} | {count} | {' | '.join(f'{share:.3f}' for share in shares.values())} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    sets, bare = judged(args.data), ModelBundle.open(args.model)
    print(f"| start | cells a class | {' | '.join(sets)} |\n|---|---|{'---|' * len(sets)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = with_replay(bare, folder, lambda model, made: stage_of(folder, made, 0, model))
        stage = stage_of(folder, sets, CELLS, bundle)
        assert isinstance(stage, TaughtHead)
        before = stage.answers_before(np.arange(len(stage.training_set.examples))).argmax(axis=1)
        right = before == stage.training_set.targets.argmax(axis=1)
        parts = np.split(right, np.cumsum([len(classes) for _, classes in sets.values()])[:-1])
        print_row("yeast-12, simulated only", 0, dict(zip(sets, map(np.mean, parts), strict=True)))
        for count, shares in curve(stage, sets).items():
            print_row("yeast-12, taught", count, shares)
        alone = stage_of(folder, sets, CELLS, bare)
        for count, shares in curve(alone, sets).items():
            print_row("the same, nothing brought along", count, shares)
        (folder / "teacher").symlink_to(args.model.absolute())
        for count, shares in curve(stage_of(folder, sets, CELLS, None), sets).items():
            print_row("ImageNet", count, shares)


if __name__ == "__main__":
    main()
