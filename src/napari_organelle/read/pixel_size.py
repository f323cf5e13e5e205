"""Pixel size and channel names from a TIFF's own metadata: OME-XML, ImageJ, resolution tags."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose
from xml.etree import ElementTree

import tifffile

MICROMETRES = {
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "\\u00B5m": 1.0,
    "nm": 1e-3,
    "mm": 1e3,
}
"""Micrometres in the units that ImageJ and OME write. Centimetres are left out: ImageJ writes them where
nobody set a scale, and the number is then the camera's pitch, not the specimen's."""


@dataclass(frozen=True)
class OmeMetadata:
    """What OME-XML says of the first image."""

    channels: tuple[str, ...] = ()
    pixel_size_um: float | None = None


def ome_metadata(tiff: tifffile.TiffFile) -> OmeMetadata:
    """Channel names and pixel size of an OME-TIFF; empty for another TIFF."""
    if not tiff.ome_metadata:
        return OmeMetadata()
    pixels = ElementTree.fromstring(tiff.ome_metadata).find(".//{*}Image/{*}Pixels")
    if pixels is None:
        return OmeMetadata()
    channels = tuple(channel.get("Name") or "" for channel in pixels.findall("{*}Channel"))
    size = pixels.get("PhysicalSizeX")
    factor = MICROMETRES.get(pixels.get("PhysicalSizeXUnit", "µm"))
    return OmeMetadata(channels, float(size) * factor if size and factor else None)


def tiff_pixel_size(tiff: tifffile.TiffFile) -> float | None:
    """Micrometres per pixel, where x and y agree; None where the file does not say.

    Resolution in inches is a printer's and does not count.
    """
    if size := ome_metadata(tiff).pixel_size_um:
        return size
    page = tiff.pages[0]
    x, y = page.resolution if isinstance(page, tifffile.TiffPage) else (0, 0)
    factor = MICROMETRES.get(str((tiff.imagej_metadata or {}).get("unit", "")))
    if factor is None or not x or not isclose(x, y, rel_tol=1e-3):
        return None
    return float(factor / x)
