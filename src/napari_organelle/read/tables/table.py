"""One reader for every table of text that a user brings: labels, points, lists, splits, results."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening, read_whole, require_file
from napari_organelle.read.tables.cells import bare

DELIMITERS = (",", ";", "\t")
SAMPLE = 20
"""Rows that are looked at to find the delimiter."""

MAX_BYTES = 2**30
"""Bytes of a table."""

START = 2**16
"""Bytes of a file that are looked at to find encoding and delimiter."""

PEEKED = 4096
"""Bytes of a file by which a table is recognised."""

SEP_LINE = re.compile(r"\"?sep=(.)\"?", re.IGNORECASE)
"""The first line of tables that spreadsheets write, which names the delimiter."""

WORKBOOKS = {b"PK\3\4": "a zip, such as an Excel workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}")


class Dialect(NamedTuple):
    """How the text of a table is written: as for pandas' ``read_csv``; `skip` lines are above its header."""

    encoding: str
    delimiter: str
    decimal: str
    skip: int


@dataclass(frozen=True)
class Table:
    """A table of text; blanks around values are gone, letters are in Unicode's composed form.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of C str
        Headers.
    rows : list of R lists of C str
        Values; rows that hold nothing are left out.
    lines : list of R int
        Where each row stands in the file, from 1.
    delimiter : str
        What parts the columns.
    problems : tuple of str
        What was left out or taken otherwise than written, a sentence each.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, *names: str) -> int | None:
        """Index of the first column with one of some names, whatever its case; None where there is none.

        Raises
        ------
        ReadError
            If two columns have it.
        """
        for name in names:
            alike = [i for i, column in enumerate(self.columns) if column.casefold() == name.casefold()]
            exact = [i for i in alike if self.columns[i] == name]
            found = exact if len(exact) == 1 else alike
            if len(found) > 1:
                raise ReadError(f"{self.path}: it has {len(found)} columns {name!r}; rename or delete one")
            if found:
                return found[0]
        return None

    def values(self, column: int) -> list[str]:
        """One column."""
        return [row[column] for row in self.rows]

    def numbers(self, column: int) -> np.ndarray:
        """One column as numbers, with decimal points or decimal commas.

        Returns
        -------
        (R,) float array
            Finite.

        Raises
        ------
        ReadError
            If a value is no number, or a comma in it may part decimals as well as thousands.
        """
        texts = self.values(column)
        with_comma = [text for text in texts if "," in text]
        if with_comma and self.delimiter == "," and all(map(THOUSANDS.fullmatch, with_comma)):
            raise ReadError(
                f"{self.path}: {self.columns[column]} {with_comma[0]!r} may have decimals or thousands after "
                "its comma; write it with a point, or without the comma"
            )
        if any("." in text for text in texts):
            with_comma = []
        plain = [text.replace(",", ".") for text in texts] if with_comma else texts
        found = np.empty(len(texts))
        for number, text in enumerate(plain):
            try:
                found[number] = float(text)
            except ValueError:
                found[number] = np.nan
        if len(bad := np.flatnonzero(~np.isfinite(found))):
            raise ReadError(
                f"{self.path}, row {self.lines[bad[0]]}: {self.columns[column]} must be a number; it is "
                f"{texts[bad[0]]!r}"
            )
        return found


def read_table(path: Path) -> Table:
    """Read a table of text: UTF-8, UTF-16 or Windows-1252; columns parted by commas, semicolons or tabs.

    Raises
    ------
    ReadError
        If the file can't be opened, is no text, has no header, or rows have more values than the header.
    """
    with opening(path):
        return _read(path, read_whole(path, MAX_BYTES))


def _read(path: Path, data: bytes) -> Table:
    text, problem = decode_text(data, path)
    delimiter, skip = _delimiter(text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        numbered = [([bare(tidy(cell)) for cell in cells], reader.line_num) for cells in reader][skip:]
    except csv.Error as error:
        raise ReadError(f"{path}: expected a table of text; {error}") from error
    if not numbered:
        raise ReadError(f"{path}: expected a table with a header; the file is empty")
    columns = tuple(numbered[0][0])
    filled = [(cells, line) for cells, line in numbered[1:] if any(cells)]
    _require_fit(path, columns, filled)
    last = filled[-1][1] if filled else 0
    blank = sum(line < last for cells, line in numbered[1:] if not any(cells))
    problems = [problem] if problem else []
    if blank:
        problems.append(f"{path}: {blank:,} empty rows are passed over")
    width = len(columns)
    rows = [(cells + [""] * width)[:width] for cells, _ in filled]
    return Table(path, columns, rows, [line for _, line in filled], delimiter, tuple(problems))


def find_dialect(path: Path) -> Dialect:
    """How a table is written, by its first 64 kB; for tables too large to read whole.

    Raises
    ------
    ReadError
        If the file can't be opened or is no text.
    """
    with opening(path):
        require_file(path)
        with path.open("rb") as file:
            start = file.read(START)
    text, problem = decode_text(start, path, whole=False)
    delimiter, skip = _delimiter(text)
    encoding = "cp1252" if problem else _encoding(start)
    has_comma = delimiter != "," and re.search(rf"(^|{delimiter})\d+,\d+({delimiter}|$)", text, re.MULTILINE)
    return Dialect(encoding, delimiter, "," if has_comma else ".", skip)


def peek(path: Path) -> Table | None:
    """The header and first rows of a table, cheaply; None where the file can't be read as one."""
    try:
        require_file(path)
        with path.open("rb") as file:
            start = file.read(PEEKED)
            text, _ = decode_text(start, path, whole=False)
        delimiter, skip = _delimiter(text)
        rows = [
            [bare(tidy(cell)) for cell in cells]
            for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        ]
    except (OSError, ReadError, csv.Error):
        return None
    if len(rows) <= skip:
        return None
    columns, *rest = rows[skip:]
    whole = rest if len(start) < PEEKED else rest[:-1]
    width = len(columns)
    filled = [(cells + [""] * width)[:width] for cells in whole if any(cells)]
    return Table(path, tuple(columns), filled, list(range(2, len(filled) + 2)), delimiter)


