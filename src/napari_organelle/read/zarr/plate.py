"""OME-Zarr plates and collections of images: one set, one item a field; versions 0.4 and 0.5.

A plate is a group of groups, ``row/column/field``, with the metadata ``plate`` at its root and ``well`` in
each well (https://ngff.openmicroscopy.org/0.5). A collection (bioformats2raw layout) is a group of images
``0``, ``1``... Only JSON is read to open one, a file for each well and for some of the fields.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening, read_whole, require_inside
from napari_organelle.read.files.evidence import numbered_channels
from napari_organelle.read.files.image_file import is_zarr
from napari_organelle.read.files.listing import scan
from napari_organelle.read.image_set import ImageSet, NoImagesError
from napari_organelle.read.zarr.array import (
    ome_axes,
    ome_channel_names,
    ome_evidence,
    ome_pixel_size,
    require_scales,
)
from napari_organelle.read.zarr.fields import ZarrFields
from napari_organelle.read.zarr.store import require_shape

SAMPLE = 64
"""Fields whose metadata are read before it is believed that all are alike."""

LARGE = 4096**2
"""Pixels of a field beyond which it is read in blocks."""

COLLECTION = "bioformats2raw.layout"

MAX_JSON = 2**26
"""Bytes of a file of metadata."""

Attributes = dict[str, Any]


@dataclass(frozen=True)
class FieldLayout:
    """What the fields of a set share: where their full resolution is, its array, axes and channels."""

    level: str
    shape: tuple[int, ...]
    dtype: str
    axes: str
    channels: tuple[str, ...]
    evidence: tuple[str, ...]
    pixel_size_um: float | None
    note: str

    def length(self, axis: str) -> int:
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1


def matches(path: Path) -> bool:
    """Whether a folder is the root of an OME-Zarr plate or collection."""
    if not is_zarr(path):
        return False
    attributes = read_attributes(path)
    return "plate" in attributes or COLLECTION in attributes


def read(path: Path) -> ImageSet:
    """Open a plate or a collection.

    Raises
    ------
    NoImagesError
        If not one of its fields can be read.
    ReadError
        If its metadata are not what the format promises.
    """
    with opening(path):
        return _read(path)


def _read(path: Path) -> ImageSet:
    attributes = read_attributes(path)
    problems: list[str] = []
    fields = (
        _plate_fields(path, attributes["plate"], problems)
        if "plate" in attributes
        else _collection_fields(path, problems)
    )
    if not fields:
        raise ReadError(f"{path}: expected wells with fields; there are none. {' '.join(problems[:3])}")
    return _build(path, pd.DataFrame(fields), problems)


def read_attributes(group: Path) -> Attributes:
    """The OME metadata of a Zarr group, version 2 or 3; empty where there are none.

    Raises
    ------
    ReadError
        If they are no JSON.
    """
    version3 = group / "zarr.json"
    file = version3 if version3.exists() else group / ".zattrs"
    if not file.exists():
        return {}
    found = _object(file)
    if file == version3:
        found = found.get("attributes", {})
        found = found.get("ome", found) if isinstance(found, dict) else found
    if not isinstance(found, dict):
        raise ReadError(f"{file}: expected a JSON object of metadata; it is {found!r:.80}")
    return found


def _object(file: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    with opening(file):
        found = json.loads(read_whole(file, MAX_JSON))
        if not isinstance(found, dict):
            raise ReadError(f"expected a JSON object; it is {found!r:.80}")
        return found


def _list(values: Attributes, key: str) -> list[Attributes]:
    """A list of objects that metadata have under a key.

    Raises
    ------
    ReadError
        If they are anything else.
    """
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ReadError(f"expected a list of objects as {key!r} in the metadata; it is {found!r:.80}")
    return found


def _plate_fields(path: Path, plate: Attributes, problems: list[str]) -> list[dict[str, Any]]:
    """A row for each field that the wells name, well by well."""
    fields = []
    if not isinstance(plate, dict):
        raise ReadError(f"expected an object as 'plate' in the metadata; it is {plate!r:.80}")
    name = str(plate.get("name") or path.name.removesuffix(".zarr").removesuffix(".ome"))
    names = _acquisitions(plate)
    for well in _list(plate, "wells"):
        place = str(well.get("path", ""))
        row, _, column = place.partition("/")
        if not column:
            problems.append(f"{path}: expected a well such as A/1; {place!r} is left out")
            continue
        try:
            require_inside(path, place)
            images = _list(read_attributes(path / place).get("well", {}), "images")
            # one look at the well instead of one at each field: on a network drive that is what takes time
            there = {entry.name for entry in scan(path / place)}
        except ReadError as error:
            problems.append(f"{path}: {place}: the well can't be read ({error}); its fields are left out")
            continue
        for image in images:
            field = str(image.get("path", ""))
            try:
                require_inside(path, f"{place}/{field}")
            except ReadError as error:
                problems.append(f"{path}: {error}")
                continue
            fields.append(
                {
                    "item": f"{place}/{field}",
                    "plate": name,
                    "well": f"{row}{column}",
                    "row": row,
                    "column": column,
                    "field": field,
                    **({"acquisition": names.get(str(image.get("acquisition")), "")} if names else {}),
                    "problem": "" if field in there else f"{path / place / field}: there is no such field",
                }
            )
    return fields


def _acquisitions(plate: Attributes) -> dict[str, str]:
    """Names of a plate's acquisitions by their ids, where there are several."""
    found = plate.get("acquisitions")
    rows = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    names = {str(each.get("id")): str(each.get("name") or each.get("id")) for each in rows}
    return names if len(names) > 1 else {}


