"""Outlines in GeoJSON, as QuPath exports them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.read.labels.fiji import own_numbers
from napari_organelle.read.labels.outlines import Outline

SUFFIXES = (".geojson", ".json")
COLLECTIONS = {"FeatureCollection": "features", "GeometryCollection": "geometries"}


def read_geojson(path: Path) -> tuple[list[Outline], list[str]]:
    """Outlines of a file, and sentences on what is none.

    A collection, a feature, a geometry or a list of them; polygons with holes and multipolygons.

    Raises
    ------
    ReadError
        If it is no GeoJSON, or holds no polygon.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}: expected GeoJSON; {str(error)[:100]}") from error
    others: Counter[str] = Counter()
    found = []
    for feature in _features(content):
        geometry = feature.get("geometry") if feature.get("type") == "Feature" else feature
        rings = _rings(geometry)
        if rings:
            found.append((feature, rings, (geometry or {}).get("plane") or {}))
        else:
            others[str((geometry or {}).get("type", "features without geometry"))] += 1
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in others.most_common(4))
    if not found:
        raise ReadError(f"{path}: expected GeoJSON with polygons; it holds {kinds or 'nothing'}")
    names = [_name(feature) for feature, _, _ in found]
    ids = [str(feature.get("id", "")) for feature, _, _ in found]
    outlines = [
        Outline(rings, number, name, time=_step(plane, "t"), section=_step(plane, "z"))
        for (_, rings, plane), number, name in zip(found, own_numbers(ids), names, strict=True)
    ]
    return outlines, [f"{path}: {kinds} enclose no area and are left out"] if kinds else []


def _features(content: Any) -> Iterator[dict[str, Any]]:
    for each in content if isinstance(content, list) else [content]:
        if not isinstance(each, dict):
            continue
        if (inner := COLLECTIONS.get(str(each.get("type")))) is not None:
            yield from (one for one in each.get(inner) or [] if isinstance(one, dict))
        elif "type" in each:
            yield each


def _rings(geometry: Any) -> tuple[np.ndarray, ...]:
    """Rings of all polygons, (n, 2) y and x; QuPath's coordinates begin at a pixel's corner."""
    if not isinstance(geometry, dict):
        return ()
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    polygons = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(str(kind)) or []
    rings = [
        np.asarray([point[:2] for point in ring], float)[:, ::-1] - 0.5
        for polygon in polygons
        for ring in polygon or []
        if len(ring) > 2
    ]
    if not all(np.isfinite(ring).all() for ring in rings):
        raise ReadError("a polygon has coordinates that are no numbers")
    return tuple(rings)


def _name(feature: dict[str, Any]) -> str:
    """Its name, else its id."""
    properties = feature.get("properties") or {}
    return str(properties.get("name") or feature.get("id") or "")


def _step(plane: dict[str, Any], axis: str) -> int | None:
    value = plane.get(axis)
    return int(value) if isinstance(value, int | float) and value >= 0 else None
