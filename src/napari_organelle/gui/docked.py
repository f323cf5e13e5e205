"""Widgets for a dock: one that learns when napari takes it away, and a page that scrolls."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget


class DockedWidget(QWidget):
    """Calls `release` once: when it is closed, deleted, or taken out of its dock.

    napari does the last when the dock's × is clicked: it takes the parent away and sends no close event.
    """

    _released = False

    def release(self) -> None:
        """Stop jobs, and disconnect from the viewer."""
        raise NotImplementedError

    def event(self, event: QEvent) -> bool:
        """As QWidget's."""
        kind = event.type()
        orphaned = kind == QEvent.Type.ParentChange and self.parent() is None
        if (orphaned or kind in (QEvent.Type.Close, QEvent.Type.DeferredDelete)) and not self._released:
            self._released = True
            self.release()
        return bool(super().event(event))


class ScrolledPage(QScrollArea):
    """A page that scrolls up and down only: it is never narrower than what it holds."""

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(page)

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the page and the scroll bar."""
        width = self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QSize(width, super().minimumSizeHint().height())
