"""Scores of answers whose truth is known, beside those of the best answer that looks at no pixel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from napari_organelle.model.calling import called_classes, most_probable
from napari_organelle.model.scoring.calibrate import Task, expected_calibration_error
from napari_organelle.model.spec import LEARNED_NOTHING

OK = "ok"

BOOTSTRAP_DRAWS = 1000
MIN_GROUPS = 10
"""Below this many groups items are resampled inside them too: few groups alone understate the spread."""


@dataclass(frozen=True)
class Answers:
    """A model's answers and their truth.

    Parameters
    ----------
    targets : (N, K) bool
        Which classes each item truly is; one a row where `task` is ``"single"``.
    probabilities : (N, K) float32
        In [0, 1].
    classes : tuple of str
        K names.
    task : {"single", "multi"}
        One organelle an item, or several.
    thresholds : (1,), (K,), (N, 1) or (N, K) float
        For ``"single"`` the confidence below which an answer is unsure; for ``"multi"`` that of each class,
        at and above which it is called.
    groups : (N,) array, optional
        What items share (a field, a well, a protein); every item its own where not given.
    """

    targets: np.ndarray
    probabilities: np.ndarray
    classes: tuple[str, ...]
    task: Task
    thresholds: np.ndarray
    groups: np.ndarray | None = None

    def called(self) -> np.ndarray:
        """(N, K) bool: the most probable class of each row, or every class that reaches its threshold."""
        if self.task == "single":
            return most_probable(self.probabilities)
        return called_classes(self.probabilities, self.thresholds, self.task)

    def group_codes(self) -> np.ndarray:
        """(N,) int: 0, 1, 2... for each different group."""
        if self.groups is None:
            return np.arange(len(self.targets))
        return np.unique(np.asarray(self.groups).astype(str), return_inverse=True)[1]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How good a model's answers are; shares and F1 are in [0, 1].

    Parameters
    ----------
    n, groups : int
        Items that were judged, and how many groups they come from.
    task : str
        ``"single"`` or ``"multi"``.
    classes : tuple of str
        The model's classes, in the order of `confusion`.
    macro_f1 : float
        Mean F1 of the classes that the truth has.
    accuracy : float
        Share of items whose call is exactly the truth.
    top1, top2 : float
        Share of items with a true class among the one or two most probable.
    ci95 : (low, high)
        95 % bootstrap interval of `macro_f1`, groups resampled.
    trivial : dict
        ``macro_f1`` and ``accuracy`` of the best answers that look at no pixel, ``answer`` (which one has
        that ``macro_f1``) and ``answers`` (all that were tried).
    per_class : dict
        For each class ``precision``, ``recall``, ``f1``, ``average_precision``, ``n`` and ``called``. None:
        not defined.
    confusion : list of list of int
        Rows are the truth, columns the calls. With several labels: how often the two occur together.
    sure : dict
        For one label: ``threshold``, and above it the ``coverage`` and the ``accuracy``.
    ece : dict
        Expected calibration error ``before`` (where known) and ``after`` the temperature.
    roll_up : dict
        Score of whole groups, if they were asked for: ``by``, ``n``, ``macro_f1``, ``accuracy``,
        ``agreement``.
    notes : tuple of str
        What the reader must know to judge these figures.
    """

    n: int
    groups: int
    task: Task
    classes: tuple[str, ...]
    macro_f1: float
    accuracy: float
    top1: float
    top2: float
    ci95: tuple[float, float]
    trivial: dict[str, Any]
    per_class: dict[str, dict[str, Any]]
    confusion: list[list[int]]
    sure: dict[str, float] = field(default_factory=dict)
    ece: dict[str, float] = field(default_factory=dict)
    roll_up: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``"ok"`` where the whole interval lies above the trivial answer, else ``"learned nothing"``."""
        return OK if self.ci95[0] > self.trivial["macro_f1"] else LEARNED_NOTHING

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        values = asdict(self) | {"verdict": self.verdict}
        return values | {"classes": list(self.classes), "ci95": list(self.ci95), "notes": list(self.notes)}

    def summary(self) -> str:
        """One or two lines for a person."""
        line = (
            f"macro F1 {self.macro_f1:.3f} (95 % interval {self.ci95[0]:.3f} to {self.ci95[1]:.3f}, "
            f"{self.n} items of {self.groups} groups); "
            f"trivial answer ({self.trivial['answer']}): {self.trivial['macro_f1']:.3f}"
        )
        return line if self.verdict == OK else f"{line}\nThis model learned nothing better than guessing."


def score(answers: Answers, *, seed: int = 0) -> Scores:
    """Judge answers.

    Parameters
    ----------
    answers : Answers
        N items, at least one.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Scores
        Without `ece.before` and `roll_up`, which need more than the answers.
    """
    called, targets = answers.called(), answers.targets.astype(bool)
    groups = answers.group_codes()
    ranks = np.argsort(-answers.probabilities, axis=1)
    top = np.take_along_axis(targets, ranks[:, :2], axis=1)
    low, high = _interval(targets, called, groups, seed)
    return Scores(
        n=len(targets),
        groups=int(groups.max()) + 1,
        task=answers.task,
        classes=answers.classes,
        macro_f1=macro_f1(targets, called),
        accuracy=float((called == targets).all(axis=1).mean()),
        top1=float(top[:, 0].mean()),
        top2=float(top.any(axis=1).mean()),
        ci95=(low, high),
        trivial=trivial_answers(targets, answers.task),
        per_class=_per_class(answers, called),
        confusion=(targets.T.astype(int) @ called.astype(int)).tolist(),
        sure=_sure(answers) if answers.task == "single" else {},
        ece={"after": expected_calibration_error(answers.probabilities, targets, answers.task)},
        notes=_notes(targets, groups),
    )


def macro_f1(targets: np.ndarray, called: np.ndarray) -> float:
    """Mean F1 of the classes that `targets` has; both (N, K) bool."""
    return _mean_f1((targets & called).sum(axis=0), targets.sum(axis=0), called.sum(axis=0))


def _mean_f1(hits: np.ndarray, true: np.ndarray, calls: np.ndarray) -> float:
    """Mean over the classes that are true somewhere, from (K,) counts; far faster than scikit-learn."""
    present = true > 0
    return float((2 * hits[present] / (true + calls)[present]).mean()) if present.any() else 0.0


def trivial_answers(targets: np.ndarray, task: Task) -> dict[str, Any]:
    """Scores of the answers that look at no pixel, knowing only how frequent each class is in this very set.

    A guess that names class k at random with its own frequency p has an expected F1 of p, the highest that
    random guesses of one label reach in the mean over classes: 1 / K. Naming one class always has F1 2 p / (1
    + p) there.

    Parameters
    ----------
    targets : (N, K) bool
        The truth.
    task : {"single", "multi"}
        Several labels may also be answered by none, or by all.
    """
    share = targets.mean(axis=0)
    share = share[share > 0]
    always = 2 * share / (1 + share)
    if task == "single":
        answers = {
            "majority class": (always.max(initial=0) / max(len(share), 1), share.max(initial=0)),
            "guess by frequency": (share.mean() if len(share) else 0.0, (share**2).sum()),
        }
    else:
        answers = {
            "no label": (0.0, (~targets.any(axis=1)).mean()),
            "every label": (always.mean() if len(share) else 0.0, targets.all(axis=1).mean()),
        }
    best = max(answers, key=lambda name: answers[name][0])
    return {
        "answer": best,
        "macro_f1": float(answers[best][0]),
        "accuracy": float(max(accuracy for _, accuracy in answers.values())),
        "answers": {
            name: {"macro_f1": float(f1), "accuracy": float(acc)} for name, (f1, acc) in answers.items()
        },
    }


def _interval(targets: np.ndarray, called: np.ndarray, groups: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % interval of macro F1 over resampled groups; a class counts in the draws that have it."""
    rng = np.random.default_rng(seed)
    counts = np.stack([targets & called, targets, called], axis=-1).astype(np.float64)
    number = int(groups.max()) + 1
    if number >= MIN_GROUPS:
        # items of a group are drawn together, so that their sum is all that a draw needs
        summed = np.zeros((number, *counts.shape[1:]))
        np.add.at(summed, groups, counts)
        counts = summed
    draws = np.empty(BOOTSTRAP_DRAWS)
    for draw in range(BOOTSTRAP_DRAWS):
        weights = np.bincount(rng.integers(number, size=number), minlength=number)
        if number < MIN_GROUPS:
            # so few groups differ too little when drawn: their items vary as well
            weights = rng.poisson(weights[groups])
        hits, true, calls = np.tensordot(weights, counts, axes=1).T
        draws[draw] = _mean_f1(hits, true, calls)
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)


