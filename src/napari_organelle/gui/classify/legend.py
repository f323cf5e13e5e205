"""The legend: colour, name and count of every class; each can be hidden, and gone to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from napari_organelle.model.calling import UNLIKE_TEXT
from napari_organelle.show.legend import LegendEntry

SWATCH_PX, ROW_PX = 14, 22
MAX_ROWS = 30
NAME, COUNT = 0, 1


class LegendTable(QTableWidget):
    """One row a class.

    Signals
    -------
    hidden_changed
        A class was ticked or unticked; `hidden` has those that are off.
    wanted : int
        The region to go to.
    chosen : str
        The class whose row was clicked.
    """

    hidden_changed = Signal()
    wanted = Signal(int)
    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.setHorizontalHeaderLabels(["Organelle", "Count"])
        self.setToolTip("Untick to hide a class; double-click to go to its next region")
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setSectionResizeMode(COUNT, QHeaderView.ResizeMode.ResizeToContents)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Legend: organelles and their counts")
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hidden: set[int] = set()
        self._entries: list[LegendEntry] = []
        self._last: dict[int, int] = {}
        self.itemChanged.connect(self._on_tick)
        self.cellDoubleClicked.connect(self._on_double_click)
        self.cellClicked.connect(lambda row, _column: self.chosen.emit(self._entries[row].name))

    def show_entries(self, entries: Sequence[LegendEntry]) -> None:
        """Show classes and counts; the ticks stay while the classes do."""
        if [e.name for e in entries] != [e.name for e in self._entries]:
            self._fill(entries)
        self._entries = list(entries)
        with QSignalBlocker(self):
            for row, entry in enumerate(entries):
                self.item(row, COUNT).setText(f"{entry.count:,}")

    def _fill(self, entries: Sequence[LegendEntry]) -> None:
        self.hidden, self._last = set(), {}
        with QSignalBlocker(self):
            self.setRowCount(len(entries))
            for row, entry in enumerate(entries):
                name = QTableWidgetItem(_swatch(entry.colour), entry.name)
                if entry.name == UNLIKE_TEXT:
                    name.setText(f"  of these {entry.name}")
                    name.setIcon(QIcon())
                    name.setFlags(name.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
                else:
                    name.setFlags(name.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                    name.setCheckState(Qt.CheckState.Checked)
                self.setItem(row, NAME, name)
                count = QTableWidgetItem()
                count.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, COUNT, count)
        shown = min(len(entries), MAX_ROWS)
        self.setFixedHeight(shown * ROW_PX + self.horizontalHeader().sizeHint().height() + 4)

    def _on_tick(self, item: Any) -> None:
        ticks = {row: self.item(row, NAME) for row in range(self.rowCount())}
        self.hidden = {
            row
            for row, tick in ticks.items()
            if tick.flags() & Qt.ItemFlag.ItemIsUserCheckable and tick.checkState() != Qt.CheckState.Checked
        }
        self.hidden_changed.emit()

    def _on_double_click(self, row: int, column: int) -> None:
        rows = self._entries[row].rows
        if len(rows):
            turn = self._last.get(row, -1) + 1
            self._last[row] = turn
            self.wanted.emit(int(rows[turn % len(rows)]))


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(SWATCH_PX, SWATCH_PX)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
