"""The list of thumbnails: 100,000 regions cost no more than those on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qtpy.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor, QKeyEvent, QPainter, QPen
from qtpy.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate

from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.gallery.thumbnails import Thumbnails
from napari_organelle.show.colours import called_names

SIDE_PX, FRAME_PX, TEXT_PX, GAP_PX = 72, 3, 16, 4
ROW_ROLE = int(Qt.ItemDataRole.UserRole)
WAITING, UNREADABLE_COLOUR, TEXT_COLOUR = "#555555", "#802020", "#dddddd"


@dataclass
class Captions:
    """What is written around thumbnails.

    Parameters
    ----------
    called : (R,) array of str
        What each region is called.
    confidence : (R,) float
        Its highest probability.
    colours : mapping of str to str
        ``#rrggbb`` of each class.
    corrected : mapping of int to str
        Rows, and the class given by hand.
    """

    called: np.ndarray = field(default_factory=lambda: np.empty(0, object))
    confidence: np.ndarray = field(default_factory=lambda: np.empty(0))
    colours: Mapping[str, str] = field(default_factory=dict)
    corrected: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        result: Result,
        limits: float | np.ndarray,
        colours: Mapping[str, str],
        corrected: Mapping[int, str],
    ) -> Captions:
        """Of a result at given thresholds."""
        called = called_names(result.prediction, limits)
        return cls(called, result.prediction.confidence(), colours, corrected)

    def name(self, row: int) -> str:
        """The class given by hand, else what it is called."""
        return self.corrected.get(row, "") or str(self.called[row])

    def colour(self, row: int) -> str:
        """Of its name; of the first one where there are several."""
        return self.colours.get(self.name(row).split("|")[0], WAITING)

    def text(self, row: int) -> str:
        """Below the thumbnail: how sure the model is, or what a person says."""
        if row in self.corrected:
            return f"✓ {self.corrected[row]}"
        confidence = self.confidence[row]
        return f"{confidence:.2f}" if np.isfinite(confidence) else "no answer"

    def tip(self, row: int) -> str:
        """Under the mouse."""
        said = f"{self.called[row] or 'no answer'} ({self.confidence[row]:.2f})"
        given = self.corrected.get(row)
        return f"Region {row + 1}: {said}" + (f", by hand {given}" if given else "")


class CropModel(QAbstractListModel):
    """Rows of regions, in the order in which they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = np.empty(0, np.int64)
        self.captions = Captions()
        self.thumbnails: Thumbnails | None = None
        self._places = np.empty(0, np.int64)

    def show(self, rows: np.ndarray, captions: Captions, thumbnails: Thumbnails | None) -> None:
        """Show these regions."""
        self.beginResetModel()
        if self.thumbnails is not None and thumbnails is not self.thumbnails:
            self.thumbnails.ready.disconnect(self._on_ready)
        if thumbnails is not None and thumbnails is not self.thumbnails:
            thumbnails.ready.connect(self._on_ready)
        self.rows, self.captions, self.thumbnails = rows, captions, thumbnails
        self._places = np.full(len(captions.called), -1, np.int64)
        self._places[rows] = np.arange(len(rows))
        self.endResetModel()

    def place(self, row: int) -> int:
        """Where a region is in the list; -1 where it isn't."""
        return int(self._places[row]) if row < len(self._places) else -1

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        row = int(self.rows[index.row()])
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.captions.tip(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.captions.name(row)}, {self.captions.text(row)}"
        return None

    def _on_ready(self, rows: list[int]) -> None:
        for place in (self.place(row) for row in rows):
            if place >= 0:
                self.dataChanged.emit(self.index(place), self.index(place))


class CropDelegate(QStyledItemDelegate):
    """Draws a thumbnail, a frame in the colour of its class, and a line below it."""

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        return QSize(SIDE_PX + 2 * FRAME_PX + GAP_PX, SIDE_PX + 2 * FRAME_PX + TEXT_PX + GAP_PX)

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        model: Any = index.model()
        row = int(index.data(ROW_ROLE))
        captions: Captions = model.captions
        cell: QRect = option.rect.adjusted(0, 0, -GAP_PX, -GAP_PX)
        frame = QRect(cell.left(), cell.top(), SIDE_PX + 2 * FRAME_PX, SIDE_PX + 2 * FRAME_PX)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(cell, option.palette.highlight())
        inside = frame.adjusted(FRAME_PX, FRAME_PX, -FRAME_PX, -FRAME_PX)
        image = model.thumbnails.get(row) if model.thumbnails is not None else None
        if image is None or image.isNull():
            painter.fillRect(inside, QColor(WAITING if image is None else UNREADABLE_COLOUR))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(inside, image)
        pen = QPen(QColor(captions.colour(row)), FRAME_PX)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        half = FRAME_PX // 2
        painter.drawRect(frame.adjusted(half, half, -half - 1, -half - 1))
        painter.setPen(option.palette.text().color())
        words = QRect(cell.left(), frame.bottom() + 1, cell.width(), TEXT_PX)
        text = option.fontMetrics.elidedText(captions.text(row), Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, text)


class CropList(QListView):
    """The view of a CropModel.

    Signals
    -------
    chosen : int
        The region that is looked at.
    pressed_key : str
        A key, upper case, with something selected or not.
    asked : int
        The region of a double click.
    """

    chosen = Signal(int)
    pressed_key = Signal(str)
    asked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.crops = CropModel()
        self.setModel(self.crops)
        self.setItemDelegate(CropDelegate(self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setUniformItemSizes(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Thumbnails of regions")
        self.setToolTip("")
        self.setMinimumSize(2 * SIDE_PX, SIDE_PX + TEXT_PX + 2 * GAP_PX)
        self._is_quiet = False
        self.doubleClicked.connect(lambda index: self.asked.emit(int(index.data(ROW_ROLE))))

    def recaption(self, captions: Captions) -> None:
        """Show the same regions with other words."""
        self.crops.captions = captions
        self.viewport().update()

    def selected_rows(self) -> list[int]:
        """Regions that are selected, in the order of the list."""
        rows: list[int] = []
        for span in self.selectionModel().selection():
            rows += self.crops.rows[span.top() : span.bottom() + 1].tolist()
        return rows

    def current_row(self) -> int | None:
        """The region that is looked at."""
        index = self.currentIndex()
        return int(index.data(ROW_ROLE)) if index.isValid() else None

    def select(self, rows: list[int]) -> None:
        """Select regions, show the first of them, and tell nobody."""
        places = [place for place in map(self.crops.place, rows) if place >= 0]
        self._is_quiet = True
        try:
            if not places:
                self.clearSelection()
                return
            wanted = QItemSelection()
            for place in places:
                wanted.select(self.crops.index(place), self.crops.index(place))
            flag = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(self.crops.index(places[0]), flag.NoUpdate)
            self.selectionModel().select(wanted, flag.ClearAndSelect)
            self.scrollTo(self.crops.index(places[0]))
        finally:
            self._is_quiet = False

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:
        super().currentChanged(current, previous)
        if current.isValid() and not self._is_quiet:
            self.chosen.emit(int(current.data(ROW_ROLE)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Letters and digits are the classes' keys; all others move through the list."""
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if plain and event.text().strip() and event.text().isprintable():
            self.pressed_key.emit(event.text().upper())
        else:
            super().keyPressEvent(event)
