"""Calls of a run as labels inside the OME-Zarr images that they were made on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_organelle.distribute.answer import channel_map
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.split import Part
from napari_organelle.distribute.work import WorkFolder
from napari_organelle.distribute.workers import on_workers
from napari_organelle.errors import OrganelleError
from napari_organelle.model.calling import UNSURE, UNSURE_COLOUR
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.plans import Objects, Tiles
from napari_organelle.read.zarr.labels import ImageLabels, has_image, require_room, write_labels

if TYPE_CHECKING:
    from distributed import Client

    from napari_organelle.distribute.run import LargeRun


@dataclass(frozen=True)
class LabelWriter:
    """Writes ``labels/NAME`` into the images of a run.

    Parameters
    ----------
    name : str
        Of the label groups.
    options : PartOptions
        Of the run.
    work : WorkFolder
        With the run's parts.
    force : bool
        Whether labels of that name from elsewhere are replaced.
    """

    name: str
    options: PartOptions
    work: WorkFolder
    force: bool = False

    @classmethod
    def of(cls, run: LargeRun, name: str, force: bool = False) -> LabelWriter:
        """The writer of a run's labels."""
        return cls(name, run.options, run.work, force)

    @property
    def mark(self) -> str:
        """Names the run: labels that it has written itself may be written again."""
        return self.work.mark

    def require_room(self, run: LargeRun) -> None:
        """Refuse, before anything is computed, what could not be written.

        Parameters
        ----------
        run : LargeRun
            Whose images.

        Raises
        ------
        OrganelleError
            If regions are no tiles or objects, an image is no OME-Zarr of one plane, or has such labels.
        """
        if not isinstance(self.options.regions, Tiles | Objects):
            raise OrganelleError("--write-labels needs --regions tiles or objects.")
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise OrganelleError(f"--write-labels takes letters, digits, - and _, not {self.name!r}.")
        seen: set[str] = set()
        for part in run.parts():
            images = part.open()
            for path, problem in zip(images.items["path"], images.items["problem"], strict=True):
                if not problem and path not in seen:
                    require_room(Path(path), self.name, self.mark, self.force)
                    seen.add(path)

    def write(self, run: LargeRun, client: Client | None = None) -> int:
        """Write the labels of a run whose parts are all there, in this process or on workers.

        Returns
        -------
        int
            Images that have them.

        Raises
        ------
        OrganelleError
            If a store can't be written to.
        """
        plan = self.options.regions
        if not isinstance(plan, Objects):
            return sum(self._write_tiles(path, table) for path, table in self._items())
        task = partial(write_objects, writer=self, plan=plan)
        done = on_workers(client, task, run.parts()) if client else map(task, run.parts())
        return sum(done)

    def _items(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The rows of each image."""
        columns = ["source", "y", "x", "height", "called"]
        tables = (
            table
            for file in self.work.tables()
            for _, table in pd.read_parquet(file, columns=columns).groupby("source", sort=False)
        )
        for path, rows in groupby(tables, key=lambda table: table["source"].iloc[0]):
            yield path, pd.concat(rows, ignore_index=True)

    def _write_tiles(self, path: str, table: pd.DataFrame) -> int:
        """As `tile_labels`; a field that could not be read gets none: nothing is made in its place."""
        if not table["called"].any() and not has_image(Path(path)):
            return 0
        stride = self.options.regions.stride if isinstance(self.options.regions, Tiles) else None
        labels = tile_labels(self.options.bundle.spec, table, stride)
        write_labels(Path(path), self.name, labels, self.mark, self.force)
        return 1


def write_objects(part: Part, writer: LabelWriter, plan: Objects) -> int:
    """Write the objects of a part's images, with what they are called; how many images have some."""
    images = part.open()
    table = writer.work.table(part.number)
    planes = plan.planes(images, channel_map(writer.options, images), part.first)
    done = 0
    for path, plane in zip(images.items["path"], planes, strict=True):
        rows = table[table["source"] == path] if len(table) else table
        if not len(rows) or isinstance(plane, OrganelleError):
            continue
        labels = object_labels(writer.options.bundle.spec, rows, plane)
        write_labels(Path(path), writer.name, labels, writer.mark, writer.force)
        done += 1
    return done


def tile_labels(spec: ModelSpec, table: pd.DataFrame, stride: int | None = None) -> ImageLabels:
    """One pixel a tile; its label is the class, from 1, and one more for those that are unsure.

    Parameters
    ----------
    spec : ModelSpec
        Of the model that answered.
    table : DataFrame
        Results of the tiles of one image.
    stride : int, optional
        From one tile to the next, in pixels; the tile's side where not given.
    """
    called = {name: value for value, name in enumerate([*spec.class_names, UNSURE], start=1)}
    rows, row = np.unique(table["y"], return_inverse=True)
    columns, column = np.unique(table["x"], return_inverse=True)
    pixels = np.zeros((len(rows), len(columns)), np.uint32)
    pixels[row, column] = [called.get(name.split("|")[0], 0) for name in table["called"]]
    tile = int(table["height"].iloc[0])
    return ImageLabels(
        pixels,
        colours=[(value, _colour(spec, name)) for name, value in called.items()],
        properties=[{"label-value": value, "called": name} for name, value in called.items()],
        step=float(stride or tile),
        offset=(tile - 1) / 2,
    )


def object_labels(spec: ModelSpec, table: pd.DataFrame, plane: Any) -> ImageLabels:
    """The objects with what they are called.

    Parameters
    ----------
    spec : ModelSpec
        Of the model that answered.
    table : DataFrame
        Results of the objects of one image.
    plane : (Y, X) integer array
        The objects, by their ``region``.
    """
    calls = list(zip(table["region"], table["called"], table["confidence"], strict=True))
    return ImageLabels(
        plane,
        colours=[(int(region), _colour(spec, name)) for region, name, _ in calls],
        properties=[
            {"label-value": int(region), "called": name, "confidence": round(float(confidence), 4)}
            for region, name, confidence in calls
            if np.isfinite(confidence)
        ],
    )


def _colour(spec: ModelSpec, called: str) -> str:
    """Of the first class that a region is called."""
    colours = {each.name: each.colour for each in spec.classes}
    return colours.get(called.split("|")[0], UNSURE_COLOUR)
