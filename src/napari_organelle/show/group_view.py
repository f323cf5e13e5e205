"""A roll-up as it is looked at: its groups, what their regions were called, and where their wells lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.model.calling import UNSURE
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.show.results_file import classes_of, with_corrections
from napari_organelle.show.roll_up import group_columns, roll_up

WELL = re.compile(r"([A-Z]{1,2})(\d{1,2})")
PLATES = ((8, 12), (16, 24), (32, 48))
"""Rows and columns of plates of 96, 384 and 1536 wells."""

OFFERED = ("gene", "protein", "well", "field", "plate", "item", "label")
"""Columns that one may want to roll up by, in this order."""


@dataclass(frozen=True, eq=False)
class GroupView:
    """Groups of a table of results.

    Parameters
    ----------
    by : str
        The column that they were rolled up by.
    groups : DataFrame
        As `roll_up` gives it, G rows.
    keys : tuple of str
        Columns of `groups` that name a group.
    members : (R,) int64
        The group of each row of the table; -1 for none.
    classes : tuple of str
        K names.
    shares : (G, K + 1) float
        Of a group's calls, how many are of each class and, at last, unsure; a row sums to 1, or to 0 where
        nothing has an answer.
    """

    by: str
    groups: pd.DataFrame
    keys: tuple[str, ...]
    members: np.ndarray
    classes: tuple[str, ...]
    shares: np.ndarray

    def rows(self, group: int) -> np.ndarray:
        """Rows of the table that are in a group."""
        return np.flatnonzero(self.members == group)

    def value(self, group: int, column: str) -> Any:
        """One value of a group."""
        return self.groups[column].to_numpy()[group]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each group is called, without what all of them share."""
        named = self.groups[list(self.keys)].astype(str)
        differing = [key for key in self.keys if named[key].nunique() > 1] or [self.keys[-1]]
        return tuple(map(" ".join, zip(*(named[key] for key in differing), strict=True)))


def columns_to_roll_up(table: pd.DataFrame) -> list[str]:
    """Columns of a table of results that have something to roll up by."""
    there = [name for name in OFFERED if name in table]
    return [name for name in there if (table[name].astype("string").fillna("") != "").any()]


def group_view(table: pd.DataFrame, by: str, *, seed: int = 0) -> GroupView:
    """Roll up, and count the calls of each group.

    Parameters
    ----------
    table : DataFrame
        As for `roll_up`.
    by : str
        A column, as for `roll_up`.
    seed : int
        Of the resamples.

    Raises
    ------
    ReadError
        As for `roll_up`.
    """
    table = with_corrections(table)
    groups = roll_up(table, by, seed=seed)
    keys = group_columns(table.columns, by)
    names = table[keys].astype("string").fillna("")
    index = pd.MultiIndex.from_frame(groups[keys].astype("string"))
    members = index.get_indexer(pd.MultiIndex.from_frame(names))
    classes = classes_of(table.columns)
    return GroupView(
        by, groups, tuple(keys), members, classes, _shares(table["called"], members, len(groups), classes)
    )


def _shares(called: pd.Series, members: np.ndarray, groups: int, classes: Sequence[str]) -> np.ndarray:
    column = {name: number for number, name in enumerate([*classes, UNSURE])}
    counts = np.zeros((groups, len(column)))
    codes, different = pd.factorize(called.astype("string").fillna(""))
    for code, call in enumerate(different):
        inside = members[(codes == code) & (members >= 0)]
        for name in str(call).split(LABEL_SEPARATOR):
            if name in column:
                counts[:, column[name]] += np.bincount(inside, minlength=groups)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


@dataclass(frozen=True)
class PlateMap:
    """Where groups lie on a plate.

    Parameters
    ----------
    plate : str
        Its name; ``""`` where there is only one without a name.
    shape : (rows, columns)
        The smallest of the usual plates that has room for all.
    wells : mapping of (row, column) to int
        From 0; the group of each well.
    """

    plate: str
    shape: tuple[int, int]
    wells: dict[tuple[int, int], int]


def well_place(well: str) -> tuple[int, int] | None:
    """Row and column, from 0, of a well such as ``"B7"`` or ``"AA01"``; None for another name."""
    found = WELL.fullmatch(well.strip().upper())
    if found is None or int(found[2]) == 0:
        return None
    row = 0
    for letter in found[1]:
        row = 26 * row + ord(letter) - ord("A") + 1
    return row - 1, int(found[2]) - 1


def plate_maps(view: GroupView) -> tuple[PlateMap, ...]:
    """The plates of a roll-up by well, in the order of their names; none of another roll-up."""
    if view.by != "well":
        return ()
    plates = view.groups["plate"].astype(str) if "plate" in view.groups else pd.Series("", view.groups.index)
    places = [well_place(str(well)) for well in view.groups["well"]]
    if not all(places):
        return ()
    maps = []
    for plate in sorted(set(plates)):
        wells = {place: row for row, place in enumerate(places) if place and plates.iloc[row] == plate}
        rows, columns = (1 + max(place[axis] for place in wells) for axis in (0, 1))
        shape = next((p for p in PLATES if rows <= p[0] and columns <= p[1]), (rows, columns))
        maps.append(PlateMap(plate, shape, wells))
    return tuple(maps)
