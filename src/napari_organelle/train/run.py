"""Train a classifier: a head on features, then, if asked for, the last blocks on augmented images."""

from __future__ import annotations

import platform
import re
import shutil
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.errors import TrainingError
from napari_organelle.model.bundle import ModelBundle, save_bundle
from napari_organelle.model.device import Device, choose_device, describe, device_names
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.spec import ModelSpec
from napari_organelle.read.image_set import ImageSet
from napari_organelle.train.checkpoint import Progress
from napari_organelle.train.examples import Examples
from napari_organelle.train.features import (
    ComputeFeatures,
    FeatureCache,
    FeatureKey,
    cache_folder,
    compute_features,
    prune_cache,
    weights_hash,
)
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.judge import HeldOut, Judgement, judge_cross, judge_holdout, unjudged
from napari_organelle.train.stages import HeadStage, TuningStage, start_weights
from napari_organelle.train.trainset import TrainingPlan, TrainingSet, assemble

if TYPE_CHECKING:
    from napari_organelle.model.scores import Scores

MODEL_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"

__all__ = ["EpochReport", "TrainingPlan", "TrainingResult", "train"]


@dataclass(frozen=True)
class TrainingResult:
    """What a run ends with.

    Parameters
    ----------
    bundle : ModelBundle
        The saved model.
    scores : Scores or None
        Also in ``bundle.spec.scores``; None where nothing was held out.
    history : dict
        For each stage the losses and F1 of its epochs.
    training_set : TrainingSet
        What the model was trained on.
    held_out : HeldOut
        Answers that `scores` judges.
    probabilities : (N, K) float32
        Calibrated, of `held_out`.
    """

    bundle: ModelBundle
    scores: Scores | None
    history: dict[str, list[dict[str, float]]]
    training_set: TrainingSet
    held_out: HeldOut
    probabilities: np.ndarray


@dataclass
class _Run:
    """State of a run."""

    plan: TrainingPlan
    made: TrainingSet
    device: Device
    started: float
    backbone: dict[str, np.ndarray]
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    held: dict[str, HeldOut] = field(default_factory=dict)
    history: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def train(
    plan: TrainingPlan, data: ImageSet | Examples, compute: ComputeFeatures = compute_features
) -> Generator[EpochReport, None, TrainingResult]:
    """Train, judge and save a classifier.

    Closing the generator, or throwing KeyboardInterrupt into it, stops the run at its best epoch: where there
    is one already, the model is judged and saved. After KeyboardInterrupt its result is returned.

    Parameters
    ----------
    plan : TrainingPlan
        What and how.
    data : ImageSet or Examples
        An ImageSet with labels in its item table, or labelled windows.
    compute : callable
        As `features.compute_features`, such as one that does it on workers.

    Yields
    ------
    EpochReport
        While reading, after each batch of features, and after each epoch.

    Returns
    -------
    TrainingResult

    Raises
    ------
    TrainingError
        If the data or the plan can't give a model; the message says what to change.
    """
    started = time.monotonic()
    _check_output(plan)
    made = yield from assemble(plan, data)
    _open_folder(plan, made)
    for note in made.notes:
        yield EpochReport("reading", len(made.examples), len(made.examples), note=note)
    run = _Run(
        plan, made, choose_device(device_names(plan.device)[0], keras=True), started, start_weights(plan)
    )
    try:
        yield from _fit_all(run, compute)
    except (GeneratorExit, KeyboardInterrupt) as stop:
        if not run.weights:
            raise
        run.notes.append("Stopped by the user.")
        if isinstance(stop, GeneratorExit):
            _finish(run)
            raise
    result = _finish(run)
    summary = result.scores.summary() if result.scores else "Not judged: nothing was held out."
    yield EpochReport("done", 1, 1, note=f"Saved {plan.output}: {summary}")
    return result


def _check_output(plan: TrainingPlan) -> None:
    if not re.fullmatch(MODEL_NAME, plan.output.stem):
        raise TrainingError(
            f"The model would be called {plan.output.stem!r}: use letters, digits, '.', '_' and '-' only."
        )
    if plan.output.exists() and not plan.overwrite:
        raise TrainingError(
            f"{plan.output} exists already: choose another name, or say that it is to be replaced."
        )


def _open_folder(plan: TrainingPlan, made: TrainingSet) -> None:
    """Folder of checkpoints: new, or that of a killed run of the same plan on the same data."""
    mark, wanted = plan.folder / "fingerprint", made.fingerprint(plan)
    if plan.folder.exists() and not plan.resume:
        raise TrainingError(f"{plan.folder} holds an unfinished run: resume it, or delete that folder.")
    if mark.exists() and mark.read_text() != wanted:
        raise TrainingError(
            f"{plan.folder} belongs to other data, labels, seed or settings: "
            "resume with the same ones, or delete it."
        )
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(wanted)
    except OSError as error:
        raise TrainingError(f"Checkpoints can't be written to {plan.folder}: {error}") from error


