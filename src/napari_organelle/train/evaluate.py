"""Judge a saved model on images whose labels are known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import TrainingError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.predict import predict
from napari_organelle.model.prediction import BatchDone
from napari_organelle.model.scoring.calibrate import Task
from napari_organelle.model.scoring.hpa_2021 import THRESHOLD, follows_from, scores_of_2021
from napari_organelle.model.scoring.scores import Answers, Scores, macro_f1, score
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.read.tables.label_table import HPA_2021
from napari_organelle.train.examples import Examples

BY_2021 = "Judged by the 19 locations of the Atlas's 2021 set, which follow from the model's 28."


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on a labelled set.

    Parameters
    ----------
    scores : Scores
        Of all examples that have a label that the model knows, and an answer.
    unknown : dict of str to int
        Labels that the model does not know, and how many examples have them.
    left_out : int
        Examples without a label that the model knows, or without an answer.
    groups : DataFrame
        One row a group: ``group``, ``n``, ``called``, ``confidence``, ``agreement`` and ``p_<class>``.
    rows : (N,) int64
        Which examples were judged.
    probabilities : (N, K) float32
        Their answers, in the order of the scores' classes.
    """

    scores: Scores
    unknown: dict[str, int]
    left_out: int
    groups: pd.DataFrame
    rows: np.ndarray
    probabilities: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Scores and the rest as plain JSON values."""
        return self.scores.to_dict() | {"unknown_labels": self.unknown, "left_out": self.left_out}


def match_classes(labels: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, dict[str, int]]:
    """Which of a model's classes each label names, without regard to case, spaces and underscores.

    Parameters
    ----------
    labels : (R,) array of str
        Joined by ``"|"`` where there are several.
    classes : sequence of str
        K names.

    Returns
    -------
    (R, K) bool, dict of str to int
        Targets, and the names that no class has with their counts.
    """
    column = {plain_name(name): index for index, name in enumerate(classes)}
    targets = np.zeros((len(labels), len(classes)), bool)
    unknown: Counter[str] = Counter()
    for row, label in enumerate(labels.tolist()):
        for name in filter(None, label.split(LABEL_SEPARATOR)):
            if (index := column.get(plain_name(name))) is None:
                unknown[name] += 1
            else:
                targets[row, index] = True
    return targets, dict(unknown.most_common())


def plain_name(name: str) -> str:
    """A class's name without case, spaces and underscores."""
    return re.sub(r"[\s_]+", "", name).casefold()


def evaluate(
    bundle: ModelBundle, examples: Examples, channel_map: ChannelMap, *, device: str = "auto"
) -> Generator[BatchDone, None, Evaluation]:
    """Classify labelled examples and judge the answers.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    examples : Examples
        With labels and groups.
    channel_map : ChannelMap
        Which channel fills each slot of the model.
    device : str
        As for `predict`.

    Yields
    ------
    BatchDone
        While classifying.

    Returns
    -------
    Evaluation

    Raises
    ------
    TrainingError
        If no example has a label that the model knows, or none has an answer.
    """
    spec = bundle.spec
    classes, thresholds = spec.class_names, np.array(spec.thresholds)
    targets, unknown = match_classes(examples.labels, classes)
    coarser = match_classes(examples.labels, HPA_2021)
    if is_coarser := follows_from(classes) and len(coarser[1]) < len(unknown):
        (targets, unknown), classes, thresholds = coarser, HPA_2021, np.array([THRESHOLD])
    known = np.flatnonzero(targets.any(axis=1))
    if spec.task == "single":
        known = known[targets[known].sum(axis=1) == 1]
    if not len(known):
        raise TrainingError(
            f"The model knows {', '.join(classes)}; the labels are {', '.join(unknown) or 'all empty'}."
        )
    regions = Regions("slices", examples.windows[known], np.arange(len(known)) + 1)
    probabilities = np.full((len(known), len(spec.classes)), np.nan, np.float32)
    for batch in predict(bundle, examples.image_set, regions, channel_map, device=device):
        probabilities[batch.start : batch.stop] = batch.probabilities
        yield batch
    answered = np.isfinite(probabilities).all(axis=1)
    rows, probabilities = known[answered], probabilities[answered]
    if not len(rows):
        raise TrainingError("Not one of the labelled examples could be read: see the problems of the set.")
    if is_coarser:
        probabilities = scores_of_2021(probabilities, np.array(spec.thresholds), spec.class_names)
    answers = Answers(targets[rows], probabilities, classes, spec.task, thresholds, examples.groups[rows])
    table = roll_up(answers)
    scores = replace(score(answers), roll_up=_group_scores(answers, table, examples.grouped_by))
    if is_coarser:
        scores = replace(scores, notes=(BY_2021, *scores.notes))
    return Evaluation(scores, unknown, len(examples) - len(rows), table, rows, probabilities)


def roll_up(answers: Answers) -> pd.DataFrame:
    """What each group (a protein, a well, an image) is called: the mean of its examples' probabilities.

    Returns
    -------
    DataFrame
        ``group``, ``n`` (examples), ``called``, ``confidence`` (highest mean probability), ``agreement``
        (share of examples with the group's call) and ``p_<class>``.
    """
    names, codes = np.unique(np.asarray(answers.groups).astype(str), return_inverse=True)
    means = _group_means(answers.probabilities, codes)
    called = replace(answers, probabilities=means).called()
    agreement = _group_means((answers.called() == called[codes]).all(axis=1)[:, None], codes)[:, 0]
    labels = [
        LABEL_SEPARATOR.join(name for name, is_in in zip(answers.classes, row, strict=True) if is_in)
        for row in called
    ]
    columns = {"group": names, "n": np.bincount(codes), "called": labels}
    columns |= {"confidence": means.max(axis=1), "agreement": agreement}
    return pd.DataFrame(
        columns | {f"p_{name}": means[:, index] for index, name in enumerate(answers.classes)}
    )


def _group_means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(N, K) to (G, K)."""
    sums = np.zeros((int(codes.max()) + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return np.asarray(sums / np.bincount(codes)[:, None])


def _group_scores(answers: Answers, table: pd.DataFrame, by: str) -> dict[str, Any]:
    """Scores of the groups' calls; a group's truth is what most of its examples are."""
    codes = answers.group_codes()
    truth = _majority(_group_means(answers.targets, codes), answers.task)
    means = table[[f"p_{name}" for name in answers.classes]].to_numpy()
    called = replace(answers, probabilities=means).called()
    return {
        "by": by,
        "n": len(table),
        "macro_f1": macro_f1(truth, called),
        "accuracy": float((truth == called).all(axis=1).mean()),
        "agreement": float(np.average(table["agreement"], weights=table["n"])),
    }


def _majority(shares: np.ndarray, task: Task) -> np.ndarray:
    if task == "single":
        return np.eye(shares.shape[1], dtype=bool)[shares.argmax(axis=1)]
    return np.asarray(shares >= 0.5)
