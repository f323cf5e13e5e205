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
from napari_organelle.read.image_file import is_zarr, numbered_channels
from napari_organelle.read.image_set import ImageSet, NoImagesError
from napari_organelle.read.listing import scan
from napari_organelle.read.zarr_fields import ZarrFields
from napari_organelle.read.zarr_file import ome_axes, ome_channel_names, ome_pixel_size

SAMPLE = 64
"""Fields whose metadata are read before it is believed that all are alike."""

LARGE = 4096**2
"""Pixels of a field beyond which it is read in blocks."""

COLLECTION = "bioformats2raw.layout"

Attributes = dict[str, Any]


@dataclass(frozen=True)
class FieldLayout:
    """What the fields of a set share: where their full resolution is, its array, axes and channels."""

    level: str
    shape: tuple[int, ...]
    dtype: str
    axes: str
    channels: tuple[str, ...]
    pixel_size_um: float | None

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
    attributes = read_attributes(path)
    problems: list[str] = []
    fields = (
        _plate_fields(path, attributes["plate"], problems)
        if "plate" in attributes
        else _collection_fields(path)
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
    try:
        if (file := group / "zarr.json").is_file():
            attributes = json.loads(file.read_bytes()).get("attributes", {})
            return dict(attributes.get("ome", attributes))
        file = group / ".zattrs"
        return dict(json.loads(file.read_bytes())) if file.is_file() else {}
    except (OSError, ValueError, AttributeError) as error:
        raise ReadError(f"{file}: expected JSON; {error}") from error


def _plate_fields(path: Path, plate: Attributes, problems: list[str]) -> list[dict[str, Any]]:
    """A row for each field that the wells name, well by well."""
    fields = []
    name = str(plate.get("name") or path.name.removesuffix(".zarr").removesuffix(".ome"))
    for well in plate.get("wells", ()):
        place = str(well.get("path", ""))
        row, _, column = place.partition("/")
        if ".." in place or not column:
            problems.append(f"{path}: expected a well such as A/1; {place!r} is left out")
            continue
        try:
            images = read_attributes(path / place)["well"]["images"]
            there = {entry.name for entry in scan(path / place)}
        except (ReadError, KeyError, TypeError) as error:
            problems.append(f"{path / place}: the well can't be read ({error}); its fields are left out")
            continue
        for image in images:
            field = str(image.get("path", ""))
            fields.append(
                {
                    "item": f"{place}/{field}",
                    "plate": name,
                    "well": f"{row}{column}",
                    "row": row,
                    "column": column,
                    "field": field,
                    "problem": "" if field in there else f"{path / place / field}: there is no such field",
                }
            )
    return fields


def _collection_fields(path: Path) -> list[dict[str, Any]]:
    series = read_attributes(path / "OME").get("series") if is_zarr(path / "OME") else None
    names = series or sorted((entry.name for entry in scan(path) if entry.name.isdecimal()), key=int)
    return [{"item": str(name), "problem": ""} for name in names]


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
    large = usual.shape[-2] * usual.shape[-1] > LARGE
    return ImageSet(
        kind="plate",
        source=path,
        data=files.blocks() if large else files.lazy(),
        channels=numbered_channels(usual.length("C"), usual.channels),
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
    try:
        scales = attributes["multiscales"][0]
        level = str(scales["datasets"][0]["path"])
        shape, dtype = _array(field / level)
        axes = ome_axes(scales, len(shape))
        return FieldLayout(
            level, shape, dtype, axes, ome_channel_names(attributes), ome_pixel_size(scales, axes)
        )
    except (KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise ReadError(f"{field}: expected an OME-Zarr image; {type(error).__name__}: {error}") from error


def _array(path: Path) -> tuple[tuple[int, ...], str]:
    """Shape and type of a Zarr array from its JSON."""
    if (file := path / "zarr.json").is_file():
        array = json.loads(file.read_bytes())
        return tuple(array["shape"]), str(np.dtype(array["data_type"]))
    array = json.loads((path / ".zarray").read_bytes())
    return tuple(array["shape"]), str(np.dtype(array["dtype"]))


def _unlike(field: Path, layout: FieldLayout | None, usual: FieldLayout) -> str:
    if layout is None or layout == usual:
        return ""
    return (
        f"{field}: expected {usual.shape} {usual.dtype} and the channels {list(usual.channels)} as most "
        f"fields have; it has {layout.shape} {layout.dtype} and {list(layout.channels)}"
    )
