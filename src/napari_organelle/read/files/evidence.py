"""What a file's own metadata say of a channel's dye: from colours and wavelengths to words."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.read.channel import Channel

MAX_CHANNELS = 1024
"""More channels than an image of a microscope has; spectral ones have hundreds."""

COLORMAPS = ("green", "magenta", "cyan", "yellow", "red", "blue")
"""For channels without a colour of their own; how they are shown, and no evidence."""

SHOWN = {"farred": "magenta"}
"""The napari colormap of a word that is none."""

HUES = ((20, "red"), (75, "yellow"), (160, "green"), (200, "cyan"), (270, "blue"), (340, "magenta"))
"""Colours by the end of their range on the colour wheel, in degrees; red comes again after the last."""

EMISSION = ((430, ""), (480, "blue"), (550, "green"), (640, "red"), (800, "farred"))
"""Colours by the end of their range of emitted light in nm."""

EXCITATION = ((340, ""), (430, "blue"), (515, "green"), (605, "red"), (700, "farred"))
"""Colours of dyes by the end of their range of exciting light in nm."""


def colour_word(red: float, green: float, blue: float) -> str:
    """The name of a colour, such as ``"green"``; ``""`` for black, white and what is nearly gray."""
    top = max(red, green, blue)
    if not top > 0:
        return ""
    hue, saturation, _ = colorsys.rgb_to_hsv(red / top, green / top, blue / top)
    if saturation < 0.4:
        return ""
    return next((name for end, name in HUES if hue * 360 < end), "red")


def wavelength_word(nanometres: float, ranges: Sequence[tuple[int, str]] = EMISSION) -> str:
    """The colour of a dye that emits, or by `EXCITATION` takes, a wavelength; ``""`` if none is known."""
    return next((name for end, name in ranges if nanometres < end), "")


def lut_word(lut: np.ndarray) -> str:
    """The colour of a lookup table, (3, 256), by its brightest entry."""
    table = np.asarray(lut)
    if table.ndim != 2 or len(table) != 3 or not table.size:
        return ""
    return colour_word(*(float(value) for value in table[:, int(table.sum(axis=0).argmax())]))


def numbered_channels(
    count: int, names: Sequence[str] = (), evidence: Sequence[str] = ()
) -> tuple[Channel, ...]:
    """`count` channels with the names and the evidence of the file, where it has one for each.

    A channel that its file names nothing is called ``"channel 1"`` or alike, from 0.

    Raises
    ------
    ReadError
        If there are more than an image can have.
    """
    if count > MAX_CHANNELS:
        raise ReadError(f"its metadata say {count:,} channels, more than an image can have")
    named = names if len(names) == count else [""] * count
    said = evidence if len(evidence) == count else [""] * count
    return tuple(
        Channel(name.strip() or f"channel {index}", _shown(word, index, count), word)
        for index, (name, word) in enumerate(zip(named, said, strict=True))
    )


def _shown(word: str, index: int, count: int) -> str:
    """A colormap: the file's colour where it says one."""
    if word in COLORMAPS or word in SHOWN:
        return SHOWN.get(word, word)
    return COLORMAPS[index % len(COLORMAPS)] if count > 1 else "gray"
