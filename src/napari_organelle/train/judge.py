"""From logits of held-out examples to a calibrated model's temperature, thresholds and scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_organelle.model.scoring.calibrate import (
    Task,
    choose_thresholds,
    expected_calibration_error,
    fit_temperature,
    probabilities,
)
from napari_organelle.model.scoring.scores import Answers, Scores, score

CROSS_NOTE = "Cross-validated: every example was judged by a network that had not seen its group."


@dataclass(frozen=True)
class HeldOut:
    """Answers to examples that the network was not trained on.

    Parameters
    ----------
    rows : (N,) int64
        Which examples.
    logits : (N, K) float32
        What the network answered.
    targets : (N, K) bool
        The truth.
    groups : (N,) array of str
        Groups of the examples.
    part : (N,) int
        Fold that each was held out in; 0 throughout without cross-validation.
    """

    rows: np.ndarray
    logits: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """What is saved with a model.

    Parameters
    ----------
    temperature : float
        As in ModelSpec.
    thresholds : tuple of float
        As in ModelSpec.
    scores : Scores or None
        None where nothing was held out.
    probabilities : (N, K) float32
        Calibrated, of the examples that `scores` judges.
    """

    temperature: float
    thresholds: tuple[float, ...]
    scores: Scores | None
    probabilities: np.ndarray


def judge_holdout(val: HeldOut, test: HeldOut, classes: tuple[str, ...], task: Task) -> Judgement:
    """Temperature and thresholds from the validation side, scores from the test side."""
    temperature = fit_temperature(val.logits, val.targets, task)
    thresholds = choose_thresholds(probabilities(val.logits, task, temperature), val.targets, task)
    answers = probabilities(test.logits, task, temperature)
    return Judgement(temperature, thresholds, _score(test, answers, classes, task, thresholds), answers)


def judge_cross(held: HeldOut, classes: tuple[str, ...], task: Task) -> Judgement:
    """Each fold is judged with the temperature and thresholds of the other folds; the model gets those of
    all."""
    answers = np.zeros_like(held.logits)
    limits = np.zeros((len(answers), 1 if task == "single" else len(classes)))
    for part in np.unique(held.part):
        inside, others = held.part == part, held.part != part
        others = others if others.any() else inside
        temperature = fit_temperature(held.logits[others], held.targets[others], task)
        answers[inside] = probabilities(held.logits[inside], task, temperature)
        others_probabilities = probabilities(held.logits[others], task, temperature)
        limits[inside] = choose_thresholds(others_probabilities, held.targets[others], task)
    temperature = fit_temperature(held.logits, held.targets, task)
    thresholds = choose_thresholds(answers, held.targets, task)
    scores = _score(held, answers, classes, task, limits)
    return Judgement(temperature, thresholds, replace(scores, notes=(*scores.notes, CROSS_NOTE)), answers)


def unjudged(classes: int, task: Task) -> Judgement:
    """Where nothing was held out."""
    thresholds = (0.5,) * (1 if task == "single" else classes)
    return Judgement(1.0, thresholds, None, np.zeros((0, classes), np.float32))


def _score(
    held: HeldOut,
    answers: np.ndarray,
    classes: tuple[str, ...],
    task: Task,
    thresholds: tuple[float, ...] | np.ndarray,
) -> Scores:
    scores = score(Answers(held.targets, answers, classes, task, np.asarray(thresholds), held.groups))
    before = expected_calibration_error(probabilities(held.logits, task), held.targets, task)
    return replace(scores, ece={"before": before, **scores.ece})
