"""Opening a TIFF safely: its pages are walked first, and other files only as its own folder has them."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import tifffile

from napari_organelle.errors import ReadError
from napari_organelle.outside import MAX_PLANES, read_whole, require_file

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of a TIFF, also of LSM, STK, BTF and alike."""

COMPANION = ".companion.ome"

MAX_XML = 2**28
"""Bytes of a companion file."""

logging.getLogger("tifffile").addHandler(logging.NullHandler())


@contextmanager
def open_tiff(
    path: str | Path, companion: str | Path | None = None
) -> Iterator[tuple[tifffile.TiffFile, str | None]]:
    """The open file and the OME-XML that belongs to it, from itself or from its companion.

    Parameters
    ----------
    path : str or Path
        The file.
    companion : str or Path, optional
        A companion file that names it; else the one that it names itself, if any.

    Yields
    ------
    (TiffFile, str or None)

    Raises
    ------
    ReadError
        If it is no regular file, its pages go round in a circle, or its metadata say absurdly many.
    """
    place = Path(path)
    require_file(place)
    with open(place, "rb") as file:  # noqa: PTH123 - half the time of Path.open
        start = file.read(16)
        if not start.startswith(STARTS):
            raise ReadError(f"expected a TIFF; the file begins with {start[:8]!r}")
        check_pages(file, start)
        file.seek(0)
        with tifffile.TiffFile(file, name=str(place)) as tiff:
            xml = tiff.ome_metadata
            described = read_companion(Path(companion)) if companion else _companion(place, xml)
            text = described or xml or ""
            _require_few_planes(text)
            if not described and "FileName=" not in text:
                yield tiff, xml
                return
    inside = stays_inside(place, text)
    # a description of tifffile's own would come before the companion's
    with tifffile.TiffFile(place, omexml=described, _multifile=inside, is_shaped=False) as tiff:
        yield tiff, text


def is_tiff(path: Path) -> bool:
    """Whether a regular file begins as a TIFF does, whatever its name."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) in STARTS
    except OSError:
        return False


def check_pages(file: BinaryIO, start: bytes) -> None:
    """Walk from page to page.

    Raises
    ------
    ReadError
        If a page comes twice, or they lie over one another: the walk would never end.
    """
    size = file.seek(0, os.SEEK_END)
    order = "<" if start[:1] == b"I" else ">"
    big = start[2:4] in (b"+\0", b"\0+")
    word, count_size, tag_size = (order + "Q", 8, 20) if big else (order + "I", 2, 12)
    offset: int = struct.unpack_from(word, start, 8 if big else 4)[0]
    seen, used = set(), 0
    while offset:
        if offset in seen or used > size:
            raise ReadError("its pages go round in a circle; the file is damaged")
        seen.add(offset)
        file.seek(offset)
        count = int.from_bytes(file.read(count_size), "little" if order == "<" else "big")
        used += count_size + count * tag_size
        file.seek(offset + count_size + count * tag_size)
        last = file.read(8 if big else 4)
        offset = struct.unpack(word, last)[0] if len(last) == struct.calcsize(word) else 0


def _require_few_planes(xml: str) -> None:
    """Refuse OME-XML that says more planes than an image can have: each of them would be looked for.

    Raises
    ------
    ReadError
        Which says so.
    """
    try:
        found = list(ElementTree.fromstring(xml).iter()) if xml else []
    except ElementTree.ParseError:
        return
    for element in found:
        kind = element.tag.rpartition("}")[2]
        numbers = {name: _number(value) for name, value in element.attrib.items()}
        if kind == "Pixels":
            planes = prod(numbers.get(f"Size{axis}", 1) for axis in "CZT")
        elif kind == "TiffData":
            planes = max(numbers.values(), default=0)
        elif kind.startswith("ModuloAlong") and numbers.get("Step"):
            planes = (numbers.get("End", 0) - numbers.get("Start", 0)) / numbers["Step"]
        else:
            continue
        if not planes <= MAX_PLANES:
            raise ReadError(f"its OME metadata say {planes:,.0f} planes, more than an image can have")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0


def _companion(place: Path, xml: str | None) -> str | None:
    """Text of the companion file that an OME-TIFF refers to; None where there is none."""
    if "BinaryOnly" not in (xml or ""):
        return None
    try:
        found = ElementTree.fromstring(xml or "").find("{*}BinaryOnly")
    except ElementTree.ParseError:
        return None
    name = "" if found is None else found.get("MetadataFile", "")
    companion = place.with_name(Path(name).name or place.name)
    if not name or name != companion.name or not companion.is_file():
        return None
    return read_companion(companion)


def read_companion(path: Path) -> str:
    """The OME-XML of a companion file."""
    return read_whole(path, MAX_XML).decode("utf-8", "replace")


def companion_files(companion: Path) -> set[Path]:
    """The files beside a companion that it describes and that have no OME-XML to say so themselves."""
    try:
        named = [companion.with_name(Path(name).name) for name in named_files(read_companion(companion))]
        return {path for path in named if path.is_file() and not _has_ome(path)}
    except (OSError, ReadError):
        return set()


def _has_ome(path: Path) -> bool:
    with open_tiff(path) as (_, xml):
        return xml is not None


def named_files(xml: str) -> list[str]:
    """Names of the files that OME-XML says the planes are in, each once; none where it is broken."""
    try:
        found = ElementTree.fromstring(xml).iterfind(".//{*}TiffData/{*}UUID")
        return list(dict.fromkeys(name for uuid in found if (name := uuid.get("FileName"))))
    except ElementTree.ParseError:
        return []


def stays_inside(place: Path, xml: str) -> bool:
    """Whether all files that OME-XML names are regular ones of the same folder."""
    names = named_files(xml)
    folder = place.parent.resolve()
    for name in names:
        other = place.with_name(name) if name and not set(name) & set("/\\:") and name != ".." else None
        if other is None:
            return False
        if other.exists() and not (other.is_file() and other.resolve().parent == folder):
            return False
    return True
