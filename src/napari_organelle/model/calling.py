"""What regions are called at given thresholds: the one place that decides it."""

from __future__ import annotations

import numpy as np

UNSURE = "unsure"
"""What a region is called when no class reaches its threshold."""

CORRECTED = "corrected"
"""Of what a person said that a region shows, beside what it is called: a column, or a list of regions."""

UNLIKE = "unlike_training"
"""Column: which regions are unlike the pictures that the model was trained on; they are called nothing."""

UNLIKE_TEXT = "unlike training"
"""What a legend calls these regions, which are unsure."""

UNSURE_COLOUR = "#9e9e9e"


def called_classes(probabilities: np.ndarray, thresholds: float | np.ndarray, task: str) -> np.ndarray:
    """Which classes each region is called.

    Parameters
    ----------
    probabilities : (R, K) float
        In [0, 1]; NaN where there is no answer.
    thresholds : float, or (1,), (K,), (R, 1) or (R, K) array
        Probability in [0, 1] from which a class is called.
    task : {"single", "multi"}
        For ``"single"`` only the most probable class is called.

    Returns
    -------
    (R, K) bool
        A row without any is unsure, or has no answer.
    """
    called = np.asarray(probabilities >= thresholds)
    if task == "single" and len(probabilities):
        called &= most_probable(probabilities)
    return called


def most_probable(probabilities: np.ndarray) -> np.ndarray:
    """(R, K) bool: the class of each row with the highest probability, the first of equal ones."""
    return np.asarray(np.arange(probabilities.shape[1]) == np.argmax(probabilities, axis=1)[:, None])
