"""What a protein, a well or an image is called: the answers to its cells taken together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.model.calling import UNSURE
from napari_organelle.model.prediction import PROBABILITY
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.read.yeast.known_locations import known_classes, known_locations
from napari_organelle.show.results_file import classes_of, with_corrections

KEYS = {
    "item": ("source", "item"),
    "field": ("plate", "well", "gene", "protein", "field"),
    "well": ("plate", "well"),
}
"""Columns that make one group together, where the table has them; any other column is one by itself."""

CARRIED = ("plate", "well", "gene", "protein", "label")
"""Columns that a group keeps where all its regions have the same value."""

LEAST = 1e-3
"""A lower probability counts as this much, so that one cell that is surely wrong does not outvote many."""

RESAMPLES = 400
RESAMPLED_AT_ONCE = 2**22

SURE_SHARE = 0.95
"""A group is called what comes out first in at least this share of the resamples."""


@dataclass(frozen=True)
class _RegionCalls:
    """What is known of a table's regions: (R, K) probabilities and calls, (R,) which have an answer."""

    classes: tuple[str, ...]
    probabilities: np.ndarray
    calls: np.ndarray
    answered: np.ndarray

    @property
    def is_single(self) -> bool:
        sums = self.probabilities[self.answered].sum(axis=1)
        return bool((np.abs(sums - 1) < 0.01).all())

    def take(self, rows: np.ndarray) -> _RegionCalls:
        return _RegionCalls(self.classes, self.probabilities[rows], self.calls[rows], self.answered[rows])


def roll_up(table: pd.DataFrame, by: str, *, seed: int = 0) -> pd.DataFrame:
    """Call proteins, wells, fields... from the answers to their cells.

    What a person said of a cell counts instead of its answer (`with_corrections`).
    For one organelle a cell: the mean of the logarithms of the called cells' probabilities. Unsure cells are
    counted, but do not vote. For several organelles: the mean probability of each class over all answered
    cells, called from the lowest probability at which the table calls that class.

    Parameters
    ----------
    table : DataFrame
        Results as `tables.results_table` or the command line gives them: ``called``, ``p_<class>``... and
        the column to roll up by.
    by : str
        ``"gene"``, ``"protein"``, ``"well"`` (of a plate), ``"field"`` (of a well or gene), ``"plate"``,
        ``"item"``, or any other column.
    seed : int
        Of the resamples that give the intervals.

    Returns
    -------
    DataFrame
        One row a group, in the groups' order: what names it; ``n`` regions and ``n_called`` of them;
        ``called``, ``"unsure"`` where fewer than 95 % of the resamples agree, where less than half of the
        called cells are called so, or where none is called, and ``""`` where none has an answer;
        ``confidence`` in [0, 1], of that class (the first one where unsure), with ``low`` and ``high``, the
        95 % interval from resampling cells (NaN for fewer than two); ``agreement``, the share of called cells
        that have the group's call among theirs; ``p_<class>`` of every class. Where the groups have a gene
        or protein that Huh et al. (2003) located: ``huh2003``, its known places, and ``huh2003_agrees``,
        ``"yes"`` or ``"no"``, and ``""`` where it can't be said. Regions without a group's name are in none.

    Raises
    ------
    ReadError
        If the table is none of results, or lacks the column.
    """
    keys = group_columns(table.columns, by)
    table = with_corrections(table)
    regions = _region_calls(table)
    names = table[keys].astype("string").fillna("")
    named = np.flatnonzero((names[keys[-1]] != "").to_numpy())
    if not len(named):
        raise ReadError(f"No region has a {by}: roll up by another column.")
    groups = names.iloc[named].groupby(keys, sort=True).indices
    thresholds = _lowest_called(regions)
    is_single = regions.is_single
    rows: list[dict[str, Any]] = []
    for name, places in groups.items():
        inside = named[places]
        key = name if isinstance(name, tuple) else (name,)
        # a generator for each group, so that its interval does not depend on the groups before it
        rng = np.random.default_rng([seed, len(rows)])
        group = regions.take(inside)
        summary = _single(group, rng) if is_single else _multi(group, thresholds, rng)
        rows.append(dict(zip(keys, key, strict=True)) | _carried(table, keys, inside) | summary)
    return _with_known(pd.DataFrame(rows), regions.classes)


def group_columns(columns: Iterable[str], by: str) -> list[str]:
    """The columns that make one group of `by` together.

    Raises
    ------
    ReadError
        If the table has no such column; names those that it has.
    """
    columns = list(columns)
    if by not in columns:
        there = [name for name in ("gene", "protein", "well", "field", "plate", "item") if name in columns]
        raise ReadError(f"The table has no column {by!r} to roll up by; it has {', '.join(there) or 'none'}.")
    return [name for name in KEYS.get(by, (by,)) if name in columns]


def _region_calls(table: pd.DataFrame) -> _RegionCalls:
    classes = classes_of(table.columns)
    probabilities = table[[PROBABILITY + name for name in classes]].to_numpy(np.float32)
    answered = np.isfinite(probabilities).all(axis=1)
    calls = np.zeros(probabilities.shape, bool)
    column = {name: index for index, name in enumerate(classes)}
    called, different = pd.factorize(table["called"].astype("string").fillna(""))
    for code, call in enumerate(different):
        known = [column[part] for part in str(call).split(LABEL_SEPARATOR) if part in column]
        calls[:, known] |= (called == code)[:, None]
    return _RegionCalls(classes, probabilities, calls & answered[:, None], answered)


