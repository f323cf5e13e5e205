"""Parts to one table, a part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from napari_organelle.errors import OrganelleError
from napari_organelle.show.tables import write_tables


def join(parts: Iterable[Path], output: Path, *, replace: bool = True) -> int:
    """Write the rows of Parquet files, one after the other, as one CSV or Parquet.

    Parameters
    ----------
    parts : iterable of Path
        In order. A column that some lack is empty there.
    output : Path
        Parquet where it ends so, else CSV.
    replace : bool
        Whether a file of that name is replaced.

    Returns
    -------
    int
        Rows written; where there are none, no file is.

    Raises
    ------
    OrganelleError
        If a file is there and is to stay, a part is damaged, or the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [file for file in parts if pq.read_metadata(file).num_rows]
    if not files:
        return 0
    columns = pa.unify_schemas([pq.read_schema(file).remove_metadata() for file in files]).names
    return write_tables(_tables(files, columns), output, replace=replace)


def _tables(files: Iterable[Path], columns: list[str]) -> Iterator[pd.DataFrame]:
    import pyarrow.parquet as pq

    for file in files:
        try:
            table = pq.read_table(file, page_checksum_verification=True).to_pandas()
        except Exception as error:
            raise OrganelleError(
                f"{file} is damaged, repeat the command to compute it anew: {error}"
            ) from error
        yield table.reindex(columns=columns, fill_value="")
