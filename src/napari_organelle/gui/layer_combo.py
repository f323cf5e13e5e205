"""A combo box of a viewer's layers that follows renames, removals and additions."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import Signal

from napari_organelle.gui.fields import ObjectCombo


class LayerCombo(ObjectCombo):
    """The layers of some types, top one first; it keeps its choice while that layer is there.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers are offered.
    types : tuple of layer classes
        Which of them.
    tooltip : str
        What it is for.
    """

    chosen = Signal()

    def __init__(self, viewer: ViewerModel, types: tuple[type[Layer], ...], tooltip: str = "") -> None:
        super().__init__(tooltip)
        self._viewer = viewer
        self._types = types
        self._last: Layer | None = None
        for event in self._events():
            event.connect(self.refresh)
        self.currentIndexChanged.connect(self._tell)
        self.refresh()

    def refresh(self, _event: object = None) -> None:
        """Offer the layers that are there now."""
        layers = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, self._types)]
        self.offer(layers, lambda layer: layer.name)
        self._tell()

    def take(self, layer: Layer) -> None:
        """Choose a layer, as a user would."""
        self.choose(layer)
        self._tell()

    def disconnect_viewer(self) -> None:
        """Stop listening; for a widget that closes."""
        for event in self._events():
            event.disconnect(self.refresh)

    def _events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.reordered, events.renamed

    def _tell(self, _index: int = 0) -> None:
        if self.value != self._last:
            self._last = self.value
            self.chosen.emit()
