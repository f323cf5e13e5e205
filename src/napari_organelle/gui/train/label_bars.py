"""How many crops have each label, as a bar chart drawn by Qt itself: it opens at once."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_organelle.model.palette import colour_classes

ROW_PX = 20
NAME_SHARE = 0.4
COUNT_PX = 56


class LabelBars(QWidget):
    """One horizontal bar a label, in its class's colour, with its name and count."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, int] = {}
        self._colours: dict[str, str] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def counts(self) -> dict[str, int]:
        """What is shown."""
        return dict(self._counts)

    def show_counts(self, counts: Mapping[str, int]) -> None:
        """Show these labels, in this order.

        Parameters
        ----------
        counts : mapping of str to int
            How many crops have each label.
        """
        self._counts = dict(counts)
        self._colours = {each.name: each.colour for each in colour_classes(sorted(counts))}
        self.setToolTip("\n".join(f"{name}: {count:,}" for name, count in counts.items()))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, ROW_PX * len(self._counts))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, ROW_PX * len(self._counts))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = self.palette().windowText().color()
        name_px = NAME_SHARE * self.width()
        room = max(1.0, self.width() - name_px - COUNT_PX)
        longest = max(self._counts.values(), default=1)
        middle = Qt.AlignmentFlag.AlignVCenter
        for row, (name, count) in enumerate(self._counts.items()):
            top = row * ROW_PX
            length = max(1.0, room * count / longest)
            elided = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(name_px) - 6)
            painter.setPen(text)
            painter.drawText(
                QRectF(0, top, name_px - 6, ROW_PX), middle | Qt.AlignmentFlag.AlignRight, elided
            )
            painter.fillRect(QRectF(name_px, top + 3, length, ROW_PX - 6), QColor(self._colours[name]))
            count_box = QRectF(name_px + length + 5, top, COUNT_PX, ROW_PX)
            painter.drawText(count_box, middle | Qt.AlignmentFlag.AlignLeft, f"{count:,}")
        painter.end()
