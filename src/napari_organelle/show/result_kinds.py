"""What a run puts into the viewer: `RESULT_KINDS` names every kind of result, and the window walks it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from napari_organelle.model.prediction import Prediction
from napari_organelle.model.spec import OrganelleClass
from napari_organelle.show.colours import colour_codes, palette
from napari_organelle.show.layers import (
    LayerData,
    Threshold,
    features,
    label_colours,
    label_values,
    labels_layer,
    point_colours,
    points_layer,
)
from napari_organelle.show.placement import Placement

MAX_NAMES = 30
"""More names in one image hide each other and the image; their layer is there, but not shown at first."""

OUTLINE_PX = 2
LARGEST_OUTLINED = 2**24
"""Pixels of a plane; outlines are drawn on the processor, all of them."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is drawn.

    Parameters
    ----------
    prediction : Prediction
        What the model said.
    classes : sequence of OrganelleClass
        The model's, with their colours.
    placement : Placement
        Of the image that was classified.
    objects : (N, Y, X) integer array, optional
        The label image that the regions were made from, if they were.
    corrected : mapping of int to str
        Rows of regions that were given a class by hand, which counts instead of the call; ``"|"`` between
        several.
    """

    prediction: Prediction
    classes: Sequence[OrganelleClass]
    placement: Placement
    objects: Any = None
    corrected: Mapping[int, str] = field(default_factory=dict)


class ResultKind(ABC):
    """One layer of a result.

    Attributes
    ----------
    name : str
        Put behind the image's name; no two kinds have the same.
    """

    name: ClassVar[str]

    def fits(self, drawing: Drawing) -> bool:
        """Whether such regions can be drawn this way."""
        return True

    @abstractmethod
    def make(self, drawing: Drawing, threshold: Threshold) -> LayerData:
        """The layer, as data, options and ``"image"``, ``"labels"`` or ``"points"``.

        Parameters
        ----------
        drawing : Drawing
            What is drawn.
        threshold : float or (K,) array
            Probability in [0, 1] from which a class is called.
        """

    def is_seen(self, drawing: Drawing) -> bool:
        """Whether the layer is shown at first."""
        return True

    def changes(self, drawing: Drawing, threshold: Threshold, hidden: Collection[int]) -> dict[str, Any]:
        """Options of the layer that are other ones now.

        Parameters
        ----------
        drawing, threshold
            As for `make`.
        hidden : collection of int
            Colour codes (`show.colours.colour_codes`) that are not to be seen.
        """
        return {}


class OrganelleLabels(ResultKind):
    """Regions in the colour of what they are called."""

    name: ClassVar[str] = "organelles"

    def fits(self, drawing: Drawing) -> bool:
        """Points alone have no area to colour."""
        return drawing.prediction.regions.layout != "points"

    def make(self, drawing: Drawing, threshold: Threshold) -> LayerData:
        """As `ResultKind.make`."""
        return labels_layer(
            drawing.prediction, drawing.classes, threshold, drawing.placement, drawing.objects
        )

    def changes(self, drawing: Drawing, threshold: Threshold, hidden: Collection[int]) -> dict[str, Any]:
        """As `ResultKind.changes`."""
        prediction, corrected = drawing.prediction, drawing.corrected
        if is_outlined(drawing):
            hidden = {*hidden, len(drawing.classes)}
        return {
            "features": features(prediction, threshold, label_values(prediction.regions), corrected),
            "colormap": label_colours(prediction, drawing.classes, threshold, hidden, corrected),
        }


class OrganelleNames(ResultKind):
    """What regions are called, in words."""

    name: ClassVar[str] = "organelle names"

    def make(self, drawing: Drawing, threshold: Threshold) -> LayerData:
        """As `ResultKind.make`."""
        data, options, kind = points_layer(drawing.prediction, drawing.classes, threshold, drawing.placement)
        return data, options | {"visible": self.is_seen(drawing)}, kind

    def is_seen(self, drawing: Drawing) -> bool:
        """As `ResultKind.is_seen`."""
        regions = drawing.prediction.regions
        items = len(np.unique(regions.windows[:, 0]))
        return regions.layout == "points" or len(regions) <= MAX_NAMES * items

    def changes(self, drawing: Drawing, threshold: Threshold, hidden: Collection[int]) -> dict[str, Any]:
        """As `ResultKind.changes`."""
        prediction, corrected = drawing.prediction, drawing.corrected
        return {
            "features": features(prediction, threshold, corrected=corrected),
            "face_color": point_colours(prediction, drawing.classes, threshold, corrected),
            "shown": ~np.isin(colour_codes(prediction, threshold), list(hidden)),
        }


class UnsureOutlines(ResultKind):
    """Outlines of objects that the model is unsure of: a grey fill would take the hue of the image below."""

    name: ClassVar[str] = "unsure"

    def fits(self, drawing: Drawing) -> bool:
        """As `ResultKind.fits`."""
        return is_outlined(drawing)

    def make(self, drawing: Drawing, threshold: Threshold) -> LayerData:
        """As `ResultKind.make`."""
        data, options, kind = labels_layer(
            drawing.prediction, drawing.classes, threshold, drawing.placement, drawing.objects
        )
        drawn = {"contour": OUTLINE_PX, "opacity": 1.0, **self.changes(drawing, threshold, ())}
        return data, options | drawn, kind

    def changes(self, drawing: Drawing, threshold: Threshold, hidden: Collection[int]) -> dict[str, Any]:
        """As `ResultKind.changes`."""
        prediction, unsure = drawing.prediction, len(drawing.classes)
        is_unsure = (colour_codes(prediction, threshold) == unsure) & (unsure not in hidden)
        is_unsure[list(drawing.corrected)] = False
        values, colours = label_values(prediction.regions), palette(drawing.classes)
        shown = dict.fromkeys(values[is_unsure].tolist(), colours[unsure])
        return {
            "features": features(prediction, threshold, values, drawing.corrected),
            "colormap": {None: colours[-1], 0: colours[-1], **shown},
        }


def is_outlined(drawing: Drawing) -> bool:
    """Whether unsure regions are drawn as outlines: objects, of an image whose outlines take no time."""
    is_object = drawing.prediction.regions.layout == "labels" and drawing.objects is not None
    return is_object and int(np.prod(drawing.objects.shape[-2:])) <= LARGEST_OUTLINED


RESULT_KINDS: tuple[ResultKind, ...] = (OrganelleLabels(), OrganelleNames(), UnsureOutlines())
"""All kinds, in the order of their layers."""
