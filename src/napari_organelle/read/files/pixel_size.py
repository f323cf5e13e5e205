"""Pixel sizes as files write them: a finite, positive number with a unit of length, or unknown."""

from __future__ import annotations

import math

MICROMETRES = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "\\u00B5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("Å", "Å", "angstrom", "Angstrom"), 1e-4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
}
"""Micrometres in the units that microscopes' files have. Centimetres are left out: ImageJ writes them where
nobody set a scale, and the number is then the camera's pitch, not the specimen's."""


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
