"""A plate: every well in the colour of what it is called, or of how much of it is one organelle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_organelle.model.calling import UNSURE, UNSURE_COLOUR
from napari_organelle.show.group_view import GroupView, PlateMap

EDGE_PX, MAX_WELL_PX, GAP = 20, 34, 0.08
LEAST_ALPHA = 0.25


class PlateMapView(QWidget):
    """Wells in rows and columns.

    Signals
    -------
    wanted : int
        The group of the well that was clicked.
    """

    wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._view: GroupView | None = None
        self._map: PlateMap | None = None
        self._colours: dict[str, str] = {}
        self._organelle = ""
        self.chosen = -1
        self.setMouseTracking(True)
        self.setAccessibleName("Plate: click a well to look at it")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_map(
        self, view: GroupView | None, plate: PlateMap | None, colours: Mapping[str, str], organelle: str
    ) -> None:
        """Show a plate.

        Parameters
        ----------
        view : GroupView, optional
            The groups; nothing is shown without.
        plate : PlateMap, optional
            One of `plate_maps` of it.
        colours : mapping of str to str
            Of the classes.
        organelle : str
            The class whose share is shown; what wells are called where empty.
        """
        self._view, self._map, self._organelle, self.chosen = view, plate, organelle, -1
        self._colours = {**colours, UNSURE: UNSURE_COLOUR}
        self.setVisible(plate is not None)
        if plate is not None:
            self.setFixedHeight(int(EDGE_PX + plate.shape[0] * self._side()))
        self.update()

    def colour_of(self, group: int) -> QColor:
        """The colour of a well: its call's, paler where fewer regions agree; or a class's, by its share."""
        assert self._view is not None
        if self._organelle:
            colour = QColor(self._colours[self._organelle])
            colour.setAlphaF(float(self._view.shares[group, self._view.classes.index(self._organelle)]))
            return colour
        called, agreement = self._view.value(group, "called"), self._view.value(group, "agreement")
        colour = QColor(self._colours.get(called.split("|")[0], UNSURE_COLOUR))
        colour.setAlphaF(LEAST_ALPHA + (1 - LEAST_ALPHA) * float(np.nan_to_num(agreement)))
        return colour

    def group_at(self, point: QPointF) -> int | None:
        """The group of the well at a place, if any."""
        if self._map is None:
            return None
        side = self._side()
        row, column = (point.y() - EDGE_PX) // side, (point.x() - EDGE_PX) // side
        return self._map.wells.get((int(row), int(column)))

    def middle_of(self, group: int) -> QPointF:
        """Where a group's well is drawn."""
        assert self._map is not None
        place = next(place for place, each in self._map.wells.items() if each == group)
        return self._box(place).center()

    def sizeHint(self) -> QSize:
        return QSize(300, self.height())

    def resizeEvent(self, event: QEvent) -> None:
        super().resizeEvent(event)
        if self._map is not None:
            self.setFixedHeight(int(EDGE_PX + self._map.shape[0] * self._side()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        group = self.group_at(event.position())
        if group is not None:
            self.chosen = group
            self.update()
            self.wanted.emit(group)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        group = self.group_at(event.position())
        QToolTip.showText(
            event.globalPosition().toPoint(), "" if group is None else self.describe(group), self
        )

    def describe(self, group: int) -> str:
        """What is said of a well."""
        assert self._view is not None
        well, called, n, agreement = (
            self._view.value(group, name) for name in ("well", "called", "n", "agreement")
        )
        named = [name for name in ("gene", "protein") if name in self._view.groups]
        genes = [self._view.value(group, name) for name in named]
        gene = "".join(f", {name}" for name in genes[:1] if name)
        agree = "" if np.isnan(agreement) else f", {agreement:.0%} agree"
        return f"{well}{gene}: {called or 'no answer'}, {n:,} regions{agree}"

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._map is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().windowText().color()
        faint = QColor(ink)
        faint.setAlpha(50)
        self._label(painter, ink)
        for row in range(self._map.shape[0]):
            for column in range(self._map.shape[1]):
                group = self._map.wells.get((row, column))
                is_chosen = group is not None and group == self.chosen
                painter.setPen(QPen(ink, 2) if is_chosen else QPen(faint, 1))
                painter.setBrush(Qt.BrushStyle.NoBrush if group is None else self.colour_of(group))
                painter.drawEllipse(self._box((row, column)))
        painter.end()

    def _label(self, painter: QPainter, ink: QColor) -> None:
        """Letters of the rows and numbers of the columns, as far as they have room."""
        assert self._map is not None
        painter.setPen(ink)
        side = self._side()
        step = 1 if side >= 2 * painter.fontMetrics().averageCharWidth() + 4 else 2
        middle = Qt.AlignmentFlag.AlignCenter
        for column in range(0, self._map.shape[1], step):
            painter.drawText(
                QRectF(EDGE_PX + (column - 0.5) * side, 0, 2 * side, EDGE_PX), middle, str(column + 1)
            )
        for row in range(0, self._map.shape[0], step):
            letter = chr(ord("A") + row % 26) if row < 26 else "A" + chr(ord("A") + row - 26)
            painter.drawText(QRectF(0, EDGE_PX + row * side, EDGE_PX, side), middle, letter)

    def _side(self) -> float:
        assert self._map is not None
        return min(MAX_WELL_PX, max(1.0, (self.width() - EDGE_PX) / self._map.shape[1]))

    def _box(self, place: tuple[int, int]) -> QRectF:
        side = self._side()
        gap = side * GAP
        return QRectF(EDGE_PX + place[1] * side, EDGE_PX + place[0] * side, side, side).adjusted(
            gap, gap, -gap, -gap
        )
