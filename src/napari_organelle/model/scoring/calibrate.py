"""Logits to probabilities that mean what they say, and the thresholds at which a class is called."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_organelle.errors import OrganelleError
from napari_organelle.model.spec import TEMPERATURES as LIMITS

Task = Literal["single", "multi"]
"""One organelle an item, or several."""

BINS = 15
"""Bins of the expected calibration error, as in Guo et al., "On calibration of modern neural networks"
(2017)."""

TEMPERATURES = (0.05, 20.0)
"""Least and most that is fitted."""


def probabilities(logits: np.ndarray, task: Task, temperature: float = 1.0) -> np.ndarray:
    """Softmax of (N, K) logits over K for one label, sigmoid for several, after division by the temperature.

    Returns
    -------
    (N, K) float32
        In [0, 1].

    Raises
    ------
    OrganelleError
        If the temperature is so near to 0, or so high, that no logits have an answer.
    """
    from scipy.special import expit, softmax

    if not LIMITS[0] <= temperature <= LIMITS[1]:
        raise OrganelleError(
            f"the temperature must be from {LIMITS[0]:g} to {LIMITS[1]:g}, not {temperature}"
        )
    scaled = np.asarray(logits, np.float64) / temperature
    return (softmax(scaled, axis=1) if task == "single" else expit(scaled)).astype(np.float32)


def cross_entropy(logits: np.ndarray, targets: np.ndarray, task: Task, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood of the (N, K) bool `targets`, in nats; a mean over classes too for several
    labels."""
    from scipy.special import log_expit, log_softmax

    scaled = np.asarray(logits, np.float64) / temperature
    if task == "single":
        return float(-log_softmax(scaled, axis=1)[targets.astype(bool)].mean())
    return float(-np.where(targets, log_expit(scaled), log_expit(-scaled)).mean())


def fit_temperature(logits: np.ndarray, targets: np.ndarray, task: Task) -> float:
    """Temperature in [0.05, 20] that makes the targets most likely.

    Parameters
    ----------
    logits : (N, K) float
        Of items that the network was not trained on.
    targets : (N, K) bool
        Their truth.
    task : {"single", "multi"}
        Softmax, or sigmoid.
    """
    from scipy.optimize import minimize_scalar

    if not len(logits):
        return 1.0
    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda log: cross_entropy(logits, targets, task, np.exp(log)), bounds=(low, high), method="bounded"
    )
    return float(np.exp(found.x))


def expected_calibration_error(probability: np.ndarray, targets: np.ndarray, task: Task) -> float:
    """Mean distance, weighted by count, of confidence from accuracy in 15 equal bins of confidence.

    Parameters
    ----------
    probability : (N, K) float
        In [0, 1].
    targets : (N, K) bool
        The truth.
    task : {"single", "multi"}
        For one label the confidence is the highest probability of a row; for several every probability
        counts.
    """
    if task == "single":
        confidence = probability.max(axis=1)
        right = np.take_along_axis(targets, probability.argmax(axis=1)[:, None], axis=1)[:, 0]
    else:
        confidence, right = probability.ravel(), targets.ravel()
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right.astype(float), minlength=BINS)
    return float(np.abs(gaps).sum() / max(len(confidence), 1))


def choose_thresholds(probability: np.ndarray, targets: np.ndarray, task: Task) -> tuple[float, ...]:
    """Thresholds that serve best on validation items.

    Parameters
    ----------
    probability : (N, K) float
        Calibrated, of items that the network was not trained on.
    targets : (N, K) bool
        Their truth.
    task : {"single", "multi"}
        For one label: one confidence, between guessing and 0.95, below which an answer is unsure, so that
        right answers exceed wrong ones by most. For several: one for each class, with the best F1; 0.5 for a
        class without items.

    Returns
    -------
    tuple of float
        1 or K values. Where a range serves equally well, its middle; 0.5 without items.
    """
    classes = probability.shape[1]
    if not len(probability):
        return (0.5,) * (1 if task == "single" else classes)
    if task == "single":
        grid = np.arange(np.ceil(100 / classes), 96) / 100
        right = np.take_along_axis(targets, probability.argmax(axis=1)[:, None], axis=1).astype(bool)
        sure = probability.max(axis=1, keepdims=True) >= grid
        return (_middle_of_best(grid, np.where(right, sure, -1.0 * sure).sum(axis=0)),)
    grid = np.arange(5, 96) / 100
    thresholds = []
    for column, true in zip(probability.T, targets.T.astype(bool), strict=True):
        called = column[:, None] >= grid
        hits = (called & true[:, None]).sum(axis=0)
        f1 = 2 * hits / np.maximum(called.sum(axis=0) + true.sum(), 1)
        thresholds.append(_middle_of_best(grid, f1) if true.any() else 0.5)
    return tuple(thresholds)


def _middle_of_best(grid: np.ndarray, value: np.ndarray) -> float:
    best = np.flatnonzero(value == value.max())
    return float(grid[best[len(best) // 2]])
