"""Train, validation and test sides that share no group and no pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_organelle.errors import TrainingError
from napari_organelle.model.scoring.calibrate import Task

SIDES = ("train", "val", "test")

KNOWN_SIDES = {side: side for side in SIDES} | dict.fromkeys(("validate", "validation", "valid"), "val")

FOLDS_FOR_VALIDATION = 5

NAMED_CLASSES = 5

OUTER_COLUMNS = ("plate", "gene", "protein", "well", "row", "column", "field")
"""Columns of an item table from the outermost down: a field's number counts only within its plate and
well."""


@dataclass(frozen=True)
class Split:
    """Rows of the examples on each side.

    Parameters
    ----------
    train, val, test : (n,) int64
        Sorted row numbers.
    """

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def sides(self) -> dict[str, np.ndarray]:
        return {side: getattr(self, side) for side in SIDES}


def group_names(items: pd.DataFrame, group_by: str) -> np.ndarray:
    """Group of each item.

    Parameters
    ----------
    items : DataFrame
        Item table of an ImageSet.
    group_by : str
        ``"item"``: every item for itself. ``"image"``: its file. Otherwise a column of `items`; where the
        table also has outer columns (a plate or gene for a field), they are part of the group.

    Returns
    -------
    (N,) array of str
        Names such as ``"AAC1/3"``.

    Raises
    ------
    TrainingError
        If there is no such column.
    """
    if group_by == "item":
        return np.asarray([f"{row}:{item}" for row, item in enumerate(items["item"])])
    if group_by == "image":
        return np.where(items["path"] == "", items["item"], items["path"]).astype(str)
    if group_by not in items.columns:
        raise TrainingError(
            f"The items can't be grouped by {group_by!r}: their table has "
            f"{', '.join(map(str, items.columns))}. Pick one of these, 'image' or 'item'."
        )
    outer = OUTER_COLUMNS[: OUTER_COLUMNS.index(group_by)] if group_by in OUTER_COLUMNS else ()
    columns = [name for name in outer if name in items.columns] + [group_by]
    return items[columns].astype(str).agg("/".join, axis=1).to_numpy(dtype=str)


def pick_groups(items: pd.DataFrame, targets: np.ndarray, least: int = len(SIDES)) -> tuple[np.ndarray, str]:
    """Groups for a table of which nothing was asked: the widest column with enough groups in each class.

    The wider the groups that are held out, the more the score says of new experiments: a new plate asks more
    than a new field of a known one.

    Parameters
    ----------
    items : DataFrame
        N rows of an item table.
    targets : (N, K) bool
        Classes of each.
    least : int
        Groups that each class needs: 2 to be on both sides of a cross-validation, 3 for three sides.

    Returns
    -------
    (N,) array of str, str
        The groups, and the name of the column or ``"item"``.
    """
    for name in (name for name in OUTER_COLUMNS if name in items.columns):
        groups = group_names(items, name)
        if min(group_counts(targets, groups), default=0) >= least:
            return groups, name
    return group_names(items, "item"), "item"


def group_counts(targets: np.ndarray, groups: np.ndarray) -> list[int]:
    """In how many groups each class of (N, K) `targets` is found, without those that no example has."""
    return [len(set(groups[true])) for true in targets.T if true.any()]


def split_problem(targets: np.ndarray, groups: np.ndarray, classes: Sequence[str], by: str) -> str:
    """Why whole groups can't be held out: a class of one group is wholly learned from or wholly held out.

    Parameters
    ----------
    targets : (N, K) bool
        Classes of each example.
    groups : (N,) array of str
        What must stay together.
    classes : sequence of str
        K names.
    by : str
        What the groups are, such as ``"gene"``.

    Returns
    -------
    str
        The reason and what to do; ``""`` where every class can be on both sides.
    """
    held = [set(groups[true]) for true in targets.T]
    alone = [
        f"{name} ({next(iter(each))})" for name, each in zip(classes, held, strict=True) if len(each) == 1
    ]
    if not alone:
        return ""
    more = f" and {len(alone) - NAMED_CLASSES} more" if len(alone) > NAMED_CLASSES else ""
    return (
        f"Kept together by {by}, classes with one group only: {', '.join(alone[:NAMED_CLASSES])}{more}. "
        "Such a class could be learned from or judged, not both. Keep together something finer, or add "
        f"examples of another {by}."
    )


def shared_with_training(
    items: pd.DataFrame, rows: np.ndarray, sides: Iterable[tuple[np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """How much of what is held out comes from a plate, gene, field... that is also trained on.

    Parameters
    ----------
    items : DataFrame
        Item table.
    rows : (R,) int64
        Item of each example.
    sides : iterable of (train, held)
        Rows of the examples on both sides, one pair a fold.

    Returns
    -------
    dict
        Share in (0, 1] for each column of which something is shared, outermost first. Columns of one value
        are left out: they are no choice of the split's.
    """
    pairs, shares = list(sides), {}
    for name in (name for name in OUTER_COLUMNS if name in items.columns):
        groups = group_names(items, name)[rows]
        if len(set(groups)) < 2:
            continue
        shared = sum(int(np.isin(groups[held], groups[train]).sum()) for train, held in pairs)
        if shared:
            shares[name] = shared / sum(len(held) for _, held in pairs)
    return shares


def split_examples(
    targets: np.ndarray, groups: np.ndarray, task: Task, seed: int, share: float = 0.2
) -> Split:
    """Draw three sides by group, with the classes in about the same shares on each.

    Parameters
    ----------
    targets : (N, K) bool
        Classes of each example.
    groups : (N,) array
        What must stay together.
    task : {"single", "multi"}
        Which stratification: `StratifiedGroupKFold`, or the iterative one of Sechidis et al. (2011) over
        groups.
    seed : int
        Of the draw.
    share : float
        Of the examples on the validation side and on the test side, each; in (0, 0.5).

    Raises
    ------
    TrainingError
        If there are fewer than three groups.
    """
    number = len(np.unique(groups))
    if number < len(SIDES):
        raise TrainingError(
            f"Train, validation and test need at least {len(SIDES)} groups; the examples have {number}. "
            "Group by something finer, such as 'item'."
        )
    rows = np.arange(len(targets))
    test = next(iter(folds(targets, groups, task, seed, round(1 / share))))
    rest = np.setdiff1d(rows, test)
    val = rest[
        next(iter(folds(targets[rest], groups[rest], task, seed + 1, max(2, round((1 - share) / share)))))
    ]
    return Split(np.setdiff1d(rest, val), val, test)


def folds(
    targets: np.ndarray, groups: np.ndarray, task: Task, seed: int, number: int
) -> Iterator[np.ndarray]:
    """Deal all rows out into held-out folds by group, best-balanced fold first.

    Parameters
    ----------
    targets, groups, task, seed
        As in `split_examples`.
    number : int
        Wanted folds; fewer where there are fewer groups.

    Yields
    ------
    (n,) int64
        Rows of one fold.
    """
    number = min(number, len(np.unique(groups)))
    dealt = (
        _deal_single(targets, groups, seed, number)
        if task == "single"
        else _deal_multi(targets, groups, seed, number)
    )
    wanted = targets.sum(axis=0) / number

    def imbalance(rows: np.ndarray) -> tuple[int, float]:
        inside = targets[rows].sum(axis=0)
        missing = ((inside == 0) | (inside == targets.sum(axis=0))) & (wanted > 0)
        return int(missing.sum()), float(np.abs(inside - wanted).sum())

    yield from sorted(dealt, key=imbalance)


def _deal_single(targets: np.ndarray, groups: np.ndarray, seed: int, number: int) -> list[np.ndarray]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    labels = targets.argmax(axis=1)
    counts = np.bincount(labels)
    if counts.max() == 1:
        return [held for _, held in GroupKFold(number).split(labels, labels, groups)]
    if number > counts.max():
        number = max(2, int(counts.max()))
    dealer = StratifiedGroupKFold(n_splits=number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return [held for _, held in dealer.split(labels, labels, groups) if len(held)]


def _deal_multi(targets: np.ndarray, groups: np.ndarray, seed: int, number: int) -> list[np.ndarray]:
    """Iterative stratification: the rarest label's groups first, each to the fold that lacks that label
    most."""
    names, codes = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), targets.shape[1] + 1))
    np.add.at(counts, codes, np.column_stack([targets, np.ones(len(targets))]))
    lacks = np.tile(counts.sum(axis=0) / number, (number, 1))
    fold_of = np.full(len(names), -1)
    order = np.random.default_rng(seed).permutation(len(names))
    while (left := order[fold_of[order] < 0]).size:
        remaining = counts[left].sum(axis=0)
        remaining[-1] = np.inf if remaining[:-1].any() else remaining[-1]
        label = int(np.argmin(np.where(remaining > 0, remaining, np.inf)))
        group = left[int(np.argmax(counts[left, label]))]
        fold = max(range(number), key=lambda each: (lacks[each, label], lacks[each, -1]))
        fold_of[group] = fold
        lacks[fold] -= counts[group]
    return [rows for fold in range(number) if len(rows := np.flatnonzero(fold_of[codes] == fold))]


def given_split(
    sides: np.ndarray, targets: np.ndarray, groups: np.ndarray, task: Task, seed: int
) -> Split | None:
    """The list's own split; where it has only one held-out side, that is the test, and validation comes out
    of train.

    Parameters
    ----------
    sides : (N,) array of str
        ``train``, ``val`` (or ``validate``, ``validation``) and ``test``, in any case.
    targets, groups, task, seed
        As in `split_examples`.

    Returns
    -------
    Split or None
        None where there is no training or no held-out side. Without validation where some class has too few
        groups in train to spare any.
    """
    names = np.asarray([KNOWN_SIDES.get(side.lower(), "") for side in np.asarray(sides).astype(str).tolist()])
    train, val, test = (np.flatnonzero(names == side) for side in SIDES)
    if not len(train) or not len(val) + len(test):
        return None
    if len(val) and len(test):
        return Split(train, val, test)
    held = test if len(test) else val
    if min(len(set(groups[train][true])) for true in targets[train].T) < FOLDS_FOR_VALIDATION:
        return Split(train, np.zeros(0, np.int64), held)
    drawn = train[next(iter(folds(targets[train], groups[train], task, seed, FOLDS_FOR_VALIDATION)))]
    return Split(np.setdiff1d(train, drawn), drawn, held)


def check_leakage(split: Split, groups: np.ndarray, hashes: np.ndarray, names: np.ndarray) -> None:
    """Raise if one group, or the same pixels, are on two sides of a split.

    Parameters
    ----------
    split : Split
        To be checked.
    groups, hashes, names : (N,) arrays
        Group, hash of the pixels, and name of each example.

    Raises
    ------
    TrainingError
        Names the group or the two examples, and their sides.
    """
    side_of = np.full(len(names), "", dtype="U5")
    for side, rows in split.sides().items():
        side_of[rows] = side
    for row, first in _pairs(groups, side_of):
        raise TrainingError(
            f"Leakage: group '{groups[row]}' is on two sides, {names[first]} in {side_of[first]} and "
            f"{names[row]} in {side_of[row]}. Group by what these share, or move one."
        )
    for row, first in _pairs(hashes, groups):
        raise TrainingError(
            f"Leakage: {names[first]} (group {groups[first]}) and {names[row]} (group {groups[row]}) have "
            "the same pixels. Remove one of them, or give both the same group."
        )


def _pairs(keys: np.ndarray, sides: np.ndarray) -> Iterator[tuple[int, int]]:
    """Rows whose key was seen before with another side, and where it was seen."""
    first_of: dict[object, int] = {}
    for row, (key, side) in enumerate(zip(keys.tolist(), sides.tolist(), strict=True)):
        first = first_of.setdefault(key, row)
        if side != sides[first]:
            yield row, first
