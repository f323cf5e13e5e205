"""Results as an AnnData file: a row a region, its columns in ``obs``, probabilities in ``obsm``.

Written with h5py as https://anndata.readthedocs.io/en/latest/fileformat-prose.html describes it: the library
itself would hold pandas back.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_organelle.model.prediction import PROBABILITY

if TYPE_CHECKING:
    import h5py

SUFFIX = ".h5ad"
PROBABILITIES = "probabilities"
MAX_CATEGORIES = 0.5
"""Text with at most so many different values a row is stored as categories, which plots are grouped by."""


def write_h5ad(table: pd.DataFrame, path: Path) -> int:
    """Write a table of results; the number of its rows.

    Parameters
    ----------
    table : DataFrame
        As `tables.results_table`. Its ``p_<class>`` columns become ``obsm["probabilities"]`` (R, K) float32,
        whose classes are in ``uns["classes"]``; the others become ``obs``. ``X`` is left out.
    path : Path
        Where to.
    """
    import h5py

    names = [name for name in table if str(name).startswith(PROBABILITY)]
    with h5py.File(path, "w") as file:
        _mark(file, "anndata", "0.1.0")
        _write_frame(file.create_group("obs"), table.drop(columns=names), len(table))
        _write_frame(file.create_group("var"), pd.DataFrame(), 0)
        for name in ("obsm", "uns", "obsp", "varm", "varp", "layers"):
            _mark(file.create_group(name), "dict", "0.1.0")
        _write_array(file["obsm"], PROBABILITIES, table[names].to_numpy(np.float32))
        _write_text(file["uns"], "classes", [str(name).removeprefix(PROBABILITY) for name in names])
    return len(table)


def _mark(place: Any, kind: str, version: str) -> None:
    place.attrs["encoding-type"], place.attrs["encoding-version"] = kind, version


def _write_frame(group: h5py.Group, table: pd.DataFrame, rows: int) -> None:
    """A table whose index counts its rows from 0."""
    import h5py

    _mark(group, "dataframe", "0.2.0")
    group.attrs["_index"] = "_index"
    columns = np.array([str(name) for name in table], dtype=object)
    group.attrs.create("column-order", columns, dtype=h5py.string_dtype())
    _write_text(group, "_index", [str(row) for row in range(rows)])
    for name in table:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values):
            _write_array(group, str(name), values.to_numpy())
        else:
            text = values.astype("string").fillna("")
            is_categorical = text.nunique() <= MAX_CATEGORIES * max(rows, 2)
            (_write_categories if is_categorical else _write_text)(group, str(name), text.tolist())


def _write_array(group: h5py.Group, name: str, values: np.ndarray) -> None:
    _mark(group.create_dataset(name, data=values), "array", "0.2.0")


def _write_text(group: h5py.Group, name: str, values: list[str]) -> None:
    import h5py

    data = np.array(values, dtype=object)
    _mark(group.create_dataset(name, data=data, dtype=h5py.string_dtype()), "string-array", "0.2.0")


def _write_categories(group: h5py.Group, name: str, values: list[str]) -> None:
    codes, categories = pd.factorize(np.array(values, dtype=object), sort=True)
    inner = group.create_group(name)
    _mark(inner, "categorical", "0.2.0")
    inner.attrs["ordered"] = False
    _write_array(inner, "codes", codes.astype(np.int32))
    _write_text(inner, "categories", [str(each) for each in categories])
