"""Inputs that once ended in something else than a result or one of our errors, made anew."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable

import imagecodecs
import numpy as np

from fuzz.inputs import Files

Change = Callable[[Files], Files]
DEEP = b"[" * 50_000


def _all(ending: str, data: bytes) -> Change:
    """Every file whose name ends so holds other bytes."""
    return lambda files: {name: data if name.endswith(ending) else old for name, old in files.items()}


def _keys(ending: str, **changes: object) -> Change:
    """Every JSON file whose name ends so has other values."""

    def change(files: Files) -> Files:
        made = dict(files)
        for name in files:
            if name.endswith(ending):
                made[name] = json.dumps(json.loads(files[name]) | changes).encode()
        return made

    return change


def _huge_png() -> bytes:
    png = imagecodecs.png_encode(np.zeros((8, 8), np.uint8))
    return png[:16] + struct.pack(">II", 10**9, 10**9) + png[24:]


def _circle() -> bytes:
    """Two pages of no tags, each the other's next."""
    return b"II*\0" + struct.pack("<IHIHI", 8, 0, 14, 0, 8)


def _swapped(old: bytes, new: bytes) -> Change:
    """Every file has other bytes of the same length in the place of some."""
    return lambda files: {name: data.replace(old, new) for name, data in files.items()}


CORPUS: dict[str, tuple[str, Change]] = {
    "a plate's field of two million channels": ("plate", _keys("0/0/zarr.json", shape=[2_000_000, 12, 14])),
    "a Zarr of millions of chunks": ("zarr 2", _keys(".zarray", shape=[2, 16, 17_999_999])),
    "a run's plan that is deep": ("parts", _all("plan.json", DEEP)),
    "a part without its plan": ("parts", _swapped(b"napari-organelle plan", b"napari-organelle plaN")),
    "a part with a column of another name": ("parts", _swapped(b"called", b"callee")),
    "a TIFF of two bytes": ("tiff", _all(".tif", b"II")),
    "a TIFF of four bytes": ("tiff", _all(".tif", b"II*\0")),
    "a TIFF whose pages go round": ("tiff", _all(".tif", _circle())),
    "a TIFF whose first page is past its end": ("tiff", _all(".tif", b"II*\0\xff\xff\xff\x7f")),
    "an OME-TIFF cut after its header": ("ome-tiff", _all(".tif", b"II*\0\x08\0\0\0\1\0")),
    "a PNG of 10^18 pixels": ("png", _all(".png", _huge_png())),
    "a PNG of its first bytes": ("png", _all(".png", _huge_png()[:24])),
    "a JPEG of its first bytes": ("jpeg", _all(".jpg", b"\xff\xd8\xff")),
    "a Zarr whose metadata are no JSON": ("zarr 2", _all(".zattrs", b"{")),
    "a Zarr whose metadata are deep": ("zarr 2", _all(".zattrs", DEEP)),
    "a Zarr 3 whose metadata are deep": ("zarr 3", _all("zarr.json", DEEP)),
    "a Zarr without axes": ("zarr 2", _keys(".zarray", shape=[], chunks=[])),
    "a Zarr of one chunk of terabytes": (
        "zarr 2",
        _keys(".zarray", shape=[2, 10**6, 10**6], chunks=[2, 10**6, 10**6]),
    ),
    "a Zarr of negative lengths": ("zarr 2", _keys(".zarray", shape=[-2, 16, 18])),
    "a Zarr that is pickled": ("zarr 2", _keys(".zarray", dtype="|O", filters=[{"id": "pickle"}])),
    "a plate that is a list": ("plate", _keys(".zattrs", plate=[1])),
    "a plate whose wells are a number": ("plate", _keys(".zattrs", plate={"wells": 3})),
    "a plate whose wells are text": ("plate", _keys(".zattrs", plate={"wells": ["A/1"]})),
    "a plate whose wells are outside": ("plate", _keys(".zattrs", plate={"wells": [{"path": "/etc/A"}]})),
    "wells of text": ("plate", _keys(".zattrs", well={"images": "ab"})),
    "series that are a number": ("plate", _keys(".zattrs", series=7)),
    "a bundle of no bytes": ("bundle", _all(".organelle", b"")),
    "a table of no bytes": ("table", _all(".csv", b"")),
    "a table of one column": ("table", _all(".csv", b"label\ner\n")),
    "a table of five thousand digits": ("table", _all(".csv", b"Id,Target\na," + b"9" * 5000 + b"\n")),
    "a list with an index of five thousand digits": (
        "table",
        _all("_train.txt", b"plate01/007013000-2-626-38.png " + b"9" * 5000 + b"\n"),
    ),
    "names with an index of five thousand digits": (
        "table",
        _all("_doc.txt", b"class;index\ner;" + b"9" * 5000),
    ),
    "points that are no numbers": ("points", _all(".csv", b"y,x\nnan,inf\n")),
    "points beyond all images": ("points", _all(".csv", b"y,x\n1e300,-1e300\n")),
    "annotations that are deep": ("annotations", _all(".jsonl", DEEP)),
    "an annotation at infinity": (
        "annotations",
        _all(
            ".jsonl",
            b'{"layer": "a", "kind": "point", "id": Infinity, "position": [1, 2], "label": "er", '
            b'"previous": "", "time": ""}\n',
        ),
    ),
    "a checkpoint of no bytes": ("checkpoint", _all(".npz", b"")),
    "a folder with a TIFF of two bytes": ("folder", _all("m.tif", b"II")),
}
