"""DeepYeast: split lists, and folders of ``plateNN/RRRCCC000-F-ID-CELL.png``.

Pärnamaa & Parts 2017: 64 x 64 crops of single yeast cells, red = mCherry in the cytosol, green = the protein
with GFP, blue empty.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.files.listing import ENOUGH, is_folder, scan, strays, subfolders
from napari_organelle.read.image_set import Channel, ImageSet, NoImagesError

CHANNELS = (Channel("cytosol", "magenta"), Channel("protein", "green"))
PLANES = ((0,), (1,))
PROTEIN = 1

CELL = re.compile(
    r"plate(?P<plate>\d+)/(?P<row>\d{3})(?P<column>\d{3})\d{3}-(?P<field>\d+)-(?P<image>\d+)-(?P<cell>\d+)\.png"
)
PLATE = re.compile(r"plate\d+$")
SPLIT = re.compile(r"(?P<set>.*)_(?P<split>train|val|test)\.txt$")
LINES = 200
"""Lines of a text that are looked at to recognise it."""


@dataclass
class _Lists:
    """Lines of one or more split lists, in their order."""

    class_names: list[str] = field(default_factory=list)
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def matches(path: Path) -> bool:
    """Whether a text file begins with such lines, or a folder holds plates or such lists."""
    if path.is_file():
        return path.suffix.lower() == ".txt" and _is_list(path)
    return any(
        (PLATE.match(entry.name) and _has_cells(Path(entry.path)))
        or (SPLIT.match(entry.name) and _is_list(Path(entry.path)))
        for entry in scan(path, ENOUGH)
    )


def count_list(path: Path) -> tuple[int, bool]:
    """How many lines a split list has, and whether no name is there twice.

    Raises
    ------
    ReadError
        If it can't be read.
    """
    with _open_text(path) as file:
        names = np.fromiter((hash(line.partition(" ")[0]) for line in file if line.strip()), np.int64)
    return len(names), len(np.unique(names)) == len(names)


def list_files(path: Path) -> Iterator[Path]:
    """The image of each line of a split list, whether it is there or not.

    Raises
    ------
    ReadError
        If the list can't be read.
    """
    with _open_text(path) as file:
        names = (line.partition(" ")[0].strip() for line in file if line.strip())
        first = next(names, "")
        root = _find_plates(path.parent, [(first, "", "", "")]) or path.parent
        yield from (root / name for name in chain((first,), names))


def iter_list(path: Path, items_at_once: int) -> Iterator[ImageSet | ReadError]:
    """Open a split list as sets of at most so many items, one after the other, in bounded memory.

    Files are looked for when their set's turn comes; where it has none, its place holds the error. A line
    that is there twice is only noticed within a set.

    Raises
    ------
    ReadError
        As for `read`.
    """
    with _open_text(path) as file:
        numbered = enumerate(file, start=1)
        root: Path | None = None
        while chunk := list(islice(numbered, items_at_once)):
            lists = _Lists()
            _read_lines(path, chunk, lists)
            if not lists.rows:
                continue
            root = root or _find_plates(path.parent, lists.rows)
            base = root or path.parent
            present = {row[0] for row in lists.rows if os.path.isfile(f"{base}{os.sep}{row[0]}")}  # noqa: PTH113
            try:
                yield build(_draft(path, lists, base, present))
            except NoImagesError as error:
                yield error


def read(path: Path) -> ImageSet:
    """Open a split list with the plates in or near its folder, or a folder of plates with the lists in it.

    Raises
    ------
    NoImagesError
        If no plate of the list is found.
    ReadError
        If the list can't be read.
    """
    lists = _Lists()
    if path.is_file():
        _read_list(path, lists)
        root = _find_plates(path.parent, lists.rows)
        return build(_draft(path, lists, root or path.parent, _listing(root)[0] if root else set()))
    for name in sorted(entry.name for entry in scan(path)):
        if SPLIT.match(name) and _is_list(path / name):
            _read_list(path / name, lists)
    root = _find_plates(path, lists.rows) or path
    present, others = _listing(root)
    lists.problems += strays(root, others)
    unlisted = sorted(present.difference(row[0] for row in lists.rows))
    if lists.rows and unlisted:
        lists.problems.append(f"{len(unlisted):,} images of {root} are in no list; they have no label")
    lists.rows += [(name, "", "", "") for name in unlisted]
    return build(_draft(path, lists, root, present))


def _draft(source: Path, lists: _Lists, root: Path, present: set[str]) -> Draft:
    if not lists.rows:
        example = "'plate01/007013000-2-626-38.png 6'"
        raise ReadError(f"{source}: expected lines such as {example}; there is none that can be used")
    base = f"{root}{os.sep}"
    paths: list[tuple[str, ...]] = []
    for number, (name, label, split, problem) in enumerate(lists.rows):
        there = name in present or (CELL.fullmatch(name) is None and (root / name).is_file())
        paths.append((base + name,) * 2 if there else ("", ""))
        if not there:
            lists.rows[number] = name, label, split, problem or f"{base}{name}: there is no such file"
    items = pd.DataFrame(lists.rows, columns=["item", "label", "split", "problem"])
    return Draft(
        kind="deepyeast",
        source=source,
        channels=CHANNELS,
        items=items.join(_parse_names([row[0] for row in lists.rows])),
        paths=paths,
        planes=PLANES,
        looked=f"{root} for folders plate01, plate02..., its subfolders, the folder above and its subfolders",
        grey=PROTEIN,
        alike=True,
        class_names=tuple(lists.class_names),
        problems=lists.problems,
    )


def _parse_names(names: list[str]) -> pd.DataFrame:
    """Integers plate, row, column, field, image and cell, and the well of 384 such as ``"G13"``."""
    cells = [CELL.fullmatch(name) for name in names]
    rows = [tuple(cell.groups()) if cell else (None,) * CELL.groups for cell in cells]
    parts = pd.DataFrame(rows, columns=list(CELL.groupindex)).astype("Int64" if None in cells else int)
    well = [f"{chr(ord('A') + int(cell['row']) - 1)}{cell['column'][1:]}" if cell else "" for cell in cells]
    parts.insert(1, "well", well)
    return parts


def _read_list(path: Path, lists: _Lists) -> None:
    """Add the lines of a list; one that can't be used is named in the problems."""
    _read_lines(path, enumerate(_lines(path), start=1), lists)


