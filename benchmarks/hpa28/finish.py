"""Make bundles of what `train.py` wrote, with temperature and thresholds, and print the card's tables.

    python benchmarks/hpa28/finish.py OUT hpa28_real.npz -o src/napari_organelle/bundled

Judged are the mosaics and images of the fold that was held out, the complete sets, and fresh composites of
the held-out mosaics' cells; everything goes the way that the plugin goes, from raw windows to probabilities.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from compose import NAMES, SIDE, compose, decode, held_out, references
from scipy.special import logit
from sklearn.metrics import average_precision_score
from teacher import IN_2018

from napari_organelle.model.bundle import save_bundle
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.scoring.calibrate import choose_thresholds, fit_temperature, probabilities
from napari_organelle.model.scoring.scores import Answers, score
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import HUMAN_SLOTS
from napari_organelle.prepare.pixels import PixelPlan, network_input

PLAN = PixelPlan(
    input_size=144,
    window_px=224,
    pixel_size_um=0.32,
    mixing=((0.5, 0, 0, 0.5), (0, 1, 0, 0), (0, 0, 1, 0)),
    field_parts=2,
)
NETWORKS = {"hpa-28": NetworkPlan(dropout=0.3), "hpa-28-compact": NetworkPlan(width=0.25, dropout=0.1)}
DESCRIPTION = (
    "Where a protein is in a human cell: the 28 locations of the Human Protein Atlas's 2018 set, several at "
    "once, from the protein and, where there are, nucleus, microtubules and ER. Learned from painted "
    "proteins in real cells, from real cells of five locations and from a published network's answers."
)
CONDITIONS = {
    "all four stains": (1.0, ()),
    "no ER": (1.0, (3,)),
    "protein + nucleus": (1.0, (0, 3)),
    "protein alone": (1.0, (0, 2, 3)),
    "cells enlarged twice": (2.0, ()),
    "cells shrunk twice": (0.5, ()),
}
STAIN_OF = {0: 14, 2: 0, 3: 6}
COMPOSITES, SEED, BATCH = 8, 999, 32


def zoom(stains: np.ndarray, factor: float, lost: Sequence[int]) -> np.ndarray:
    """(4, n, n): the middle enlarged, or the whole shrunk amid darkness; some stains taken away."""
    side = stains.shape[1]
    if factor > 1:
        cut = round(side * (1 - 1 / factor) / 2)
        stains = stains[:, cut : side - cut, cut : side - cut]
    elif factor < 1:
        stains = np.pad(stains, ((0, 0), *[(round(side * (1 / factor - 1) / 2),) * 2] * 2))
    stains = stains.copy()
    stains[list(lost)] = 0
    return stains


class Judge:
    """A model without calibration, on the device that the plugin would take; answers (N, 28) logits."""

    def __init__(self, spec: ModelSpec, weights: dict[str, np.ndarray]) -> None:
        with TemporaryDirectory() as folder:
            self.model = load(save_bundle(Path(folder) / "plain.organelle", spec, weights), "auto")

    def logits(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        predicted = []
        for start in range(0, len(windows), BATCH):
            x = network_input(windows[start : start + BATCH], PLAN)
            full = np.concatenate([x, np.zeros((BATCH - len(x), *x.shape[1:]), np.float32)])
            predicted.append(self.model.probabilities(full)[: len(x)])
        return logit(np.clip(np.concatenate(predicted).astype(float), 1e-7, 1 - 1e-7))


class Held:
    """What was not trained on: cells with their truth, stains and fields, complete sets, composites."""

    def __init__(self, pack: Path, fold: int) -> None:
        with np.load(pack) as real:
            held = held_out(real["mosaic"], real["target"], fold)
            rows = np.flatnonzero(held)
            self.cells = [decode(real[f"cell{row:04d}"]).reshape(4, SIDE, SIDE) for row in rows]
            self.target, self.teacher = real["target"][rows].astype(int), real["teacher"][rows].astype(float)
            self.fields: list[np.ndarray] = []
            self.truth: list[np.ndarray] = []
            self.kind: list[str] = []
            seen = [0] * 4
            for row, line in enumerate(real["fields"].tolist()):
                names = [f"field{row:04d}_{stain}" for stain in range(4)]
                there = [stain for stain in range(4) if names[stain] in real.files]
                planes = np.stack(
                    [decode(real[n]) if n in real.files else np.zeros((512, 512), np.uint8) for n in names]
                )
                for stain in there:
                    if len(there) == 4 or seen[stain] % 5 == fold:
                        self._add(planes, stain, line, len(there) == 4)
                    seen[stain] += len(there) < 4
        rng = np.random.default_rng(SEED)
        cells = references(pack, fold, True)
        made = [compose(rng, cells) for _ in range(COMPOSITES)]
        self.painted = np.concatenate([part[0] for part in made])
        self.painted_truth = np.concatenate([part[1] for part in made]).astype(bool)

    def _add(self, planes: np.ndarray, stain: int, line: str, whole: bool) -> None:
        truth, picture = np.zeros(len(NAMES), bool), planes.copy()
        if stain == 1:
            truth[[int(t) for t in line.split()[1:]]] = True
        else:
            truth[STAIN_OF[stain]] = True
            picture[1], picture[stain] = planes[stain], 0
        self.fields.append(picture)
        self.truth.append(truth)
        self.kind.append(
            ("complete, " if whole else "") + ("microtubules", "protein", "nucleus", "ER")[stain]
        )


def mean_ap(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, dict[str, float]]:
    """Over the locations that are there, and each one's."""
    each = {
        NAMES[k]: float(average_precision_score(truth[:, k], predicted[:, k]))
        for k in range(len(NAMES))
        if truth[:, k].any()
    }
    return float(np.mean(list(each.values()))), each


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share."""
    z, p = 1.96, hits / count
    middle, half = p + z**2 / 2 / count, z * np.sqrt(p * (1 - p) / count + z**2 / 4 / count**2)
    return float((middle - half) / (1 + z**2 / count)), float((middle + half) / (1 + z**2 / count))


def judge_real(judge: Judge, held: Held) -> dict[str, object]:
    """Figures on real images."""
    five, figures = np.unique(held.target), {}
    truth = np.eye(len(NAMES), dtype=bool)[held.target]
    for name, (factor, lost) in CONDITIONS.items():
        predicted = probabilities(judge.logits([zoom(cell, factor, lost) for cell in held.cells]), "multi")
        hits = int((five[predicted[:, five].argmax(1)] == held.target).sum())
        figures[f"cells, {name}"] = {
            "top-1 of 5": round(hits / len(predicted), 3),
            "interval": [round(v, 3) for v in wilson(hits, len(predicted))],
            "top-1 of 28": round(float((predicted.argmax(1) == held.target).mean()), 3),
            "mean AP of 5": round(mean_ap(predicted[:, :], truth)[0], 3),
            "by location": {
                NAMES[k]: round(float((predicted[held.target == k].argmax(1) == k).mean()), 2) for k in five
            },
        }
    own = {k: next(t for t, covered in enumerate(IN_2018) if k in covered) for k in five}
    columns = held.teacher[:, [own[k] for k in five]]
    figures["cells, teacher"] = {
        "top-1 of 5": round(float((five[columns.argmax(1)] == held.target).mean()), 3),
        "mean AP of 5": round(
            float(np.mean([average_precision_score(truth[:, k], columns[:, i]) for i, k in enumerate(five)])),
            3,
        ),
    }
    figures["cells, trivial (most frequent)"] = round(
        float(np.bincount(held.target).max() / len(held.target)), 3
    )
    fields, kinds = probabilities(judge.logits(held.fields), "multi"), np.array(held.kind)
    quarters = probabilities(
        judge.logits(
            [f[:, y : y + 256, x : x + 256] for f in held.fields for y in (0, 256) for x in (0, 256)]
        ),
        "multi",
    )
    in_parts = quarters.reshape(-1, 4, len(NAMES)).mean(1)
    truths = np.stack(held.truth)
    for kind in sorted(set(held.kind)):
        of = kinds == kind
        figures[f"fields, {kind}"] = {
            "n": int(of.sum()),
            "top guess right, undivided": round(float(truths[of, fields[of].argmax(1)].mean()), 3),
            "top guess right, in parts": round(float(truths[of, in_parts[of].argmax(1)].mean()), 3),
        }
    return figures


def calibrate(judge: Judge, held: Held) -> tuple[float, tuple[float, ...], np.ndarray]:
    """Temperature and thresholds from real images as far as there are any; composites' probabilities.

    No threshold is so low that its location would be called in an empty window.
    """
    real = judge.logits([*held.cells, *held.fields])
    truth = np.concatenate([np.eye(len(NAMES), dtype=bool)[held.target], np.stack(held.truth)])
    temperature = max(1.0, fit_temperature(real, truth, "multi"))
    painted = probabilities(judge.logits(list(held.painted)), "multi", temperature)
    by_real = choose_thresholds(probabilities(real, "multi", temperature), truth, "multi")
    by_painted = choose_thresholds(painted, held.painted_truth, "multi")
    enough = truth.sum(axis=0) >= 8
    dark = probabilities(judge.logits([np.zeros((4, SIDE, SIDE), np.uint8)]), "multi", temperature)[0]
    chosen = np.maximum(np.clip(np.where(enough, by_real, by_painted), 0.3, 0.7), dark + 0.05)
    return temperature, tuple(round(float(t), 2) for t in chosen), painted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path)
    parser.add_argument("pack", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    log = json.loads((args.trained / "log.json").read_text())
    held = Held(args.pack, int(log["settings"]["fold"]))
    stored = {
        n: a
        for part in ("block4", "block5", "rest")
        for n, a in np.load(args.trained / f"{part}.npz").items()
    }
    tables = {}
    for name, plan in NETWORKS.items():
        weights = {
            n.removeprefix("compact/"): a
            for n, a in stored.items()
            if n.startswith("compact/") == name.endswith("compact")
        }
        if not weights:
            continue
        plain = ModelSpec(
            name=name,
            classes=colour_classes(NAMES),
            task="multi",
            slots=HUMAN_SLOTS,
            pixels=PLAN,
            network=plan,
            thresholds=(0.5,) * len(NAMES),
            description=DESCRIPTION,
        )
        judge = Judge(plain, weights)
        temperature, thresholds, painted = calibrate(judge, held)
        answers = Answers(held.painted_truth, painted, NAMES, "multi", np.array(thresholds))
        scores, figures = score(answers), judge_real(judge, held)
        overall, each = mean_ap(painted, held.painted_truth)
        figures["composites"] = {
            "mean AP of 28": round(overall, 3),
            "macro F1": round(scores.macro_f1, 3),
            "trivial mean AP": round(float(held.painted_truth.mean()), 3),
            "AP": {k: round(v, 2) for k, v in each.items()},
        }
        figures["temperature"], figures["thresholds"] = temperature, dict(zip(NAMES, thresholds, strict=True))
        spec = replace(
            plain,
            thresholds=thresholds,
            temperature=temperature,
            scores=scores.to_dict(),
            provenance={
                "data": f"{log['log'][-1]['samples']} samples: composites, cells of mosaics, images of 2018",
                "judged_on": f"{len(painted)} composites of held-out cells, seed {SEED}; real: model card",
                "recipe": "benchmarks/hpa28",
                "seed": int(log["settings"]["seed"]),
                "taught_by": "gapnet_pl (Rumetshofer et al., ICLR 2019)",
            },
            versions={package: version(package) for package in ("napari-organelle", "keras", "numpy")},
        )
        save_bundle(args.output / f"{name}.organelle", spec, weights, overwrite=True)
        tables[name] = figures
        print(name, json.dumps(figures, indent=1), flush=True)
    (args.trained / "figures.json").write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
