"""How unsure a model is of its answers, and which region a person should look at next."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from napari_organelle.model.prediction import Prediction


def uncertainty(prediction: Prediction, thresholds: float | np.ndarray) -> np.ndarray:
    """How near each answer is to another one.

    Parameters
    ----------
    prediction : Prediction
        R regions, K classes.
    thresholds : float or (K,) array
        Probability in [0, 1] from which a class is called.

    Returns
    -------
    (R,) float
        In [0, 1], 1 is undecided. For one organelle a region: 1 less the margin between the two likeliest
        classes. For several: 1 less the smallest distance of a probability from its threshold, each as a
        share of the largest that there could be. NaN where there is no answer.
    """
    probabilities = prediction.probabilities.astype(np.float64)
    if prediction.task == "single":
        two = np.partition(probabilities, -2, axis=1)[:, -2:]
        return np.asarray(1 - (two[:, 1] - two[:, 0]))
    limits = np.broadcast_to(np.asarray(thresholds, np.float64), probabilities.shape[1:])
    apart = np.abs(probabilities - limits) / np.maximum(limits, 1 - limits)
    return np.asarray(1 - apart.min(axis=1))


def most_useful(prediction: Prediction, thresholds: float | np.ndarray, known: Collection[int]) -> int | None:
    """The region whose class would teach the model most: an unsure one, unlike those that are known.

    Its uncertainty counts as much as its variety: the Hellinger distance of its probabilities from those of
    the nearest known region.

    Parameters
    ----------
    prediction, thresholds
        As for `uncertainty`.
    known : collection of int
        Rows whose class a person has given.

    Returns
    -------
    int or None
        Its row; None where every region with an answer is known.
    """
    score = uncertainty(prediction, thresholds)
    rows = np.fromiter(known, np.int64, len(known))
    if len(rows):
        score *= _distance_to_nearest(np.sqrt(prediction.probabilities), rows)
    score[rows] = np.nan
    return None if np.isnan(score).all() else int(np.nanargmax(score))


def _distance_to_nearest(roots: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(R,) Euclidean distance of each row of (R, K) to the nearest of `rows`; NaN without an answer."""
    from scipy.spatial import cKDTree

    points = roots[rows]
    points = points[np.isfinite(points).all(axis=1)]
    distance = np.full(len(roots), np.nan)
    answered = np.isfinite(roots).all(axis=1)
    distance[answered] = cKDTree(points).query(roots[answered])[0] if len(points) else 1.0
    return distance
