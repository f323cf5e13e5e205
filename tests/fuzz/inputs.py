"""Small sound inputs of every kind, as bytes by file name, and what opens each."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import tifffile
import zarr
from plates import put, put_image, put_plate

from napari_organelle.distribute.join import join
from napari_organelle.distribute.sources import find_sources
from napari_organelle.distribute.work import Summary, WorkFolder
from napari_organelle.errors import OrganelleError
from napari_organelle.model.bundle import ModelBundle, ModelSpec, OrganelleClass, save_bundle
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.onnx.export import export_onnx
from napari_organelle.prepare.channels import YEAST_SLOTS
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.labels import label_items, read_labels
from napari_organelle.prepare.pixels import PixelPlan
from napari_organelle.prepare.plans import Points
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.read.tables.annotations import Annotation, AnnotationLog
from napari_organelle.show.results_file import read_results
from napari_organelle.train.checkpoint import Progress, restore_checkpoint, save_checkpoint
from napari_organelle.train.features import FeatureCache

Files = dict[str, bytes]
"""Contents by path below the input's folder; a single file is called as it is."""

READ = 3
"""Items of a set whose pixels are read."""


@dataclass(frozen=True)
class Input:
    """A sound input.

    Parameters
    ----------
    name : str
        The file or folder that is opened.
    files : Files
        All that is written.
    open : callable
        Opens it as the program does.
    """

    name: str
    files: Files
    open: Callable[[Path], object]


