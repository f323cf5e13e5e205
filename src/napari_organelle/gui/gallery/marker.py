"""A frame on the canvas around the region that is looked at."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Points

from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.inputs import METADATA, add_unselected

NAME = "region looked at"
COLOUR, BORDER_SHARE = "white", 0.03


class Marker:
    """A layer with one hollow square, made when it is first needed and taken away at the end.

    Parameters
    ----------
    viewer : ViewerModel
        Where it is shown.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._layer: Points | None = None
        self._result: Result | None = None

    def prepare(self, result: Result) -> None:
        """Make and draw the layer unseen, which takes a moment, before it is needed."""
        if len(result.prediction.regions):
            self.show(result, 0)
            assert self._layer is not None
            self._layer.opacity = 0.0

    def show(self, result: Result, row: int) -> None:
        """Frame a region's window."""
        placement, (item, _, _, height, width) = result.placement, result.prediction.regions.windows[row]
        index = placement.leading_index(np.array([item]))[0] if placement.leading else ()
        centre = np.array([[*index, *result.prediction.regions.centres()[row, 1:]]])
        if result is not self._result or self._layer not in self.viewer.layers:
            self.hide()
            self._add(result, centre)
        assert self._layer is not None
        self._layer.data = centre
        self._layer.size = max(height, width)
        self._layer.opacity = 1.0

    def hide(self) -> None:
        """Take the frame away."""
        if self._layer is not None and self._layer in self.viewer.layers:
            self.viewer.layers.remove(self._layer)
        self._layer = None

    def _add(self, result: Result, centre: np.ndarray) -> None:
        self._result = result
        self._layer = Points(
            centre,
            symbol="square",
            face_color="transparent",
            border_color=COLOUR,
            border_width=BORDER_SHARE,
            name=NAME,
            metadata={METADATA: {"result": None}},
            **result.placement.options(),
        )
        self._layer.editable = False
        add_unselected(self.viewer, self._layer)
