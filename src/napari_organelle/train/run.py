"""Train a classifier: a head on features, then, if asked for, the last blocks on augmented images."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.errors import TrainingError
from napari_organelle.model.bundle import ModelBundle, open_bundle, save_bundle
from napari_organelle.model.domain import DOMAIN_FILE
from napari_organelle.model.engine.device import Device, choose_device, describe, device_names
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
from napari_organelle.train.folder import checkpoint_folder, clear, require_cache
from napari_organelle.train.judge import HeldOut, Judgement, judge_cross, judge_holdout, unjudged
from napari_organelle.train.replay import REPLAY_FILE
from napari_organelle.train.stages import HeadStage, TuningStage, start_weights
from napari_organelle.train.teach import Taught, TaughtHead, judge_taught, taught_recipe, taught_spec
from napari_organelle.train.trainset import TrainingPlan, TrainingSet, assemble

if TYPE_CHECKING:
    from napari_organelle.model.scoring.scores import Scores

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
    taught : Taught or None
        For a taught model: what that changed.
    """

    bundle: ModelBundle
    scores: Scores | None
    history: dict[str, list[dict[str, float]]]
    training_set: TrainingSet
    held_out: HeldOut
    probabilities: np.ndarray
    taught: Taught | None = None


@dataclass
class _TrainingRun:
    """State of a run."""

    plan: TrainingPlan
    training_set: TrainingSet
    device: Device
    started: float
    backbone: dict[str, np.ndarray]
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    held: dict[str, HeldOut] = field(default_factory=dict)
    history: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    taught: TaughtHead | None = None
    along: dict[str, np.ndarray] = field(default_factory=dict)
    """What the model brings along for whoever teaches it; nothing where its layers were tuned."""
    stopped_at: int = 0
    """Epochs of the head where the user stopped it: the folds that judge it get as many. 0 if nobody did."""


