"""Yeast crops in a folder a class, and crops with one file a channel: ``X_gfp.tif`` beside ``X_rfp.tif``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.files import readable
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.files.decode import SUFFIXES, are_gray, is_stack, read_header
from napari_organelle.read.files.image_file import picture_facts
from napari_organelle.read.files.listing import ENOUGH, is_folder, scan, subfolders
from napari_organelle.read.files.tiff import RGB
from napari_organelle.read.files.tiff_open import is_tiff
from napari_organelle.read.folders.channel_files import find_layout
from napari_organelle.read.folders.layouts import CHANNEL_FOLDER, POSITION, SPLITS, STEPS
from napari_organelle.read.folders.plain import images_beside_masks, pictures
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.yeast.deepyeast import CHANNELS, PLANES, PROTEIN

PAIR = re.compile(r"(?P<name>.+)_(?P<channel>rfp|gfp)\.(png|tiff?)$", re.IGNORECASE)
CYCLOPS = re.compile(r"(?P<gene>[^_]+)_(?P<field>\d+)_rfp_(?P<cell>\d+)$")
"""Names of the CyCLoPS crops, such as ``AAC1_1_rfp_10``: gene, field and cell."""

COLUMN = {"rfp": 0, "gfp": 1}


def matches(path: Path) -> bool:
    """Whether a file has a partner in the other colour, or a folder holds such pairs or class folders."""
    if path.is_file():
        return _partner(path) is not None and not is_stack(path)
    if not path.is_dir() or images_beside_masks(path):
        return False
    folders = []
    for entry in scan(path, ENOUGH):
        if is_folder(entry) and not STEPS.fullmatch(entry.name) and not _is_position(Path(entry.path)):
            folders.append(Path(entry.path))
        elif PAIR.match(entry.name) and _partner(Path(entry.path)) is not None:
            return True
        elif _is_picture(entry.name):
            return False
    if any(map(images_beside_masks, folders)):
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
        crops = _group([path, partner] if partner else [path], {"label": ""})
    else:
        for folder, parts in _class_folders(path):
            files, folder_problems = pictures(folder)
            problems += folder_problems
            if layout := find_layout([file.name for file in files if not PAIR.match(file.name)]):
                problems.append(
                    f"{folder}: its names look like one file a channel ({layout.name}); each file is an "
                    "item here; open the folder by itself for items with all channels"
                )
            crops += _group(files, parts)
        problems += [*_look_alike(path), *_without_pictures(path)]
    if not crops:
        raise ReadError(
            f"{path}: expected PNG, JPEG or TIFF pictures in folders named by class; there are none"
        )
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
    return build(_only_protein(_own_channels(draft)))


def _own_channels(draft: Draft) -> Draft:
    """The channels of the files themselves where the first is a TIFF that is neither gray nor RGB."""
    first = next((row[0] for row in draft.paths if row[0] and row[0] == row[1]), "")
    if not first or not is_tiff(Path(first)):
        return draft
    try:
        channels = picture_facts(Path(first)).channels
    except ReadError:
        return draft
    if len(channels) > 1 and channels[:3] != RGB and all(row[0] == row[1] for row in draft.paths):
        draft.channels, draft.planes = channels, tuple((plane,) for plane in range(len(channels)))
        draft.paths = [(row[0],) * len(channels) for row in draft.paths]
    return draft


def _only_protein(draft: Draft) -> Draft:
    """Leave out the cytosol where every file is gray and none is its, also where gray was saved as RGB."""
    if draft.channels != CHANNELS or any(row[0] and row[0] != row[1] for row in draft.paths):
        return draft
    coloured = [row[0] for row in draft.paths if row[0] and not _is_grey(row[0])]
    if coloured and not are_gray(coloured):
        return draft
    if coloured:
        draft.problems.append(
            f"{draft.source}: red, green and blue are the same: gray saved as RGB, taken for protein alone"
        )
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
    for column in ("folder", "label", "split"):
        if column in items and names.duplicated().any():
            names = (items[column] + "/" + names).str.removeprefix("/")
    items.insert(0, "item", names)
    return items.drop(columns="name")


def _group(files: list[Path], parts: dict[str, str]) -> list[tuple[dict[str, str], tuple[str, ...]]]:
    """One row an item and its two files: both of a pair, or one file for both channels."""
    crops: dict[str, list[str]] = {}
    for file in files:
        if pair := PAIR.match(file.name):
            crops.setdefault(pair["name"], ["", ""])[COLUMN[pair["channel"].lower()]] = str(file)
        else:
            crops[file.name] = [str(file)] * 2
    return [({"name": readable(name), **parts}, tuple(paths)) for name, paths in crops.items()]


def _class_folders(path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Each folder of pictures with its label, and its split or the folder between, where there is one.

    Above a class only a split such as ``train`` counts; else the upper folder is the class.
    """
    if _has_pairs(path):
        yield path, {"label": ""}
        return
    for first in subfolders(path):
        if _has_picture(first):
            yield first, {"label": _clean(first.name)}
        for second in filter(_has_picture, subfolders(first)):
            if first.name.casefold() in SPLITS:
                yield second, {"label": _clean(second.name), "split": first.name}
            else:
                yield second, {"label": _clean(first.name), "folder": second.name}


def _clean(name: str) -> str:
    """Without blanks at its ends, in Unicode's composed form."""
    return unicodedata.normalize("NFC", readable(name).strip())


def _look_alike(path: Path) -> list[str]:
    """A sentence on class folders whose names differ only in blanks, case or Unicode form."""
    seen: dict[str, list[str]] = {}
    for folder in [
        *subfolders(path),
        *(second for first in subfolders(path) for second in subfolders(first)),
    ]:
        seen.setdefault(_clean(folder.name).casefold(), []).append(folder.name)
    alike = [sorted(set(names)) for names in seen.values() if len(set(names)) > 1]
    return [
        f"{path}: the folders {names} differ only in blanks, case or Unicode form; blanks and form are "
        "evened out, case is kept"
        for names in alike
    ]


def _without_pictures(path: Path) -> list[str]:
    """A sentence on folders that would be classes and hold no picture, and on those named as channels."""
    first = subfolders(path)
    above = [path, *(folder for folder in first if folder.name.casefold() in SPLITS)]
    folders = [folder for place in above for folder in subfolders(place) if folder not in above]
    empty = [folder for folder in folders if not any(map(_has_picture, [folder, *subfolders(folder)]))]
    found = []
    if empty:
        names = ", ".join(readable(folder.name) for folder in empty[:4])
        found.append(f"{path}: {len(empty):,} folders hold no PNG, JPEG or TIFF and are no classes: {names}")
    if folders and all(CHANNEL_FOLDER.fullmatch(folder.name) for folder in folders):
        found.append(
            f"{path}: the folders are named as channels, but share no names of files: they are taken for "
            "classes. Where they hold the channels of images, give an image's files one name"
        )
    return found


def _is_position(folder: Path) -> bool:
    """Whether a folder holds one file a channel of a position, under Micro-Manager's names."""
    if not POSITION.fullmatch(folder.name):
        return False
    return find_layout([entry.name for entry in scan(folder, ENOUGH)]) is not None


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


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)
