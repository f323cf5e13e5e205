"""From a reader's list of files to an ImageSet: sizes, types, what is missing, what cannot be read."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.files import readable
from napari_organelle.read.files.decode import Header, read_header
from napari_organelle.read.files.item_files import ItemFiles
from napari_organelle.read.image_set import Channel, ImageSet, NoImagesError

SAMPLE = 64
"""Headers that are read where the format promises that all are alike."""


@dataclass(kw_only=True)
class Draft:
    """What a reader has found, before any file is opened.

    Parameters
    ----------
    kind, source, channels, class_names, problems
        As in ImageSet.
    items : DataFrame
        One row an item: at least ``item`` and ``label``, and ``problem`` where something is wrong already.
    paths : list of N tuples of C str
        As in ItemFiles.
    planes : tuple of C tuples of int
        As in ItemFiles.
    grey : int
        The channel that a grey file fills where one file was expected to hold them all.
    looked : str
        Where images were looked for; for the error when there are none.
    alike : bool
        The format promises one size and type for all: then only some headers are read, and a file that
        differs is an error when its pixels are asked for.
    """

    kind: str
    source: Path
    channels: tuple[Channel, ...]
    items: pd.DataFrame
    paths: list[tuple[str, ...]]
    planes: tuple[tuple[int, ...], ...]
    looked: str
    grey: int = 0
    alike: bool = False
    class_names: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)


def build(draft: Draft) -> ImageSet:
    """Read one header an item and lay out the lazy pixels.

    Raises
    ------
    NoImagesError
        If not one item has a file that can be read.
    """
    headers, faults = _headers(draft)
    known = [header for header in headers if header is not None]
    if not known:
        _refuse(draft, faults)
    paths = [_fill(row, header, draft.grey) for row, header in zip(draft.paths, headers, strict=True)]
    largest = (max(header.height for header in known), max(header.width for header in known))
    sizes = np.array([header[:2] if header else largest for header in headers], dtype=np.int64)
    dtype = np.result_type(*{header.dtype for header in known})
    names = [channel.name for channel in draft.channels]
    missing = _missing(paths, names)
    items = _item_table(draft.items, paths, sizes, missing, faults)
    files = ItemFiles(tuple(paths), draft.planes, sizes, dtype)
    return ImageSet(
        kind=draft.kind,
        source=draft.source,
        data=files.lazy(),
        channels=draft.channels,
        items=items,
        class_names=draft.class_names,
        problems=(*draft.problems, *_summaries(items, known)),
        files=files,
    )


def _headers(draft: Draft) -> tuple[list[Header | None], list[str]]:
    """The header of each item's first file, and what is wrong with that file."""
    present = [number for number, row in enumerate(draft.paths) if any(row)]
    step = max(1, len(present) // SAMPLE) if draft.alike else 1
    planes = [plane for row in draft.planes for plane in row]
    found = {number: _try_header(draft.paths[number], planes) for number in present[::step]}
    distinct = {header for header, _ in found.values() if header is not None}
    if step > 1 and len(distinct) > 1:
        found = {number: _try_header(draft.paths[number], planes) for number in present}
    elif step > 1 and distinct:
        found = dict.fromkeys(present, (distinct.pop(), "")) | found
    nothing = (None, "")
    pairs = [found.get(number, nothing) for number in range(len(draft.paths))]
    return [header for header, _ in pairs], [fault for _, fault in pairs]


def _try_header(row: tuple[str, ...], planes: list[int]) -> tuple[Header | None, str]:
    """The header of an item's first file; of files with different endings all are compared."""
    files = list(dict.fromkeys(filter(None, row)))
    try:
        header = read_header(files[0])
        if len({os.path.splitext(file)[1] for file in files}) > 1:  # noqa: PTH122 - half the time of Path
            for file in files[1:]:
                other = read_header(file)
                if other[:2] != header[:2]:
                    raise ReadError(
                        f"{file}: expected {header.height} x {header.width} pixels as {files[0]} has; "
                        f"it has {other.height} x {other.width}"
                    )
        if 1 < header.planes <= max(planes):
            raise ReadError(
                f"{files[0]}: expected {max(planes) + 1} channels as in the others; it has {header.planes}"
            )
    except ReadError as error:
        return None, str(error)
    return header, ""


def _refuse(draft: Draft, faults: list[str]) -> None:
    first = next((f" First: {fault}." for fault in faults if fault), "")
    count = len(draft.paths)
    raise NoImagesError(
        f"{draft.source}: none of its {count:,} images can be read.{first} Looked in {draft.looked}.",
        kind=draft.kind,
        items=draft.items,
        problems=tuple(draft.problems),
    )


def _fill(row: tuple[str, ...], header: Header | None, grey: int) -> tuple[str, ...]:
    """A grey file in place of an RGB file holds one channel only."""
    if header is None or header.planes > 1 or len(row) == 1 or len(set(row)) > 1:
        return row
    return tuple(path if channel == grey else "" for channel, path in enumerate(row))


def _missing(paths: list[tuple[str, ...]], names: list[str]) -> list[str]:
    return [
        "" if all(row) else ", ".join(name for name, path in zip(names, row, strict=True) if not path)
        for row in paths
    ]


def _item_table(
    found: pd.DataFrame,
    paths: list[tuple[str, ...]],
    sizes: np.ndarray,
    missing: list[str],
    faults: list[str],
) -> pd.DataFrame:
    """The reader's columns behind those that every ImageSet has."""
    known = found.get("problem", [""] * len(found))
    problems = [f"{first}; {second}".strip("; ") for first, second in zip(known, faults, strict=True)]
    items = pd.DataFrame(
        {
            "item": found["item"].to_numpy(),
            "path": [readable(next(filter(None, row), "")) for row in paths],
            "label": found["label"].to_numpy(),
            "height": sizes[:, 0],
            "width": sizes[:, 1],
            "missing": missing,
            "problem": problems,
        }
    )
    return items.join(
        found.drop(columns=["item", "label", "problem"], errors="ignore").reset_index(drop=True)
    )


def _summaries(items: pd.DataFrame, headers: list[Header]) -> list[str]:
    """One sentence for each thing that is not alike, or not right, in the whole set."""
    total = len(items)
    lines = []
    if bad := int((items["problem"] != "").sum()):
        first = items.loc[items["problem"] != "", "problem"].iloc[0]
        lines.append(f"{bad:,} of {total:,} items have a problem (column 'problem'); first: {first}")
    if lacking := int((items["missing"] != "").sum()):
        lines.append(f"{lacking:,} of {total:,} items lack channels, shown blank (column 'missing')")
    sizes = Counter((header.height, header.width) for header in headers)
    if len(sizes) > 1:
        text = ", ".join(f"{height} x {width} ({count:,})" for (height, width), count in sizes.most_common(4))
        lines.append(
            f"{len(sizes)} image sizes: {text}; smaller ones are padded with zeros at the bottom and right"
        )
    dtypes = Counter(header.dtype for header in headers)
    if len(dtypes) > 1:
        text = ", ".join(f"{dtype} ({count:,})" for dtype, count in dtypes.most_common())
        lines.append(f"{len(dtypes)} pixel types: {text}; values are kept as they are")
    return lines