def _lowest_called(regions: _RegionCalls) -> np.ndarray:
    """(K,) lowest probability at which a class is called; infinite where it never is."""
    return np.asarray(np.where(regions.calls, regions.probabilities, np.inf).min(axis=0, initial=np.inf))


def _single(regions: _RegionCalls, rng: np.random.Generator) -> dict[str, Any]:
    votes = regions.calls.any(axis=1)
    if not votes.any():
        return _summary(
            regions, UNSURE if regions.answered.any() else "", np.full(len(regions.classes), np.nan)
        )
    # products of probabilities, as if cells were independent looks at one protein; LEAST keeps one cell
    # that is surely wrong from outweighing all others
    logs = np.log(np.maximum(regions.probabilities[votes], LEAST), dtype=np.float64)
    means = _normalised(logs.mean(axis=0))
    best = int(means.argmax())
    resampled = _normalised(_resampled_means(logs, rng))
    agreement = float(regions.calls[votes, best].mean())
    is_sure = (resampled.argmax(axis=1) == best).mean() >= SURE_SHARE and agreement >= 0.5
    call = regions.classes[best] if is_sure else UNSURE
    return _summary(regions, call, means, resampled[:, best], agreement)


def _multi(regions: _RegionCalls, thresholds: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    if not regions.answered.any():
        return _summary(regions, "", np.full(len(regions.classes), np.nan))
    probabilities = regions.probabilities[regions.answered].astype(np.float64)
    means = probabilities.mean(axis=0)
    reached = means >= thresholds
    best = int(np.where(reached, means, 0).argmax() if reached.any() else means.argmax())
    wanted = reached if reached.any() else np.arange(len(means)) == best
    votes = regions.calls.any(axis=1)
    agreement = float(regions.calls[votes][:, wanted].all(axis=1).mean()) if votes.any() else np.nan
    call = LABEL_SEPARATOR.join(np.array(regions.classes)[reached]) or UNSURE
    return _summary(regions, call, means, _resampled_means(probabilities, rng)[:, best], agreement, best)


def _summary(
    regions: _RegionCalls,
    call: str,
    means: np.ndarray,
    resampled: np.ndarray | None = None,
    agreement: float = np.nan,
    best: int | None = None,
) -> dict[str, Any]:
    low, high = np.nan, np.nan
    if resampled is not None and len(resampled) > 1:
        low, high = np.quantile(resampled, (0.025, 0.975))
    values = {"n": len(regions.answered), "n_called": int(regions.calls.any(axis=1).sum()), "called": call}
    values |= {"confidence": means.max() if best is None else means[best], "low": low, "high": high}
    return (
        values
        | {"agreement": agreement}
        | {PROBABILITY + name: mean for name, mean in zip(regions.classes, means, strict=True)}
    )


def _normalised(logs: np.ndarray) -> np.ndarray:
    from scipy.special import softmax

    return np.asarray(softmax(logs, axis=-1))


def _resampled_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(RESAMPLES, K) means over as many of the (n, K) rows, drawn with replacement; of one row itself."""
    n = len(values)
    if n == 1:
        return values
    step = max(1, RESAMPLED_AT_ONCE // n)
    means = np.empty((RESAMPLES, values.shape[1]))
    for start in range(0, RESAMPLES, step):
        # how often each row is drawn, instead of which rows: a product of matrices then takes all means
        drawn = rng.multinomial(n, np.full(n, 1 / n), min(step, RESAMPLES - start))
        means[start : start + step] = drawn @ values / n
    return means


def _carried(table: pd.DataFrame, keys: Sequence[str], rows: np.ndarray) -> dict[str, str]:
    carried = {}
    for name in CARRIED:
        if name in table and name not in keys:
            values = table[name].iloc[rows].astype("string").fillna("").unique()
            carried[name] = str(values[0]) if len(values) == 1 else ""
    return carried


def _with_known(groups: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Known places beside the calls, where a column names genes of yeast that have any."""
    of_yeast = {name.lower() for name in classes}
    for column in ("gene", "protein"):
        if column not in groups:
            continue
        genes = groups[column].str.strip().str.upper()
        places = [known_locations().get(gene, ()) for gene in genes]
        known = [known_classes(gene) & of_yeast for gene in genes]
        if not any(known):
            continue
        agrees = [_agrees(called, each) for called, each in zip(groups["called"], known, strict=True)]
        return groups.assign(huh2003=[LABEL_SEPARATOR.join(each) for each in places], huh2003_agrees=agrees)
    return groups


def _agrees(called: str, known: frozenset[str]) -> str:
    if not known or called in ("", UNSURE):
        return ""
    return "yes" if known & {name.lower() for name in called.split(LABEL_SEPARATOR)} else "no"


def roll_up_path(output: Path, by: str) -> Path:
    """Where the roll-up of a table of results is written: ``OUT.by_gene.csv`` beside ``OUT.csv``."""
    return output.with_name(f"{output.stem}.by_{by}{output.suffix}")


def summary(groups: pd.DataFrame, by: str) -> str:
    """A sentence on a roll-up.

    Raises
    ------
    OrganelleError
        If there is no group.
    """
    if groups.empty:
        raise OrganelleError(f"There is no {by} to roll up.")
    sure = ~groups["called"].isin(["", UNSURE])
    sentence = f"{sure.sum():,} of {len(groups):,} called by {by}"
    if "huh2003_agrees" not in groups:
        return f"{sentence}."
    agrees = groups["huh2003_agrees"]
    right, known = (agrees == "yes").sum(), (agrees != "").sum()
    return f"{sentence}; {right:,} of {known:,} where Huh et al. (2003) saw them."
