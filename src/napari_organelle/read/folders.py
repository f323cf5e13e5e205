"""Yeast crops in a folder a class, and crops with one file a channel: ``X_gfp.tif`` beside ``X_rfp.tif``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.read.decode import read_header
from napari_organelle.read.deepyeast import CHANNELS, PLANES, PROTEIN
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.listing import ENOUGH, scan, strays, subfolders

SUFFIXES = (".png", ".tif", ".tiff")
PAIR = re.compile(r"(?P<name>.+)_(?P<channel>rfp|gfp)\.(png|tiff?)$", re.IGNORECASE)
CYCLOPS = re.compile(r"(?P<gene>[^_]+)_(?P<field>\d+)_rfp_(?P<cell>\d+)$")
"""Names of the CyCLoPS crops, such as ``AAC1_1_rfp_10``: gene, field and cell."""

COLUMN = {"rfp": 0, "gfp": 1}


def matches(path: Path) -> bool:
    """Whether a file has a partner in the other colour, or a folder holds such pairs or class folders."""
    if path.is_file():
        return _partner(path) is not None
    folders = []
    for entry in scan(path, ENOUGH):
        if entry.is_dir():
            folders.append(Path(entry.path))
        elif PAIR.match(entry.name) and _partner(Path(entry.path)) is not None:
            return True
        elif _is_picture(entry.name):
            return False
    return any(map(_has_pairs, folders)) or _has_classes(folders)


def read(path: Path) -> ImageSet:
    """Open class folders, ``<class>/*`` or ``<split>/<class>/*``, or pairs of one-channel files.

    An RGB file carries the cytosol in red and the protein in green, as DeepYeast's do; a grey one is the
    protein. The folder's name is the label; a single pair and a single folder of pairs have none.

    Raises
    ------
    ReadError
        If there is no picture that can be opened.
    """
    crops, problems = [], []
    if path.is_file():
        partner = _partner(path)
        crops = _group([path, partner] if partner else [path], "", "")
    else:
        for folder, split, label in _class_folders(path):
            crops += _group(_pictures(folder), split, label)
            others = [entry.name for entry in scan(folder) if entry.is_file() and not _is_picture(entry.name)]
            problems += strays(folder, others)
    if not crops:
        raise ReadError(f"{path}: expected PNG or TIFF pictures in folders named by class; there are none")
    items = pd.DataFrame([row for row, _ in crops])
    paths = [files for _, files in crops]
    draft = Draft(
        kind="yeast",
        source=path,
        channels=CHANNELS,
        items=_columns(items),
        paths=paths,
        planes=PLANES,
        looked=str(path),
        grey=PROTEIN,
        class_names=tuple(sorted(set(items["label"]) - {""})),
        problems=problems,
    )
    return build(_only_protein(draft))


def _only_protein(draft: Draft) -> Draft:
    """Leave out the cytosol where every file is grey and none is its."""
    if any(row[0] and (row[0] != row[1] or not _is_grey(row[0])) for row in draft.paths):
        return draft
    draft.channels, draft.planes, draft.grey = CHANNELS[PROTEIN:], PLANES[PROTEIN:], 0
    draft.paths = [row[PROTEIN:] for row in draft.paths]
    return draft


def _is_grey(path: str) -> bool:
    try:
        return read_header(path).planes == 1
    except ReadError:
        return True


def _columns(items: pd.DataFrame) -> pd.DataFrame:
    """Unique names; splits and the parts of CyCLoPS names where there are any."""
    parts = items["name"].str.extract(CYCLOPS)
    if parts.notna().all(axis=None):
        items = items.join(parts.astype({"field": int, "cell": int}))
    names = items["name"]
    for column in ("label", "split"):
        if names.duplicated().any():
            names = (items[column] + "/" + names).str.removeprefix("/")
    items.insert(0, "item", names)
    items = items.drop(columns="name")
    return items if items["split"].any() else items.drop(columns="split")


def _group(files: list[Path], split: str, label: str) -> list[tuple[dict[str, str], tuple[str, ...]]]:
    """One row an item and its two files: both of a pair, or one file for both channels."""
    crops: dict[str, list[str]] = {}
    for file in files:
        if pair := PAIR.match(file.name):
            crops.setdefault(pair["name"], ["", ""])[COLUMN[pair["channel"].lower()]] = str(file)
        else:
            crops[file.name] = [str(file)] * 2
    return [({"name": name, "label": label, "split": split}, tuple(paths)) for name, paths in crops.items()]


def _class_folders(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Each folder of pictures with its split and label, both ``""`` for the opened folder itself."""
    if _has_pairs(path):
        yield path, "", ""
        return
    for first in subfolders(path):
        if _pictures(first):
            yield first, "", first.name
        for second in subfolders(first):
            yield second, first.name, second.name


def _has_pairs(folder: Path) -> bool:
    return any(PAIR.match(entry.name) and _partner(Path(entry.path)) for entry in scan(folder, ENOUGH))


def _has_classes(folders: list[Path]) -> bool:
    filled = [folder for folder in folders if _has_picture(folder)]
    if len(filled) > 1:
        return True
    below = [second for folder in folders for second in subfolders(folder)]
    return sum(map(_has_picture, below)) > 1


def _has_picture(folder: Path) -> bool:
    return any(_is_picture(entry.name) for entry in scan(folder, ENOUGH))


def _partner(path: Path) -> Path | None:
    """The other file of a pair."""
    pair = PAIR.match(path.name)
    if pair is None:
        return None
    start, end = pair.span("channel")
    channel = "rfp" if pair["channel"].lower() == "gfp" else "gfp"
    for text in (channel, channel.upper()):
        other = path.with_name(path.name[:start] + text + path.name[end:])
        if other.is_file():
            return other
    return None


def _pictures(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in scan(folder) if _is_picture(entry.name) and entry.is_file())


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)
