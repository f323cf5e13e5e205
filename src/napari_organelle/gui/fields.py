"""Small form fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

SHORTEST_COMBO = 8


class _Scrolling(QObject):
    """Lets the wheel scroll the page instead of changing a field under the mouse."""

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        if event.type() != QEvent.Type.Wheel:
            return False
        event.ignore()
        return True


_scrolling = _Scrolling()


def let_scroll(field: QWidget) -> None:
    """Keep the wheel from changing a field."""
    field.installEventFilter(_scrolling)
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


class ObjectCombo(QComboBox):
    """A combo box of Python objects, told apart by ``==`` and not by their text."""

    def __init__(self, tooltip: str = "") -> None:
        super().__init__()
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(SHORTEST_COMBO)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._objects: list[Any] = []
        let_scroll(self)

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
    def objects(self) -> list[Any]:
        """All that can be chosen."""
        return list(self._objects)

    @property
    def value(self) -> Any:
        """The chosen object; None where there is none."""
        row = self.currentIndex()
        return self._objects[row] if 0 <= row < len(self._objects) else None


def whole_box(low: int, high: int, tooltip: str, suffix: str = "") -> QSpinBox:
    """A field for a whole number."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setSuffix(suffix)
    box.setToolTip(tooltip)
    let_scroll(box)
    return box


def pixel_box(value: int, tooltip: str) -> QSpinBox:
    """A field for a length in pixels."""
    box = whole_box(1, 100_000, tooltip, " px")
    box.setValue(value)
    return box


def length_box(tooltip: str) -> QDoubleSpinBox:
    """A field for a length, without a unit of its own."""
    box = QDoubleSpinBox()
    box.setRange(0.01, 100_000)
    box.setDecimals(0)
    box.setToolTip(tooltip)
    let_scroll(box)
    return box


def name_fields(page: QWidget) -> None:
    """Give every field of the forms on a page a name that screen readers say: its label."""
    for form in page.findChildren(QFormLayout):
        for row in range(form.rowCount()):
            label = form.itemAt(row, QFormLayout.ItemRole.LabelRole)
            field = form.itemAt(row, QFormLayout.ItemRole.FieldRole)
            if label is None or field is None or not isinstance(label.widget(), QLabel):
                continue
            for each in _widgets_of(field):
                if not each.accessibleName() and not isinstance(each, QAbstractButton):
                    each.setAccessibleName(label.widget().text())


def _widgets_of(item: Any) -> list[QWidget]:
    """The widgets of an item of a layout, those inside it too."""
    if (widget := item.widget()) is not None:
        return [widget, *widget.findChildren(QWidget)]
    inner = item.layout()
    return [each for number in range(inner.count()) for each in _widgets_of(inner.itemAt(number))]


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
