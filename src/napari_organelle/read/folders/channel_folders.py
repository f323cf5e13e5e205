"""A folder a channel: ``DAPI/1.tif`` beside ``GFP/1.tif``, or ``Red/``, ``Green/`` and ``Blue/``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.files import readable
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.files.decode import SUFFIXES, read_header
from napari_organelle.read.files.evidence import COLORMAPS, numbered_channels
from napari_organelle.read.files.listing import ENOUGH, is_file, scan, subfolders
from napari_organelle.read.folders.layouts import CHANNEL_FOLDER
from napari_organelle.read.folders.plain import pictures
from napari_organelle.read.image_set import ImageSet


def matches(path: Path) -> bool:
    """Whether folders named as channels hold gray pictures, most of the least filled one's also elsewhere."""
    if not path.is_dir():
        return False
    names = {
        folder: [
            entry.name
            for entry in scan(folder, ENOUGH)
            if entry.name.lower().endswith(SUFFIXES) and is_file(entry)
        ]
        for folder in subfolders(path)
    }
    filled = {folder: found for folder, found in names.items() if found}
    if len(filled) < 2 or not all(CHANNEL_FOLDER.fullmatch(folder.name) for folder in filled):
        return False
    counts = Counter(_item(name, folder.name) for folder, found in filled.items() for name in set(found))
    least = min(len(found) for found in filled.values())
    if 2 * sum(count > 1 for count in counts.values()) <= least:
        return False
    folder, found = next(iter(filled.items()))
    try:
        return read_header(folder / min(found)).planes == 1
    except ReadError:
        return True


def read(path: Path) -> ImageSet:
    """Open folders of one channel each as items with all channels.

    Raises
    ------
    ReadError
        If not one file can be read.
    """
    problems: list[str] = []
    items: dict[str, dict[str, str]] = {}
    names = []
    for folder in subfolders(path):
        files, folder_problems = pictures(folder)
        problems += folder_problems
        if files:
            names.append(folder.name)
        for file in files:
            row = items.setdefault(_item(file.name, folder.name), {})
            if folder.name in row:
                problems.append(f"{file}: a second file of channel {folder.name}; it is not used")
            row.setdefault(folder.name, str(file))
    problems.insert(0, f"{path}: the folders {', '.join(names)} are taken for channels, not for classes")
    colours = [name.casefold() if name.casefold() in COLORMAPS else "" for name in names]
    return build(
        Draft(
            kind="channels",
            source=path,
            channels=numbered_channels(len(names), names, colours),
            items=pd.DataFrame({"item": [readable(name) for name in items], "label": ""}),
            paths=[tuple(row.get(name, "") for name in names) for row in items.values()],
            planes=((0,),) * len(names),
            looked=str(path),
            problems=problems,
        )
    )


def _item(name: str, channel: str) -> str:
    """A file's name without ending, nor the channel's name before it."""
    stem = name.rpartition(".")[0]
    return re.sub(rf"[_ -]{re.escape(channel)}$", "", stem, flags=re.IGNORECASE)
