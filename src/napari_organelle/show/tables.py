"""Results as a table, and tables as files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import OrganelleError
from napari_organelle.model.prediction import Prediction
from napari_organelle.read.image_set import ImageSet

PARQUET = ".parquet"

FLOATS = "%.6g"

PLACES = ("plate", "well", "field", "gene", "protein")
"""Columns of a set's item table that its results keep."""


def results_table(prediction: Prediction, images: ImageSet, threshold: float | np.ndarray) -> pd.DataFrame:
    """One row a region, as it is exported.

    Parameters
    ----------
    prediction : Prediction
        Of regions of `images`.
    images : ImageSet
        What was classified.
    threshold : float or (K,) array
        Probability in [0, 1] from which a class is called.

    Returns
    -------
    DataFrame
        Columns source, item, those of `PLACES` that the set has (as text, so that tables of several sets fit
        together), region, y, x, height, width (pixels), called, confidence, ``p_<class>``..., and label where
        the set has one.
    """
    table = prediction.to_frame(threshold)
    items = images.items.iloc[table["item"].to_numpy()]
    source = items["path"].where(items["path"] != "", str(images.source or ""))
    table.insert(0, "source", source.to_numpy())
    table["item"] = items["item"].to_numpy()
    for name in reversed([name for name in PLACES if name in items]):
        table.insert(2, name, items[name].astype("string").fillna("").to_numpy(object))
    if (images.items["label"] != "").any():
        table["label"] = items["label"].to_numpy()
    return table


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV with commas, points and UTF-8; a file of that name is replaced only once all is written.

    Parameters
    ----------
    table : DataFrame
        Written without its index; numbers with up to 6 significant digits.
    path : Path
        Where to.

    Raises
    ------
    OrganelleError
        If the disk is full or the folder can't be written to; what was there before is untouched.
    """
    with _replacing(path) as part:
        table.to_csv(part, index=False, float_format=FLOATS)


def write_tables(tables: Iterable[pd.DataFrame], path: Path) -> int:
    """Write tables below each other, as Parquet where the path ends so, else as `write_csv`.

    Parameters
    ----------
    tables : iterable of DataFrame
        Of the same columns; one is held at a time.
    path : Path
        Where to.

    Returns
    -------
    int
        Rows.

    Raises
    ------
    OrganelleError
        As for `write_csv`.
    """
    write = _write_parquet if path.suffix == PARQUET else _append_csv
    with _replacing(path) as part:
        return write(tables, part)


def _append_csv(tables: Iterable[pd.DataFrame], path: Path) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for table in tables:
            table.to_csv(file, index=False, header=rows == 0, float_format=FLOATS)
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
def _replacing(path: Path) -> Generator[Path]:
    """A file to write beside `path`, which takes its place in the end."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise OrganelleError(
            f"the table could not be written to {path}: {error}. Choose another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)