def decode_text(data: bytes, path: Path, whole: bool = True) -> tuple[str, str]:
    """Text of a table, or of its beginning, and a sentence where it is not Unicode.

    Raises
    ------
    ReadError
        If it is no text.
    """
    for magic, name in WORKBOOKS.items():
        if data.startswith(magic):
            raise ReadError(f"{path}: expected a table of text; this is {name}: save it as CSV")
    problem = ""
    try:
        text = codecs.getincrementaldecoder(_encoding(data))().decode(data, final=whole)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        problem = f"{path.name}, row {row}: byte {data[error.start]:#04x} is not UTF-8; read as Windows-1252"
        text = data.decode("cp1252", errors="replace")
    if "\0" in text:
        raise ReadError(f"{path}: expected a table of text; it holds null bytes")
    return text.removeprefix("\ufeff"), problem


def tidy(text: str) -> str:
    """Without blanks at its ends, in Unicode's composed form."""
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text).strip("\ufeff\u200b \u00a0")


def _encoding(data: bytes) -> str:
    """By the mark at its beginning; UTF-16 without one by every second byte, which is null in plain text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = data[:1000]
    if len(start) >= 4 and 3 * start.count(0) > len(start):
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    return "utf-8-sig"


def _delimiter(text: str) -> tuple[str, int]:
    """What parts the columns, and how many lines are above the header: that into most and equally many."""
    first = text.partition("\n")[0].rstrip("\r ")
    if named := SEP_LINE.fullmatch(first):
        return named[1], 1
    lines = text[:START].splitlines()[: SAMPLE + 1]
    best, chosen = (False, 0.0, 0), ","
    for delimiter in DELIMITERS:
        try:
            counts = [
                len(cells)
                for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
                if any(cells)
            ]
        except csv.Error:
            continue
        if not counts:
            continue
        alike = Counter(counts)[counts[0]] / len(counts)
        if (score := (counts[0] > 1, alike, counts[0])) > best:
            best, chosen = score, delimiter
    return chosen, 0


def _require_fit(path: Path, columns: tuple[str, ...], rows: list[tuple[list[str], int]]) -> None:
    for cells, line in rows:
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            raise ReadError(
                f"{path}, row {line}: it has {len(cells)} values under {len(columns)} headers. Where numbers "
                "have decimal commas, part the columns by semicolons"
            )
