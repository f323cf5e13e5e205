"""The editable list of classes: key, colour, name and how many have it."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_organelle.model.palette import colour_classes

KEYS = "123456789QWRTYIOHJKG"
"""The key of each class, in the list's order."""


def new_colour(name: str, taken: Mapping[str, str]) -> str:
    """The colour of a class that joins others: its organelle's own where that is known."""
    return colour_classes([*taken, name])[-1].colour


class ClassList(QWidget):
    """Rows of classes. It shows what it is given and says what the user wants; it changes nothing itself."""

    given = Signal(str)
    renamed = Signal(str, str)
    recoloured = Signal(str, str)
    removed = Signal(str)
    added = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows = QGridLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setColumnStretch(2, 1)
        self._counts: dict[str, QLabel] = {}
        self._names: dict[str, QLineEdit] = {}
        self._colours: dict[str, str] = {}
        add = QPushButton("Add class")
        add.setToolTip("Add a class to the list; type its name")
        add.clicked.connect(lambda: self.added.emit())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._rows)
        layout.addWidget(add)

    def show_classes(self, colours: Mapping[str, str], counts: Mapping[str, int]) -> None:
        """Show these classes, in this order.

        Parameters
        ----------
        colours : mapping of str to str
            ``#rrggbb`` of each class.
        counts : mapping of str to int
            How many have each class.
        """
        if list(self._colours.items()) != list(colours.items()):
            self._rebuild(colours)
        for name, label in self._counts.items():
            label.setText(f"{counts.get(name, 0):,}")

    def edit(self, name: str) -> None:
        """Put the cursor into a class's name."""
        self._names[name].setFocus()
        self._names[name].selectAll()

    def _rebuild(self, colours: Mapping[str, str]) -> None:
        while item := self._rows.takeAt(0):
            item.widget().hide()
            item.widget().deleteLater()
        self._colours, self._counts, self._names = dict(colours), {}, {}
        for row, (key, (name, colour)) in enumerate(zip(KEYS, colours.items(), strict=False)):
            for column, widget in enumerate(self._row(key, name, colour)):
                self._rows.addWidget(widget, row, column)

    def _row(self, key: str, name: str, colour: str) -> tuple[QWidget, ...]:
        give = QPushButton(key)
        give.setFixedWidth(32)
        give.setToolTip(f"Give the selected object or point the class “{name}” (key {key})")
        give.clicked.connect(lambda: self.given.emit(name))
        swatch = QToolButton()
        swatch.setStyleSheet(
            f"background-color: {colour}; border-radius: 3px; min-width: 20px; min-height: 20px;"
        )
        swatch.setToolTip(f"Change the colour of “{name}”")
        swatch.setAccessibleName(f"Colour of {name}")
        swatch.clicked.connect(lambda: self._choose_colour(name, colour))
        edit = QLineEdit(name)
        edit.setAccessibleName(f"Name of class {key}")
        edit.setToolTip("Rename the class, also where it was given already")
        edit.editingFinished.connect(lambda: self._rename(name, edit))
        count = QLabel("0")
        count.setMinimumWidth(36)
        count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        count.setToolTip("How many have this class")
        remove = QToolButton()
        remove.setText("×")
        remove.setToolTip(f"Take “{name}” off the list")
        remove.clicked.connect(lambda: self.removed.emit(name))
        self._counts[name], self._names[name] = count, edit
        return give, swatch, edit, count, remove

    def _choose_colour(self, name: str, colour: str) -> None:
        chosen = QColorDialog.getColor(QColor(colour), self, f"Colour of {name}")
        if chosen.isValid():
            self.recoloured.emit(name, chosen.name())

    def _rename(self, old: str, edit: QLineEdit) -> None:
        new = edit.text().strip()
        if new == old:
            return
        if not new or new in self._colours or "|" in new:
            edit.setText(old)
            return
        self.renamed.emit(old, new)