def _collection_fields(path: Path, problems: list[str]) -> list[dict[str, Any]]:
    series = read_attributes(path / "OME").get("series") if is_zarr(path / "OME") else None
    if series is not None and not isinstance(series, list):
        raise ReadError(f"expected a list as 'series' in the metadata; it is {series!r:.80}")
    names = series or sorted((entry.name for entry in scan(path) if entry.name.isdecimal()), key=int)
    fields = []
    for name in map(str, names):
        try:
            require_inside(path, name)
            fields.append({"item": name, "problem": ""})
        except ReadError as error:
            problems.append(f"{path}: {error}")
    return fields


def _build(path: Path, fields: pd.DataFrame, problems: list[str]) -> ImageSet:
    layouts, faults = _layouts(path, fields)
    known = [layout for layout in layouts if layout]
    if not known:
        raise NoImagesError(
            f"{path}: none of its {len(fields):,} fields can be read. First: {next(filter(None, faults))}",
            kind="plate",
            items=fields.assign(label=""),
            problems=tuple(problems),
        )
    usual = max(set(known), key=known.count)
    fields["problem"] = faults
    planes = [(t, z) for t in range(usual.length("T")) for z in range(usual.length("Z"))]
    fields["problem"] = [
        fault or _unlike(path / item, layout, usual)
        for item, layout, fault in zip(fields["item"], layouts, faults, strict=True)
    ]
    paths = [
        (f"{path / item / usual.level}" if not problem else "",) * usual.length("C")
        for item, problem in zip(fields["item"], fields["problem"], strict=True)
    ]
    files = ZarrFields(
        paths=tuple(row for row in paths for _ in planes),
        planes=tuple((channel,) for channel in range(usual.length("C"))),
        sizes=np.tile(np.array(usual.shape[-2:], np.int64), (len(paths) * len(planes), 1)),
        dtype=np.dtype(usual.dtype),
        axes=usual.axes,
        places=tuple(planes * len(paths)),
    )
    bad = fields.loc[fields["problem"] != "", "problem"]
    if len(bad):
        problems.append(f"{len(bad):,} of {len(fields):,} fields have a problem; first: {bad.iloc[0]}")
    problems += [f"{path}: {usual.note}"] if usual.note else []
    large = usual.shape[-2] * usual.shape[-1] > LARGE
    return ImageSet(
        kind="plate",
        source=path,
        data=files.blocks() if large else files.lazy(),
        channels=numbered_channels(usual.length("C"), usual.channels, usual.evidence),
        items=_item_table(path, fields, planes, usual),
        pixel_size_um=usual.pixel_size_um,
        problems=tuple(problems),
        files=None if large else files,
    )


