"""The confusion matrix as a table: a click on a cell asks for its crops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

RIGHT, WRONG = (0, 158, 115), (213, 94, 0)
MIN_CELL_PX, ROW_PX, MAX_ROWS = 34, 24, 14


class ConfusionTable(QTableWidget):
    """Rows are the truth, columns the calls; the deeper the colour, the greater the share of the row."""

    cell_chosen = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(MIN_CELL_PX)
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.cellClicked.connect(self._choose)

    def show_matrix(self, matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
        """Show a matrix.

        Parameters
        ----------
        matrix : K x K int
            Rows are the truth, columns the calls.
        classes : sequence of str
            K names.
        """
        counts = np.asarray(matrix)
        self.setRowCount(len(classes))
        self.setColumnCount(len(classes))
        self.setVerticalHeaderLabels(list(classes))
        self.setHorizontalHeaderLabels(list(classes))
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        for truth, name in enumerate(classes):
            for call, called in enumerate(classes):
                item = QTableWidgetItem(f"{counts[truth, call]:,}" if counts[truth, call] else "·")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setBackground(QBrush(_shade(truth == call, shares[truth, call])))
                item.setToolTip(
                    f"{counts[truth, call]:,} ({shares[truth, call]:.0%}) of all {name} called {called}. "
                    "Click to see them."
                )
                self.setItem(truth, call, item)
        header = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(header + ROW_PX * min(len(classes), MAX_ROWS) + 4)

    def _choose(self, row: int, column: int) -> None:
        if self.item(row, column).text() != "·":
            self.cell_chosen.emit(row, column)


def _shade(right: bool, share: float) -> QColor:
    return QColor(*(RIGHT if right else WRONG), int(230 * share**0.7))
