"""Cells that a spreadsheet would run as a formula: an apostrophe before them is written, and not read."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def guarded(text: str) -> str:
    """A cell as it is written: one that begins with ``= + - @``, a tab or a return, and is no number, gets an
    apostrophe before it; so does one that has apostrophes there already, so that `bare` gives it back."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def bare(text: str) -> str:
    """A cell as it was before `guarded`; any other is left as it is."""
    return text[1:] if text[:1] == "'" and FORMULA.match(text) else text


def guard(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose headers and cells of text are `guarded`; numbers stay numbers."""
    changed = {name: guarded(name) for name in table.columns}
    return _mapped(table, guarded).rename(columns=changed)


def unguard(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose headers and cells of text are `bare`."""
    return _mapped(table, bare).rename(columns={name: bare(name) for name in table.columns})


def _mapped(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Each different text is looked at once."""
    columns = {}
    for name in table.columns:
        column = table[name]
        if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
            continue
        texts = [text for text in column.unique() if isinstance(text, str)]
        if other := {text: new for text in texts if (new := change(text)) != text}:
            columns[name] = column.replace(other)
    return table.assign(**columns) if columns else table
