"""Prediction to napari layer data, ``(data, options, kind)`` tuples of plain arrays and dictionaries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.model.calling import CORRECTED, UNLIKE
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.spec import OrganelleClass
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.show.colours import called_names, colour_codes, palette, rgba
from napari_organelle.show.placement import Placement

LayerData = tuple[Any, dict[str, Any], str]
Threshold = float | np.ndarray

OPACITY, WHOLE_OPACITY = 0.5, 0.2
"""Of label images; the second where one colour lies over a whole image."""

POINT_PER_WINDOW = 1 / 16


def labels_layer(
    prediction: Prediction,
    classes: Sequence[OrganelleClass],
    threshold: Threshold,
    placement: Placement,
    objects: Any = None,
) -> LayerData:
    """Labels in the classes' colours, one label a region.

    Tiles become a small image of one pixel a tile, with a scale of one stride: over tiles that overlap or
    leave gaps, each pixel lies in the middle of its tile. Whole images become one pixel each. Objects keep
    their label image, which is not copied; only where a label comes back in another item of a stack is each
    item's made its own.

    Parameters
    ----------
    prediction : Prediction
        Of tiles, objects, slices or images.
    classes : sequence of OrganelleClass
        The model's.
    threshold : float or (K,) array
        Probability in [0, 1] from which a class is called.
    placement : Placement
        Of the image that was classified.
    objects : (Y, X) or (N, Y, X) integer array, optional
        For objects: the label image that the regions were made from.

    Returns
    -------
    tuple
        ``(data, options, "labels")``; ``options["features"]`` has one row a label.
    """
    regions = prediction.regions
    values = label_values(regions)
    if regions.layout == "labels":
        data = _object_data(regions, objects, values).reshape(
            (*placement.result_shape, *placement.shape[-2:])
        )
        options = placement.options()
    elif regions.layout == "grid":
        data, options = _tile_layer(regions, values, placement)
    elif regions.layout == "points":
        raise ValueError("points have no label image; use points_layer")
    else:
        data, options = _whole_layer(regions, values, placement)
    options |= {
        "features": features(prediction, threshold, values),
        "colormap": label_colours(prediction, classes, threshold),
        "opacity": WHOLE_OPACITY if regions.layout == "whole" else OPACITY,
    }
    return data, options, "labels"


def points_layer(
    prediction: Prediction, classes: Sequence[OrganelleClass], threshold: Threshold, placement: Placement
) -> LayerData:
    """Points in the middle of the regions, with the class as text and as colour of the face.

    Parameters
    ----------
    prediction, classes, threshold, placement
        As for `labels_layer`; regions of any kind.

    Returns
    -------
    tuple
        ``(data, options, "points")``; ``options["features"]`` has one row a point.
    """
    regions = prediction.regions
    centres = regions.centres()
    data = np.column_stack([placement.leading_index(regions.windows[:, 0]), centres[:, 1:]])
    size = max(1.0, float(np.median(regions.windows[:, 3])) * POINT_PER_WINDOW) if len(regions) else 1.0
    options = placement.options() | {
        "features": features(prediction, threshold),
        "face_color": point_colours(prediction, classes, threshold),
        "border_color": "black",
        "size": size,
        "text": {
            "string": {"feature": "called"},
            "size": 9,
            "color": "white",
            "translation": np.array([*np.zeros(data.shape[1] - 2), -1.5 * size, 0]),
        },
        "out_of_slice_display": False,
    }
    return data, options, "points"


def label_values(regions: Regions) -> np.ndarray:
    """The label of each region in the layer that `labels_layer` makes: (R,) int64, all different."""
    # a label that comes back in another item would give both objects one colour
    if regions.layout == "labels" and len(np.unique(regions.ids)) == len(regions):
        return regions.ids
    return np.arange(1, len(regions) + 1)


def features(
    prediction: Prediction,
    threshold: Threshold,
    values: np.ndarray | None = None,
    corrected: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Called, confidence and every class's probability; with `values`, an ``index`` column first.

    Where the model can tell, ``unlike_training`` says which are unlike the pictures that it was trained on.
    Where regions were `corrected` by hand, a column of that name says to what.
    """
    columns: dict[str, np.ndarray] = {} if values is None else {"index": values}
    columns |= {"called": called_names(prediction, threshold), "confidence": prediction.confidence()}
    if prediction.unlike is not None:
        columns[UNLIKE] = prediction.unlike
    for index, name in enumerate(prediction.class_names):
        columns[f"p_{name}"] = prediction.probabilities[:, index]
    if corrected:
        columns[CORRECTED] = np.full(len(prediction.regions), "", object)
        columns[CORRECTED][list(corrected)] = list(corrected.values())
    return pd.DataFrame(columns)


