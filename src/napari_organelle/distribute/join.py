"""Parts to one table, a part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from napari_organelle.show.tables import write_tables


def join(parts: Iterable[Path], output: Path) -> int:
    """Write the rows of Parquet files, one after the other, as one CSV or Parquet.

    Parameters
    ----------
    parts : iterable of Path
        In order. A column that some lack is empty there.
    output : Path
        Replaced once all is written; Parquet where it ends so, else CSV.

    Returns
    -------
    int
        Rows written; where there are none, no file is.

    Raises
    ------
    OrganelleError
        If the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [file for file in parts if pq.read_metadata(file).num_rows]
    if not files:
        return 0
    columns = pa.unify_schemas([pq.read_schema(file).remove_metadata() for file in files]).names
    return write_tables(_tables(files, columns), output)


def _tables(files: Iterable[Path], columns: list[str]) -> Iterator[pd.DataFrame]:
    for file in files:
        yield pd.read_parquet(file).reindex(columns=columns, fill_value="")
