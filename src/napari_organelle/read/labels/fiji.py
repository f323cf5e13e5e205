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
    rois = _rois(path)
    areas = [(name, roi) for name, roi in rois if _is_area(roi)]
    others = Counter(roi.roitype.name.lower() for _, roi in rois if not _is_area(roi))
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in others.most_common())
    if not areas:
        raise ReadError(f"{path}: expected outlines of objects; it holds {kinds or 'nothing'}")
    numbers = own_numbers([name for name, _ in areas])
    outlines = [_outline(roi, number, name) for (name, roi), number in zip(areas, numbers, strict=True)]
    return outlines, [f"{path}: {kinds} enclose no area and are left out"] if kinds else []


def _rois(path: Path) -> list[tuple[str, ImagejRoi]]:
    """All of a file with their names: those of the files in a zip are what the ROI manager shows."""
    from roifile import ImagejRoi

    if not zipfile.is_zipfile(path):
        roi = ImagejRoi.frombytes(read_whole(path, MAX_BYTES))
        return [(roi.name or path.stem, roi)]
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if each.filename.lower().endswith(".roi")]
        require_memory(sum(each.file_size for each in members), "its outlines")
        return [
            (PurePosixPath(each.filename).stem, ImagejRoi.frombytes(archive.read(each))) for each in members
        ]


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
