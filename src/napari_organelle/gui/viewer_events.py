"""Connections to a viewer that end together, so that a closed widget hears nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel

Slot = Callable[..., Any]


class ViewerEvents:
    """What a widget and its fields hear of a viewer.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers, selection and sliders are followed.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self._connected: list[tuple[Any, Slot]] = []

    def on_layers(self, slot: Slot) -> None:
        """Call `slot` when layers come, go, move or are renamed."""
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            self._connect(event, slot)

    def on_active(self, slot: Slot) -> None:
        """Call `slot` when another layer becomes the active one."""
        self._connect(self.viewer.layers.selection.events.active, slot)

    def on_step(self, slot: Slot) -> None:
        """Call `slot` when another slice is shown."""
        self._connect(self.viewer.dims.events.current_step, slot)

    def disconnect(self) -> None:
        """Hear nothing more."""
        for event, slot in self._connected:
            event.disconnect(slot)
        self._connected = []

    def _connect(self, event: Any, slot: Slot) -> None:
        event.connect(slot)
        self._connected.append((event, slot))
