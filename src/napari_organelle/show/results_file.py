"""Tables of results read back, as `classify` and the window write them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.model.calling import CORRECTED
from napari_organelle.model.prediction import PROBABILITY
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.read.tables.cells import unguard
from napari_organelle.read.tables.table import find_dialect
from napari_organelle.show.tables import PARQUET

CONFIDENCE = "confidence"

WINDOW = ("region", "y", "x", "height", "width")
"""Columns of whole numbers that say where a region lies."""


def read_results(path: Path, *, whole: bool = False) -> pd.DataFrame:
    """A table of results, CSV or Parquet.

    Parameters
    ----------
    path : Path
        The file.
    whole : bool
        Whether also where the regions lie, and their confidence: a roll-up of millions does without.

    Raises
    ------
    ReadError
        If it can't be read or has no column ``called`` and ``p_<class>``.
    """
    try:
        if path.suffix.lower() == PARQUET:
            import pyarrow.parquet as pq

            table = pd.read_parquet(path, columns=_wanted(pq.read_schema(path).names, whole))
        else:
            table = _read_text(path, whole)
    except Exception as error:
        raise ReadError(f"{path} can't be read as a table of results: {error}") from error
    classes_of(table.columns)
    return table


def classes_of(columns: Iterable[str]) -> tuple[str, ...]:
    """The classes of a table of results.

    Raises
    ------
    ReadError
        If it is none.
    """
    columns = list(columns)
    classes = tuple(name.removeprefix(PROBABILITY) for name in columns if name.startswith(PROBABILITY))
    if "called" not in columns or len(classes) < 2:
        raise ReadError(
            "This is no table of results: it needs the columns 'called' and p_<class>, as classify writes it."
        )
    return classes


def with_corrections(table: pd.DataFrame) -> pd.DataFrame:
    """A table in which what a person said is the call, and certain.

    Parameters
    ----------
    table : DataFrame
        As `tables.results_table`.

    Returns
    -------
    DataFrame
        Where ``corrected`` is not empty, it is ``called``, with probabilities (and confidence, where that is
        a column) of 1, and 0 for all other classes; classes that the model does not know have columns too.
    """
    if CORRECTED not in table:
        return table
    given = table[CORRECTED].astype("string").fillna("").to_numpy(object)
    is_given = given != ""
    if not is_given.any():
        return table
    names = [set(label.split(LABEL_SEPARATOR)) for label in given[is_given]]
    classes = classes_of(table.columns)
    columns: dict[str, Any] = {"called": np.where(is_given, given, table["called"].to_numpy(object))}
    if CONFIDENCE in table:
        columns[CONFIDENCE] = np.where(is_given, 1.0, table[CONFIDENCE])
    for name in (*classes, *sorted(set().union(*names) - set(classes))):
        values = np.array(table[PROBABILITY + name], float) if name in classes else np.zeros(len(table))
        values[is_given] = [name in each for each in names]
        columns[PROBABILITY + name] = values
    return table.assign(**columns)


def _read_text(path: Path, whole: bool) -> pd.DataFrame:
    """A CSV of millions of rows: numbers are parsed on the way, names are not looked at."""
    dialect = find_dialect(path)
    options: dict[str, Any] = {
        "sep": dialect.delimiter,
        "encoding": dialect.encoding,
        "skiprows": dialect.skip,
        "keep_default_na": False,
    }
    names = _wanted(pd.read_csv(path, nrows=0, **options).columns, whole)
    likely = [name for name in names if name.startswith(PROBABILITY) or name == CONFIDENCE]
    kinds: dict[str, Any] = {name: "float32" if name in likely else "string" for name in names}
    table = pd.read_csv(
        path,
        usecols=names,
        dtype=kinds | {name: "int64" for name in names if name in WINDOW},
        na_values={name: [""] for name in likely},
        decimal=dialect.decimal,
        **options,
    )
    return unguard(table)


def _wanted(columns: Iterable[str], whole: bool) -> list[str]:
    return [name for name in columns if whole or name not in (*WINDOW, CONFIDENCE)]
