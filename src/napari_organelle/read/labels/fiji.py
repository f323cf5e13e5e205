"""Outlines of Fiji's ROI manager: ``RoiSet.zip`` and ``.roi``."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.outside import read_whole, require_memory
from napari_organelle.read.labels.outlines import Outline

if TYPE_CHECKING:
    from roifile import ImagejRoi

SUFFIXES = (".zip", ".roi")
MAX_BYTES = 2**26
"""Of one outline."""

AREAS = ("POLYGON", "FREEHAND", "TRACED", "RECT", "OVAL")
"""Kinds that enclose an area."""


def read_rois(path: Path) -> tuple[list[Outline], list[str]]:
    """Outlines of a file, and sentences on those that are none.

    Raises
    ------
    ReadError
        If it holds no outline of an area.
    """
    rois, notes = _rois(path)
    areas = [(name, roi) for name, roi in rois if _is_area(roi)]
    others = Counter(roi.roitype.name.lower() for _, roi in rois if not _is_area(roi))
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in others.most_common())
    if not areas:
        broken = f" {'. '.join(notes)}" if notes else ""
        raise ReadError(f"{path}: expected outlines of objects; it holds {kinds or 'none'}.{broken}")
    numbers = own_numbers([name for name, _ in areas])
    outlines = [_outline(roi, number, name) for (name, roi), number in zip(areas, numbers, strict=True)]
    return outlines, notes + ([f"{path}: {kinds} enclose no area and are left out"] if kinds else [])


def _rois(path: Path) -> tuple[list[tuple[str, ImagejRoi]], list[str]]:
    """All of a file with their names: those of the files in a zip are what the ROI manager shows.

    What can't be read in a zip is left out, and a sentence tells of it.
    """
    from roifile import ImagejRoi

    if not zipfile.is_zipfile(path):
        roi = ImagejRoi.frombytes(read_whole(path, MAX_BYTES))
        return [(roi.name or path.stem, roi)], []
    with zipfile.ZipFile(path) as archive:
        # macOS puts a file of its own attributes beside each one
        members = [
            each
            for each in archive.infolist()
            if each.filename.lower().endswith(".roi") and "__MACOSX" not in PurePosixPath(each.filename).parts
        ]
        require_memory(sum(each.file_size for each in members), "its outlines")
        rois, broken = [], []
        for member in members:
            try:
                roi = ImagejRoi.frombytes(archive.read(member))
            except Exception:  # noqa: BLE001 - whatever is wrong with one outline, the others are sound
                broken.append(member.filename)
            else:
                rois.append((PurePosixPath(member.filename).stem, roi))
    first = f"{path}: {len(broken)} of {len(members)} outlines can't be read and are left out; first: "
    return rois, [f"{first}{broken[0]!r}"] if broken else []


def _is_area(roi: ImagejRoi) -> bool:
    return roi.roitype.name in AREAS or bool(roi.composite)


def own_numbers(names: list[str]) -> list[int]:
    """The names as numbers where all are and no two are alike, else 1, 2, 3..."""
    if all(name.isdecimal() and 0 < len(name) < 19 for name in names):
        own = [int(name) for name in names]
        if len(set(own)) == len(own) and min(own) > 0:
            return own
    return list(range(1, len(names) + 1))


def _outline(roi: ImagejRoi, number: int, name: str) -> Outline:
    """Fiji's coordinates begin at a pixel's corner; counts at 1, and 0 is every picture."""
    rings = tuple(np.asarray(ring, float)[:, ::-1] - 0.5 for ring in roi.coordinates(multi=True) if len(ring))
    return Outline(
        rings,
        number,
        name,
        step=roi.position - 1 if roi.position > 0 else None,
        time=roi.t_position - 1 if roi.t_position > 0 else None,
        section=roi.z_position - 1 if roi.z_position > 0 else None,
    )
