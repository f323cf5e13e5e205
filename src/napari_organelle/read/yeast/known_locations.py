"""Where proteins of budding yeast are known to be, from the literature."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

HUH_2003 = "Huh et al., Global analysis of protein localization in budding yeast, Nature 425, 686-691 (2003)"

TABLE = Path(__file__).parents[2] / "bundled" / "huh2003.tsv.gz"

CLASS_OF_LOCATION = {
    "cell periphery": "cell periphery",
    "cytoplasm": "cytoplasm",
    "endosome": "endosome",
    "ER": "er",
    "Golgi": "golgi",
    "early Golgi": "golgi",
    "late Golgi": "golgi",
    "mitochondrion": "mitochondrion",
    "nuclear periphery": "nuclear periphery",
    "nucleolus": "nucleolus",
    "nucleus": "nucleus",
    "peroxisome": "peroxisome",
    "spindle pole": "spindle pole",
    "vacuolar membrane": "vacuole",
    "vacuole": "vacuole",
}
"""Locations of that study to classes of ``yeast-12``; its others (actin, bud, bud neck, ER to Golgi, lipid
particle, microtubule, punctate composite) have none."""


@lru_cache(maxsize=1)
def known_locations() -> Mapping[str, tuple[str, ...]]:
    """Where 4,156 GFP-tagged proteins were seen by Huh et al. (2003).

    Returns
    -------
    mapping of str to tuple of str
        Systematic name (``"YMR056C"``) and, where it is one gene's only, standard name (``"AAC1"``), in
        capitals, to locations in that study's words. ``"ambiguous"`` is left out of them, so that a protein
        whose place was never clear has none.
    """
    with gzip.open(TABLE, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader((line for line in file if line[0] != "#"), delimiter="\t"))
    standard = Counter(row["standard"].upper() for row in rows)
    known: dict[str, tuple[str, ...]] = {}
    for row in rows:
        seen = tuple(place for place in row["locations"].split(",") if place != "ambiguous")
        known[row["systematic"].upper()] = seen
        if (name := row["standard"].upper()) and standard[name] == 1:
            known.setdefault(name, seen)
    return known


def known_classes(gene: str) -> frozenset[str]:
    """Classes of ``yeast-12`` that a gene's known locations are; empty where none is known or has a class."""
    places = known_locations().get(gene.strip().upper(), ())
    return frozenset(CLASS_OF_LOCATION[place] for place in places if place in CLASS_OF_LOCATION)
