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
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.files.decode import SUFFIXES, is_stack
from napari_organelle.read.files.listing import ENOUGH, is_folder, scan, strays, subfolders
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.labels.beside import with_masks
from napari_organelle.read.tables.label_table import LabelTable, is_label_table, read_label_table

COLOURS = ("red", "green", "blue", "yellow")
ENDINGS = tuple(f"_{colour}" for colour in COLOURS)
CHANNELS = (
    Channel("microtubules", "red"),
    Channel("protein", "green"),
    Channel("nucleus", "blue"),
    Channel("ER", "yellow"),
)
PLANES = ((0,), (1,), (2,), (0, 1))
COMPOSITE = re.compile(r"(?P<id>.+?)(?:_(?:red|green|blue|yellow)){2,4}\.(?:png|jpe?g|tiff?)", re.IGNORECASE)
"""Names of the Atlas's own pages for pictures of all stains."""

ATLAS = re.compile(r"(?P<plate>\d+)_(?P<well>[A-P]\d{1,2})_(?P<field>\d+)$")
TABLES = (".csv", ".tsv", ".txt")
KNOWN = (*TABLES[:2], "_predictedmask.png")
"""Other files that may lie beside the stains."""

Group = dict[str, list[str]]
"""Id to its four files, ``""`` where there is none."""


def split_name(name: str) -> tuple[str, int] | None:
    """Id and index into `COLOURS` of a file name such as ``"ID_green.png"``; None for another name."""
    stem, _, suffix = name.rpartition(".")
    image, _, colour = stem.rpartition("_")
    if not image or f".{suffix.lower()}" not in SUFFIXES or colour.lower() not in COLOURS:
        return None
    if image.lower().endswith(ENDINGS):
        return None
    return image, COLOURS.index(colour.lower())


def split_composite(name: str) -> str | None:
    """Id of a picture with several stains in its colours, such as ``"ID_blue_red_green.jpg"``."""
    found = COMPOSITE.fullmatch(name)
    return found["id"] if found else None


def matches(path: Path) -> bool:
    """Whether a file is one stain or a label table, or a folder or its subfolders hold stains."""
    if path.is_file():
        if split_name(path.name) or split_composite(path.name):
            return not is_stack(path)
        return path.suffix.lower() in TABLES and is_label_table(path)
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
        if len(folders) > 1 and all(folder.name.lower() in COLOURS for folder in folders):
            groups = {path: _joined(groups)}
        return _open(path, groups, _find_table(path), problems)
    if split_composite(path.name):
        return _open(
            path, {path.parent: _group(path.parent, [path.name])[0]}, None, [_mixed(path)], whole=False
        )
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
        groups.setdefault(file.parent, {}).update(_group(file.parent, present)[0])
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
    images = build(draft)
    return with_masks(images, Path(images.items["path"].iloc[0]).parent)


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
        names = sorted(entry.name for entry in scan(folder) if not is_folder(entry))
        groups[folder], group_problems = _group(folder, names)
        problems += group_problems
        known = (name for name in names if split_name(name) or split_composite(name) or name.endswith(KNOWN))
        problems += strays(folder, sorted(set(names) - set(known)))
    return groups, problems


def _joined(groups: dict[Path, Group]) -> Group:
    """One group of the folders ``red``, ``green``..., each with one stain of all ids."""
    joined: Group = {}
    for group in groups.values():
        for image, files in group.items():
            there = joined.setdefault(image, [""] * len(COLOURS))
            joined[image] = [old or new for old, new in zip(there, files, strict=True)]
    return joined


def _mixed(path: Path) -> str:
    yellow = ", and yellow (ER) is mixed into both" if "yellow" in path.stem.lower() else ""
    return f"{path}: red, green and blue of a composite are taken for the stains{yellow}"


def _group(folder: Path, names: Iterable[str]) -> tuple[Group, list[str]]:
    """Files by id, and sentences on what is not used.

    Of two files for one stain the first counts; a composite only where an id has no files of single stains.
    """
    groups: Group = {}
    composites: dict[str, str] = {}
    problems: list[str] = []
    second = []
    base = f"{folder}{os.sep}"
    for name in names:
        if stain := split_name(name):
            paths = groups.setdefault(stain[0], [""] * len(COLOURS))
            if paths[stain[1]] not in ("", base + name):
                second.append(name)
            paths[stain[1]] = paths[stain[1]] or base + name
        elif image := split_composite(name):
            composites.setdefault(image, name)
    if second:
        problems.append(f"{folder}: {len(second):,} second files of a stain are not used; first: {second[0]}")
    spare = [name for image, name in composites.items() if image in groups]
    if spare:
        problems.append(
            f"{folder}: {len(spare):,} composites beside single stains are not used; first: {spare[0]}"
        )
    alone = {image: name for image, name in composites.items() if image not in groups}
    if alone:
        problems.append(_mixed(folder / min(alone.values())))
    groups.update({image: [base + name] * 3 + [""] for image, name in alone.items()})
    return groups, problems


def _find_table(folder: Path) -> Path | None:
    """``train.csv`` in the folder or the one above, else another label table there."""
    for place in (folder, folder.parent):
        if (usual := place / "train.csv").is_file():
            return usual
        names = sorted(entry.name for entry in scan(place) if entry.name.lower().endswith(TABLES))
        for name in names:
            if is_label_table(place / name):
                return place / name
    return None


def _has_stains(folder: Path) -> bool:
    try:
        names = [entry.name for entry in scan(folder, ENOUGH)]
        stains = [name for name in names if split_name(name) or split_composite(name)]
        return bool(stains) and not is_stack(folder / stains[0])
    except ReadError:
        return False
