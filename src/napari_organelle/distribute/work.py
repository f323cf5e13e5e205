"""The folder beside the output that holds a run's parts until all are there."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_organelle.errors import OrganelleError
from napari_organelle.model.dense_report import DenseReport

PLAN_FILE = "plan.json"
UNFINISHED_FILE = "unfinished.parquet"
SUMMARY_KEY = b"napari-organelle"


@dataclass(frozen=True)
class Summary:
    """What is told of a part that is done.

    Parameters
    ----------
    number : int
        The part's.
    size : int
        Its regions, or items whose objects were found.
    rows : int
        Of its table.
    notes : tuple of str
        For the user.
    failed : str
        Why it has no answer; ``""`` where it has.
    dense : DenseReport, optional
        Of dense tiles: how well they agree with single ones.
    """

    number: int
    size: int
    rows: int = 0
    notes: tuple[str, ...] = ()
    failed: str = ""
    dense: DenseReport | None = None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Summary:
        """Of what `asdict` gave."""
        dense = values["dense"] and DenseReport(**values["dense"])
        return cls(**{**values, "notes": tuple(values["notes"]), "dense": dense})


@dataclass(frozen=True)
class WorkFolder:
    """Parts of a run, a Parquet file each, and the plan that they belong to.

    Parameters
    ----------
    path : Path
        ``OUT.csv.parts`` beside ``OUT.csv``.
    """

    path: Path

    @classmethod
    def beside(cls, output: Path) -> WorkFolder:
        """That of an output file."""
        return cls(output.absolute().with_name(f"{output.name}.parts"))

    def begin(self, plan: Mapping[str, Any], force: bool = False) -> int:
        """Make the folder, or go on with it where it belongs to the same plan.

        Parameters
        ----------
        plan : mapping
            All that results depend on, ready for JSON.
        force : bool
            Whether the parts of another plan are thrown away.

        Returns
        -------
        int
            How many parts are there already.

        Raises
        ------
        OrganelleError
            If the parts there belong to another plan, or the disk refuses.
        """
        file = self.path / PLAN_FILE
        text = json.dumps(plan, indent=1)
        try:
            if self.path.exists() and (other := _differences(file, json.loads(text))):
                if any(self.tables()) and not force:
                    raise OrganelleError(
                        f"{self.path} holds the parts of another run that was not finished: {other}. Repeat "
                        "that command to go on with it, choose another output, or add --force to begin anew."
                    )
                self.remove()
            self.path.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OrganelleError(f"{self.path} can't be written to: {error}") from error
        (self.path / UNFINISHED_FILE).unlink(missing_ok=True)
        return len(list(self.tables()))

    def summary(self, number: int) -> Summary | None:
        """Of a part that is there; None of one that is not."""
        import pyarrow.parquet as pq

        try:
            stored = pq.read_schema(self._file(number)).metadata[SUMMARY_KEY]
        except FileNotFoundError:
            return None
        return Summary.from_json(json.loads(stored))

    def write(self, summary: Summary, table: pd.DataFrame) -> None:
        """Write a part, whole or not at all; whoever writes it again writes the same.

        Raises
        ------
        OrganelleError
            If the disk refuses.
        """
        self._write(self._file(summary.number), table, {SUMMARY_KEY: json.dumps(asdict(summary)).encode()})

    def write_unfinished(self, table: pd.DataFrame) -> None:
        """Keep the first rows of the part that was stopped, for the partial table.

        Raises
        ------
        OrganelleError
            If the disk refuses.
        """
        self._write(self.path / UNFINISHED_FILE, table, {})

    def tables(self, unfinished: bool = False) -> Iterator[Path]:
        """The parts' files in order, and that of the part that was stopped if asked for."""
        yield from sorted(self.path.glob("[0-9]*.parquet"))
        if unfinished and (file := self.path / UNFINISHED_FILE).exists():
            yield file

    def table(self, number: int) -> pd.DataFrame:
        """The rows of a part; none of one that is not there."""
        file = self._file(number)
        return pd.read_parquet(file) if file.exists() else pd.DataFrame()

    def remove(self) -> None:
        """Delete the folder and its parts."""
        shutil.rmtree(self.path)

    def _file(self, number: int) -> Path:
        return self.path / f"{number:08}.parquet"

    def _write(self, file: Path, table: pd.DataFrame, metadata: Mapping[bytes, bytes]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrow = pa.Table.from_pandas(table, preserve_index=False)
        part = file.with_name(f".{file.name}.{platform.node()}.{os.getpid()}")
        try:
            pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **metadata}), part)
            part.replace(file)
        except OSError as error:
            raise OrganelleError(f"{file} can't be written: {error}. Free some space.") from error
        finally:
            part.unlink(missing_ok=True)


def _differences(file: Path, plan: dict[str, Any]) -> str:
    """What a stored plan has otherwise; ``""`` where it is the same."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"its {PLAN_FILE} can't be read"
    changed = [name for name in {**stored, **plan} if stored.get(name) != plan.get(name)]
    return "; ".join(f"{name} was {stored.get(name)}, is {plan.get(name)}" for name in changed)
