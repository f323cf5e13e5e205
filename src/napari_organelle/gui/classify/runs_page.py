"""The runs whose layers are in the viewer: looked at again, and compared with each other.

A comparison, its table and its layer of rings, is there as long as the page names the two runs that it is of.
"""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QFormLayout, QHeaderView, QPushButton, QTableWidget, QTableWidgetItem, QWidget

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.record import ResultRecord, record
from napari_organelle.gui.classify.results import Result, look_at, result_of
from napari_organelle.gui.fields import ObjectCombo, wrapped_label
from napari_organelle.gui.inputs import METADATA, add_layer
from napari_organelle.gui.viewer_events import ViewerEvents
from napari_organelle.show.compare import Comparison, changes_layer, compare

CHANGES = "changes"
"""Key of a layer of changes in ``metadata["napari_organelle"]``."""
LEAST_HEIGHT_PX = 140


class RunsPage(QWidget):
    """A list of runs, and the agreement of two.

    Parameters
    ----------
    events : ViewerEvents
        Of the viewer whose runs are listed.
    """

    said = Signal(str)
    wanted = Signal(object)
    """The run that is to be the one in Results."""

    def __init__(self, events: ViewerEvents) -> None:
        super().__init__()
        self.viewer: napari.Viewer = events.viewer
        self.comparison: Comparison | None = None
        self._compared: tuple[Result, ...] = ()
        self._turns: dict[tuple[int, int], int] = {}
        self.run = ObjectCombo("A run whose layers are in the viewer")
        self.other = ObjectCombo("Another run on the same image")
        self.about = wrapped_label()
        self.show_button = _button("Show", "Show this run alone, with its threshold, legend and groups")
        self.compare_button = _button("Compare", "Count where both say the same, and ring what changed")
        self.agreement = wrapped_label()
        self.table = QTableWidget()
        self.table.setToolTip(
            "Rows: the earlier run. Columns: the later one. Double-click to visit such regions in turn"
        )
        self.table.setAccessibleName("Agreement of two runs")
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setMinimumHeight(LEAST_HEIGHT_PX)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Run", self.run)
        form.addRow(self.about)
        form.addRow(self.show_button)
        form.addRow("Compare with", self.other)
        form.addRow(self.compare_button)
        form.addRow(self.agreement)
        form.addRow(self.table)
        self.run.activated.connect(lambda _: self._offer_others())
        self.other.activated.connect(lambda _: self._drop_another_pair())
        self.show_button.clicked.connect(lambda: self.wanted.emit(self.run.value))
        self.compare_button.clicked.connect(self.compare)
        self.table.cellDoubleClicked.connect(self.go_to)
        events.on_layers(self.refresh)
        self._clear()

    def refresh(self, _event: Any = None) -> None:
        """List the runs that there are now, the latest first."""
        found = {id(run): run for layer in self.viewer.layers if (run := result_of(layer)) is not None}
        upwards = reversed(found.values())
        runs = sorted(upwards, key=lambda run: run.record.date, reverse=True)
        self.run.offer(runs, lambda run: _name(run.record))
        self._offer_others()

    def choose(self, run: Result) -> None:
        """List the runs again, with one of them chosen."""
        self.refresh()
        self.run.choose(run)
        self._offer_others()

    def compare_with(self, run: Result) -> None:
        """Compare the chosen run with another one, where its layers are still there."""
        if run in self.other.objects:
            self.other.choose(run)
            self.compare()

    def compare(self) -> None:
        """Compare the two, the earlier one first, at the thresholds that they are shown with."""
        if self.run.value is None or self.other.value is None:
            return
        first, second = sorted((self.other.value, self.run.value), key=lambda run: run.record.date)
        try:
            limits = (self._limits(first), self._limits(second))
            self.comparison = compare(first.prediction, second.prediction, limits)
        except OrganelleError as error:
            self._clear()
            self.said.emit(str(error))
            return
        self._compared, self._turns = (first, second), {}
        rows, columns = _name(first.record), _name(second.record)
        self.agreement.setText(f"{self.comparison.summary()}\nRows: {rows}\nColumns: {columns}")
        self._fill(self.comparison)
        self._ring(self.comparison, first, second)

    def go_to(self, row: int, column: int) -> None:
        """Visit the next region with such a pair of calls."""
        if self.comparison is None:
            return
        names = self.comparison.table()
        first, second = names.index[row], names.columns[column]
        such = np.flatnonzero((self.comparison.first == first) & (self.comparison.second == second))
        if len(such):
            turn = self._turns.get((row, column), 0)
            self._turns[row, column] = turn + 1
            look_at(self.viewer, self._compared[0], int(self.comparison.rows[such[turn % len(such)]]))

    def _offer_others(self) -> None:
        run = self.run.value
        others = [each for each in self.run.objects if run and each is not run and _same_image(each, run)]
        self.other.offer(others, lambda each: _name(each.record))
        self.about.setText("No run yet." if run is None else run.record.about())
        self.show_button.setEnabled(run is not None)
        self.compare_button.setEnabled(bool(others))
        self._drop_another_pair()

    def _drop_another_pair(self) -> None:
        """A comparison of other runs than those that are named is no longer shown."""
        if self._compared and {id(run) for run in self._compared} != {
            id(self.run.value),
            id(self.other.value),
        }:
            self._clear()

    def _limits(self, run: Result) -> np.ndarray:
        known = next((record(layer) for layer in self.viewer.layers if result_of(layer) is run), None)
        return np.array((known or run.record).thresholds)

    def _clear(self) -> None:
        self.comparison, self._compared = None, ()
        self.agreement.setText("")
        self.table.hide()
        self._take_rings_away()

    def _fill(self, comparison: Comparison) -> None:
        counts: Any = comparison.table()
        self.table.setRowCount(len(counts.index))
        self.table.setColumnCount(len(counts.columns))
        self.table.setVerticalHeaderLabels([str(name) for name in counts.index])
        self.table.setHorizontalHeaderLabels([str(name) for name in counts.columns])
        for row, first in enumerate(counts.index):
            for column, second in enumerate(counts.columns):
                item = QTableWidgetItem(f"{counts.iloc[row, column]:,}")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setToolTip(f"{first!s} in the earlier run, {second!s} in the later one")
                if first != second and counts.iloc[row, column]:
                    item.setBackground(QBrush(QColor("#b35900")))
                    item.setForeground(QBrush(QColor("white")))
                self.table.setItem(row, column, item)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.show()

    def _ring(self, comparison: Comparison, first: Result, second: Result) -> None:
        """One layer of changes, in the place of the last one."""
        self._take_rings_away()
        if not len(comparison.changed):
            return
        data, options, _ = changes_layer(comparison, first.placement)
        name = f"{first.record.image}: changes from {first.record.model} to {second.record.model}"
        metadata = {METADATA: {CHANGES: True}}
        add_layer(self.viewer, napari.layers.Points(data, name=name, metadata=metadata, **options))

    def _take_rings_away(self) -> None:
        for layer in [each for each in self.viewer.layers if CHANGES in each.metadata.get(METADATA, {})]:
            self.viewer.layers.remove(layer)


def _same_image(one: Result, other: Result) -> bool:
    return one.record.image_id == other.record.image_id


def _name(known: ResultRecord) -> str:
    regions = known.settings.get("regions", "")
    return f"{known.date[11:16]} {known.model}, {regions} ({known.image})"


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
