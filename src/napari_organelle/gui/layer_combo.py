"""A combo box of a viewer's layers that follows renames, removals and additions."""

from __future__ import annotations

from napari.layers import Layer
from qtpy.QtCore import Signal

from napari_organelle.gui.fields import ObjectCombo
from napari_organelle.gui.inputs import METADATA
from napari_organelle.gui.viewer_events import ViewerEvents


class LayerCombo(ObjectCombo):
    """The layers of some types, top one first and results last; it keeps its choice while it is there.

    Parameters
    ----------
    events : ViewerEvents
        Of the viewer whose layers are offered.
    types : tuple of layer classes
        Which of them.
    tooltip : str
        What it is for.
    """

    chosen = Signal()

    def __init__(self, events: ViewerEvents, types: tuple[type[Layer], ...], tooltip: str = "") -> None:
        super().__init__(tooltip)
        self._viewer = events.viewer
        self._types = types
        self._last: Layer | None = None
        events.on_layers(self.refresh)
        self.currentIndexChanged.connect(self._tell)
        self.refresh()

    def refresh(self, _event: object = None) -> None:
        """Offer the layers that are there now."""
        layers = [layer for layer in reversed(self._viewer.layers) if isinstance(layer, self._types)]
        layers.sort(key=_is_result)
        self.offer(layers, lambda layer: layer.name)
        self._tell()

    def take(self, layer: Layer) -> None:
        """Choose a layer, as a user would."""
        self.choose(layer)
        self._tell()

    def _tell(self, _index: int = 0) -> None:
        if self.value != self._last:
            self._last = self.value
            self.chosen.emit()


def _is_result(layer: Layer) -> bool:
    return "result" in layer.metadata.get(METADATA, {})
