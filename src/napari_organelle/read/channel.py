"""A channel of an image: its name and what its file says of its stain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Channel:
    """One channel of an image.

    Parameters
    ----------
    name : str
        What the channel shows, such as ``"protein"`` or ``"nucleus"``.
    colormap : str
        Name of a napari colormap in which it is shown. A choice of the program's, which proves nothing.
    evidence : str
        What the file itself says of it beside its name: the dye, or the colour that its wavelength, its
        lookup table or its display setting gives, such as ``"FITC"`` or ``"green"``; ``""`` where nothing.
    """

    name: str
    colormap: str = "gray"
    evidence: str = ""
