"""Calls of a run as labels inside the OME-Zarr images that they were made on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_organelle.distribute.answer import channel_map
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.regions import label_plane
from napari_organelle.distribute.split import Part
from napari_organelle.distribute.work import WorkFolder
from napari_organelle.distribute.workers import on_workers
from napari_organelle.errors import OrganelleError
from napari_organelle.model.prediction import UNSURE
from napari_organelle.model.spec import ModelSpec
from napari_organelle.read.zarr_labels import ImageLabels, require_room, write_labels

if TYPE_CHECKING:
    from distributed import Client

    from napari_organelle.distribute.run import Run

UNSURE_COLOUR = "#808080"


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
    mark : str
        Names the run: labels that it has written itself may be written again.
    """

    name: str
    options: PartOptions
    work: WorkFolder
    mark: str

    @classmethod
    def of(cls, run: Run, name: str) -> LabelWriter:
        """The writer of a run's labels."""
        plan = json.dumps(run.plan()).encode()
        return cls(name, run.options, run.work, hashlib.blake2b(plan, digest_size=8).hexdigest())

    def require_room(self, run: Run, force: bool = False) -> None:
        """Refuse, before anything is computed, what could not be written.

        Parameters
        ----------
        run : Run
            Whose images.
        force : bool
            Whether labels of that name are replaced.

        Raises
        ------
        OrganelleError
            If regions are no tiles or objects, an image is no OME-Zarr of one plane, or has such labels.
        """
        if self.options.regions.kind not in ("tiles", "objects"):
            raise OrganelleError("--write-labels needs --regions tiles or objects.")
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise OrganelleError(f"--write-labels takes letters, digits, - and _, not {self.name!r}.")
        seen: set[str] = set()
        for part in run.parts():
            images = part.open()
            for path, problem in zip(images.items["path"], images.items["problem"], strict=True):
                if not problem and path not in seen:
                    require_room(Path(path), self.name, self.mark, force)
                    seen.add(path)

    def write(self, run: Run, client: Client | None = None) -> int:
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
        if self.options.regions.kind == "tiles":
            return sum(self._write_tiles(path, table) for path, table in self._items())
        task = partial(write_objects, writer=self)
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
        """One pixel a tile; its label is the class, from 1, and one more for those that are unsure."""
        names = [*self.options.bundle.spec.class_names, UNSURE]
        called = {name: value for value, name in enumerate(names, start=1)}
        values = [called.get(name.split("|")[0], 0) for name in table["called"]]
        rows, row = np.unique(table["y"], return_inverse=True)
        columns, column = np.unique(table["x"], return_inverse=True)
        pixels = np.zeros((len(rows), len(columns)), np.uint32)
        pixels[row, column] = values
        tile = int(table["height"].iloc[0])
        labels = ImageLabels(
            pixels,
            colours=[(value, _colour(self.options.bundle.spec, name)) for name, value in called.items()],
            properties=[{"label-value": value, "called": name} for name, value in called.items()],
            step=float(self.options.regions.stride or tile),
            offset=(tile - 1) / 2,
        )
        write_labels(Path(path), self.name, labels, self.mark)
        return 1


def write_objects(part: Part, writer: LabelWriter) -> int:
    """Write the objects of a part's images, with what they are called; how many images have some."""
    images = part.open()
    table = writer.work.table(part.number)
    channels = channel_map(writer.options, images)
    done = 0
    for item, path in enumerate(images.items["path"]):
        rows = table[table["source"] == path] if len(table) else table
        if not len(rows):
            continue
        plane = label_plane(writer.options.regions, images, item, channels, part.first)
        spec = writer.options.bundle.spec
        calls = list(zip(rows["region"], rows["called"], rows["confidence"], strict=True))
        labels = ImageLabels(
            plane,
            colours=[(int(region), _colour(spec, name)) for region, name, _ in calls],
            properties=[
                {"label-value": int(region), "called": name, "confidence": round(float(confidence), 4)}
                for region, name, confidence in calls
                if np.isfinite(confidence)
            ],
        )
        write_labels(Path(path), writer.name, labels, writer.mark)
        done += 1
    return done


def _colour(spec: ModelSpec, called: str) -> str:
    """Of the first class that a region is called."""
    colours = {each.name: each.colour for each in spec.classes}
    return colours.get(called.split("|")[0], UNSURE_COLOUR)
