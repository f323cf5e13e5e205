"""The table of a roll-up, one row a group, with a stacked bar of what its regions were called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QTableView

from napari_organelle.model.calling import UNSURE, UNSURE_COLOUR
from napari_organelle.show.group_view import GroupView

ROW_PX, BAR_PX, MARGIN_PX = 22, 110, 4
LEAST_HEIGHT_PX = 160
SORT_ROLE = int(Qt.ItemDataRole.UserRole)


@dataclass(frozen=True)
class Column:
    """A column: its head, its help, what it says of a group, and (G,) values that it is sorted by."""

    head: str
    help: str
    text: Callable[[GroupView, int], str]
    order: Callable[[GroupView], Any]


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0%}"


def _probability(view: GroupView, group: int) -> str:
    value, low, high = (view.value(group, name) for name in ("confidence", "low", "high"))
    return "" if np.isnan(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"


BARS = 1
COLUMNS = (
    Column(
        "Group",
        "What the regions have in common",
        lambda view, group: view.names[group],
        lambda view: np.arange(len(view.groups)),
    ),
    Column(
        "Calls",
        "Of the calls, how many are of each organelle; grey is unsure",
        lambda view, group: "",
        lambda view: view.shares.max(axis=1, initial=0),
    ),
    Column(
        "Called",
        "By all of its regions together; unsure where resampling them does not agree",
        lambda view, group: str(view.value(group, "called")),
        lambda view: view.groups["called"].to_numpy(str),
    ),
    Column(
        "Agree",
        "Share of the called regions that are called so",
        lambda view, group: _percent(view.value(group, "agreement")),
        lambda view: view.groups["agreement"].to_numpy(),
    ),
    Column(
        "Regions",
        "Called, of all",
        lambda view, group: f"{view.value(group, 'n_called'):,} of {view.value(group, 'n'):,}",
        lambda view: view.groups["n"].to_numpy(),
    ),
    Column(
        "Probability",
        "Of the group's organelle, with the 95 % interval from resampling its regions",
        _probability,
        lambda view: view.groups["confidence"].to_numpy(),
    ),
)


class GroupModel(QAbstractTableModel):
    """The groups of a view, in an order."""

    def __init__(self) -> None:
        super().__init__()
        self.view: GroupView | None = None
        self.colours: dict[str, str] = {}
        self.order = np.zeros(0, np.int64)

    def show_view(self, view: GroupView | None, colours: Mapping[str, str]) -> None:
        """Show other groups."""
        self.beginResetModel()
        self.view, self.colours = view, {**colours, UNSURE: UNSURE_COLOUR}
        self.order = np.arange(0 if view is None else len(view.groups))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].head
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].help
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        if self.view is None:
            return None
        group = int(self.order[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[index.column()].text(self.view, group)
        if role == Qt.ItemDataRole.ToolTipRole:
            return ", ".join(f"{name} {share:.0%}" for name, share, _ in self.bars(group))
        return None

    def bars(self, group: int) -> list[tuple[str, float, str]]:
        """Name, share and colour of each class that occurs in a group."""
        assert self.view is not None
        names = [*self.view.classes, UNSURE]
        shares = self.view.shares[group]
        return [
            (name, float(share), self.colours.get(name, UNSURE_COLOUR))
            for name, share in zip(names, shares, strict=True)
            if share > 0
        ]

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Order the groups by a column; -1 for their own order."""
        if self.view is None:
            return
        values = COLUMNS[max(column, 0)].order(self.view)
        self.layoutAboutToBeChanged.emit()
        self.order = np.argsort(values, kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            self.order = self.order[::-1]
        self.layoutChanged.emit()


class _Bars(QStyledItemDelegate):
    """Paints the stacked bar of a group."""

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        super().paint(painter, option, index)
        model = index.model()
        box = QRectF(option.rect).adjusted(MARGIN_PX, MARGIN_PX, -MARGIN_PX, -MARGIN_PX)
        left = box.left()
        for _, share, colour in model.bars(int(model.order[index.row()])):
            painter.fillRect(QRectF(left, box.top(), box.width() * share, box.height()), QColor(colour))
            left += box.width() * share


class GroupTable(QTableView):
    """The table.

    Signals
    -------
    wanted : int
        The group to look at.
    """

    wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.model_ = GroupModel()
        self.setModel(self.model_)
        self.setItemDelegateForColumn(BARS, _Bars(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setMinimumHeight(LEAST_HEIGHT_PX)
        self.setAccessibleName("Groups and what they are called")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.activated.connect(self._on_row)
        self.clicked.connect(self._on_row)

    def show_view(self, view: GroupView | None, colours: Mapping[str, str]) -> None:
        """Show other groups, in the order that the table is sorted by."""
        self.model_.show_view(view, colours)
        header = self.horizontalHeader()
        self.model_.sort(header.sortIndicatorSection(), header.sortIndicatorOrder())
        self.resizeColumnsToContents()
        self.setColumnWidth(BARS, BAR_PX)

    def choose(self, group: int) -> None:
        """Select a group's row."""
        rows = np.flatnonzero(self.model_.order == group)
        if len(rows):
            self.selectRow(int(rows[0]))
            self.scrollTo(self.model_.index(int(rows[0]), 0))

    def _on_row(self, index: QModelIndex) -> None:
        self.wanted.emit(int(self.model_.order[index.row()]))
