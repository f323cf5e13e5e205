"""Human Protein Atlas: one file a stain, ``<id>_{red,green,blue,yellow}.png``, and tables of labels.

Red shows microtubules, green the protein, blue the nucleus, yellow the endoplasmic reticulum. The files of
the competitions of 2018 and 2021 are grey; those of the Atlas's own pages
(``<plate>_<well>_<field>_<colour>``) are RGB with the signal in the colour itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.read.decode import SUFFIXES
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.label_table import LabelTable, is_label_table, read_label_table
from napari_organelle.read.listing import ENOUGH, scan, strays, subfolders
from napari_organelle.read.masks import ENDING as MASK_ENDING
from napari_organelle.read.masks import find_masks

COLOURS = ("red", "green", "blue", "yellow")
CHANNELS = (
    Channel("microtubules", "red"),
    Channel("protein", "green"),
    Channel("nucleus", "blue"),
    Channel("ER", "yellow"),
)
PLANES = ((0,), (1,), (2,), (0, 1))
ATLAS = re.compile(r"(?P<plate>\d+)_(?P<well>[A-P]\d{1,2})_(?P<field>\d+)$")
KNOWN = (".csv", MASK_ENDING)
"""Other files that may lie beside the stains."""

Group = dict[str, list[str]]
"""Id to its four files, ``""`` where there is none."""


def split_name(name: str) -> tuple[str, int] | None:
    """Id and index into `COLOURS` of a file name such as ``"ID_green.png"``; None for another name."""
    stem, _, suffix = name.rpartition(".")
    image, _, colour = stem.rpartition("_")
    if not image or f".{suffix.lower()}" not in SUFFIXES or colour.lower() not in COLOURS:
        return None
    return image, COLOURS.index(colour.lower())


def matches(path: Path) -> bool:
    """Whether a file is one stain or a label table, or a folder or its subfolders hold stains."""
    if path.is_file():
        return split_name(path.name) is not None or (path.suffix.lower() == ".csv" and is_label_table(path))
    return _has_stains(path) or any(_has_stains(folder) for folder in subfolders(path))


def read(path: Path) -> ImageSet:
    """Open a folder of stains or of such folders, a label table, or one stain with the others of its id.

    Raises
    ------
    NoImagesError
        If a label table has no image near it.
    ReadError
        If a table or folder can't be read.
    """
    if path.is_dir():
        folders = [path] if _has_stains(path) else [place for place in subfolders(path) if _has_stains(place)]
        groups, problems = _collect(folders)
        return _open(path, groups, _find_table(path), problems)
    if split_name(path.name):
        return read_files([path])
    groups, problems = _collect(
        [place for place in (path.parent, *subfolders(path.parent)) if _has_stains(place)]
    )
    return _open(path, groups, path, problems)


def read_files(files: list[Path]) -> ImageSet:
    """Open the ids that some files belong to, each with all its stains.

    Raises
    ------
    ReadError
        If a file's name has no colour.
    """
    groups: dict[Path, Group] = {}
    for file in files:
        stain = split_name(file.name)
        if stain is None:
            raise ReadError(f"{file}: expected a name such as 'ID_green.png'")
        siblings = [f"{stain[0]}_{colour}{suffix}" for colour in COLOURS for suffix in SUFFIXES]
        present = [file.name, *(name for name in siblings if file.with_name(name).is_file())]
        groups.setdefault(file.parent, {}).update(_group(file.parent, present))
    source = files[0] if len(files) == 1 else files[0].parent
    return _open(source, groups, _find_table(files[0].parent), [], whole=False)


def _open(
    source: Path, groups: dict[Path, Group], table_path: Path | None, problems: list[str], whole: bool = True
) -> ImageSet:
    table = read_label_table(table_path) if table_path else None
    rows = [(image, folder.name) for folder, files in groups.items() for image in files]
    paths = [tuple(files) for group in groups.values() for files in group.values()]
    looked = str(source)
    if not rows:
        if table is None:
            raise ReadError(f"{source}: expected images named like 'ID_green.png'; there are none")
        rows = [(image, "") for image in table.labels]
        paths = [("",) * len(COLOURS)] * len(rows)
        looked = f"{source.parent} and its subfolders for files such as {rows[0][0]}_green.png"
    draft = Draft(
        kind="hpa",
        source=source,
        channels=CHANNELS,
        items=_item_table(rows, table),
        paths=paths,
        planes=PLANES,
        looked=looked,
        class_names=table.class_names if table else (),
        problems=[*problems, *(_table_problems(rows, table, whole) if table else ())],
    )
    return find_masks(build(draft))


def _item_table(rows: list[tuple[str, str]], table: LabelTable | None) -> pd.DataFrame:
    items = pd.DataFrame(rows, columns=["id", "folder"])
    clash = items["id"].duplicated(keep=False)
    items.insert(0, "item", items["id"].where(~clash, items["folder"] + "/" + items["id"]))
    items["label"] = [table.labels.get(image, "") for image in items["id"]] if table else ""
    items["problem"] = [table.faults.get(image, "") for image in items["id"]] if table else ""
    parts = items["id"].str.extract(ATLAS)
    if len(items) and parts.notna().all(axis=None):
        items = items.join(parts.astype({"plate": int, "field": int}))
    return items if items["folder"].nunique() > 1 else items.drop(columns="folder")


def _table_problems(rows: list[tuple[str, str]], table: LabelTable, whole: bool) -> list[str]:
    """What is wrong in a table, and what it and the images do not share; not `whole`: only these rows."""
    if not whole:
        return [table.faults[image] for image, _ in rows if image in table.faults]
    images = {image for image, _ in rows}
    name = table.path.name
    lines = list(table.problems)
    if unlabelled := len(images - table.labels.keys()):
        lines.append(f"{unlabelled:,} of {len(images):,} images have no row in {name}; they have no label")
    if absent := len(table.labels.keys() - images):
        lines.append(f"{absent:,} of the {len(table.labels):,} ids in {name} have no image here")
    return lines


def _collect(folders: list[Path]) -> tuple[dict[Path, Group], list[str]]:
    """The stains of each folder by id, and what else is there."""
    groups: dict[Path, Group] = {}
    problems: list[str] = []
    for folder in folders:
        names = sorted(entry.name for entry in scan(folder) if not entry.is_dir())
        groups[folder] = _group(folder, names)
        problems += strays(
            folder, [name for name in names if not split_name(name) and not name.endswith(KNOWN)]
        )
    return groups, problems


def _group(folder: Path, names: Iterable[str]) -> Group:
    """Files by id; of two files for one stain the first counts."""
    groups: Group = {}
    base = f"{folder}{os.sep}"
    for name in names:
        if stain := split_name(name):
            paths = groups.setdefault(stain[0], [""] * len(COLOURS))
            paths[stain[1]] = paths[stain[1]] or base + name
    return groups


def _find_table(folder: Path) -> Path | None:
    """``train.csv`` in the folder or the one above, else another label table there."""
    for place in (folder, folder.parent):
        if (usual := place / "train.csv").is_file():
            return usual
        names = sorted(entry.name for entry in scan(place) if entry.name.lower().endswith(".csv"))
        for name in names:
            if is_label_table(place / name):
                return place / name
    return None


def _has_stains(folder: Path) -> bool:
    try:
        return any(split_name(entry.name) for entry in scan(folder, ENOUGH))
    except ReadError:
        return False