@cache
def sound_inputs() -> dict[str, list[Input]]:
    """Inputs by kind."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return {
            "tiff": list(_tiffs(place, rng)),
            "ome-tiff": list(_ome_tiffs(place, rng)),
            "png": list(_pngs(rng)),
            "jpeg": list(_jpegs(rng)),
            "zarr 2": list(_zarrs(place, rng, 2)),
            "zarr 3": list(_zarrs(place, rng, 3)),
            "plate": list(_plates(place, rng)),
            "bundle": [_bundle(place, rng)],
            **({"onnx": [_onnx(place)]} if find_spec("onnx") and find_spec("openvino") else {}),
            "table": list(_tables()),
            "points": list(_points()),
            "annotations": [_annotations(place)],
            "checkpoint": [_checkpoint(place, rng)],
            "cache": [_cache(place, rng)],
            "parts": [_parts(place)],
            "folder": list(_folders(rng)),
        }


def _gather(place: Path, path: Path, opened: Callable[[Path], object]) -> Input:
    """What was written at a path, as an input."""
    files = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]
    return Input(path.name, {str(file.relative_to(place)): file.read_bytes() for file in files}, opened)


def open_images(path: Path) -> ImageSet:
    """Open a set and read some of its pixels, whole and in windows."""
    images = open_image_set(path)
    channels = list(range(min(len(images.channels), 4)))
    for item in range(min(len(images), READ)):
        if not images.items["problem"].iloc[item]:
            height, width = (int(images.items[name].iloc[item]) for name in ("height", "width"))
            cut(images, np.array([[item, height // 2, width // 2, 8, 8]]), channels)
            if height * width < 2**22:
                images.read(item)
    return images


def _tiffs(place: Path, rng: np.random.Generator) -> Iterator[Input]:
    gray, colour = (
        rng.integers(0, 4000, (24, 30)).astype(np.uint16),
        rng.integers(0, 255, (20, 24, 3), np.uint8),
    )
    stack = rng.integers(0, 4000, (2, 2, 16, 18)).astype(np.uint16)
    yield _tiff(place, gray)
    yield _tiff(place, gray, tile=(16, 16), compression="zlib", predictor=True)
    yield _tiff(place, gray, rowsperstrip=5, compression="lzw", byteorder=">")
    yield _tiff(place, colour, photometric="rgb", planarconfig="separate")
    yield _tiff(place, colour, photometric="rgb", bigtiff=True, compression="jpeg")
    yield _tiff(place, stack, imagej=True, metadata={"axes": "ZCYX", "Labels": ["a", "b", "c", "d"]})
    yield _tiff(place, stack, metadata={"axes": "ZCYX"})
    yield _tiff(place, gray.astype(np.float32), compression="zstd")
    yield _tiff(place, gray > 2000, photometric="miniswhite")


def _tiff(place: Path, pixels: np.ndarray, **options: Any) -> Input:
    tifffile.imwrite(place / "a.tif", pixels, **options)
    return _gather(place, place / "a.tif", open_images)


def _ome_tiffs(place: Path, rng: np.random.Generator) -> Iterator[Input]:
    pixels = rng.integers(0, 4000, (2, 3, 16, 18)).astype(np.uint16)
    metadata = {
        "axes": "ZCYX",
        "PhysicalSizeX": 0.1,
        "PhysicalSizeY": 0.1,
        "Channel": {"Name": ["DAPI", "GFP", "RFP"], "Color": [1, 2, 3]},
    }
    for options in ({}, {"compression": "zlib", "tile": (16, 16)}, {"subifds": 1}):
        path = place / "a.ome.tif"
        with tifffile.TiffWriter(path, ome=True) as tiff:
            tiff.write(pixels, metadata=metadata, **options)
            if "subifds" in options:
                tiff.write(pixels[:, :, ::2, ::2], subfiletype=1)
        yield _gather(place, path, open_images)


def _pngs(rng: np.random.Generator) -> Iterator[Input]:
    for shape, kind in (
        ((20, 22), np.uint8),
        ((20, 22), np.uint16),
        ((20, 22, 3), np.uint8),
        ((9, 8, 4), np.uint8),
    ):
        pixels = rng.integers(0, np.iinfo(kind).max, shape).astype(kind)
        yield Input("a.png", {"a.png": imagecodecs.png_encode(pixels)}, open_images)


def _jpegs(rng: np.random.Generator) -> Iterator[Input]:
    for shape in ((20, 22), (20, 22, 3)):
        pixels = rng.integers(0, 255, shape).astype(np.uint8)
        yield Input("a.jpg", {"a.jpg": imagecodecs.jpeg8_encode(pixels)}, open_images)


def _zarrs(place: Path, rng: np.random.Generator, version: int) -> Iterator[Input]:
    pixels = rng.integers(0, 4000, (2, 16, 18)).astype(np.uint16)
    path = place / f"array{version}.zarr"
    zarr.create_array(path, shape=pixels.shape, dtype="u2", chunks=(1, 8, 9), zarr_format=version)[:] = pixels
    yield _gather(place, path, open_images)
    path = place / f"image{version}.zarr"
    put_image(path, "0.4" if version == 2 else "0.5", pixels, "cyx")
    yield _gather(place, path, open_images)


def _plates(place: Path, rng: np.random.Generator) -> Iterator[Input]:
    for version in ("0.4", "0.5"):
        pixels = rng.integers(0, 4000, (2, 12, 14)).astype(np.uint16)
        path = put_plate(
            place / f"plate{version}.zarr", version, {"A/1": [pixels] * 2, "B/2": [pixels]}, "cyx"
        )
        yield _gather(place, path, open_images)
        path = place / f"series{version}.zarr"
        put(path, version, {"bioformats2raw.layout": 3})
        put(path / "OME", version, {"series": ["0"]})
        put_image(path / "0", version, pixels, "cyx")
        yield _gather(place, path, open_images)


def _bundle(place: Path, rng: np.random.Generator) -> Input:
    classes = (OrganelleClass("er", "#e41a1c"), OrganelleClass("nucleus", "#377eb8"))
    spec = ModelSpec(
        name="tiny",
        classes=classes,
        task="single",
        slots=YEAST_SLOTS,
        pixels=PixelPlan(input_size=32, window_px=32, pixel_size_um=0.1),
        network=NetworkPlan(width=1 / 64, units=()),
        thresholds=(0.5,),
    )
    shapes = spec.network.weight_shapes(len(classes), 32)
    save_bundle(
        place / "a.organelle", spec, {name: rng.random(shape).astype("f2") for name, shape in shapes.items()}
    )
    return _gather(place, place / "a.organelle", lambda path: ModelBundle.open(path).weights())


def _onnx(place: Path) -> Input:
    path, beside = export_onnx(ModelBundle.open(place / "a.organelle"), place / "a.onnx")
    values = json.loads(beside.read_text())
    del values["onnx_sha256"]  # as other people's, so that what is broken is read and not refused at once
    files = {"a.onnx": path.read_bytes(), "a.json": json.dumps(values).encode()}
    return Input("a.onnx", files, lambda opened: load(ModelBundle.open(opened)))


def rewrapped(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """An archive whose members are changed inside; a bundle's hash is that of its changed weights."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: change(name, archive.read(name)) for name in archive.namelist()}
    try:
        values = json.loads(members["model.json"])
        values["weights_sha256"] = hashlib.sha256(members["weights.npz"]).hexdigest()
        members["model.json"] = json.dumps(values).encode()
    except (KeyError, ValueError, TypeError, RecursionError):
        pass  # no bundle, or one that says nothing any more
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return raw.getvalue()


