"""File > Save writes the results of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import pandas as pd
import pytest

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.writer import write_results

from .classify.test_widget import half_bright, pick

PLUGIN = "napari-organelle"


@pytest.fixture
def ran(viewer: napari.Viewer, open_widget: Callable[[], ClassifyWidget], finish: Any) -> ClassifyWidget:
    """Tiles of an image were classified."""
    viewer.add_image(half_bright(), name="GFP")
    widget = open_widget()
    pick(widget.form.regions.kind, "tiles")
    widget.refresh()
    widget.start()
    finish(widget)
    return widget


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".h5ad", ".geojson"])
def test_layers_of_a_run_are_saved_by_the_ending(
    ending: str, viewer: napari.Viewer, ran: ClassifyWidget, tmp_path: Path
) -> None:
    layers = [layer for layer in viewer.layers if layer.name != "GFP"]
    path = tmp_path / f"a{ending}"
    saved = [napari.layers.Layer.save(layers[0], str(path), plugin=PLUGIN), viewer.layers]
    assert saved[0] == [str(path)]
    viewer.layers.selection = set(layers)
    path.unlink()
    assert viewer.layers.save(str(path), selected=True, plugin=PLUGIN) == [str(path)]
    assert path.stat().st_size


def test_calls_are_those_that_are_shown(viewer: napari.Viewer, ran: ClassifyWidget, tmp_path: Path) -> None:
    ran.results.threshold.setValue(1)
    ran.results.recolour()
    labels = next(layer for layer in viewer.layers if isinstance(layer, napari.layers.Labels))
    labels.save(str(tmp_path / "a.csv"), plugin=PLUGIN)
    next(ran.results.saving().save(tmp_path / "b.csv"))
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), pd.read_csv(tmp_path / "b.csv"))


def test_other_layers_are_refused(viewer: napari.Viewer, ran: ClassifyWidget, tmp_path: Path) -> None:
    other = viewer.add_labels(half_bright().astype(int), name="mine").as_layer_data_tuple()
    with pytest.raises(OrganelleError, match="'mine' is no result of a run"):
        write_results(str(tmp_path / "a.csv"), [other])
    mine = next(each for each in viewer.layers if each.name != "GFP").as_layer_data_tuple()
    with pytest.raises(OrganelleError, match="is no result"):
        write_results(str(tmp_path / "a.csv"), [mine, other])
    assert not (tmp_path / "a.csv").exists()
