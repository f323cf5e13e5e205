"""The folder beside the output that holds a run's parts until all are there."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_organelle.errors import OrganelleError
from napari_organelle.files import give_name, whole_file
from napari_organelle.locks import RunLock
from napari_organelle.model.agreement import Agreement

if TYPE_CHECKING:
    import pyarrow as pa

PLAN_FILE = "plan.json"
UNFINISHED_FILE = "unfinished.parquet"
PARTIAL_FILE = "partial.json"
LOCK_FILE = "lock"
SUMMARY_KEY = b"napari-organelle"
MARK_KEY = b"napari-organelle plan"
DIGEST_KEY = b"napari-organelle digest"

OURS = {"napari-organelle": "parts of a run"}
"""In a plan's file, by which the folder is known as ours."""

OWN = re.compile(r"(\d{8}|unfinished)\.parquet|(plan|partial)\.json|lock|(table|partial)\..*|\..*\.part")
"""Names that a run gives to files in its folder; no others are ever deleted."""


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
    skipped : tuple of str
        Why items that could not be read have no rows.
    unread : int
        Rows of regions that could not be read, which have no answer.
    agreement : Agreement, optional
        Of dense tiles: how well they agree with single ones.
    unlike : int
        Rows of regions that are unlike the pictures that the model was trained on.
    """

    number: int
    size: int
    rows: int = 0
    notes: tuple[str, ...] = ()
    failed: str = ""
    skipped: tuple[str, ...] = ()
    unread: int = 0
    agreement: Agreement | None = None
    unlike: int = 0

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Summary:
        """Of what `asdict` gave."""
        agreement = values["agreement"] and Agreement(**values["agreement"])
        lists = {name: tuple(values[name]) for name in ("notes", "skipped")}
        return cls(**{**values, **lists, "agreement": agreement})


@dataclass(frozen=True)
class WorkFolder:
    """Parts of a run, a Parquet file each with the hash of its plan, and the plan that they belong to.

    Parameters
    ----------
    path : Path
        ``OUT.csv.parts`` beside ``OUT.csv``.
    mark : str
        Hash of the plan: a part that has another one, or can't be read, counts as not there.
    """

    path: Path
    mark: str

    @classmethod
    def beside(cls, output: Path, plan: Mapping[str, Any]) -> WorkFolder:
        """That of an output file and a plan, which is ready for JSON."""
        mark = hashlib.blake2b(json.dumps(plan, sort_keys=True).encode(), digest_size=16).hexdigest()
        return cls(output.absolute().with_name(f"{output.name}.parts"), mark)

    def begin(self, plan: Mapping[str, Any], force: bool = False) -> RunLock:
        """Make the folder, or go on with it where it belongs to the same plan, and keep other runs out.

        Parameters
        ----------
        plan : mapping
            All that results depend on, ready for JSON.
        force : bool
            Whether the parts of another plan are thrown away.

        Returns
        -------
        RunLock
            To be released in the end.

        Raises
        ------
        OrganelleError
            If the folder is not ours, the parts there belong to another plan, a run that lives is writing
            there, or the disk refuses.
        """
        lock = RunLock(self.path / LOCK_FILE)
        try:
            self._require_ours()
            self.path.mkdir(exist_ok=True)
            lock.take()
            self._adopt(json.loads(json.dumps(plan)), force)
        except OSError as error:
            lock.release()
            raise OrganelleError(f"{self.path} can't be written to: {error}") from error
        except BaseException:
            lock.release()
            raise
        return lock

    def _require_ours(self) -> None:
        """Refuse what is not, or may not be, the folder of a run."""
        if not os.path.lexists(self.path):
            return
        stored = self._plan()
        is_run = stored is None and all(OWN.fullmatch(file.name) for file in self.path.iterdir())
        if self.path.is_symlink() or not (is_run or (stored and OURS.items() <= stored.items())):
            raise OrganelleError(
                f"{self.path} is there already and holds no parts of a run: move it, or choose another "
                "output."
            )

    def _adopt(self, plan: dict[str, Any], force: bool) -> None:
        """Write the plan where there is none, after parts of another one are gone."""
        stored = self._plan()
        if stored is None:
            is_other = any(_mark(file) not in ("", self.mark) for file in self._numbered())
        else:
            is_other = stored != OURS | plan
        if is_other:
            other = _differences(stored, plan)
            if any(self._numbered()) and not force:
                raise OrganelleError(
                    f"{self.path} holds the parts of another run that was not finished: {other}. Repeat "
                    "that command to go on with it, choose another output, or add --force to begin anew."
                )
            self._clear()
            stored = None
        if stored is None:
            with whole_file(self.path / PLAN_FILE) as part:
                part.write_text(json.dumps(OURS | plan, indent=1), encoding="utf-8")
        (self.path / UNFINISHED_FILE).unlink(missing_ok=True)

    def _plan(self) -> dict[str, Any] | None:
        """The plan that is stored; None where there is none or it can't be read."""
        try:
            stored = json.loads((self.path / PLAN_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return stored if isinstance(stored, dict) else {}

    def summary(self, number: int) -> Summary | None:
        """Of a part that is there; None where it isn't, can't be read, or is another plan's."""
        import pyarrow.parquet as pq

        file = self._file(number)
        if not file.exists():
            return None
        try:
            table = pq.read_table(file, page_checksum_verification=True)
            metadata, rows = table.schema.metadata, {len(table), pq.read_metadata(file).num_rows}
            summary = Summary.from_json(json.loads(metadata[SUMMARY_KEY]))
            is_whole = metadata[MARK_KEY] == self._mark and metadata[DIGEST_KEY] == _digest(table)
        except Exception:  # noqa: BLE001 - whatever it is, the part is computed anew
            return None
        return summary if is_whole and rows == {summary.rows} else None

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
        """The files of this plan's parts in order, and that of the part that was stopped if asked for."""
        files = self._numbered()
        if unfinished:
            files = [*files, self.path / UNFINISHED_FILE]
        return (file for file in files if _mark(file) == self.mark)

    def table(self, number: int) -> pd.DataFrame:
        """The rows of a part; none of one that is not there."""
        file = self._file(number)
        return pd.read_parquet(file) if _mark(file) == self.mark else pd.DataFrame()

    def owns(self, table: Path) -> bool:
        """Whether a partial table is what this run's folder says that a run wrote."""
        try:
            states = json.loads((self.path / PARTIAL_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return _state(table) in states if isinstance(states, list) else False

    def put_partial(self, written: Path, table: Path, replace: bool) -> None:
        """Give a partial table its name beside the folder, and remember that it is a run's.

        Parameters
        ----------
        written : Path
            In the folder.
        table : Path
            Its name.
        replace : bool
            Whether one that no run wrote is replaced.

        Raises
        ------
        OrganelleError
            If there is a file that no run wrote, or the disk refuses.
        """
        try:
            is_own = table.exists() and self.owns(table)
            states = [_state(written), *([_state(table)] if is_own else [])]
            with whole_file(self.path / PARTIAL_FILE) as part:
                part.write_text(json.dumps(states), encoding="utf-8")
            give_name(written, table, replace=replace or is_own)
        except OSError as error:
            raise OrganelleError(f"{table} can't be written: {error}") from error

    def has_parts(self) -> bool:
        """Whether there is a part, or rows of one that was stopped."""
        return any(self.path.glob("*.parquet"))

    def remove(self, lock: RunLock | None = None) -> None:
        """Delete what runs wrote into the folder, and the folder where nothing else is in it."""
        self._clear()
        if lock:
            lock.release()
        with suppress(OSError):  # somebody else's file is there
            self.path.rmdir()

    def _clear(self) -> None:
        for file in sorted(self.path.iterdir(), key=lambda file: file.name == PLAN_FILE):
            if OWN.fullmatch(file.name) and file.name != LOCK_FILE and not file.is_dir():
                file.unlink()

    @property
    def _mark(self) -> bytes:
        return self.mark.encode()

    def _numbered(self) -> list[Path]:
        return sorted(self.path.glob("[0-9]*.parquet"))

    def _file(self, number: int) -> Path:
        return self.path / f"{number:08}.parquet"

    def _write(self, file: Path, table: pd.DataFrame, metadata: Mapping[bytes, bytes]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrow = pa.Table.from_pandas(table, preserve_index=False)
        own = {**metadata, MARK_KEY: self._mark, DIGEST_KEY: _digest(arrow)}
        metadata = {**(arrow.schema.metadata or {}), **own}
        try:
            with whole_file(file) as part:
                pq.write_table(arrow.replace_schema_metadata(metadata), part, write_page_checksum=True)
        except OSError as error:
            raise OrganelleError(f"{file} can't be written: {error}. Free some space.") from error


def _mark(file: Path) -> str:
    """Hash of the plan that a part belongs to; ``""`` where it can't be read."""
    import pyarrow.parquet as pq

    try:
        return str((pq.read_schema(file).metadata or {})[MARK_KEY].decode())
    except Exception:  # noqa: BLE001 - what can't be read belongs to none
        return ""


def _digest(table: pa.Table) -> bytes:
    """SHA-256 of a table's columns, their names and types: pages have checksums, their heads have none."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    plain = table.replace_schema_metadata().combine_chunks()
    with pa.ipc.new_stream(sink, plain.schema) as stream:
        stream.write_table(plain)
    return hashlib.sha256(sink.getvalue()).hexdigest().encode()


def _state(table: Path) -> list[int]:
    """Size and time of the last change of a table; nothing where there is none."""
    try:
        found = table.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _differences(stored: Mapping[str, Any] | None, plan: Mapping[str, Any]) -> str:
    """What a stored plan has otherwise."""
    if stored is None:
        return f"its {PLAN_FILE} can't be read"
    changed = [name for name in {**stored, **plan} if stored.get(name) != plan.get(name) and name not in OURS]
    return "; ".join(f"{name} was {stored.get(name)}, is {plan.get(name)}" for name in changed)