def _item_table(
    path: Path, fields: pd.DataFrame, planes: list[tuple[int, int]], layout: FieldLayout
) -> pd.DataFrame:
    """One row for each plane of each field."""
    items = fields.loc[fields.index.repeat(len(planes))].reset_index(drop=True)
    place = [f"{path / item}" for item in items["item"]]
    if len(planes) > 1:
        items["item"] += [f"[{t},{z}]" for t, z in planes] * len(fields)
    height, width = layout.shape[-2:]
    front = {
        "item": items["item"],
        "path": place,
        "label": "",
        "height": height,
        "width": width,
        "missing": "",
        "problem": items["problem"],
    }
    return pd.DataFrame(front).join(items.drop(columns=["item", "problem"]))


def _layouts(path: Path, fields: pd.DataFrame) -> tuple[list[FieldLayout | None], list[str]]:
    """The layout of each field, from its own metadata or from those of some, and why it has none."""
    layouts: list[FieldLayout | None] = [None] * len(fields)
    faults = fields["problem"].tolist()
    there = [row for row, fault in enumerate(faults) if not fault]

    def look(rows: list[int]) -> None:
        for row in rows:
            try:
                layouts[row] = read_layout(path / fields["item"].iloc[row])
            except ReadError as error:
                faults[row] = str(error)

    # a plate has thousands of fields, alike as a rule: where a sample is, the others' metadata are not read
    step = max(1, len(there) // SAMPLE)
    look(there[::step])
    seen = {layout for layout in layouts if layout}
    if step > 1 and len(seen) == 1 and not any(faults[row] for row in there[::step]):
        usual = seen.pop()
        for row in there:
            layouts[row] = usual
    elif step > 1:
        look([row for row in there if layouts[row] is None and not faults[row]])
    return layouts, faults


def read_layout(field: Path) -> FieldLayout:
    """What an OME-Zarr image says of its full resolution.

    Raises
    ------
    ReadError
        If it has no image.
    """
    attributes = read_attributes(field)
    with opening(field):
        scales = require_scales(attributes)
        level = str(scales["datasets"][0]["path"])
        require_inside(field, level)
        shape, dtype = _array(field / level)
        axes = ome_axes(scales, len(shape))
        if not axes.endswith("YX") or set(axes) - set("TCZYX"):
            raise ReadError(f"expected axes such as TCZYX, Y and X the last; it has {axes}")
        channels, evidence = ome_channel_names(attributes), ome_evidence(attributes)
        size, note = ome_pixel_size(scales, axes)
        return FieldLayout(level, shape, dtype, axes, channels, evidence, size, note)


def _array(path: Path) -> tuple[tuple[int, ...], str]:
    """Shape and type of a Zarr array from its JSON."""
    if (file := path / "zarr.json").exists():
        array = _object(file)
        dtype, chunks = array["data_type"], array["chunk_grid"]["configuration"]["chunk_shape"]
    else:
        array = _object(path / ".zarray")
        dtype, chunks = array["dtype"], array["chunks"]
    require_shape(array["shape"], dtype, chunks)
    return tuple(array["shape"]), str(np.dtype(dtype))


def _unlike(field: Path, layout: FieldLayout | None, usual: FieldLayout) -> str:
    if layout is None or layout == usual:
        return ""
    return (
        f"{field}: expected {usual.shape} {usual.dtype} and the channels {list(usual.channels)} as most "
        f"fields have; it has {layout.shape} {layout.dtype} and {list(layout.channels)}"
    )
