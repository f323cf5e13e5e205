"""Small form fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QSpinBox, QWidget

SHORTEST_COMBO = 8


class ObjectCombo(QComboBox):
    """A combo box of Python objects, told apart by ``==`` and not by their text."""

    def __init__(self, tooltip: str = "") -> None:
        super().__init__()
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(SHORTEST_COMBO)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._objects: list[Any] = []

    def offer(self, objects: Sequence[Any], text: Callable[[Any], str] = str) -> None:
        """Replace the choices; the one that was chosen stays so where it is still there. Emits no signal."""
        chosen = self.value
        with QSignalBlocker(self):
            self.clear()
            self._objects = list(objects)
            self.addItems([text(each) for each in objects])
            for row in range(len(objects)):
                self.setItemData(row, self.itemText(row), Qt.ItemDataRole.ToolTipRole)
            self.choose(chosen)

    def choose(self, wanted: Any) -> None:
        """Choose an object, or the first where it isn't there. Emits no signal."""
        with QSignalBlocker(self):
            self.setCurrentIndex(self._objects.index(wanted) if wanted in self._objects else 0)

    @property
    def value(self) -> Any:
        """The chosen object; None where there is none."""
        row = self.currentIndex()
        return self._objects[row] if 0 <= row < len(self._objects) else None


def pixel_box(value: int, tooltip: str) -> QSpinBox:
    """A field for a length in pixels."""
    box = QSpinBox()
    box.setRange(1, 100_000)
    box.setValue(value)
    box.setSuffix(" px")
    box.setToolTip(tooltip)
    return box


def wrapped_label(text: str = "") -> QLabel:
    """A label that breaks lines and never widens the form."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = label.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
    label.setSizePolicy(policy)
    return label


def show_row(field: QWidget, label: QWidget | None, visible: bool) -> None:
    """Show or hide a field with its label."""
    field.setVisible(visible)
    if label is not None:
        label.setVisible(visible)
