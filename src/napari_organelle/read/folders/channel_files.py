"""One file a channel, named as microscopes do: grouped into items with their channels, well and field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.files import readable
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.files.decode import SUFFIXES, read_header
from napari_organelle.read.files.evidence import numbered_channels
from napari_organelle.read.files.image_file import picture_facts
from napari_organelle.read.files.listing import ENOUGH, is_file, is_folder, scan
from napari_organelle.read.folders.layouts import LAYOUTS, LINES, PASSED_OVER, POSITION, STEPS, Layout
from napari_organelle.read.folders.plain import beside_sentence, images_beside_projections, pictures
from napari_organelle.read.image_set import ImageSet

TRIED = 16
"""Files that are looked into for the size of a pixel until one can be read."""

PARTS = ("plate", "well", "row", "column", "field", "time", "section", "stem")


def matches(path: Path) -> bool:
    """Whether a folder's names follow a layout, several files make an item, and they are gray pictures."""
    if not path.is_dir():
        return False
    files = _sample_files(images_beside_projections(path) or path)
    layout = find_layout([file.name for file in files])
    if layout is None:
        return False
    named = [file for file in files if layout.pattern.fullmatch(file.stem)]
    for file in named[:TRIED]:
        try:
            return read_header(file).planes == 1
        except ReadError:
            continue
    return False


def read(path: Path) -> ImageSet:
    """Open a folder of one file a channel, also in ``TimePoint_1``, ``ZStep_1``, ``Pos0``... or ``Images``.

    Raises
    ------
    ReadError
        If not one file can be read.
    """
    if inner := images_beside_projections(path):
        images = read(inner)
        return replace(images, problems=(beside_sentence(path, inner), *images.problems))
    files, problems = _files(path)
    layout = find_layout([file.name for file in files])
    if layout is None:
        raise ReadError(f"{path}: expected one file a channel, with names such as A01_s1_w1.tif")
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    strangers = []
    for file in files:
        found = layout.pattern.fullmatch(file.stem)
        if found is None:
            strangers.append(file.name)
            continue
        parts = {**_steps(file, path), **{k: v for k, v in found.groupdict().items() if v is not None}}
        channel = parts.pop("channel")
        key = tuple(parts.get(name, "") for name in PARTS)
        item = rows.setdefault(key, {})
        if channel in item:
            problems.append(
                f"{file}: a second file of channel {channel}; {Path(item[channel]).name} is taken"
            )
        item.setdefault(channel, str(file))
    if strangers:
        problems.append(
            f"{path}: {len(strangers):,} pictures with other names are skipped; first: {strangers[0]}"
        )
    names = sorted({channel for item in rows.values() for channel in item}, key=_natural)
    problems.insert(0, f"{path}: taken for one file a channel, named as by {layout.name}")
    pixel_size_um = _pixel_size([file for item in rows.values() for file in item.values()])
    draft = Draft(
        kind="channels",
        source=path,
        channels=numbered_channels(len(names), [_channel_name(name) for name in names]),
        items=_items(list(rows)),
        paths=[tuple(item.get(name, "") for name in names) for item in rows.values()],
        planes=((0,),) * len(names),
        looked=str(path),
        problems=problems,
    )
    return replace(build(draft), pixel_size_um=pixel_size_um)


def _pixel_size(files: list[str]) -> float | None:
    """Of the first of some files that can be read."""
    for file in files[:TRIED]:
        try:
            return picture_facts(Path(file)).pixel_size_um
        except ReadError:
            continue
    return None


def find_layout(names: Sequence[str]) -> Layout | None:
    """The first layout by whose names several files make one item, and most of the files fit."""
    stems = [name.rpartition(".")[0] for name in names]
    for layout in LAYOUTS:
        found = [match for stem in stems if (match := layout.pattern.fullmatch(stem))]
        items = {
            tuple(match[name] for name in layout.pattern.groupindex if name != "channel") for match in found
        }
        channels = {match["channel"] for match in found}
        if len(channels) > 1 and len(items) < len(found) and 2 * len(found) > len(names):
            return layout
    return None


def _sample_files(path: Path) -> list[Path]:
    """Some pictures of a folder, of its first step or of its ``Images``."""
    entries = [entry for entry in scan(path, ENOUGH) if not PASSED_OVER.fullmatch(entry.name)]
    inner = sorted(entry.name for entry in entries if is_folder(entry) and _is_inner(entry.name))
    here = [Path(entry.path) for entry in entries if entry.name.lower().endswith(SUFFIXES) and is_file(entry)]
    if here or not inner:
        return sorted(here)
    return _sample_files(path / inner[0])


def _files(path: Path) -> tuple[list[Path], list[str]]:
    files, problems = pictures(path)
    inner = sorted(Path(entry.path) for entry in scan(path) if is_folder(entry) and _is_inner(entry.name))
    for folder in [] if files else inner:
        more, inner_problems = _files(folder)
        files += more
        problems += inner_problems
    return files, problems


def _is_inner(name: str) -> bool:
    return name.casefold() == "images" or any(each.fullmatch(name) for each in (STEPS, POSITION))


def _steps(file: Path, top: Path) -> dict[str, str]:
    """Time point, section and field from the folders that a file lies in."""
    folders = file.relative_to(top).parts[:-1]
    columns = {"timepoint": "time", "zstep": "section"}
    steps = {columns[s["kind"].casefold()]: s["number"] for s in map(STEPS.fullmatch, folders) if s}
    positions = [found["number"] for found in map(POSITION.fullmatch, folders) if found]
    return steps | ({"field": positions[-1]} if positions else {})


def _items(keys: list[tuple[str, ...]]) -> pd.DataFrame:
    """Columns of what tells items apart or is known of all, numbers as numbers."""
    parts = pd.DataFrame([[readable(part) for part in key] for key in keys], columns=list(PARTS))
    parts = parts[[name for name in PARTS if (parts[name] != "").any()]].copy()
    if "well" not in parts and {"row", "column"} <= set(parts):
        letters = [chr(ord("A") + int(row) - 1) if row.isdecimal() else row for row in parts["row"]]
        parts = parts.assign(row=letters)
        parts.insert(0, "well", [f"{r}{int(c):02d}" for r, c in zip(letters, parts["column"], strict=True)])
    distinct = [name for name in parts if name not in ("row", "column") and parts[name].nunique() > 1]
    names = parts[distinct or list(parts)[:1]].agg("_".join, axis=1)
    for name in parts:
        if name != "well" and all(value.isdecimal() and len(value) < 10 for value in parts[name]):
            parts[name] = parts[name].astype(int)
    return pd.concat(
        [pd.DataFrame({"item": names, "label": ""}), parts.rename(columns={"stem": "name"})], axis=1
    )


def _channel_name(text: str) -> str:
    """A number says nothing: ``channel 1``; ``1DAPI``, ``DAPI - DAPI`` and ``DAPI 377,447`` are DAPI."""
    if re.fullmatch(LINES, text):
        return text
    if text.isdecimal():
        return f"channel {int(text)}"
    return re.sub(r"^\d(?=[A-Za-z])| \d{3},\d{3}$", "", text).partition(" - ")[0]


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """For sorting: numbers by their value."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text))
