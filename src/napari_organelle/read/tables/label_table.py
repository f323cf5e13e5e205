"""Label tables of the Human Protein Atlas competitions, and the names of their classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.read.tables.names import ENDING
from napari_organelle.read.tables.table import Table, peek, read_table

HPA_2018 = (
    "Nucleoplasm",
    "Nuclear membrane",
    "Nucleoli",
    "Nucleoli fibrillar center",
    "Nuclear speckles",
    "Nuclear bodies",
    "Endoplasmic reticulum",
    "Golgi apparatus",
    "Peroxisomes",
    "Endosomes",
    "Lysosomes",
    "Intermediate filaments",
    "Actin filaments",
    "Focal adhesion sites",
    "Microtubules",
    "Microtubule ends",
    "Cytokinetic bridge",
    "Mitotic spindle",
    "Microtubule organizing center",
    "Centrosome",
    "Lipid droplets",
    "Plasma membrane",
    "Cell junctions",
    "Mitochondria",
    "Aggresome",
    "Cytosol",
    "Cytoplasmic bodies",
    "Rods & rings",
)
"""Classes of the 2018 competition (table header ``Id,Target``, indices apart by spaces)."""

HPA_2021 = (
    "Nucleoplasm",
    "Nuclear membrane",
    "Nucleoli",
    "Nucleoli fibrillar center",
    "Nuclear speckles",
    "Nuclear bodies",
    "Endoplasmic reticulum",
    "Golgi apparatus",
    "Intermediate filaments",
    "Actin filaments",
    "Microtubules",
    "Mitotic spindle",
    "Centrosome",
    "Plasma membrane",
    "Mitochondria",
    "Aggresome",
    "Cytosol",
    "Vesicles and punctate cytosolic patterns",
    "Negative",
)
"""Classes of the 2021 competition (table header ``ID,Label``, indices apart by bars)."""

CLASSES = {"target": HPA_2018, "label": HPA_2021}
"""Class names by the header of the column of indices, beside a column of ids."""

STAIN = re.compile(r"_(?:red|green|blue|yellow)$", re.IGNORECASE)
"""What names of files have beyond the id."""

WORDS = re.compile(r"[|;]\s*")
"""What parts names of classes, which hold blanks themselves."""


class _Columns(NamedTuple):
    """Where a table has ids and labels, and the classes that an index counts."""

    image: int
    label: int
    class_names: tuple[str, ...]


@dataclass
class LabelTable:
    """Labels of the Atlas's images.

    Parameters
    ----------
    path : Path
        The file.
    class_names : tuple of str
        `HPA_2018` or `HPA_2021`.
    labels : dict of str to str
        Image id to the names of its classes, joined by ``"|"``.
    faults : dict of str to str
        Image id to what is wrong with its row.
    problems : list of str
        What is wrong with the file and its rows, a sentence each.
    """

    path: Path
    class_names: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def _fault(self, row: int, image: str, reason: str) -> None:
        self.problems.append(f"{self.path.name}, row {row}: {reason}")
        if image:
            self.faults.setdefault(image, f"{self.path.name}, row {row}: {reason}")


def is_label_table(path: Path) -> bool:
    """Whether a table's header has an id and a label column of the Atlas, and its labels are such."""
    table = peek(path)
    columns = _columns(table.columns) if table else None
    if table is None or columns is None:
        return False
    return not len(table) or _looks_right(table, columns)


def read_label_table(path: Path) -> LabelTable:
    """Read a table with the header ``Id,Target`` (2018), ``ID,Label`` (2021) or ``Image,...,Label_idx``.

    Labels are indices or names of classes, parted by blanks (indices only), bars or semicolons. An image that
    is a URL of the Atlas is called by its last two parts; a file by its name without the stain. Of two rows
    with the same id the first counts.

    Raises
    ------
    ReadError
        If the file can't be opened, or has no such columns.
    """
    text = read_table(path)
    columns = _columns(text.columns)
    if columns is None:
        raise ReadError(
            f"{path}: expected the columns Id and Target (2018), ID and Label (2021) or Image and Label_idx; "
            f"its columns are {list(text.columns)}"
        )
    table = LabelTable(path, columns.class_names, problems=list(text.problems))
    seen: dict[str, tuple[int, str]] = {}
    for line, cells in zip(text.lines, text.rows, strict=True):
        _read_row(table, line, _image_id(cells[columns.image]), cells[columns.label], seen)
    if not table.labels:
        raise ReadError(f"{path}: the table has no rows")
    return table


def _read_row(
    table: LabelTable, number: int, image: str, label: str, seen: dict[str, tuple[int, str]]
) -> None:
    if not image:
        table._fault(number, "", "it has no id; the row is skipped")
        return
    if image in seen:
        row, before = seen[image]
        if label != before:
            table._fault(number, image, f"id {image} is there again; row {row} counts")
        return
    seen[image] = number, label
    if not label:
        table._fault(number, image, f"id {image} has no label")
        table.labels[image] = ""
        return
    names: dict[str, None] = {}
    for word in _words(label, table.class_names):
        if (name := _class_of(word, table.class_names)) is not None:
            names[name] = None
        else:
            last = len(table.class_names) - 1
            table._fault(
                number,
                image,
                f"label {word[:40]!r} of id {image} is no index from 0 to {last} and no location's name",
            )
    table.labels[image] = LABEL_SEPARATOR.join(names)


def _words(label: str, class_names: tuple[str, ...]) -> list[str]:
    """Indices or names of a label."""
    parts = [part for part in WORDS.split(label) if part]
    whole = [part if _class_of(part, class_names) else part.replace(",", " ").split() for part in parts]
    return [word for part in whole for word in ([part] if isinstance(part, str) else part)]


def _class_of(word: str, class_names: tuple[str, ...]) -> str | None:
    """The class that an index or a name means; None where it is neither."""
    if word.isdecimal():
        return class_names[int(word)] if len(word) < 4 and int(word) < len(class_names) else None
    return next((name for name in class_names if name.casefold() == word.casefold()), None)


def _image_id(text: str) -> str:
    """Without folder and ending; ``https://.../10580/1610_C1_1`` is ``10580_1610_C1_1``."""
    parts = text.replace("\\", "/").split("/")
    if "proteinatlas" in text.lower() and len(parts) > 1:
        return "_".join(parts[-2:])
    bare = ENDING.sub("", parts[-1])
    return bare if bare == parts[-1] else STAIN.sub("", bare)


def _columns(names: Sequence[str]) -> _Columns | None:
    """Where the ids and labels are; None where the header is of another table."""
    small = [name.casefold() for name in names]
    if "image" in small and "label_idx" in small:
        return _Columns(small.index("image"), small.index("label_idx"), HPA_2021)
    for label, class_names in CLASSES.items():
        if "id" in small and label in small:
            return _Columns(small.index("id"), small.index(label), class_names)
    return None


def _looks_right(table: Table, columns: _Columns) -> bool:
    """Whether one label at least means a class: `id`, `label` and `area` may be of another program's table.

    Ids of the Atlas are no bare small numbers, as other programs count objects.
    """
    if all(text.isdecimal() and len(text) < 7 for text in table.values(columns.image)):
        return False
    words = [word for text in table.values(columns.label) for word in _words(text, columns.class_names)]
    return any(_class_of(word, columns.class_names) for word in words)
