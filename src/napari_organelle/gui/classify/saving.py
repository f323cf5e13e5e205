"""A result as files: tables of many kinds, and labels inside the OME-Zarr images that were classified."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from napari_organelle.distribute.labels import object_labels, tile_labels
from napari_organelle.files import whole_file
from napari_organelle.gui.classify.record import limits_of
from napari_organelle.gui.classify.results import Result
from napari_organelle.prepare.plans import Tiles
from napari_organelle.read.zarr.labels import has_image, require_room, write_labels
from napari_organelle.show.exports import geojson
from napari_organelle.show.exports.cellprofiler import cellprofiler_table
from napari_organelle.show.results_file import with_corrections
from napari_organelle.show.tables import results_table, write_tables

CELLPROFILER = "CellProfiler's columns (*.csv)"
KINDS = (
    "Table (*.csv)",
    "Parquet (*.parquet)",
    "AnnData (*.h5ad)",
    "GeoJSON for QuPath (*.geojson)",
    CELLPROFILER,
)
"""What a result can be saved as, as a dialog offers it."""


def with_ending(path: Path, kind: str) -> Path:
    """A path with the ending of a kind, where the user has typed none."""
    return path if path.suffix else path.with_name(path.name + kind[kind.index("*") + 1 : -1])


@dataclass(frozen=True, eq=False)
class Saving:
    """A result at thresholds.

    Parameters
    ----------
    result : Result
        What is saved.
    limits : float or (K,) array
        Probability in [0, 1] from which a class is called.
    """

    result: Result
    limits: float | np.ndarray

    def table(self) -> pd.DataFrame:
        """One row a region, with model, threshold and date."""
        record = self.result.record.at(limits_of(self.limits))
        result = self.result
        return record.stamp(
            results_table(result.prediction, result.images, self.limits, dict(result.corrected))
        )

    def save(self, path: Path, kind: str = "") -> Iterator[str]:
        """Write the table, by the path's ending; what was written is the only report.

        Parameters
        ----------
        path : Path
            Where to; a file of that name is replaced.
        kind : str
            One of `KINDS`; only `CELLPROFILER` makes a difference.

        Raises
        ------
        OrganelleError
            If the disk refuses, or the file can't hold regions of several images.
        """
        table = self.table()
        if path.suffix == geojson.SUFFIX:
            with whole_file(path) as part:
                geojson.write_geojson(table, part, self._outlines())
        else:
            write_tables([cellprofiler_table(table) if kind == CELLPROFILER else table], path)
        yield f"Wrote {len(table):,} rows to {path}."

    def images(self) -> list[Path]:
        """The OME-Zarr images that were classified; none where others were, or regions have no labels."""
        if self.result.objects is None and not isinstance(self.result.request.plan, Tiles):
            return []
        images = self.result.images
        paths = [Path(path) if path else images.source for path in images.items["path"].tolist()]
        found = [path for path in paths if path is not None and path.is_dir() and has_image(path)]
        return found if len(found) == len(set(found)) == len(images) else []

    def save_labels(self) -> Iterator[str]:
        """Write the calls as labels into the OME-Zarr images; where is the only report.

        What a person said counts instead of the call.

        Raises
        ------
        OrganelleError
            If an image has several planes, or labels of that name that another run wrote.
        """
        result, spec = self.result, self.result.bundle.spec
        paths, name = self.images(), re.sub(r"[^\w-]", "-", f"organelles-{spec.name}")
        mark = hashlib.blake2b(repr((result.record.model_id, result.record.settings)).encode(), digest_size=8)
        for path in paths:
            require_room(path, name, mark.hexdigest())
        table = with_corrections(self.table())
        item = result.prediction.regions.windows[:, 0]
        plan, done = result.request.plan, 0
        for number, path in enumerate(paths):
            rows = table[item == number]
            if not len(rows):
                continue
            if isinstance(plan, Tiles):
                labels = tile_labels(spec, rows, plan.stride)
            else:
                labels = object_labels(spec, rows, np.asarray(result.objects[number]))
            write_labels(path, name, labels, mark.hexdigest())
            done += 1
        yield f"Wrote labels/{name} into {done:,} OME-Zarr image{'' if done == 1 else 's'}."

    def _outlines(self) -> dict[int, geojson.Ring]:
        """Of objects of a single image."""
        objects = self.result.objects
        if objects is None or len(objects) > 1:
            return {}
        return geojson.outlines_of(np.asarray(objects[0]))
