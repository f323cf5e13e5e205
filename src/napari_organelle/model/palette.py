"""Fixed colours of classes, so that an organelle looks the same in every model and every run."""

from __future__ import annotations

import colorsys
import hashlib
import re
from collections.abc import Sequence

from napari_organelle.model.spec import OrganelleClass

KNOWN = {
    "cellperiphery": "#d2003c",
    "plasmamembrane": "#d2003c",
    "cytoplasm": "#56b4e9",
    "cytosol": "#56b4e9",
    "endosome": "#cc79a7",
    "endosomes": "#cc79a7",
    "er": "#009e73",
    "endoplasmicreticulum": "#009e73",
    "golgi": "#e69f00",
    "golgiapparatus": "#e69f00",
    "mitochondrion": "#d55e00",
    "mitochondria": "#d55e00",
    "nuclearperiphery": "#7878ff",
    "nuclearmembrane": "#7878ff",
    "nucleolus": "#5a3cff",
    "nucleoli": "#5a3cff",
    "nucleus": "#0072b2",
    "nucleoplasm": "#0072b2",
    "peroxisome": "#d2f0a5",
    "peroxisomes": "#d2f0a5",
    "spindlepole": "#96ffff",
    "centrosome": "#96ffff",
    "vacuole": "#f0e442",
    "microtubules": "#d2a55a",
}
"""Okabe and Ito's colours, and six more that stay apart in CIELAB from them, from grey and from black, also
as people without red or green cones see them (Machado, Oliveira and Fernandes 2009)."""


def colour_classes(names: Sequence[str]) -> tuple[OrganelleClass, ...]:
    """Classes with their colours, all different: an organelle's own where it is known, else one made from its
    name."""
    taken: set[str] = set()
    classes = []
    for name in names:
        plain = re.sub(r"[\W_]+", "", name).casefold()
        turn = int.from_bytes(hashlib.blake2b(plain.encode(), digest_size=2).digest()) / 2**16
        colour = KNOWN.get(plain, "")
        while not colour or colour in taken:
            rgb = colorsys.hsv_to_rgb(turn % 1, 0.65, 0.9)
            colour = "#" + "".join(f"{round(255 * part):02x}" for part in rgb)
            turn += 0.381966
        taken.add(colour)
        classes.append(OrganelleClass(name, colour))
    return tuple(classes)