def _fit_all(run: _Run, compute: ComputeFeatures) -> Generator[EpochReport, None, None]:
    """Features, head, folds and fine-tuning, in this order."""
    plan, made = run.plan, run.made
    key = FeatureKey(plan.recipe.network, made.pixels, weights_hash(run.backbone))
    folder = plan.cache or cache_folder()
    cache = FeatureCache(folder / key.folder(), plan.recipe.network.feature_count(made.pixels.input_size))
    prune_cache(folder)
    head = HeadStage(plan, made, cache, key, run.device)
    yield from head.compute(run.backbone, compute)
    best = Progress()
    try:
        yield from head.fit("head", made.train, made.val, best)
    finally:
        run.history["head"] = best.history
        if best.best:
            run.weights = {**run.backbone, **head.weights(best)}
            _hold_out(run, lambda rows: head.logits(rows, best))
    for number, held in enumerate(made.folds, start=1):
        yield from _fold(run, head, number, held)
    if plan.recipe.tuned_blocks:
        yield from _tune(run, best)


def _hold_out(run: _Run, logits: Any) -> None:
    """Answers to the validation and test sides."""
    if run.made.split is None:
        return
    for side in ("val", "test"):
        rows = run.made.split.sides()[side]
        run.held[side] = _held_out(run.made, rows, logits(rows), 0)


def _held_out(made: TrainingSet, rows: np.ndarray, logits: np.ndarray, part: int) -> HeldOut:
    return HeldOut(rows, logits, made.targets[rows], made.examples.groups[rows], np.full(len(rows), part))


def _fold(run: _Run, head: HeadStage, number: int, held: np.ndarray) -> Generator[EpochReport, None, None]:
    """Train on the other folds, answer for this one."""
    name, progress = f"fold {number} of {len(run.made.folds)}", Progress()
    yield from head.fit(name, np.setdiff1d(run.made.train, held), held, progress, keep_last=True)
    run.history[name] = progress.history
    run.held[name] = _held_out(run.made, held, head.logits(held, progress), number)


def _tune(run: _Run, head: Progress) -> Generator[EpochReport, None, None]:
    """Fine-tune, and keep the tuned weights unless the validation side likes the head's better."""
    stage, progress = TuningStage(run.plan, run.made, run.device, run.weights), Progress()
    try:
        yield from stage.fit(progress)
    finally:
        run.history["fine-tuning"] = progress.history
        if progress.best and progress.merit() >= head.merit():
            run.weights |= stage.weights(progress)
            _hold_out(run, lambda rows: stage.logits(rows, progress))
        elif progress.best:
            run.notes.append("Fine-tuning was no better on the validation side: the head's model is kept.")


def _judge(run: _Run) -> tuple[Judgement, HeldOut]:
    made = run.made
    if made.split is not None:
        return judge_holdout(run.held["val"], run.held["test"], made.classes, made.task), run.held["test"]
    if not run.held:
        nothing = np.zeros(0, np.int64)
        return unjudged(len(made.classes), made.task), _held_out(
            made, nothing, np.zeros((0, len(made.classes))), 0
        )
    names = ("rows", "logits", "targets", "groups", "part")
    held = HeldOut(*(np.concatenate([getattr(each, name) for each in run.held.values()]) for name in names))
    return judge_cross(held, made.classes, made.task), held


def _finish(run: _Run) -> TrainingResult:
    """Judge, save, and clear the checkpoints away."""
    plan, made = run.plan, run.made
    judgement, held = _judge(run)
    spec = ModelSpec(
        name=plan.output.stem,
        classes=colour_classes(made.classes),
        task=made.task,
        slots=made.slots,
        pixels=made.pixels,
        network=plan.recipe.network,
        thresholds=judgement.thresholds,
        temperature=judgement.temperature,
        description=plan.description,
        scores=judgement.scores.to_dict() if judgement.scores else {},
        provenance=_provenance(run),
        versions=_versions(run.device.backend),
    )
    bundle = save_bundle(plan.output, spec, run.weights, overwrite=plan.overwrite)
    shutil.rmtree(plan.folder, ignore_errors=True)
    return TrainingResult(bundle, judgement.scores, run.history, made, held, judgement.probabilities)


def _provenance(run: _Run) -> dict[str, Any]:
    plan, made = run.plan, run.made
    source = made.examples.image_set.source
    sides = made.split.sides() if made.split else {"train": made.train}
    return {
        "data": source.name if source else made.examples.image_set.kind,
        "data_hash": made.data_hash(),
        "examples": dict(zip(made.classes, made.targets.sum(axis=0).tolist(), strict=True)),
        "split": {
            "by": made.split_by,
            "examples": {side: len(rows) for side, rows in sides.items()},
            "groups": {side: len(np.unique(made.examples.groups[rows])) for side, rows in sides.items()},
            "folds": len(made.folds),
        },
        "seed": plan.seed,
        "recipe": asdict(plan.recipe),
        "start": plan.start or "ImageNet",
        "device": describe(run.device),
        "seconds": round(time.monotonic() - run.started, 1),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "history": {stage: [_json_row(row) for row in rows] for stage, rows in run.history.items()},
        "notes": [*made.notes, *run.notes],
    }


def _json_row(row: dict[str, float]) -> dict[str, float | None]:
    return {name: float(f"{value:.6g}") if np.isfinite(value) else None for name, value in row.items()}


def _versions(backend: str) -> dict[str, str]:
    names = ("napari-organelle", "keras", backend, "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {name: version(name) for name in names}
