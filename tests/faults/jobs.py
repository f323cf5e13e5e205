"""What is interrupted: a command on files of its own, beside files of the user's that must stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from plates import put_plate

from napari_organelle.cli import main
from napari_organelle.cli.train import follow
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.prepare.plans import Tiles
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.train.examples import examples_of_items
from napari_organelle.train.recipes import DEFAULT, FitPlan
from napari_organelle.train.run import TrainingPlan

BYSTANDERS = ("out.csv.bak", ".out.csv.part", "out.partial.txt", "m.organelle.old")
"""Files of the user's, with names much like ours."""

PART = 3
"""Tiles of a part, so that a short run has several."""

TILES = ("--regions", "tiles", "--tile", "64", "--stride", "32", "--model", "yeast-12", "--fast", "-q")


@dataclass(frozen=True)
class Job:
    """A command that is interrupted.

    Parameters
    ----------
    prepare : callable
        Puts its files into a folder.
    run : callable
        The command on that folder; its exit status.
    result : callable
        What is compared, of that folder; None where it is not there.
    pattern : str
        Its own files, some of which are cut.
    """

    prepare: Callable[[Path], object]
    run: Callable[[Path], int]
    result: Callable[[Path], Any]
    pattern: str


def _image(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(100, 4000, (2, 128, 192)).astype(np.uint16)
    metadata = {"axes": "CYX", "Labels": ["cytosol", "protein"]}
    tifffile.imwrite(folder / "field.tif", pixels, imagej=True, metadata=metadata)


def _plate(folder: Path) -> None:
    rng = np.random.default_rng(0)
    fields = [rng.integers(100, 4000, (2, 128, 128)).astype(np.uint16) for _ in range(2)]
    put_plate(folder / "plate.zarr", "0.5", {"B/2": fields}, "cyx")


def _classify(folder: Path, image: str, *options: str) -> int:
    Tiles.part_size = PART
    channels = ("--channels", "cytosol=0,protein=1")
    return main(["classify", str(folder / image), *TILES, *channels, *options, "-o", str(folder / "out.csv")])


def _table(folder: Path) -> bytes | None:
    table = folder / "out.csv"
    return table.read_bytes().replace(str(folder).encode(), b"") if table.exists() else None


def _labels(folder: Path) -> Any:
    import zarr

    table = _table(folder)
    if table is None:
        return None
    groups = [zarr.open_group(folder / f"plate.zarr/B/2/{field}/labels", mode="r") for field in (0, 1)]
    hidden = sorted(path.name for path in folder.rglob("labels/.*"))
    return table, hidden, [(sorted(group), group["mine"]["0"][:].tolist()) for group in groups]


def _train(folder: Path) -> int:
    network = NetworkPlan(width=1 / 16, blocks=(1, 2), units=())
    recipe = replace(DEFAULT, network=network, head=FitPlan(epochs=3, batch_size=16), copies=1, input_size=32)
    plan = TrainingPlan(
        output=folder / "m.organelle", recipe=recipe, device="cpu", cache=folder / "cache", resume=True
    )
    images = ImageSet.from_array(
        np.random.default_rng(0).random((40, 1, 32, 32), np.float32), (Channel("protein"),)
    )
    images.items["label"] = ["left", "right"] * 20
    return 0 if follow(plan, examples_of_items(images, "item"), tell=lambda line: None) else 130


def _model(folder: Path) -> Any:
    path = folder / "m.organelle"
    if not path.exists():
        return None
    bundle = ModelBundle.open(path)
    return bundle.sha256, bundle.spec.scores


JOBS = {
    "classify": Job(_image, lambda folder: _classify(folder, "field.tif"), _table, "out.csv.parts/*"),
    "labels": Job(
        _plate,
        lambda folder: _classify(folder, "plate.zarr", "--write-labels", "mine"),
        _labels,
        "out.csv.parts/*",
    ),
    "train": Job(lambda folder: None, _train, _model, "m.organelle.training/*"),
    "workers": Job(
        _image, lambda folder: _classify(folder, "field.tif", "--workers", "2"), _table, "out.csv.parts/*"
    ),
}