def train(
    plan: TrainingPlan, data: ImageSet | Examples, compute: ComputeFeatures = compute_features
) -> Generator[EpochReport, None, TrainingResult]:
    """Train, judge and save a classifier.

    Closing the generator, or throwing KeyboardInterrupt into it, stops the run at its best epoch: where there
    is one already, the model is judged and saved, and its checkpoints stay, so that it can be resumed. After
    KeyboardInterrupt its result is returned.

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
    require_cache(plan.cache or cache_folder())
    training_set = yield from assemble(plan, data)
    if plan.teacher:
        recipe = taught_recipe(open_bundle(plan.teacher).spec, len(training_set.examples))
        plan = replace(plan, recipe=recipe)
    if plan.overwrite and not plan.resume and plan.has_stopped():
        clear(plan.folder)
    device, backbone = choose_device(device_names(plan.device)[0], keras=True), start_weights(plan)
    with checkpoint_folder(plan.folder, training_set.fingerprint(plan), plan.resume) as resume_note:
        for note in filter(None, (*training_set.notes, resume_note)):
            yield EpochReport("reading", len(training_set.examples), len(training_set.examples), note=note)
        result = yield from _run_all(_TrainingRun(plan, training_set, device, started, backbone), compute)
    summary = result.scores.summary() if result.scores else "Not judged: nothing was held out."
    lines = (f"Saved {plan.output}: {summary}", *(result.taught.notes() if result.taught else ()))
    yield EpochReport("done", 1, 1, note="\n".join(lines))
    return result


def _run_all(run: _TrainingRun, compute: ComputeFeatures) -> Generator[EpochReport, None, TrainingResult]:
    """Fit, judge and save; a run that was stopped keeps its checkpoints."""
    try:
        yield from _fit_all(run, compute)
    except (GeneratorExit, KeyboardInterrupt) as stop:
        if not run.weights:
            raise
        run.notes.append(_stop_note(run))
        result = _finish(run)
        run.plan.mark_stopped(result.bundle)
        if isinstance(stop, GeneratorExit):
            raise
    else:
        result = _finish(run)
        clear(run.plan.folder)
    return result


def _check_output(plan: TrainingPlan) -> None:
    if not re.fullmatch(MODEL_NAME, plan.output.stem):
        raise TrainingError(
            f"The model would be called {plan.output.stem!r}: use letters, digits, '.', '_' and '-' only."
        )
    if plan.output.exists() and not plan.overwrite and not (plan.resume and plan.has_stopped()):
        raise TrainingError(
            f"{plan.output} exists already: choose another name, or say that it is to be replaced."
        )


def _fit_all(run: _TrainingRun, compute: ComputeFeatures) -> Generator[EpochReport, None, None]:
    """Features, head, folds and fine-tuning, in this order."""
    plan, training_set = run.plan, run.training_set
    key = FeatureKey(plan.recipe.network, training_set.pixels, weights_hash(run.backbone))
    folder = plan.cache or cache_folder()
    cache = FeatureCache(
        folder / key.folder(), plan.recipe.network.feature_count(training_set.pixels.input_size)
    )
    prune_cache(folder, plan.cache_bytes)
    if plan.teacher:
        run.taught = TaughtHead(plan, training_set, cache, key, run.device)
    head = run.taught or HeadStage(plan, training_set, cache, key, run.device)
    yield from head.compute(run.backbone, compute)
    run.along = head.along().arrays()
    best = Progress()
    try:
        yield from head.fit("head", training_set.train, training_set.val, best)
    except KeyboardInterrupt:
        if not training_set.folds or not best.best:
            raise
        run.stopped_at = len(best.history)
    finally:
        run.history["head"] = best.history
        if best.best:
            run.weights = {**run.backbone, **head.weights(best)}
            _hold_out(run, lambda rows: head.logits(rows, best))
    for number, held in enumerate(training_set.folds, start=1):
        yield from _fold(run, head, number, held)
    if run.stopped_at:
        raise KeyboardInterrupt
    if plan.recipe.tuned_blocks:
        yield from _tune(run, best)


def _stop_note(run: _TrainingRun) -> str:
    done, total = len(run.held), len(run.training_set.folds)
    if run.stopped_at:
        return f"Stopped by the user after {run.stopped_at} epochs; the folds that judge it had as many."
    part = f" It is judged by {done} of {total} folds." if total and 0 < done < total else ""
    return f"Stopped by the user.{part}"


def _hold_out(run: _TrainingRun, logits: Any) -> None:
    """Answers to the validation and test sides."""
    if run.training_set.split is None:
        return
    for side in ("val", "test"):
        rows = run.training_set.split.sides()[side]
        run.held[side] = _held_out(run.training_set, rows, logits(rows), 0)


def _held_out(training_set: TrainingSet, rows: np.ndarray, logits: np.ndarray, part: int) -> HeldOut:
    return HeldOut(
        rows, logits, training_set.targets[rows], training_set.examples.groups[rows], np.full(len(rows), part)
    )


def _fold(
    run: _TrainingRun, head: HeadStage, number: int, held: np.ndarray
) -> Generator[EpochReport, None, None]:
    """Train on the other folds, answer for this one."""
    name, progress = f"fold {number} of {len(run.training_set.folds)}", Progress()
    reports = head.fit(name, np.setdiff1d(run.training_set.train, held), held, progress, keep_last=True)
    try:
        for report in reports:
            yield report
            if run.stopped_at and report.epoch >= run.stopped_at:
                break
    finally:
        reports.close()
        run.history[name] = progress.history
        if progress.best and (progress.finished or run.stopped_at or not run.held):
            run.held[name] = _held_out(run.training_set, held, head.logits(held, progress), number)


def _tune(run: _TrainingRun, head: Progress) -> Generator[EpochReport, None, None]:
    """Fine-tune, and keep the tuned weights unless the validation side likes the head's better."""
    stage, progress = TuningStage(run.plan, run.training_set, run.device, run.weights), Progress()
    try:
        yield from stage.fit(progress)
    finally:
        run.history["fine-tuning"] = progress.history
        if progress.best and progress.merit() >= head.merit():
            run.weights |= stage.weights(progress)
            run.along = {}
            _hold_out(run, lambda rows: stage.logits(rows, progress))
        elif progress.best:
            run.notes.append("Fine-tuning was no better on the validation side: the head's model is kept.")