def with_checksums(png: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold now."""
    made, place = bytearray(png), 8
    while place + 12 <= len(made):
        end = place + 8 + int.from_bytes(made[place : place + 4], "big")
        if end + 4 > len(made):
            break
        made[end : end + 4] = zlib.crc32(made[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(made)


def _labelled(path: Path) -> object:
    pixels = np.zeros((2, 1, 8, 8), np.uint8)
    images = ImageSet.from_array(pixels, (open_image_channel(),), name="a.png")
    return label_items(images, read_labels(path))


def open_image_channel() -> Any:
    from napari_organelle.read.image_set import Channel

    return Channel("protein")


def _tables() -> Iterator[Input]:
    labels = b"item,label\na.png[0],er\na.png[1],nucleus\n"
    yield Input("t.csv", {"t.csv": labels}, _labelled)
    yield Input("t.csv", {"t.csv": labels.replace(b",", b";").decode().encode("utf-16")}, _labelled)
    atlas = (
        b"Id,Target\n00070df0-bbc3-11e8-b2bc-ac1f6b6435d0,16 0\n000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0,7 1 2\n"
    )
    png = imagecodecs.png_encode(np.zeros((8, 8), np.uint8))
    stains = {f"000a6c98-bb9b-11e8-b2b9-ac1f6b6435d0_{colour}.png": png for colour in ("red", "green")}
    yield Input("train.csv", {"train.csv": atlas, **stains}, open_images)
    cell = "plate01/007013000-2-626-38.png"
    lists = {"main_train.txt": f"{cell} 0\n".encode(), "main_doc.txt": b"class;index\ner;0\ngolgi;1\n"}
    colours = imagecodecs.png_encode(np.zeros((8, 8, 3), np.uint8))
    yield Input("main_train.txt", {**lists, cell: colours}, open_images)
    results = b"item,gene,called,p_er,p_nucleus\na,X,er,0.7,0.3\nb,X,nucleus,0.2,0.8\n"
    yield Input("r.csv", {"r.csv": results}, read_results)


def _points() -> Iterator[Input]:
    def opened(path: Path) -> object:
        images = ImageSet.from_array(
            np.zeros((1, 1, 40, 40), np.uint8), (open_image_channel(),), name="a.png"
        )
        return Points(path).sized(16).make(images)

    yield Input("p.csv", {"p.csv": b"y,x\n20,20\n3.5,4\n"}, opened)
    yield Input("p.csv", {"p.csv": b"index,axis-0,axis-1\n0,20.0,20.0\n1,3,4\n"}, opened)


def _annotations(place: Path) -> Input:
    log = AnnotationLog(place / "a.labels.jsonl")
    log.append_colours({"er": "#ff0000", "golgi": "#00ff00"})
    log.append(
        [Annotation("cells", "object", 3, (1.0, 2.0), "er"), Annotation("p", "point", 0, (2.5, 3), "golgi")]
    )
    return _gather(place, log.path, lambda path: AnnotationLog(path).read())


class _Variable:
    """Stands for a network's variable, so that no network is built."""

    def __init__(self, value: np.ndarray) -> None:
        self.value, self.shape = value, value.shape

    def assign(self, value: np.ndarray) -> None:
        if np.shape(value) != self.value.shape:
            raise ValueError(f"expected the shape {self.value.shape}; it is {np.shape(value)}")


def _network(rng: np.random.Generator) -> Any:
    variables = [_Variable(rng.random((3, 4)).astype("f4")), _Variable(np.zeros(4, "f4"))]
    return SimpleNamespace(variables=variables, optimizer=SimpleNamespace(variables=variables[:1]))


def _checkpoint(place: Path, rng: np.random.Generator) -> Input:
    network = _network(rng)
    row = {"loss": 1.0, "val_loss": 1.0, "val_macro_f1": 0.5}
    progress = Progress([row], [variable.value for variable in network.variables], 1)
    save_checkpoint(place / "stage.npz", network, progress)
    return _gather(place, place / "stage.npz", lambda path: restore_checkpoint(path, network, Progress()))


def _cache(place: Path, rng: np.random.Generator) -> Input:
    """Features that are changed must not be used."""
    keys, features = [bytes([number + 1]) * 15 for number in range(5)], rng.random((5, 4)).astype(np.float32)
    FeatureCache(place / "cache", 4).add(keys, features)

    def opened(path: Path) -> object:
        cache = FeatureCache(path, 4)
        cache.drop_damaged(keys)
        there = [number for number, key in enumerate(keys) if key in cache]
        read = cache.read([keys[number] for number in there])
        if not np.array_equal(read, features[there]):
            raise AssertionError("damaged features are used")
        return read

    return _gather(place, place / "cache", opened)


def _parts(place: Path) -> Input:
    """A run's folder, with one of its parts done."""
    plan = {"model": "tiny", "input a": "b"}
    table = pd.DataFrame({"source": ["a.png"], "called": ["er"], "p_er": [0.75]})

    def opened(path: Path) -> object:
        work = WorkFolder.beside(path.parent / "o.csv", plan)
        work.begin(plan).release()
        if work.summary(0):
            join(work.tables(), path.parent / "o.parquet")
            if not table.equals(pd.read_parquet(path.parent / "o.parquet")):
                raise AssertionError("a damaged part is used")
        return work

    work = WorkFolder.beside(place / "o.csv", plan)
    work.begin(plan).release()
    work.write(Summary(0, 1, 1, ("a note",)), table)
    return _gather(place, work.path, opened)


def _folders(rng: np.random.Generator) -> Iterator[Input]:
    """Two sound pictures around one that is changed: they must not be lost with it."""
    good = imagecodecs.png_encode(rng.integers(0, 255, (16, 16, 3), np.uint8))
    gray = rng.integers(0, 4000, (16, 16)).astype(np.uint16)
    raw = io.BytesIO()
    tifffile.imwrite(raw, gray, compression="zlib")

    def opened(path: Path) -> object:
        found = set()
        for source in find_sources([str(path)]):
            if isinstance(source, OrganelleError):
                raise AssertionError(f"the folder is lost: {source}")
            for images in source.sets():
                if isinstance(images, ImageSet):
                    found.update(Path(name).name for name in images.items["path"])
                    images.read(0)
        if not {"a.png", "z.png"} <= found:
            raise AssertionError(f"sound pictures are lost: {found}")
        return found

    for name, content in (
        ("m.png", good),
        ("m.jpg", imagecodecs.jpeg8_encode(gray.astype("u1"))),
        ("m.tif", raw.getvalue()),
    ):
        files = {"set/a.png": good, f"set/{name}": content, "set/z.png": good}
        yield Input("set", files, opened)
