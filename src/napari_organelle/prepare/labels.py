"""Labels from a table of one's own: for items of a set, or for points in its images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.prepare.regions import Regions, item_sizes, point_regions
from napari_organelle.read.image_set import LABEL_SEPARATOR, ImageSet
from napari_organelle.read.tables.names import COLUMNS, ItemNames
from napari_organelle.read.tables.points import points_of
from napari_organelle.read.tables.table import Table, read_table

LABEL_COLUMNS = ("label", "class", "labels", "organelle")
"""Headers of the column with the labels, the usual one first."""

NOT_KEYS = ("label", "height", "width", "missing", "problem", "split")
"""Columns of an item table that do not tell items apart."""

WELL = re.compile(r"([A-Pa-p])0*(\d{1,2})")

Find = Callable[[str], list[int]]


@dataclass(frozen=True)
class LabelRows:
    """A table of labels.

    Parameters
    ----------
    table : Table
        All of it.
    labels : (R,) array of str
        The label of each row; several are joined by ``"|"``.
    column : int
        Where they stand.
    notes : tuple of str
        What the user should know of it.
    """

    table: Table
    labels: np.ndarray
    column: int
    notes: tuple[str, ...]


def read_labels(path: Path) -> LabelRows:
    """Read a table with a column ``label`` (or ``class``...) and others that say what it is the label of.

    Raises
    ------
    ReadError
        If it can't be read, or has no such column.
    """
    table = read_table(path)
    column = table.find(*LABEL_COLUMNS)
    if column is None:
        raise ReadError(f"{path} needs a column 'label'; it has {list(table.columns)}.")
    if not len(table):
        raise ReadError(f"{path}: expected labels; the table has no rows")
    labels = [_joined(text) for text in table.values(column)]
    notes = list(table.problems)
    if (name := table.columns[column].casefold()) != "label":
        notes.append(f"{path}: column {name!r} is taken for the label")
    alike: dict[str, set[str]] = defaultdict(set)
    for label in dict.fromkeys(labels):
        alike[label.casefold()].add(label)
    notes += [
        f"{path}: the labels {sorted(each)} differ only in case; they are kept apart"
        for each in alike.values()
        if len(each) > 1
    ]
    return LabelRows(table, np.array(labels, dtype=str), column, tuple(notes))


def label_items(image_set: ImageSet, rows: LabelRows) -> tuple[ImageSet, tuple[str, ...]]:
    """Give items the labels of a table.

    Parameters
    ----------
    image_set : ImageSet
        Its labels are replaced; items that the table does not name have none.
    rows : LabelRows
        A column that names the items (``item``, ``filename``, ``path``...), or others that the item table has
        too (``gene``, ``well``...), say which items a row labels: those that fit in all of them.

    Returns
    -------
    ImageSet, tuple of str
        And what the user should know, such as rows that match no item.

    Raises
    ------
    ReadError
        If the two tables share no column, not one row matches, or one item gets different labels.
    """
    table = rows.table
    finders = _finders(image_set, rows)
    labels = [""] * len(image_set)
    by = [-1] * len(image_set)
    lost: list[int] = []
    repeated = 0
    for row, cells in enumerate(table.rows):
        fit = sorted(set.intersection(*(set(find(cells[column])) for column, find in finders.items())))
        if not fit:
            lost.append(row)
        for item in fit:
            if by[item] >= 0 and labels[item] != rows.labels[row]:
                raise ReadError(
                    f"{table.path}: rows {table.lines[by[item]]} and {table.lines[row]} label "
                    f"{image_set.items['item'].iloc[item]} twice, differently: {labels[item]!r} and "
                    f"{str(rows.labels[row])!r}."
                )
            repeated += by[item] >= 0
            labels[item], by[item] = str(rows.labels[row]), row
    notes = _row_notes(image_set, rows, list(finders), lost, repeated)
    return replace(image_set, items=image_set.items.assign(label=labels)), (*rows.notes, *notes)


def label_points(
    image_set: ImageSet, rows: LabelRows, window: int
) -> tuple[Regions, np.ndarray, tuple[str, ...]]:
    """Windows around the labelled points of a table.

    Parameters
    ----------
    image_set : ImageSet
        N items.
    rows : LabelRows
        With ``y`` and ``x`` in pixels and, where the set has several items, a column that says in which.
    window : int
        Side in pixels.

    Returns
    -------
    Regions, (R,) array of str, tuple of str
        And the labels, and what the user should know.

    Raises
    ------
    ReadError
        If a coordinate is no number, or an item is not there or not said.
    RegionError
        If a point lies outside.
    """
    points, kept = points_of(rows.table).place(image_set)
    notes = list(rows.notes)
    if left := len(rows.table) - len(kept):
        notes.append(f"{left:,} points of {rows.table.path} lie in no item of the set and are left out.")
    return point_regions(points, window, item_sizes(image_set)), rows.labels[kept], tuple(notes)


def _finders(image_set: ImageSet, rows: LabelRows) -> dict[int, Find]:
    """For each column that tells items apart: which items a value means.

    Raises
    ------
    ReadError
        If there is none.
    """
    items, columns = image_set.items, rows.table.columns
    names = ItemNames(image_set)
    finders: dict[int, Find] = {}
    for column, header in enumerate(columns):
        own = next((str(name) for name in items if str(name).casefold() == header.casefold()), "")
        if own in ("item", "path"):
            finders[column] = names.find
        elif own and own not in NOT_KEYS and column != rows.column:
            finders[column] = _equal(items[own])
    named = rows.table.find(*COLUMNS)
    if named is None and not finders and len(columns) == 2:
        named = 1 - rows.column
    if named is not None and columns[named] not in items:
        finders[named] = names.find
    if not finders:
        raise ReadError(
            f"The table of labels has the columns {list(columns)}, the items {list(items.columns)}: "
            "one besides 'label' must be in both."
        )
    return finders


def _equal(values: pd.Series) -> Find:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(values):
        rows[_key(str(value))].append(row)
    return lambda text: rows.get(_key(text), [])


def _key(text: str) -> str:
    """What two values share that mean the same: ``A1`` and ``a01``, ``7`` and ``07``."""
    if well := WELL.fullmatch(text.strip()):
        return f"{well[1].upper()}{int(well[2])}"
    return str(int(text)) if text.isdecimal() and len(text) < 19 else text.strip().casefold()


def _row_notes(
    image_set: ImageSet, rows: LabelRows, columns: list[int], lost: list[int], repeated: int
) -> list[str]:
    """Sentences on rows that match no item, or one that another row labels too.

    Raises
    ------
    ReadError
        If not one row matches.
    """
    table, notes = rows.table, []
    if lost:
        first = ", ".join(f"{table.columns[c]} {table.rows[lost[0]][c]!r}" for c in columns)
        item = image_set.items.iloc[0]
        beside = f"row {table.lines[lost[0]]} has {first}; an item is {item['item']!r}"
        if len(lost) == len(table):
            raise ReadError(f"{table.path}: not one of its {len(table):,} rows matches an item: {beside}.")
        notes.append(f"{len(lost):,} rows of {table.path} match no item: {beside}.")
    if repeated:
        notes.append(f"{repeated:,} labels of {table.path} are there again, the same.")
    if empty := int((rows.labels == "").sum()):
        notes.append(f"{empty:,} rows of {table.path} have no label.")
    return notes


def _joined(text: str) -> str:
    """Several labels without blanks around them."""
    return LABEL_SEPARATOR.join(part.strip() for part in text.split(LABEL_SEPARATOR))
