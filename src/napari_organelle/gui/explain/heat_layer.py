"""The heat map on the canvas, over the region that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.inputs import METADATA, add_unselected

NAME = "why: heat map"


class HeatLayer:
    """One image layer, made when it is first needed and taken away at the end.

    Parameters
    ----------
    viewer : ViewerModel
        Where it is shown.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._layer: Image | None = None

    def show(self, result: Result, row: int, heat: np.ndarray) -> None:
        """Lay heat (n, n) over a region's window."""
        item, top, left, height, width = result.prediction.regions.windows[row].tolist()
        uses, placement = result.placement.leading, result.placement
        index = placement.leading_index(np.array([item]))[0].tolist() if uses else []
        here = replace(
            placement,
            leading=tuple(at if use == "items" else use for use, at in zip(uses, index, strict=True)),
        )
        step = (height / heat.shape[0], width / heat.shape[1])
        offset = (top + (step[0] - 1) / 2, left + (step[1] - 1) / 2)
        data, options = heat.reshape((1,) * len(uses) + heat.shape), here.options(step, offset)
        if self._layer is None or self._layer not in self.viewer.layers:
            self._add(data, options)
            return
        for name in ("scale", "translate", "rotate", "shear", "affine", "units"):
            setattr(self._layer, name, options[name])
        self._layer.data = data
        self._layer.contrast_limits = limits(heat)

    def hide(self) -> None:
        """Take it away."""
        if self._layer is not None and self._layer in self.viewer.layers:
            self.viewer.layers.remove(self._layer)
        self._layer = None

    def _add(self, data: np.ndarray, options: dict[str, Any]) -> None:
        self._layer = Image(
            data,
            name=NAME,
            colormap="inferno",
            blending="additive",
            contrast_limits=limits(data),
            metadata={METADATA: {"result": None}},
            **options,
        )
        add_unselected(self.viewer, self._layer)


def limits(heat: np.ndarray) -> tuple[float, float]:
    """Of a colormap for heat: from none to the most, also where there is none."""
    return 0.0, max(float(heat.max(initial=0.0)), 1e-6)
