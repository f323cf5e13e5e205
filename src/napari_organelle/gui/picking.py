"""From the canvas to a region of the result on display: clicks, and what is chosen in napari's own tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer, Points

from napari_organelle.gui.classify.results import Result, result_of
from napari_organelle.show.gallery import region_at
from napari_organelle.show.layers import label_values

OnPick = Callable[[Result, int], None]


def results_shown(viewer: ViewerModel) -> list[Result]:
    """Results that have a layer, each once: the active layer's first, then visible ones, top first."""
    layers = [layer for layer in reversed(viewer.layers) if result_of(layer) is not None]
    active = viewer.layers.selection.active
    layers.sort(key=lambda layer: (layer is not active, not layer.visible))
    found = [result_of(layer) for layer in layers]
    return list({id(result): result for result in found if result is not None}.values())


def layers_of(viewer: ViewerModel, result: Result) -> list[Layer]:
    """The layers that show a result."""
    return [layer for layer in viewer.layers if result_of(layer) is result]


def region_under(viewer: ViewerModel, result: Result, world: Any) -> int | None:
    """The region at a place in the world of a viewer."""
    count = len(result.placement.shape)
    place = [*np.zeros(max(0, count - len(world))), *world][-count:]
    found = result.placement.pixel(place)
    return None if found is None else region_at(result.prediction.regions, result.objects, *found)


class Picker:
    """Tells which region is picked on the canvas, or in the features table of a result's layer.

    Parameters
    ----------
    viewer : ViewerModel
        Whose canvas it is.
    on_pick : callable
        Takes the result and the row of the region.
    """

    def __init__(self, viewer: ViewerModel, on_pick: OnPick) -> None:
        self.viewer = viewer
        self._on_pick = on_pick
        self._layers: list[Layer] = []
        self._is_ours = False
        self._last: tuple[Result, int] | None = None
        viewer.mouse_drag_callbacks.append(self._drag)

    def follow(self, result: Result | None) -> None:
        """Hear what is selected in the layers of a result, and of no other."""
        for layer in self._layers:
            _selected_event(layer).disconnect(self._on_selected)
        self._layers = [] if result is None else layers_of(self.viewer, result)
        for layer in self._layers:
            _selected_event(layer).connect(self._on_selected)

    def select(self, result: Result, row: int) -> None:
        """Select a region in its layers, and with them in their features table, without telling it back.

        Layers that nobody looks at are left alone: napari draws their points anew.
        """
        self._is_ours, self._last = True, (result, row)
        try:
            for layer in layers_of(self.viewer, result):
                if not layer.visible and layer is not self.viewer.layers.selection.active:
                    continue
                if isinstance(layer, Labels):
                    layer.selected_label = int(label_values(result.prediction.regions)[row])
                elif row < len(layer.data):
                    layer.selected_data = {row}
        finally:
            self._is_ours = False

    def release(self) -> None:
        """Hear nothing more."""
        self.follow(None)
        if self._drag in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._drag)

    def _drag(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        yield
        if event.type != "mouse_release":
            return
        for result in results_shown(viewer)[:1]:
            row = region_under(viewer, result, event.position)
            if row is not None:
                self._on_pick(result, row)

    def _on_selected(self, _event: Any = None) -> None:
        if self._is_ours:
            return
        layer = self.viewer.layers.selection.active
        result = None if layer is None else result_of(layer)
        if result is None or layer not in self._layers:
            return
        if isinstance(layer, Points):
            rows = sorted(layer.selected_data)
        else:
            rows = np.flatnonzero(label_values(result.prediction.regions) == layer.selected_label).tolist()
        if rows and (result, rows[0]) != self._last:  # napari says so again when colours change
            self._on_pick(result, int(rows[0]))


def _selected_event(layer: Layer) -> Any:
    return (
        layer.events.selected_label if isinstance(layer, Labels) else layer.selected_data.events.items_changed
    )
