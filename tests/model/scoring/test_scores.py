import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from napari_organelle.model.scoring.scores import Answers, score, trivial_answers


def made_up(right: float, *, n: int = 300, classes: int = 3, seed: int = 0) -> Answers:
    """Answers of which a share is right and the rest are guesses, in 30 groups."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=n)
    called = np.where(rng.random(n) < right, truth, rng.integers(classes, size=n))
    probabilities = np.full((n, classes), 0.1, np.float32)
    probabilities[np.arange(n), called] = 0.8
    names = tuple("abcdefgh"[:classes])
    return Answers(
        np.eye(classes, dtype=bool)[truth], probabilities, names, "single", np.array([0.5]), np.arange(n) % 30
    )


def test_figures_are_those_of_scikit_learn():
    answers = made_up(0.7)
    scores = score(answers)
    truth, called = answers.targets.argmax(1), answers.probabilities.argmax(1)
    assert scores.macro_f1 == pytest.approx(f1_score(truth, called, average="macro"))
    assert scores.accuracy == pytest.approx((truth == called).mean())
    assert scores.per_class["b"]["f1"] == pytest.approx(f1_score(truth == 1, called == 1))
    assert np.trace(scores.confusion) == (truth == called).sum()
    assert scores.confusion[0][1] == ((truth == 0) & (called == 1)).sum()
    assert scores.n == 300
    assert scores.groups == 30
    assert scores.ci95[0] < scores.macro_f1 < scores.ci95[1]
    assert scores.verdict == "ok"
    json.dumps(scores.to_dict(), allow_nan=False)


def test_top2_counts_the_second_guess():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.6, 0.3, 0.1]], np.float32)
    scores = score(Answers(np.eye(3, dtype=bool), probabilities, ("a", "b", "c"), "single", np.array([0.5])))
    assert scores.top1 == pytest.approx(1 / 3)
    assert scores.top2 == pytest.approx(2 / 3)


def test_unsure_answers_are_not_covered():
    probabilities = np.array([[0.9, 0.1], [0.55, 0.45]], np.float32)
    scores = score(Answers(np.eye(2, dtype=bool), probabilities, ("a", "b"), "single", np.array([0.6])))
    assert scores.sure == {"threshold": 0.6, "coverage": 0.5, "accuracy": 1.0}


def test_macro_f1_is_over_the_classes_that_the_truth_has():
    probabilities = np.eye(4, dtype=np.float32)[[0, 0, 1, 3]]
    targets = np.eye(4, dtype=bool)[[0, 0, 1, 1]]
    scores = score(Answers(targets, probabilities, tuple("abcd"), "single", np.array([0.5])))
    assert scores.macro_f1 == pytest.approx((1 + 2 / 3) / 2)
    assert scores.per_class["c"]["recall"] is None


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.8, 0.2), (0.97, 0.02, 0.01)])
def test_a_guess_never_beats_the_trivial_answer_by_more_than_chance(shares: tuple[float, ...]):
    """Of 60 models that learned nothing, at most a few pass for good."""
    passed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = rng.choice(len(shares), 200, p=shares)
        called = rng.choice(len(shares), 200)
        answers = Answers(
            np.eye(len(shares), dtype=bool)[truth],
            np.eye(len(shares), dtype=np.float32)[called],
            tuple("abc"[: len(shares)]),
            "single",
            np.array([0.5]),
            np.arange(200) % 20,
        )
        passed += score(answers).verdict == "ok"
    assert passed <= 4


def test_trivial_answer_to_one_label():
    trivial = trivial_answers(np.eye(2, dtype=bool)[[0, 0, 0, 1]], "single")
    assert trivial["answers"]["majority class"]["accuracy"] == 0.75
    assert trivial["answers"]["majority class"]["macro_f1"] == pytest.approx((6 / 7) / 2)
    assert trivial["macro_f1"] == 0.5
    assert trivial["accuracy"] == 0.75


def test_trivial_answer_to_several_labels_is_not_the_empty_one():
    targets = np.zeros((100, 28), bool)
    targets[:, 0] = True
    targets[:50, 1] = True
    trivial = trivial_answers(targets, "multi")
    assert trivial["answers"]["no label"]["macro_f1"] == 0
    assert trivial["answer"] == "every label"
    assert trivial["macro_f1"] == pytest.approx((1 + 2 / 3) / 2)


def test_answering_no_to_every_question_has_learned_nothing():
    """28 questions of which 2 are true: 93 % of single answers are right, and the model knows nothing."""
    rng = np.random.default_rng(0)
    targets = np.zeros((400, 28), bool)
    for row in targets:
        row[rng.choice(28, 2, replace=False)] = True
    nothing = np.full(targets.shape, 0.01, np.float32)
    assert (targets == (nothing >= 0.5)).mean() > 0.92
    scores = score(Answers(targets, nothing, tuple(map(str, range(28))), "multi", np.full(28, 0.5)))
    assert scores.macro_f1 == 0
    assert scores.verdict == "learned nothing"
    assert "learned nothing better than guessing" in scores.summary()


def test_co_occurrence_of_several_labels():
    targets = np.array([[1, 1, 0], [1, 0, 0]], bool)
    probabilities = np.array([[0.9, 0.1, 0.9], [0.9, 0.1, 0.1]], np.float32)
    scores = score(Answers(targets, probabilities, ("a", "b", "c"), "multi", np.full(3, 0.5)))
    assert scores.confusion == [[2, 0, 1], [1, 0, 1], [0, 0, 0]]


def test_the_interval_is_over_groups():
    """Twenty copies of each of fifteen cells carry no more evidence than fifteen cells."""
    once = made_up(0.8, n=15)
    many = Answers(
        np.repeat(once.targets, 20, axis=0),
        np.repeat(once.probabilities, 20, axis=0),
        once.classes,
        "single",
        once.thresholds,
        np.repeat(np.arange(15), 20),
    )
    alone = Answers(once.targets, once.probabilities, once.classes, "single", once.thresholds, np.arange(15))
    assert np.allclose(score(many).ci95, score(alone).ci95)


def test_one_class_only_is_said():
    probabilities = np.tile(np.array([0.9, 0.1], np.float32), (5, 1))
    scores = score(
        Answers(np.eye(2, dtype=bool)[[0] * 5], probabilities, ("a", "b"), "single", np.array([0.5]))
    )
    assert scores.verdict == "learned nothing"
    assert "one class" in scores.notes[0]
