"""Channel names, evidence and pixel size from a TIFF's metadata: OME-XML, ImageJ, LSM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_organelle.read.files.evidence import EXCITATION, colour_word, lut_word, wavelength_word
from napari_organelle.read.files.pixel_size import MICROMETRES, pixel_size

PLACE = re.compile(r"\b[czt]:\d+/\d+[ -]*")
"""Where a plane is, as Bio-Formats writes it into its label: ``c:1/2 z:3/5 - ``."""


UNSET = ("cm", "in")
"""Units that ImageJ writes where nobody set a scale: the number is then the camera's pitch or the printer's,
not the specimen's."""


@dataclass(frozen=True)
class TiffMetadata:
    """What a TIFF says of one of its images.

    Parameters
    ----------
    names : tuple of str
        Of its channels, ``""`` where one has none; empty where there are none.
    evidence : tuple of str
        As in `Channel`, one a channel; empty where there is none.
    pixel_size_um : float or None
        Micrometres per pixel, where x and y agree.
    notes : tuple of str
        What is wrong with it.
    """

    names: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    pixel_size_um: float | None = None
    notes: tuple[str, ...] = ()


def tiff_metadata(tiff: tifffile.TiffFile, ome: str | None = None) -> list[TiffMetadata]:
    """What a TIFF says of each of its series; nothing in it can make this fail.

    Parameters
    ----------
    tiff : TiffFile
        An open file.
    ome : str, optional
        OME-XML that belongs to it; the file's own where not given.
    """
    kinds = [series.kind for series in tiff.series]
    text = ome or tiff.ome_metadata or _cut_short(tiff)
    try:
        if text:
            metadatas = [*map(_ome_image, ElementTree.fromstring(text).iterfind("{*}Image/{*}Pixels"))]
            metadatas += [TiffMetadata()] * (len(kinds) + 1 - len(metadatas))
            return [metadatas[number if kind == "ome" else 0] for number, kind in enumerate(kinds)]
        one = _imagej(tiff) if tiff.is_imagej else _lsm(tiff) if tiff.is_lsm else TiffMetadata()
    except Exception as error:  # noqa: BLE001 - metadata never keep an image from opening
        one = TiffMetadata(notes=(f"its metadata can't be read ({error}); names and size are unknown",))
    return [one] * len(kinds)


def _cut_short(tiff: tifffile.TiffFile) -> str:
    """OME-XML that tifffile does not take for it, since its end is missing."""
    page = tiff.pages[0]
    text = str(page.description) if isinstance(page, tifffile.TiffPage) else ""
    return text if text.lstrip().startswith(("<?xml", "<OME")) and "<OME" in text[:4096] else ""


def _ome_image(pixels: ElementTree.Element) -> TiffMetadata:
    channels = pixels.findall("{*}Channel")
    size, note = pixel_size(pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm"))
    height, y_note = pixel_size(pixels.get("PhysicalSizeY"), pixels.get("PhysicalSizeYUnit", "µm"))
    if y_note:
        size, note = None, note or y_note
    if size and height and not isclose(size, height, rel_tol=1e-2):
        size, note = None, f"its pixels are not square ({size:g} x {height:g} um); their size is not used"
    evidence = tuple(_ome_evidence(channel) for channel in channels)
    return TiffMetadata(
        tuple(channel.get("Name") or "" for channel in channels),
        evidence if any(evidence) else (),
        size,
        (note,) if note else (),
    )


def _ome_evidence(channel: ElementTree.Element) -> str:
    """The dye, else the contrast method, else what the wavelengths say, else the display colour."""
    if dye := channel.get("Fluor"):
        return dye
    if (contrast := channel.get("ContrastMethod")) and contrast not in ("Fluorescence", "Other"):
        return contrast
    for key, ranges in (("EmissionWavelength", None), ("ExcitationWavelength", EXCITATION)):
        nanometres, _ = pixel_size(channel.get(key), channel.get(f"{key}Unit", "nm"))
        if nanometres:
            word = wavelength_word(nanometres * 1e3, ranges) if ranges else wavelength_word(nanometres * 1e3)
            if word:
                return word
    try:
        colour = int(channel.get("Color", "-1")) & 0xFFFFFFFF
    except ValueError:
        return ""
    return colour_word(colour >> 24, colour >> 16 & 255, colour >> 8 & 255)


def _imagej(tiff: tifffile.TiffFile) -> TiffMetadata:
    facts: dict[str, Any] = tiff.imagej_metadata or {}
    names = _channel_labels(
        [str(name) for name in facts.get("Labels") or ()], int(facts.get("channels") or 0)
    )
    coloured = facts.get("mode") in ("composite", "color")
    evidence = tuple(lut_word(np.asarray(lut)) for lut in facts.get("LUTs") or ()) if coloured else ()
    page = tiff.pages[0]
    x, y = page.resolution if isinstance(page, tifffile.TiffPage) else (0, 0)
    unit = str(facts.get("unit", ""))
    if unit not in MICROMETRES or unit in UNSET or not x or not y:
        return TiffMetadata(names, evidence)
    if not isclose(x, y, rel_tol=1e-3):
        sides = f"{1 / x:g} x {1 / y:g} {unit}"
        return TiffMetadata(
            names, evidence, notes=(f"its pixels are not square ({sides}); their size is not used",)
        )
    size, note = pixel_size(1 / x, unit)
    return TiffMetadata(names, evidence, size, (note,) if note else ())


def _channel_labels(labels: list[str], count: int) -> tuple[str, ...]:
    """Names of channels from the labels of all planes, the channels' the innermost, where they repeat."""
    plain = [PLACE.sub("", label) for label in labels]
    if not count or len(labels) <= count:
        return tuple(labels)
    repeats = all(label == plain[index % count] for index, label in enumerate(plain))
    return tuple(plain[:count]) if repeats else ()


def _lsm(tiff: tifffile.TiffFile) -> TiffMetadata:
    facts: dict[str, Any] = tiff.lsm_metadata or {}
    colours: dict[str, Any] = facts.get("ChannelColors") or {}
    names = tuple(str(name) for name in colours.get("ColorNames") or ())
    evidence = tuple(_lsm_word(colour) for colour in colours.get("Colors") or ())
    x, y = (float(facts.get(f"VoxelSize{axis}") or 0) * 1e6 for axis in "XY")
    size, note = pixel_size(x or None) if isclose(x, y, rel_tol=1e-2) else (None, "")
    return TiffMetadata(names, evidence, size, (note,) if note else ())


def _lsm_word(colour: Sequence[int]) -> str:
    return colour_word(*(float(part) for part in colour[:3]))
