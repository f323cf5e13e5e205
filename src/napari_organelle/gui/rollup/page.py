"""Results rolled up by gene, protein, well or field, beside each other and on their plate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.gui.fields import ObjectCombo, show_row, wrapped_label
from napari_organelle.gui.rollup.plate import PlateMapView
from napari_organelle.gui.rollup.table import GroupTable
from napari_organelle.show.group_view import GroupView, PlateMap, columns_to_roll_up, group_view, plate_maps
from napari_organelle.show.roll_up import summary
from napari_organelle.show.tables import write_tables

CALL = ""
"""In the list of what a plate's colours show: what wells are called, not how much of them is one class."""

StartJob = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Source:
    """Results that can be rolled up.

    Parameters
    ----------
    table : callable
        Gives the table of results; called in a thread of its own.
    colours : mapping of str to str
        Of the classes.
    go_to : callable
        Takes the first row of a group in the table, as a Series, and its position; shows it in the viewer.
    folder : Path
        Where a table is saved by default.
    """

    table: Callable[[], pd.DataFrame]
    colours: Mapping[str, str]
    go_to: Callable[[pd.Series, int], None]
    folder: Path


@dataclass(frozen=True, eq=False)
class Rolled:
    """A finished roll-up: what one can roll up by, the groups, and the table that they are of."""

    columns: list[str]
    view: GroupView
    table: pd.DataFrame


def roll(source: Source, by: str | None) -> Iterator[Rolled]:
    """One report, for a worker; by the first column that there is where `by` isn't there.

    Raises
    ------
    ReadError
        If there is nothing to roll up by.
    """
    table = source.table()
    columns = columns_to_roll_up(table)
    if not columns:
        raise ReadError("These results name no gene, protein, well, field or item: nothing to roll up by.")
    yield Rolled(columns, group_view(table, by if by in columns else columns[0]), table)


class RollUpPage(QWidget):
    """A page of groups; it is computed beside the window, when it is looked at.

    Parameters
    ----------
    start_job : callable
        As `Body.start_job`.
    """

    said = Signal(str)

    def __init__(self, start_job: StartJob) -> None:
        super().__init__()
        self._start_job = start_job
        self._source: Source | None = None
        self._is_stale = self._is_rolling = False
        self.rolled: Rolled | None = None
        self.by = ObjectCombo("What the regions of a group have in common")
        self.plate = ObjectCombo("Which plate is drawn")
        self.shown = ObjectCombo("What the colours of the wells show: the call, or the share of one class")
        self.summary = wrapped_label()
        self.map = PlateMapView()
        self.table = GroupTable()
        self.export_button = QPushButton("Export groups…")
        self.export_button.setToolTip("Save the groups as a table, CSV or Parquet")
        self._lay_out()
        self.by.activated.connect(self.mark_stale)
        self.plate.activated.connect(self._show_map)
        self.shown.activated.connect(self._show_map)
        self.table.wanted.connect(self.go_to)
        self.map.wanted.connect(self.go_to)
        self.export_button.clicked.connect(self._ask_where)

    def _lay_out(self) -> None:
        self._form = QFormLayout()
        self._form.addRow("Group by", self.by)
        self._form.addRow("Plate", self.plate)
        self._form.addRow("Colours", self.shown)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._form)
        for widget in (self.summary, self.map, self.table, self.export_button):
            column.addWidget(widget)
        self._show_rows(False)

    def set_source(self, source: Source) -> None:
        """Roll up other results, or the same at another threshold."""
        self._source = source
        self.mark_stale()

    def mark_stale(self, _row: object = None) -> None:
        """Roll up again, now or when the page is looked at."""
        self._is_stale = True
        self.refresh()

    def go_to(self, group: int) -> None:
        """Show a group in the viewer, and where it is in table and plate."""
        if self.rolled is None or self._source is None:
            return
        self.table.choose(group)
        row = int(self.rolled.view.rows(group)[0])
        try:
            self._source.go_to(self.rolled.table.iloc[row], row)
        except OrganelleError as error:
            self.said.emit(str(error))

    def export(self, path: Path) -> None:
        """Write the groups."""
        if self.rolled is None:
            return
        try:
            rows = write_tables([self.rolled.view.groups], path)
        except OrganelleError as error:
            self.said.emit(str(error))
        else:
            self.said.emit(f"Wrote {rows:,} groups to {path}.")

    def refresh(self) -> None:
        """Roll up, if the page is looked at and is not up to date."""
        if (
            not self._is_stale
            or self._source is None
            or self._is_rolling
            or not self.isVisibleTo(self.window())
        ):
            return
        self._is_stale, self._is_rolling = False, True
        self.summary.setText("Rolling up…")
        self._start_job(roll(self._source, self.by.value), self._show, self._on_end)

    def _on_end(self, error: BaseException | None, _cancelled: bool) -> None:
        self._is_rolling = False
        if error is not None:
            self.summary.setText(str(error))
            self._clear()
        self.refresh()

    def _clear(self) -> None:
        self.rolled = None
        self.table.show_view(None, {})
        self._show_rows(False)

    def _show(self, rolled: Rolled) -> None:
        assert self._source is not None
        self.rolled = rolled
        self.by.offer(rolled.columns)
        self.by.choose(rolled.view.by)
        self.summary.setText(summary(rolled.view.groups, rolled.view.by))
        self.plate.offer(plate_maps(rolled.view), lambda plate: plate.plate or "plate")
        self.shown.offer(
            [CALL, *rolled.view.classes], lambda name: f"share of {name}" if name else "what wells are called"
        )
        self._show_rows(True)
        self.table.show_view(rolled.view, self._source.colours)
        self._show_map()

    def _show_rows(self, on: bool) -> None:
        plates = self.plate.count()
        rows = ((self.by, on), (self.plate, on and plates > 1), (self.shown, on and plates > 0))
        for field, visible in rows:
            show_row(field, self._form.labelForField(field), visible)
        self.map.setVisible(on and plates > 0)
        self.table.setVisible(on)
        self.export_button.setVisible(on)

    def _show_map(self, _row: object = None) -> None:
        if self.rolled is None or self._source is None:
            return
        plate: PlateMap | None = self.plate.value
        self.map.show_map(self.rolled.view, plate, self._source.colours, self.shown.value or CALL)

    def _ask_where(self) -> None:
        if self.rolled is None or self._source is None:
            return
        proposed = str(self._source.folder / f"by {self.rolled.view.by}.csv")
        kinds = "CSV (*.csv);;Parquet (*.parquet)"
        name, _ = QFileDialog.getSaveFileName(self, "Export the groups", proposed, kinds)
        if name:
            self.export(Path(name))
