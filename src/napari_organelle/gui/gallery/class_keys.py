"""The classes that can be given, each a button with its key, its colour and how many have it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_organelle.gui.annotate.class_list import KEYS

COLUMNS, SWATCH_PX = 2, 12


class ClassKeys(QWidget):
    """Buttons of classes.

    Signals
    -------
    given : str
        The class whose button was pressed.
    """

    given = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, str] = {}
        self.buttons: dict[str, QPushButton] = {}
        self._colours: dict[str, str] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)

    def show_classes(self, colours: Mapping[str, str], counts: Mapping[str, int]) -> None:
        """Show these classes (``#rrggbb`` of each), and how many have each."""
        if list(colours.items()) != list(self._colours.items()):
            self._rebuild(colours)
        for name, button in self.buttons.items():
            key = next((key for key, each in self.keys.items() if each == name), "")
            count = f" · {counts[name]:,}" if counts.get(name) else ""
            button.setText(f"{key}  {name}{count}" if key else f"{name}{count}")

    def _rebuild(self, colours: Mapping[str, str]) -> None:
        while item := self._grid.takeAt(0):
            item.widget().hide()
            item.widget().deleteLater()
        self._colours, self.buttons, self.keys = dict(colours), {}, {}
        rows = -(-len(colours) // COLUMNS)
        for place, (name, key) in enumerate(zip_longest(colours, KEYS[: len(colours)], fillvalue="")):
            button = QPushButton(_swatch(colours[name]), "")
            button.setStyleSheet("text-align: left; padding: 2px 4px;")
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setToolTip(f"The selected regions show “{name}”" + (f" (key {key})" if key else ""))
            button.clicked.connect(lambda _=False, name=name: self.given.emit(name))
            self._grid.addWidget(button, place % rows, place // rows)
            self.buttons[name] = button
            if key:
                self.keys[key] = name


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(SWATCH_PX, SWATCH_PX)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
