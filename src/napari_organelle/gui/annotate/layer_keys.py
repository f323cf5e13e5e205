"""Keys and clicks of one layer, borrowed while it is labelled and given back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from napari.layers import Labels, Points


class LayerKeys:
    """Bind keys of a layer, and tell where it is clicked; `release` restores the layer's own keys.

    Parameters
    ----------
    layer : Labels or Points
        The layer; only while it is the active one do its keys count.
    keys : mapping of str to callable
        What each key does.
    on_click : callable
        Takes the mouse event of a click that was no drag, in the pan and zoom mode.
    """

    def __init__(
        self, layer: Labels | Points, keys: Mapping[str, Callable[[], Any]], on_click: Callable[[Any], None]
    ) -> None:
        self.layer = layer
        self._own = dict(layer.keymap)
        self._on_click = on_click
        for key, act in keys.items():
            layer.bind_key(key, _without_layer(act), overwrite=True)
        layer.mouse_drag_callbacks.append(self._drag)

    def release(self) -> None:
        """Give the layer its own keys back."""
        self.layer.keymap = self._own
        self.layer.mouse_drag_callbacks.remove(self._drag)

    def _drag(self, layer: Labels | Points, event: Any) -> Iterator[None]:
        if layer.mode != "pan_zoom":
            return
        yield
        if event.type == "mouse_release":
            self._on_click(event)


def _without_layer(act: Callable[[], Any]) -> Callable[[Any], None]:
    def press(_layer: Any) -> None:
        act()

    return press
