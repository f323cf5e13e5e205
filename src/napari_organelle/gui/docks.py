"""Opening one of this plugin's docks from another, without importing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt

if TYPE_CHECKING:
    import napari

PLUGIN = "napari-organelle"
LOW_PX = 900
"""A window that is lower has no room for a strip of thumbnails below the canvas."""
CLASSIFY, GALLERY, WHY = "Classify organelles", "Gallery of regions", "Why this call"


def open_classify(viewer: napari.Viewer) -> Any:
    """The Classify widget of a viewer, opened where it isn't."""
    return viewer.window.add_plugin_dock_widget(PLUGIN, CLASSIFY)[1]


def open_why(viewer: napari.Viewer) -> Any:
    """The widget that explains a call, behind the others on the right where it was not open."""
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WHY, tabify=True)
    dock.raise_()
    return widget


def open_gallery(viewer: napari.Viewer) -> Any:
    """The gallery of a viewer; newly opened below the canvas, or behind Classify in a low window."""
    was_open = any(GALLERY in name for name in viewer.window.dock_widgets)
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, GALLERY, tabify=True)
    window = dock.window()
    if not was_open and window.height() >= LOW_PX:
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    dock.raise_()
    return widget
