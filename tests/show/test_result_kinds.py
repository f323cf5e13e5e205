"""Unsure objects are outlined and not filled, until they are corrected or hidden."""

import numpy as np
import pytest

from napari_organelle.model.calling import UNSURE_COLOUR
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.spec import OrganelleClass
from napari_organelle.prepare.regions import object_regions, tile_regions
from napari_organelle.show.colours import rgba
from napari_organelle.show.placement import Placement
from napari_organelle.show.result_kinds import Drawing, OrganelleLabels, UnsureOutlines

CLASSES = (OrganelleClass("nucleus", "#0000ff"), OrganelleClass("er", "#00ff00"))
PROBABILITIES = np.array([[0.9, 0.1], [0.5, 0.5]], np.float32)


def objects() -> np.ndarray:
    labels = np.zeros((1, 64, 64), int)
    labels[0, 10:20, 10:20], labels[0, 40:50, 40:50] = 3, 7
    return labels


def drawing(**changes: object) -> Drawing:
    regions = object_regions(objects()[0], 16)
    prediction = Prediction(regions, PROBABILITIES, ("nucleus", "er"), "single", "a@0")
    values = {"placement": Placement.plain((64, 64)), "objects": objects()}
    return Drawing(prediction, CLASSES, **(values | changes))


def test_an_unsure_object_is_an_outline_and_has_no_fill() -> None:
    fill = OrganelleLabels().changes(drawing(), 0.7, ())["colormap"]
    assert fill[3].tolist() == [0, 0, 1, 1]
    assert fill[7][3] == 0
    _, options, kind = UnsureOutlines().make(drawing(), 0.7)
    assert kind == "labels"
    assert options["contour"] > 0
    assert options["colormap"][7].tolist() == pytest.approx(rgba(UNSURE_COLOUR))
    assert 3 not in options["colormap"]


def test_outlines_go_where_unsure_is_hidden_corrected_or_called_at_another_threshold() -> None:
    outlines = UnsureOutlines()
    assert set(outlines.changes(drawing(), 0.7, (2,))["colormap"]) == {None, 0}
    assert set(outlines.changes(drawing(corrected={1: "er"}), 0.7, ())["colormap"]) == {None, 0}
    assert set(outlines.changes(drawing(), 0.4, ())["colormap"]) == {None, 0}


def test_tiles_are_filled() -> None:
    prediction = Prediction(tile_regions((64, 32), 32), PROBABILITIES, ("nucleus", "er"), "single", "a@0")
    tiles = Drawing(prediction, CLASSES, Placement.plain((64, 32)))
    assert not UnsureOutlines().fits(tiles)
    assert OrganelleLabels().changes(tiles, 0.7, ())["colormap"][2].tolist() == pytest.approx(
        rgba(UNSURE_COLOUR)
    )
