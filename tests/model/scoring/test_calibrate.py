import numpy as np
import pytest

from napari_organelle.model.scoring.calibrate import (
    choose_thresholds,
    cross_entropy,
    expected_calibration_error,
    fit_temperature,
    probabilities,
)


def overconfident(task: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits three times too large, and truths drawn as the right ones say."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 1.5
    told = probabilities(logits, task)
    if task == "multi":
        return 3 * logits, rng.random(told.shape) < told
    return 3 * logits, np.eye(3, dtype=bool)[[rng.choice(3, p=row / row.sum()) for row in told.astype(float)]]


@pytest.mark.parametrize("task", ["single", "multi"])
def test_temperature_is_found_and_calibrates(task: str):
    logits, targets = overconfident(task)
    temperature = fit_temperature(logits, targets, task)
    assert temperature == pytest.approx(3, rel=0.08)
    before = expected_calibration_error(probabilities(logits, task), targets, task)
    after = expected_calibration_error(probabilities(logits, task, temperature), targets, task)
    assert before > 0.1
    assert after < 0.02


def test_probabilities_of_huge_logits_are_finite():
    assert probabilities(np.array([[1e4, -1e4]]), "single").tolist() == [[1, 0]]
    assert probabilities(np.array([[1e4, -1e4]]), "multi").tolist() == [[1, 0]]
    assert np.isfinite(cross_entropy(np.array([[1e4, -1e4]]), np.array([[False, True]]), "single"))


def test_ece_of_a_coin_that_claims_certainty():
    told = np.tile(np.array([1.0, 0.0]), (1000, 1))
    assert expected_calibration_error(told, np.eye(2, dtype=bool)[np.arange(1000) % 2], "single") == 0.5


def test_unsure_threshold_separates_right_from_wrong():
    told = np.array([[0.9, 0.1], [0.85, 0.15], [0.6, 0.4], [0.58, 0.42]])
    targets = np.eye(2, dtype=bool)[[0, 0, 1, 1]]
    (threshold,) = choose_thresholds(told, targets, "single")
    assert 0.6 < threshold < 0.85


def test_thresholds_of_several_labels_are_their_own():
    told = np.array([[0.9, 0.2, 0.5], [0.8, 0.3, 0.5], [0.6, 0.1, 0.5], [0.1, 0.05, 0.5]])
    targets = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]], bool)
    first, second, empty = choose_thresholds(told, targets, "multi")
    assert 0.6 < first < 0.8
    assert 0.1 < second <= 0.2
    assert empty == 0.5
