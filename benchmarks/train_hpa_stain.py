"""Train `hpa-stain` on real single-stain images of the 2018 set, beside a texture baseline; prints a table.

    python benchmarks/train_hpa_stain.py DATA -o src/napari_organelle/bundled/hpa-stain.organelle

DATA holds ``hpa2018``, ``hpa2021`` and ``hpa_if``. Each image gives one window of its whole size, three of
256 and three of 128 pixels; windows of one image never part. Scores are cross-validated by image. Images of
the other folders are judged by the saved model only. About 15 minutes on two cores, of which nearly all are
the features of the first seed.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage.feature import local_binary_pattern
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_organelle.cli.train import follow
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.predict import collect, predict
from napari_organelle.prepare.channels import ChannelMap, Slot
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.regions import Regions, image_regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.train.examples import Examples
from napari_organelle.train.recipes import DEFAULT
from napari_organelle.train.run import TrainingPlan, TrainingResult

STAINS = {"nucleus": "nucleus", "microtubules": "microtubules", "ER": "endoplasmic reticulum"}
SIZES = {512: 1, 256: 3, 128: 3}
PIXEL_SIZE_UM = 0.32
"""The Atlas's images have 0.08 micrometres a pixel at 2048 x 2048."""

SLOT = Slot("stain", ("nucleus", "microtubules", "ER"))
RECIPE = replace(
    DEFAULT,
    name="hpa-stain",
    network=NetworkPlan(blocks=(1, 2, 3, 4, 5), units=(), dropout=0.0),
    copies=0,
    input_size=224,
)
DESCRIPTION = (
    "Tells nucleus, microtubule and endoplasmic reticulum stains of the Human Protein Atlas apart, "
    "one channel at a time. Trained on 150 images of the 2018 set (CC BY-SA)."
)


def single_stains(folder: Path) -> Examples:
    """Windows of the images of ``hpa2018/train`` but the protein's, labelled by stain, grouped by id."""
    full = open_image_set(folder)
    planes, labels, ids = [], [], []
    for row in range(len(full)):
        for channel, name in STAINS.items():
            if channel not in full.items["missing"].iloc[row]:
                planes.append(np.asarray(full.data[row, full.channel_names.index(channel)]))
                labels.append(name)
                ids.append(full.items["item"].iloc[row])
    images = ImageSet.from_array(
        np.stack(planes)[:, None], (Channel("stain"),), source=folder.parent, pixel_size_um=PIXEL_SIZE_UM
    )
    images.items["item"] = ids
    windows = draw_windows(len(planes))
    return Examples(images, windows, np.array(labels)[windows[:, 0]], np.array(ids)[windows[:, 0]], "id")


def draw_windows(count: int) -> np.ndarray:
    """(R, 5) windows of `count` images of 512 x 512 pixels."""
    rng = np.random.default_rng(0)
    windows = [
        (item, *rng.integers(0, 512 - size + 1, 2), size, size)
        for size, number in SIZES.items()
        for item in range(count)
        for _ in range(number)
    ]
    return np.array(windows, np.int64)


def texture(examples: Examples) -> np.ndarray:
    """(R, 54) histograms of uniform local binary patterns at radii 1, 2 and 3."""
    rows = []
    for window in cut(examples.image_set, examples.windows, (0,)):
        row = []
        for radius in (1, 2, 3):
            patterns = local_binary_pattern(window[0], 8 * radius, radius, "uniform")
            row.append(np.bincount(patterns.astype(int).ravel(), minlength=8 * radius + 2) / patterns.size)
        rows.append(np.concatenate(row))
    return np.array(rows)


def baseline(features: np.ndarray, result: TrainingResult) -> np.ndarray:
    """Probabilities of held-out windows by logistic regression on texture, in the same folds."""
    made, truth = result.training_set, result.training_set.targets.argmax(axis=1)
    predicted = np.zeros((len(truth), len(made.classes)))
    for held in made.folds:
        rest = np.setdiff1d(made.train, held)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(
            features[rest], truth[rest]
        )
        predicted[held] = model.predict_proba(features[held])
    return predicted


def by_image(predicted: np.ndarray, result: TrainingResult) -> dict[str, float]:
    """Macro F1 of windows of each size, and of images by the mean of their windows."""
    made, truth = result.training_set, result.training_set.targets.argmax(axis=1)
    sizes, items = made.examples.windows[:, 3], made.examples.windows[:, 0]
    scores = {
        f"{size} px": f1_score(truth[sizes == size], predicted[sizes == size].argmax(axis=1), average="macro")
        for size in SIZES
    }
    names, first = np.unique(items, return_index=True)
    mean = np.array([predicted[items == name].mean(axis=0) for name in names])
    return scores | {"mean of windows": f1_score(truth[first], mean.argmax(axis=1), average="macro")}


def judge_elsewhere(bundle: ModelBundle, folder: Path) -> None:
    """Call each stain of complete sets, as a whole and by quarter-size tiles."""
    images = open_image_set(folder)
    for channel, name in STAINS.items():
        index = images.channel_names.index(channel)
        channel_map = ChannelMap((SLOT,), (index,), images.channel_names)
        for item in range(len(images)):
            side = int(images.items["height"].iloc[item])
            whole = image_regions(images)
            one = Regions("slices", whole.windows[[item]], whole.ids[[item]])
            tiles = tile_regions((side, side), side // 2)
            tiles.windows[:, 0] = item
            answers = [
                collect(predict(bundle, images, each, channel_map), each, bundle).probabilities
                for each in (one, tiles)
            ]
            predicted = [
                f"{bundle.spec.class_names[a.mean(axis=0).argmax()]} ({a.mean(axis=0).max():.2f})"
                for a in answers
            ]
            print(
                f"{folder}, {images.items['item'].iloc[item]}, {name}: "
                f"whole {predicted[0]}, tiles {predicted[1]}",
                flush=True,
            )


def main() -> None:
    """Train with five seeds, save the first model, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    examples = single_stains(args.data / "hpa2018" / "train")
    features = texture(examples)
    tables: dict[str, list[dict[str, float]]] = {"hpa-stain": [], "LBP + logistic regression": []}
    for seed in reversed(range(args.seeds)):
        plan = TrainingPlan(
            output=args.output,
            recipe=RECIPE,
            slots=(SLOT,),
            judge="cross",
            seed=seed,
            overwrite=True,
            description=DESCRIPTION,
        )
        result = follow(plan, examples)
        assert result is not None
        predicted = np.zeros_like(result.probabilities)
        predicted[result.held_out.rows] = result.probabilities
        tables["hpa-stain"].append(by_image(predicted, result))
        tables["LBP + logistic regression"].append(
            by_image(baseline(features[_rows(examples, result)], result), result)
        )
    for name, rows in tables.items():
        for key in rows[0]:
            values = [row[key] for row in rows]
            print(
                f"{name}, {key}: macro F1 {np.mean(values):.3f} ± {np.std(values):.3f} over {len(rows)} seeds"
            )
    for folder in ("hpa2018/complete", "hpa2021/train", "hpa_if"):
        judge_elsewhere(ModelBundle.open(args.output), args.data / folder)


def _rows(examples: Examples, result: TrainingResult) -> np.ndarray:
    """Rows of `examples` that were fit to train on."""
    places = {tuple(window): row for row, window in enumerate(examples.windows.tolist())}
    return np.array([places[tuple(window)] for window in result.training_set.examples.windows.tolist()])


if __name__ == "__main__":
    main()