def _read_lines(path: Path, lines: Iterable[tuple[int, str]], lists: _Lists) -> None:
    split = SPLIT.match(path.name)
    names = _read_names(path, split)
    lists.class_names += [name for name in names.values() if name not in lists.class_names]
    seen = {row[0] for row in lists.rows}
    used: dict[str, None] = {}
    for number, line in lines:
        words = line.split()
        if not words:
            continue
        where = f"{path.name}, line {number}"
        if reason := _refusal(words[0], seen):
            lists.problems.append(f"{where}: {reason}; the line is skipped")
            continue
        seen.add(words[0])
        label, problem = _label(words, names)
        used[label] = None
        fault = f"{where}: {problem}" if problem else ""
        lists.rows.append((words[0], label, split["split"] if split else "", fault))
    if not names:
        indices = sorted((label for label in used if label), key=int)
        lists.class_names += [label for label in indices if label not in lists.class_names]
        lists.problems.append(
            f"{path.name}: no {_names_file(path, split).name} beside it; labels are shown as indices"
        )


def _refusal(name: str, seen: set[str]) -> str:
    if CELL.fullmatch(name) and name not in seen:
        return ""
    if ".." in name.replace("\\", "/").split("/"):
        return f"{name!r} leads out of the folder"
    if name.startswith(("/", "\\", "~")) or name[1:2] == ":":
        return f"{name!r} is not relative to the folder"
    return f"{name} was there before" if name in seen else ""


def _label(words: list[str], names: dict[int, str]) -> tuple[str, str]:
    """Label of a line and what is wrong with it."""
    if len(words) < 2:
        return "", "there is no label index after the name"
    if not words[1].isdecimal():
        return "", f"expected a label index after the name; it is {words[1]!r}"
    if not names:
        return words[1], ""
    if int(words[1]) not in names:
        return "", f"label index {words[1]} is out of range; there are {len(names)} classes"
    return names[int(words[1])], ""


def _names_file(path: Path, split: re.Match[str] | None) -> Path:
    return path.with_name(f"{split['set'] if split else path.stem}_doc.txt")


def _read_names(path: Path, split: re.Match[str] | None) -> dict[int, str]:
    """Class names by index from the ``*_doc.txt`` beside a list; empty where there is none."""
    file = _names_file(path, split)
    if not file.is_file():
        return {}
    names = {}
    for line in _lines(file)[1:]:
        name, _, index = line.rpartition(";")
        if name and index.strip().isdecimal():
            names[int(index)] = name.strip()
    return names


def _lines(path: Path) -> list[str]:
    with _open_text(path) as file:
        return file.read().splitlines()


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{path}: expected a text in UTF-8; {error}") from error


def _is_list(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return any(CELL.match(line.strip()) for line in islice(file, LINES))
    except OSError:
        return False


def _has_cells(folder: Path) -> bool:
    """Whether one of the first files of a plate folder is named like a cell."""
    if not folder.is_dir():
        return False
    return any(CELL.fullmatch(f"{folder.name}/{entry.name}") for entry in scan(folder, ENOUGH))


def _find_plates(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path | None:
    """The folder with the plates of a list: the list's own, one in it, the one above, or one in that."""
    plates = {row[0].partition("/")[0] for row in rows}
    for base in (folder, folder.parent):
        for candidate in (base, *subfolders(base)):
            if any((candidate / plate).is_dir() for plate in plates):
                return candidate
    return None


def _listing(root: Path) -> tuple[set[str], list[str]]:
    """Names such as ``plate01/007013000-2-626-38.png`` of the cells under a folder, and of other files."""
    plates = [entry.name for entry in scan(root) if PLATE.match(entry.name) and is_folder(entry)]
    names = [f"{plate}/{entry.name}" for plate in plates for entry in scan(root / plate)]
    cells = {name for name in names if CELL.fullmatch(name)}
    return cells, [name for name in names if name not in cells] if len(cells) < len(names) else []
