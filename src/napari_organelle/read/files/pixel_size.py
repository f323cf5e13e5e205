"""Pixel sizes as files write them: a finite, positive number with a unit of length, or unknown."""

from __future__ import annotations

import math

MICROMETRES = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "\\u00B5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("Å", "Å", "angstrom", "Angstrom"), 1e-4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **{"pm": 1e-6, "dm": 1e5, "in": 25400.0, "thou": 25.4, "pt": 25400 / 72},
}
"""Micrometres in units of length as microscopes' files and OME-XML write them."""


def pixel_size(value: object, unit: object = "µm") -> tuple[float | None, str]:
    """Micrometres per pixel, and a sentence where the file says a size that can't be one.

    Parameters
    ----------
    value : object
        What the file says: a number or text, also with a decimal comma; None or ``""`` is nothing.
    unit : object
        Its unit; a size in another unit than a length is unknown, without a sentence.
    """
    factor = MICROMETRES.get(str(unit))
    if value is None or value == "" or factor is None:
        return None, ""
    try:
        size = float(str(value).replace(",", "."))
    except ValueError:
        size = math.nan
    if not math.isfinite(size) or size <= 0:
        return None, f"its metadata say a pixel size of {str(value)[:40]!r}; the size is taken as unknown"
    return size * factor, ""
