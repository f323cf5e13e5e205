"""Bundle of `yeast-12` from what `train_yeast_12.py` wrote.

    python benchmarks/assemble_yeast_12.py OUT -o src/napari_organelle/bundled --figure docs/images

Temperature and threshold come from real cells on which nothing was trained: each figure cell told by the
trial that had not seen it, also as a starved picture; the genes, also starved; and autofluorescent cells,
every call of which is wrong. The kinds count equally.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from train_yeast_12 import CROP, NETWORK, PLAN, TRAIN_SEED

from napari_organelle.model.bundle import save_bundle
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.scoring.scores import Answers, score
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import YEAST_SLOTS
from napari_organelle.simulate.yeast import YEAST_CLASSES

RIGHT_WHEN_SURE = 0.9
KINDS = ("figure", "figure_dim", "cyclops", "cyclops_alone", "cyclops_60_photons", "cyclops_20_photons",
         "cyclops_8_photons", "nuclei", "autofluorescent")  # fmt: skip

DESCRIPTION = (
    "Which of the 12 DeepYeast compartments a tagged protein of budding yeast lights up, from single cells "
    "about 34 pixels wide at 0.12 µm a pixel: the protein (GFP) and, where there is one, a cytosol marker. "
    "Trained on simulated cells and 264 real ones; below its threshold it says unsure."
)

Judged = dict[str, tuple[np.ndarray, np.ndarray]]
"""Kind of cells to logits (N, 12) and truth (N,), -1 for none of the classes."""


def held_out(results: dict[str, np.ndarray], name: str, views: str = "") -> Judged:
    """Logits on real cells; of figure cells those of the trial that had not seen them."""
    judged: Judged = {}
    for kind in KINDS:
        truth = results[f"truth/{kind}"]
        if kind.startswith("figure"):
            trials = [results[f"trial {trial}/{kind}{views}"] for trial in range(2)]
            answers = np.where((np.arange(len(truth)) % 2 == 0)[:, None], trials[1], trials[0])
        else:
            answers = results[f"{name}/{kind}{views}"]
        judged[kind] = answers, truth
    return judged


def fit_temperature(judged: Judged) -> float:
    """The temperature that makes the truths most likely, kinds counting equally; none means all classes."""

    def surprise(temperature: float) -> float:
        losses = []
        for answers, truth in judged.values():
            likely = log_softmax(answers / temperature, axis=1)
            losses.append(-(likely[np.arange(len(truth)), truth] if truth[0] >= 0 else likely.mean(1)).mean())
        return float(np.mean(losses))

    return float(minimize_scalar(surprise, bounds=(0.3, 5), method="bounded").x)


def pooled(judged: Judged, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, whether right, and weight of every cell, such that kinds weigh the same."""
    answers = [softmax(logits / temperature, axis=1) for logits, _ in judged.values()]
    right = [p.argmax(1) == truth for p, (_, truth) in zip(answers, judged.values(), strict=True)]
    weight = [np.full(len(r), 1 / len(r)) for r in right]
    return np.concatenate([p.max(1) for p in answers]), np.concatenate(right), np.concatenate(weight)


def threshold_at(confidence: np.ndarray, right: np.ndarray, weight: np.ndarray) -> float:
    """The lowest from which `RIGHT_WHEN_SURE` of the calls are right, and remain so above it."""
    grid = np.arange(0.25, 0.97, 0.01)
    shares = np.array(
        [(weight * right)[confidence >= t].sum() / max(weight[confidence >= t].sum(), 1e-9) for t in grid]
    )
    good = shares >= RIGHT_WHEN_SURE
    last_bad = np.flatnonzero(~good).max(initial=-1)
    return float(round(grid[min(last_bad + 1, len(grid) - 1)], 2))


def print_table(judged: Judged, temperature: float, threshold: float) -> None:
    print("| cells | n | top-1 | top-2 | called | right, of those |\n|---|---|---|---|---|---|")
    for kind, (logits, truth) in judged.items():
        answers = softmax(logits / temperature, axis=1)
        order = np.argsort(-answers, axis=1)
        right, second = order[:, 0] == truth, order[:, 1] == truth
        sure = answers.max(1) >= threshold
        share = f"{right[sure].mean():.3f}" if sure.any() else "–"
        print(
            f"| {kind} | {len(truth)} | {right.mean():.3f} | {(right | second).mean():.3f} "
            f"| {sure.mean():.3f} | {share} |"
        )


def draw_reliability(curves: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], file: Path) -> None:
    figure = Figure(figsize=(5, 4.2), layout="constrained", dpi=110)
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color="grey", lw=0.8)
    for name, (confidence, right, weight) in curves.items():
        bins = np.minimum((confidence * 10).astype(int), 9)
        mass = np.bincount(bins, weight, 10)
        some = np.bincount(bins, minlength=10) >= 10
        x = np.bincount(bins, weight * confidence, 10)[some] / mass[some]
        y = np.bincount(bins, weight * right, 10)[some] / mass[some]
        axes.plot(x, y, "o-", label=name)
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False)
    figure.savefig(file)


def spec_of(results: dict, report: dict, temperature: float, threshold: float) -> ModelSpec:
    answers = softmax(results["one view/simulated"] / temperature, axis=1)
    truth = np.eye(len(YEAST_CLASSES), dtype=bool)[results["truth/simulated"]]
    scores = score(Answers(truth, answers, YEAST_CLASSES, "single", np.array([threshold])))
    return ModelSpec(
        name="yeast-12",
        classes=colour_classes(YEAST_CLASSES),
        task="single",
        slots=YEAST_SLOTS,
        pixels=PLAN,
        network=NETWORK,
        thresholds=(threshold,),
        temperature=temperature,
        views=1,
        description=DESCRIPTION,
        scores=scores.to_dict(),
        provenance={
            "data": f"{report['crops']} simulated crops of {CROP} px, seed {TRAIN_SEED}; 264 real cells",
            "judged_on": f"{len(truth)} simulated crops; threshold from real cells",
            "recipe": "benchmarks/train_yeast_12.py",
            "seed": report["seed"],
            "seconds": report["seconds"],
        },
        versions={package: version(package) for package in ("napari-organelle", "keras", "numpy")},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the bundle")
    parser.add_argument("--figure", type=Path, help="folder for the reliability diagram")
    args = parser.parse_args()
    with np.load(args.trained / "results.npz") as file:
        results = dict(file)
    report = json.loads(str(results["report"]))
    judged = held_out(results, "one view")
    temperature = fit_temperature(judged)
    curve = pooled(judged, temperature)
    threshold = threshold_at(*curve)
    print(f"\ntemperature {temperature:.2f}, threshold {threshold}")
    print_table(judged, temperature, threshold)
    weights: dict[str, np.ndarray] = {}
    for file in sorted(args.trained.glob("large-*.npz")):
        with np.load(file) as arrays:
            weights |= dict(arrays)
    spec = spec_of(results, report, temperature, threshold)
    save_bundle(args.output / "yeast-12.organelle", spec, weights, overwrite=True)
    if args.figure:
        draw_reliability({"yeast-12": curve}, args.figure / "yeast-12-reliability.png")


if __name__ == "__main__":
    main()
