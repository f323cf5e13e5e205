"""Results as a table, and tables as files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import OrganelleError
from napari_organelle.files import whole_file
from napari_organelle.model.calling import CORRECTED
from napari_organelle.model.prediction import Prediction
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.tables.cells import guard

PARQUET = ".parquet"

FLOATS = "%.6g"

PLACES = ("plate", "well", "field", "gene", "protein")
"""Columns of a set's item table that its results keep."""


def results_table(
    prediction: Prediction,
    images: ImageSet,
    threshold: float | np.ndarray,
    corrected: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """One row a region, as it is exported.

    Parameters
    ----------
    prediction : Prediction
        Of regions of `images`.
    images : ImageSet
        What was classified.
    threshold : float or (K,) array
        Probability in [0, 1] from which a class is called.
    corrected : mapping of int to str, optional
        Rows of regions that were given a class by hand, and the class; ``"|"`` between several.

    Returns
    -------
    DataFrame
        Columns source, item, those of `PLACES` that the set has (as text, so that tables of several sets fit
        together), region, y, x, height, width (pixels), called, corrected where any region was, confidence,
        unlike_training where the model can tell, ``p_<class>``..., and label where the set has one.
    """
    table = prediction.to_frame(threshold)
    items = images.items.iloc[table["item"].to_numpy()]
    source = items["path"].where(items["path"] != "", str(images.source or ""))
    table.insert(0, "source", source.to_numpy())
    table["item"] = items["item"].to_numpy()
    for name in reversed([name for name in PLACES if name in items]):
        table.insert(2, name, items[name].astype("string").fillna("").to_numpy(object))
    if corrected:
        given = [corrected.get(row, "") for row in range(len(table))]
        table.insert(table.columns.tolist().index("called") + 1, CORRECTED, given)
    if (images.items["label"] != "").any():
        table["label"] = items["label"].to_numpy()
    return table


def group_columns_of(images: ImageSet) -> tuple[str, ...]:
    """Columns of the results of a set by which regions can be grouped."""
    label = ("label",) if (images.items["label"] != "").any() else ()
    return ("source", "item", *(name for name in PLACES if name in images.items), *label)


def write_csv(table: pd.DataFrame, path: Path, *, replace: bool = True) -> None:
    """Write a CSV with commas, points and UTF-8, whole or not at all; see `read.tables.cells` for formulas.

    Parameters
    ----------
    table : DataFrame
        Written without its index; numbers with up to 6 significant digits.
    path : Path
        Where to.
    replace : bool
        Whether a file of that name is replaced.

    Raises
    ------
    OrganelleError
        If a file is there and is to stay, the disk is full or the folder can't be written to; what was there
        before is untouched.
    """
    with _whole_table(path, replace) as part:
        guard(table).to_csv(part, index=False, float_format=FLOATS, errors="backslashreplace")


def write_tables(tables: Iterable[pd.DataFrame], path: Path, *, replace: bool = True) -> int:
    """Write tables below each other: as the path ends, see `require_table`.

    Parameters
    ----------
    tables : iterable of DataFrame
        Of the same columns; one is held at a time.
    path : Path
        Where to.
    replace : bool
        Whether a file of that name is replaced.

    Returns
    -------
    int
        Rows.

    Raises
    ------
    OrganelleError
        As for `write_csv`.
    """
    require_table(path)
    write = _writers()[path.suffix.lower()]
    with _whole_table(path, replace) as part:
        return write(tables, part)


def require_table(path: Path) -> None:
    """Refuse a table of a kind that is not written.

    Raises
    ------
    OrganelleError
        If its ending is none of ``.csv`` (also without an ending), ``.tsv``, ``.parquet``, ``.h5ad`` and
        ``.geojson``.
    """
    if path.suffix.lower() not in _writers():
        known = ", ".join(filter(None, _writers()))
        raise OrganelleError(
            f"{path}: tables are written as {known}, not as {path.suffix}; spreadsheets open .csv and .tsv."
        )


def _writers() -> dict[str, Callable[[Iterable[pd.DataFrame], Path], int]]:
    """What writes files of each ending."""
    from napari_organelle.show.exports import geojson, h5ad

    return {
        "": _append_csv,
        ".csv": _append_csv,
        ".tsv": partial(_append_csv, separator="\t"),
        PARQUET: _write_parquet,
        h5ad.SUFFIX: lambda tables, path: h5ad.write_h5ad(_joined(tables), path),
        geojson.SUFFIX: lambda tables, path: geojson.write_geojson(_joined(tables), path),
    }


def _joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)


def _append_csv(tables: Iterable[pd.DataFrame], path: Path, separator: str = ",") -> int:
    rows = 0
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        for table in tables:
            guard(table).to_csv(file, sep=separator, index=False, header=rows == 0, float_format=FLOATS)
            rows += len(table)
    return rows


def _write_parquet(tables: Iterable[pd.DataFrame], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 0
    with ExitStack() as stack:
        writer: Any = None
        for table in tables:
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            writer = writer or stack.enter_context(pq.ParquetWriter(path, arrow.schema))
            writer.write_table(arrow.cast(writer.schema))
            rows += len(table)
    return rows


@contextmanager
def _whole_table(path: Path, replace: bool) -> Generator[Path]:
    try:
        with whole_file(path, replace=replace) as part:
            yield part
    except OSError as error:
        raise OrganelleError(
            f"the table could not be written to {path}: {error}. Choose another place."
        ) from error
