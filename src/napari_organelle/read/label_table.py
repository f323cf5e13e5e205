"""Label tables of the Human Protein Atlas competitions, and the names of their classes."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import LABEL_SEPARATOR

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
"""Class names by the header of the column of indices."""


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
    """Whether the first line of a CSV names an id and a label column, in any of the usual encodings."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    text, _ = _decode_text(start, path.name)
    return _columns(text) is not None


def read_label_table(path: Path) -> LabelTable:
    """Read a table with the header ``Id,Target`` (2018) or ``ID,Label`` (2021).

    Commas, semicolons and tabs may part the columns, spaces and bars the indices. Of two rows with the same
    id the first counts.

    Raises
    ------
    ReadError
        If the file can't be opened, or has no such columns.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror}") from error
    text, problem = _decode_text(data, path.name)
    header = text.partition("\n")[0]
    columns = _columns(text)
    if columns is None:
        raise ReadError(
            f"{path}: expected the columns Id and Target (2018) or ID and Label (2021); its first line is "
            f"{header.strip()[:80]!r}"
        )
    table = LabelTable(path, CLASSES[columns[2]], problems=[problem] if problem else [])
    seen: dict[str, int] = {}
    try:
        for number, cells in enumerate(csv.reader(text.splitlines(), delimiter=columns[3]), start=1):
            if number > 1 and any(cell.strip() for cell in cells):
                _read_row(table, number, cells, columns, seen)
    except csv.Error as error:
        raise ReadError(f"{path}: expected a table of text; {error}") from error
    if not table.labels:
        raise ReadError(f"{path}: the table has no rows")
    return table


def _read_row(
    table: LabelTable, number: int, cells: list[str], columns: tuple[int, int, str, str], seen: dict[str, int]
) -> None:
    id_column, label_column, _, _ = columns
    image = cells[id_column].strip() if id_column < len(cells) else ""
    if not image:
        table._fault(number, "", "it has no id; the row is skipped")
        return
    if image in seen:
        table._fault(number, image, f"id {image} is there again; row {seen[image]} counts")
        return
    seen[image] = number
    if label_column >= len(cells) or not cells[label_column].strip():
        table._fault(number, image, f"id {image} has no label")
        table.labels[image] = ""
        return
    names: dict[str, None] = {}
    for word in cells[label_column].replace("|", " ").split():
        if word.isdecimal() and int(word) < len(table.class_names):
            names[table.class_names[int(word)]] = None
        else:
            table._fault(
                number,
                image,
                f"label {word!r} of id {image} is not an index from 0 to {len(table.class_names) - 1}",
            )
    table.labels[image] = LABEL_SEPARATOR.join(names)


def _columns(text: str) -> tuple[int, int, str, str] | None:
    """Column of the ids, column of the labels, its name in small letters, and the delimiter."""
    header = text.partition("\n")[0].strip()
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
    for label, _ in CLASSES.items():
        if "id" in names and label in names:
            return names.index("id"), names.index(label), label, delimiter
    return None


def _decode_text(data: bytes, name: str) -> tuple[str, str]:
    """Text of a table, and what is wrong with its encoding."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding), ""
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        return data.decode(
            "latin-1"
        ), f"{name}, row {row}: byte {data[error.start]:#04x} is not UTF-8; read as Latin-1"
