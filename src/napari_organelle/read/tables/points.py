"""Tables of points: y and x in pixels, and which item of a set each lies in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.tables.names import COLUMNS as NAMES
from napari_organelle.read.tables.names import ItemNames, require_match
from napari_organelle.read.tables.table import Table, read_table

STEPS = ("frame", "t", "time", "timepoint", "time point", "z", "slice", "section", "plane", "position")
"""Headers of a column that counts the pictures of a stack, from 0 or from 1."""

KNOWN_STEPS = {
    "time": ("frame", "t", "time", "timepoint", "time point"),
    "section": ("z", "slice", "section"),
}
"""Columns of an item table, and what tables of points call them."""

AXES = ("axis-0", "axis-1", "axis-2", "axis-3")
"""Columns that napari saves, the last two being y and x."""

FIJI = ("area", "mean", "%area", "bx", "feret", "intden")
"""Columns of Fiji's results, whose X and Y are in the unit of its scale."""


@dataclass(frozen=True, eq=False)
class PointTable:
    """Points of a table, before it is known which items there are.

    Parameters
    ----------
    table : Table
        All of it.
    yx : (R, 2) float array
        In pixels.
    items : tuple of int
        Columns that say in which item a point lies: one that names it or counts from 0, or those that count
        the pictures of a stack.
    """

    table: Table
    yx: np.ndarray
    items: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.yx)

    @property
    def has_names(self) -> bool:
        """Whether a column names the items, not only counts them."""
        return self._is_named and not all(map(_is_whole, self.table.values(self.items[0])))

    @property
    def _is_named(self) -> bool:
        return bool(self.items) and self.table.columns[self.items[0]].casefold() in NAMES

    def place(self, images: ImageSet, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Where the points lie in a set.

        Parameters
        ----------
        images : ImageSet
            N items.
        first : int
            Items that came before the set, where it is a piece of a larger one.

        Returns
        -------
        (P, 3) float array, (P,) int64
            Item, y and x of the points that lie in items of the set, and their rows in the table.

        Raises
        ------
        ReadError
            If the table does not say in which item a point lies, or says it in a way with two meanings.
        """
        everything = np.arange(len(self))
        if not self.items:
            return np.column_stack([self._only_item(images, first), self.yx]), everything
        headers = [self.table.columns[column].casefold() for column in self.items]
        if self._is_named:
            return self._named(images, first)
        if first:
            raise ReadError(
                f"{self.table.path}: column {headers[0]!r} counts the pictures of one stack; there are "
                "several images: add a column 'item' with their names"
            )
        return np.column_stack([self._counted(images, headers), self.yx]), everything

    def _only_item(self, images: ImageSet, first: int) -> np.ndarray:
        if len(images) > 1 or first:
            raise ReadError(
                f"{self.table.path}: there are several images, and no column says in which a point lies; add "
                f"a column 'item' with names such as {images.items['item'].iloc[0]!r}, or numbers from 0"
            )
        return np.zeros(len(self))

    def _named(self, images: ImageSet, first: int) -> tuple[np.ndarray, np.ndarray]:
        names = ItemNames(images)
        texts = self.table.values(self.items[0])
        found = {text: names.find(text) for text in dict.fromkeys(texts)}
        if not any(found.values()) and all(_is_whole(text) for text in texts):
            counted = self.table.numbers(self.items[0]) - first
            _require_within(self.table, self.items[0], counted, len(images))
            return np.column_stack([counted, self.yx]), np.arange(len(self))
        require_match(found.values(), texts[0] if texts else "", names, str(self.table.path))
        if several := [text for text, rows in found.items() if len(rows) > 1]:
            raise ReadError(
                f"{self.table.path}: {several[0]!r} has {len(found[several[0]])} pictures; name one, such as "
                f"{images.items['item'].iloc[found[several[0]][0]]!r}"
            )
        kept = np.array([row for row, text in enumerate(texts) if found[text]], np.int64)
        items = np.array([found[texts[row]][0] for row in kept], float)
        return np.column_stack([items, self.yx[kept]]), kept

    def _counted(self, images: ImageSet, headers: list[str]) -> np.ndarray:
        """Item by the columns that count pictures; from 0 or 1 only where the numbers prove it."""
        apart = [name for name in ("plate", "well", "field") if name in images.items]
        if any(images.items[name].nunique() > 1 for name in apart):
            raise ReadError(
                f"{self.table.path}: column {headers[0]!r} counts the pictures of one stack, and the images "
                f"are of several {apart[0]}s: add a column 'item' with their names"
            )
        known = [name for name in KNOWN_STEPS if name in images.items and images.items[name].nunique() > 1]
        counts = [self._whole(column) for column in self.items]
        if len(known) > 1:
            return self._by_steps(images, headers, counts, known)
        varying = [place for place, count in enumerate(counts) if len(np.unique(count)) > 1] or [0]
        if len(varying) > 1:
            raise ReadError(
                f"{self.table.path}: both {headers[0]!r} and {headers[1]!r} vary, and the image has one axis "
                f"of {len(images)} pictures; write it as a column 'item' from 0"
            )
        place = varying[0]
        return self._from_zero(place, counts[place], len(images), headers[place].startswith("axis-"))

    def _from_zero(self, place: int, count: np.ndarray, length: int, from_zero: bool) -> np.ndarray:
        column = self.items[place]
        if length == 1 and len(np.unique(count)) == 1 and count[0] in (0, 1):
            return np.zeros(len(count))
        if not from_zero and count.min() > 0:
            if count.max() < length:
                raise ReadError(
                    f"{self.table.path}: column {self.table.columns[column]!r} goes from {count.min():g} "
                    f"to {count.max():g}, and there are {length} pictures: it may count from 0 or 1. Write "
                    "it as a column 'item', which counts from 0"
                )
            count = count - 1
        _require_within(self.table, column, count, length)
        return count

    def _by_steps(
        self, images: ImageSet, headers: list[str], counts: list[np.ndarray], known: list[str]
    ) -> np.ndarray:
        """Item by time point and section, of images that have both."""
        is_napari = headers[0].startswith("axis-")
        if is_napari and len(headers) == len(known):
            places = dict(zip(known, range(len(known)), strict=True))
        else:
            places = {
                name: place
                for place, header in enumerate(headers)
                for name in known
                if header in KNOWN_STEPS[name]
            }
        if lacking := [name for name in known if name not in places]:
            raise ReadError(
                f"{self.table.path}: the image has {' and '.join(known)}, no column says a point's "
                f"{lacking[0]}; there are {', '.join(headers)}. Add it, or a column 'item' from 0"
            )
        index = np.zeros(len(self), np.int64)
        steps = np.zeros(len(images), np.int64)
        for name in known:
            there, step = np.unique(images.items[name].to_numpy(int), return_inverse=True)
            given = self._from_zero(places[name], counts[places[name]], len(there), is_napari).astype(int)
            steps = steps * len(there) + step
            index = index * len(there) + given
        items = {step: item for item, step in enumerate(steps.tolist())}
        try:
            return np.array([items[step] for step in index.tolist()], float)
        except KeyError:
            raise ReadError(f"{self.table.path}: a point lies in a picture that is not there") from None

    def _whole(self, column: int) -> np.ndarray:
        count = self.table.numbers(column)
        if len(odd := np.flatnonzero(count != np.round(count))):
            raise ReadError(
                f"{self.table.path}, row {self.table.lines[odd[0]]}: {self.table.columns[column]} says which "
                f"picture a point lies in and must be a whole number; it is {count[odd[0]]:g}"
            )
        return count


def read_points(path: Path) -> PointTable:
    """Read a table with ``y`` and ``x``, or napari's ``axis-0``, ``axis-1``...

    Raises
    ------
    ReadError
        If the file can't be read, lacks the columns, or its coordinates are no pixels.
    """
    return points_of(read_table(path))


def points_of(table: Table) -> PointTable:
    """Points of a table that was read.

    Raises
    ------
    ReadError
        As for `read_points`.
    """
    named = table.find(*NAMES)
    y, x = table.find("y"), table.find("x")
    if y is not None and x is not None:
        _refuse_fiji(table)
        steps = [found for name in STEPS if (found := table.find(name)) is not None]
    else:
        axes = [found for name in AXES if (found := table.find(name)) is not None]
        if len(axes) < 2:
            raise ReadError(
                f"{table.path} must have the columns y and x, in pixels, or axis-0 and axis-1; it has "
                f"{list(table.columns)}. Its delimiter seems to be {table.delimiter!r}."
            )
        *steps, y, x = axes
    if not len(table):
        raise ReadError(f"{table.path}: expected points; the table has no rows")
    yx = np.column_stack([table.numbers(y), table.numbers(x)])
    return PointTable(table, yx, (named,) if named is not None else tuple(steps))


def has_points(table: Table) -> bool:
    """Whether the rows are points: columns ``y`` and ``x``."""
    return table.find("y") is not None and table.find("x") is not None


def _refuse_fiji(table: Table) -> None:
    """Fiji writes X and Y in micrometres where the image has a scale, and does not say so."""
    names = {column.casefold() for column in table.columns}
    if {"X", "Y"} <= set(table.columns) and names.intersection(FIJI):
        raise ReadError(
            f"{table.path}: X and Y look like Fiji's results, which may be micrometres. Save the ROI "
            "manager's RoiSet.zip and give it as --labels, or write pixels as columns y and x"
        )


def _require_within(table: Table, column: int, items: np.ndarray, length: int) -> None:
    out = np.flatnonzero((items < 0) | (items >= length))
    if len(out):
        raise ReadError(
            f"{table.path}, row {table.lines[out[0]]}: {table.columns[column]} is "
            f"{table.rows[out[0]][column]!r}; there are {length} images, the first being 0"
        )


def _is_whole(text: str) -> bool:
    try:
        return float(text).is_integer()
    except ValueError:
        return False
