"""A result is saved as what the file's ending says, and into the OME-Zarr image that it came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import pytest
from plates import put_plate

from napari_organelle.gui.classify.saving import CELLPROFILER, KINDS, with_ending
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.readers import image_set_layers
from napari_organelle.read.open import open_image_set

from .test_widget import half_bright, pick

Open = Callable[[], ClassifyWidget]


ENDINGS = (".csv", ".parquet", ".h5ad", ".geojson", ".csv")


@pytest.mark.parametrize(("kind", "ending"), zip(KINDS, ENDINGS, strict=True))
def test_a_name_without_an_ending_gets_the_chosen_one(kind: str, ending: str) -> None:
    assert with_ending(Path("a b"), kind) == Path("a b" + ending)
    assert with_ending(Path("a.txt"), kind) == Path("a.txt")


def test_objects_are_saved_in_every_kind(
    viewer: napari.Viewer, open_widget: Open, finish: Any, tmp_path: Path
) -> None:
    viewer.add_image(half_bright(), name="GFP")
    cells = np.zeros((64, 64), np.int32)
    cells[4:20, 4:20], cells[40:60, 40:60] = 7, 3
    viewer.add_labels(cells, name="cells")
    viewer.layers.selection.active = viewer.layers["GFP"]
    widget = open_widget()
    pick(widget.form.regions.kind, "objects")
    widget.refresh()
    widget.start()
    finish(widget)
    assert widget.results.zarr_button.isHidden()
    saving = widget.results.saving()
    for ending in ("csv", "parquet", "h5ad", "geojson"):
        assert next(saving.save(tmp_path / f"a.{ending}")).startswith("Wrote 2 rows to")
    assert pd.read_csv(tmp_path / "a.csv")["model"].tolist() == ["tiny", "tiny"]
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    corners = {each["properties"]["name"]: each["geometry"]["coordinates"][0] for each in features}
    assert np.min(corners["7"], axis=0).tolist() == [4, 4]
    next(saving.save(tmp_path / "b.csv", CELLPROFILER))
    assert pd.read_csv(tmp_path / "b.csv")["ObjectNumber"].tolist() == [3, 7]


@pytest.mark.parametrize("kind", ["tiles", "objects"])
def test_calls_become_labels_inside_the_ome_zarr(
    viewer: napari.Viewer, open_widget: Open, finish: Any, tmp_path: Path, qtbot: Any, kind: str
) -> None:
    zarr = pytest.importorskip("zarr")
    fields = {well: [half_bright()[None]] for well in ("A/1", "B/2")}
    plate = put_plate(tmp_path / "p.zarr", "0.5", fields, "cyx")
    for layer_data in image_set_layers(open_image_set(plate)):
        viewer._add_layer_from_data(*layer_data)
    widget = open_widget()
    if kind == "objects":
        cells = np.zeros((2, 64, 64), np.int32)
        cells[0, 4:20, 4:20], cells[1, 4:20, 40:60] = 7, 3
        viewer.add_labels(cells, name="cells")
    pick(widget.form.slots[1], widget.form._options()[0])
    pick(widget.form.regions.kind, kind)
    widget.form.regions.tile.setValue(32)
    widget.refresh()
    widget.start()
    finish(widget)
    assert not widget.results.zarr_button.isHidden(), widget.message.text()
    widget.results.zarr_button.click()
    qtbot.waitUntil(lambda: "into 2 OME-Zarr images" in widget.message.text())
    labels = np.asarray(zarr.open_group(plate / "A/1/0/labels/organelles-tiny")["0"])
    expected = [[1, 2], [1, 2]] if kind == "tiles" else cells[0]
    assert labels.reshape(labels.shape[-2:]).tolist() == np.asarray(expected).tolist()
    again = open_image_set(plate)
    assert len(again) == 2
    widget.results.zarr_button.click()
    qtbot.waitUntil(lambda: not widget._jobs)
    assert "into 2 OME-Zarr images" in widget.message.text()