def label_colours(
    prediction: Prediction,
    classes: Sequence[OrganelleClass],
    threshold: Threshold,
    hidden: Collection[int] = (),
    corrected: Mapping[int, str] | None = None,
) -> dict[int | None, np.ndarray]:
    """Label to RGBA; ``None`` stands for every other label.

    Codes in `hidden` are transparent; regions that were `corrected` by hand have that class's colour.
    """
    colours = list(palette(classes))
    for code in hidden:
        colours[code] = colours[-1]
    codes = colour_codes(prediction, threshold).tolist()
    labels = label_values(prediction.regions).tolist()
    table: dict[int | None, np.ndarray] = {None: colours[-1], 0: colours[-1]}
    table.update(zip(labels, (colours[code] for code in codes), strict=True))
    table |= {labels[row]: colour for row, colour in corrected_colours(classes, corrected or {}).items()}
    return table


def point_colours(
    prediction: Prediction,
    classes: Sequence[OrganelleClass],
    threshold: Threshold,
    corrected: Mapping[int, str] | None = None,
) -> np.ndarray:
    """(R, 4) float32 RGBA, as for `label_colours`."""
    colours = palette(classes)[colour_codes(prediction, threshold)]
    for row, colour in corrected_colours(classes, corrected or {}).items():
        colours[row] = colour
    return colours


def corrected_colours(
    classes: Sequence[OrganelleClass], corrected: Mapping[int, str]
) -> dict[int, np.ndarray]:
    """RGBA of regions that were given a class by hand, of the first one where there are several."""
    first = {row: label.split(LABEL_SEPARATOR)[0] for row, label in corrected.items()}
    names = list(dict.fromkeys([*(each.name for each in classes), *first.values()]))
    known = {each.name: each.colour for each in classes}
    table = {each.name: rgba(known.get(each.name, each.colour)) for each in colour_classes(names)}
    return {row: np.array(table[name], np.float32) for row, name in first.items()}


def _tile_layer(
    regions: Regions, values: np.ndarray, placement: Placement
) -> tuple[np.ndarray, dict[str, Any]]:
    if regions.grid is None or regions.stride is None:
        raise ValueError("tiles need the grid and the stride that they were made with")
    data = np.zeros((*placement.result_shape, *regions.grid), np.int32)
    data.reshape(-1)[regions.ids - 1] = values
    # a pixel of the result lies on the middle of its tile, also where tiles overlap
    middle = (regions.windows[0, 3] - 1) / 2
    return data, placement.options((regions.stride,) * 2, (middle, middle))


def _whole_layer(
    regions: Regions, values: np.ndarray, placement: Placement
) -> tuple[np.ndarray, dict[str, Any]]:
    data = np.zeros((*placement.result_shape, 1, 1), np.int32)
    data.reshape(-1)[regions.windows[:, 0]] = values
    size = placement.shape[-2:]
    return data, placement.options(size, tuple((side - 1) / 2 for side in size))


def _object_data(regions: Regions, objects: Any, values: np.ndarray) -> Any:
    if np.array_equal(values, regions.ids):
        return objects
    data = np.zeros(objects.shape, np.int32)
    for item, plane in enumerate(objects):
        rows = np.flatnonzero(regions.windows[:, 0] == item)
        plane = np.asarray(plane)
        # labels may have gaps, or be any large numbers: a table of all up to the largest would not fit
        position = np.searchsorted(regions.ids[rows], plane)
        data[item] = np.where(plane > 0, np.append(values[rows], 0)[position], 0)
    return data
