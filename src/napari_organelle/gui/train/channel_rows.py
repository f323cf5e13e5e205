"""Which channels a new model sees, and what it calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from napari_organelle.gui.train.sources import slot_for
from napari_organelle.prepare.channels import Slot
from napari_organelle.prepare.pixels import MAX_SLOTS


class ChannelRows(QWidget):
    """A row a channel: whether it is used, and the name of the model's slot that it fills."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._offered: list[tuple[Any, str]] = []
        self._rows: list[tuple[QCheckBox, QLineEdit]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)

    def offer(self, channels: Sequence[tuple[Any, str]], used: int = MAX_SLOTS) -> None:
        """Offer channels; nothing changes where they are the ones that are offered already.

        Parameters
        ----------
        channels : sequence of (key, name)
            Keys are compared by ``==``.
        used : int
            How many of them, from the first, are ticked.
        """
        if list(channels) == self._offered:
            return
        self._offered = list(channels)
        while item := self._grid.takeAt(0):
            item.widget().hide()
            item.widget().deleteLater()
        self._rows = []
        for row, (_, name) in enumerate(channels):
            tick, edit = QCheckBox(name), QLineEdit(name)
            tick.setChecked(row < used)
            tick.setToolTip("Whether the model is to see this channel")
            edit.setToolTip(
                "What the model calls it, such as protein or cytosol; Classify looks for that name"
            )
            edit.setEnabled(row < used)
            tick.toggled.connect(edit.setEnabled)
            tick.toggled.connect(lambda _: self.changed.emit())
            edit.textChanged.connect(lambda _: self.changed.emit())
            self._grid.addWidget(tick, row, 0)
            self._grid.addWidget(edit, row, 1)
            self._rows.append((tick, edit))

    def set_used(self, used: Sequence[bool]) -> None:
        """Tick these channels."""
        for (tick, _), on in zip(self._rows, used, strict=True):
            tick.setChecked(on)

    def chosen(self) -> list[tuple[Any, Slot]]:
        """Key and slot of each ticked channel."""
        return [
            (key, slot_for(edit.text()))
            for (key, _), (tick, edit) in zip(self._offered, self._rows, strict=True)
            if tick.isChecked()
        ]