def _judge(run: _TrainingRun) -> tuple[Judgement, HeldOut]:
    training_set = run.training_set
    if training_set.split is not None:
        return judge_holdout(
            run.held["val"], run.held["test"], training_set.classes, training_set.task
        ), run.held["test"]
    if not run.held:
        nothing = np.zeros(0, np.int64)
        return unjudged(len(training_set.classes), training_set.task), _held_out(
            training_set, nothing, np.zeros((0, len(training_set.classes))), 0
        )
    names = ("rows", "logits", "targets", "groups", "part")
    held = HeldOut(*(np.concatenate([getattr(each, name) for each in run.held.values()]) for name in names))
    if run.taught:
        return judge_taught(held, training_set.classes, training_set.task, run.taught), held
    return judge_cross(held, training_set.classes, training_set.task), held


def _finish(run: _TrainingRun) -> TrainingResult:
    """Judge and save."""
    plan, training_set = run.plan, run.training_set
    judgement, held = _judge(run)
    taught = Taught.of(run.taught, judgement, held) if run.taught else None
    if taught:
        run.notes += taught.notes()
    spec = ModelSpec(
        name=plan.output.stem,
        classes=colour_classes(training_set.classes),
        task=training_set.task,
        slots=training_set.slots,
        pixels=training_set.pixels,
        network=plan.recipe.network,
        thresholds=judgement.thresholds,
        temperature=judgement.temperature,
        description=plan.description,
        scores=judgement.scores.to_dict() if judgement.scores else {},
        provenance=_provenance(run),
        versions=_versions(run.device.backend),
    )
    extras = {REPLAY_FILE: run.along}
    if run.taught:
        spec = taught_spec(spec, run.taught)
        extras[DOMAIN_FILE] = run.taught.domain()
    replaced = plan.overwrite or plan.has_stopped()
    bundle = save_bundle(plan.output, spec, run.weights, extras=extras, overwrite=replaced)
    return TrainingResult(
        bundle, judgement.scores, run.history, training_set, held, judgement.probabilities, taught
    )


def _provenance(run: _TrainingRun) -> dict[str, Any]:
    plan, training_set = run.plan, run.training_set
    source = training_set.examples.image_set.source
    sides = training_set.split.sides() if training_set.split else {"train": training_set.train}
    return {
        "data": source.name if source else training_set.examples.image_set.kind,
        "data_hash": training_set.data_hash(),
        "examples": dict(zip(training_set.classes, training_set.targets.sum(axis=0).tolist(), strict=True)),
        "split": {
            "by": training_set.split_by,
            "examples": {side: len(rows) for side, rows in sides.items()},
            "groups": {
                side: len(np.unique(training_set.examples.groups[rows])) for side, rows in sides.items()
            },
            "folds": len(training_set.folds),
            "shared": dict(training_set.shared),
        },
        "seed": plan.seed,
        "recipe": asdict(plan.recipe),
        "start": plan.start or "ImageNet",
        "device": describe(run.device),
        "seconds": round(time.monotonic() - run.started, 1),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "history": {stage: [_json_row(row) for row in rows] for stage, rows in run.history.items()},
        "notes": [*training_set.notes, *run.notes],
    }


def _json_row(row: dict[str, float]) -> dict[str, float | None]:
    return {name: float(f"{value:.6g}") if np.isfinite(value) else None for name, value in row.items()}


def _versions(backend: str) -> dict[str, str]:
    names = ("napari-organelle", "keras", backend, "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {name: version(name) for name in names}
