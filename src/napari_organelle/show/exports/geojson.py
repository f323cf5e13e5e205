"""Results of one image as GeoJSON, which QuPath opens as detections with a class and measurements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import OrganelleError
from napari_organelle.model.calling import CORRECTED, UNSURE, UNSURE_COLOUR
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.prediction import PROBABILITY

SUFFIX = ".geojson"
DIGITS = 4

Ring = list[list[float]]


def write_geojson(table: pd.DataFrame, path: Path, outlines: Mapping[int, Ring] | None = None) -> int:
    """Write the regions of one image; how many there are.

    Parameters
    ----------
    table : DataFrame
        As `tables.results_table`; what a person said is a region's class, else what it is called.
    path : Path
        Where to.
    outlines : mapping of int to ring, optional
        For some regions, by their id, the (x, y) corners in pixels; the others are drawn as their windows.

    Raises
    ------
    OrganelleError
        If the table is of several images, whose places would lie over each other.
    """
    images = table[["source", "item"]].drop_duplicates()
    if len(images) > 1:
        raise OrganelleError(
            f"GeoJSON holds the regions of one image; these are of {len(images):,}. Save one at a time."
        )
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for number, feature in enumerate(_features(table, outlines or {})):
            file.write((",\n" if number else "\n") + json.dumps(feature, allow_nan=False))
        file.write("\n]}\n")
    return len(table)


def outlines_of(labels: np.ndarray) -> dict[int, Ring]:
    """The outline of every object of a (Y, X) label image, as (x, y) in pixels from the image's corner.

    Of an object in several pieces the longest outline is taken.
    """
    from skimage.measure import find_contours, regionprops

    rings = {}
    for each in regionprops(labels):
        top, left, *_ = each.bbox
        lines = find_contours(np.pad(each.image, 1).astype(np.float32), 0.5)
        longest = np.add(max(lines, key=len), (top - 0.5, left - 0.5))
        rings[int(each.label)] = np.round(longest[:, ::-1], 2).tolist()
    return rings


def _features(table: pd.DataFrame, outlines: Mapping[int, Ring]) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in table if str(name).startswith(PROBABILITY)]
    colours = {
        each.name: each.colour for each in colour_classes([name.removeprefix(PROBABILITY) for name in names])
    } | {UNSURE: UNSURE_COLOUR}
    for row in table.to_dict("records"):
        called = str(row.get(CORRECTED) or row["called"])
        measured = {name: row[name] for name in ("confidence", *names)}
        properties: dict[str, Any] = {
            "objectType": "detection",
            "name": str(row["region"]),
            "measurements": {
                name: round(float(value), DIGITS) for name, value in measured.items() if np.isfinite(value)
            },
        }
        if called:
            colour = colours.get(called.split("|")[0], UNSURE_COLOUR)
            rgb = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
            properties["classification"] = {"name": called.replace("|", ": "), "color": rgb}
        ring = outlines.get(int(row["region"])) or _window(row)
        geometry = {"type": "Polygon", "coordinates": [ring]}
        yield {"type": "Feature", "geometry": geometry, "properties": properties}


def _window(row: Mapping[Any, Any]) -> Ring:
    top, left = float(row["y"]), float(row["x"])
    bottom, right = top + float(row["height"]), left + float(row["width"])
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