def _per_class(answers: Answers, called: np.ndarray) -> dict[str, dict[str, Any]]:
    from sklearn.metrics import average_precision_score, precision_recall_fscore_support

    targets = answers.targets.astype(bool)
    columns = precision_recall_fscore_support(targets, called, average=None, zero_division=np.nan)
    table = {}
    for index, name in enumerate(answers.classes):
        true = targets[:, index]
        area = average_precision_score(true, answers.probabilities[:, index]) if true.any() else np.nan
        values = dict(zip(("precision", "recall", "f1"), (column[index] for column in columns), strict=False))
        table[name] = {key: _finite(value) for key, value in (values | {"average_precision": area}).items()}
        table[name] |= {"n": int(true.sum()), "called": int(called[:, index].sum())}
    return table


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _sure(answers: Answers) -> dict[str, float]:
    sure = answers.probabilities.max(axis=1) >= answers.thresholds.T[0]
    right = (answers.called() & answers.targets.astype(bool)).any(axis=1)
    return {
        "threshold": float(answers.thresholds.mean()),
        "coverage": float(sure.mean()),
        "accuracy": float(right[sure].mean()) if sure.any() else 0.0,
    }


def _notes(targets: np.ndarray, groups: np.ndarray) -> tuple[str, ...]:
    notes = []
    if (targets.sum(axis=0) > 0).sum() < 2:
        notes.append("Only one class has items here: nothing can be told from guessing on such a set.")
    if int(groups.max()) + 1 < MIN_GROUPS:
        notes.append(f"The items come from only {int(groups.max()) + 1} groups: the interval is a rough one.")
    return tuple(notes)
