"""Learning curves while a network learns: loss and macro F1, train and validation, stage by stage.

Qt draws them itself: a redraw costs a few milliseconds of the window's thread, and nothing is loaded for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_organelle.train.fitting import EpochReport

TRAIN, VALIDATION = "#56b4e9", "#e69f00"
TITLES = {"loss": "Loss (cross-entropy, nats)", "macro_f1": "Macro F1"}
PAST_ALPHA = 70
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 40, 8, 22, 20
TICKS = 5


@dataclass
class History:
    """Epochs of each stage, in the order in which they came."""

    stages: dict[str, list[EpochReport]] = field(default_factory=dict)

    def add(self, report: EpochReport) -> bool:
        """Take in a report; whether it is an epoch's, with a loss."""
        if not np.isfinite(report.train_loss):
            return False
        self.stages.setdefault(report.stage, []).append(report)
        return True

    @property
    def current(self) -> str:
        """The stage that runs; ``""`` before the first."""
        return next(reversed(self.stages), "")

    def curve(self, stage: str, name: str) -> np.ndarray:
        """(n, 2) float: epochs from 1, and a field of the reports such as ``val_loss``; without NaN."""
        values = np.asarray([[each.epoch, getattr(each, name)] for each in self.stages[stage]], float)
        return values[np.isfinite(values[:, 1])]


@dataclass(frozen=True)
class Line:
    """One curve: (n, 2) points, and its colour."""

    points: np.ndarray
    colour: QColor


class Plot(QWidget):
    """Lines over epochs, with a title and ticks.

    Parameters
    ----------
    title : str
        What is plotted.
    top : float, optional
        Upper end of the axis; the highest value where not given.
    """

    def __init__(self, title: str, top: float | None = None) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self._title = title
        self._top = top
        self._last_epoch = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_lines(self, lines: Sequence[Line], last_epoch: int) -> None:
        """Draw these lines, on an axis from epoch 1 to the last."""
        self.lines, self._last_epoch = list(lines), max(2, last_epoch)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(260, 170)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().windowText().color()
        painter.setPen(ink)
        painter.drawText(QRectF(LEFT_PX, 0, self.width(), TOP_PX), Qt.AlignmentFlag.AlignVCenter, self._title)
        box = QRectF(LEFT_PX, TOP_PX, self.width() - LEFT_PX - RIGHT_PX, self.height() - TOP_PX - BOTTOM_PX)
        highest = max((line.points[:, 1].max() for line in self.lines if len(line.points)), default=1.0)
        ticks = nice_ticks(self._top or highest)
        self._draw_axes(painter, box, ticks, ink)
        for line in self.lines:
            x = box.left() + box.width() * (line.points[:, 0] - 1) / (self._last_epoch - 1)
            y = box.bottom() - box.height() * line.points[:, 1] / ticks[-1]
            painter.setPen(QPen(line.colour, 1.8))
            painter.drawPolyline(QPolygonF([QPointF(*point) for point in zip(x, y, strict=True)]))
            if len(x):
                painter.setBrush(line.colour)
                painter.drawEllipse(QPointF(x[-1], y[-1]), 2, 2)
        painter.end()

    def _draw_axes(self, painter: QPainter, box: QRectF, ticks: np.ndarray, ink: QColor) -> None:
        faint = QColor(ink)
        faint.setAlpha(40)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for tick in ticks:
            y = box.bottom() - box.height() * tick / ticks[-1]
            painter.setPen(faint)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(ink)
            painter.drawText(QRectF(0, y - 8, LEFT_PX - 5, 16), right, f"{tick:g}")
        for epoch in sorted({1, (1 + self._last_epoch) // 2, self._last_epoch}):
            x = box.left() + box.width() * (epoch - 1) / (self._last_epoch - 1)
            text = QRectF(min(x - 20, box.right() - 34), box.bottom() + 3, 40, BOTTOM_PX - 3)
            painter.drawText(text, Qt.AlignmentFlag.AlignHCenter, str(epoch))


class LearningCurves(QWidget):
    """Two plots: the stage that runs in full colour, those before it faint."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self.legend = QLabel()
        self.plots = {"loss": Plot(TITLES["loss"]), "macro_f1": Plot(TITLES["macro_f1"], top=1.0)}
        column = QVBoxLayout(self)
        column.addWidget(self.legend)
        for plot in self.plots.values():
            column.addWidget(plot)

    def clear(self) -> None:
        """Begin a new run."""
        self.history = History()
        self._show()

    def add(self, report: EpochReport) -> None:
        """Take in a report; Qt draws several that come at once only once."""
        if self.history.add(report):
            self._show()

    def _show(self) -> None:
        current = self.history.current
        last = max((each[-1].total for each in self.history.stages.values()), default=1)
        sides = ((TRAIN, "training"), (VALIDATION, "validation"))
        keys = " &nbsp; ".join(f"<span style='color: {colour}'>■</span> {side}" for colour, side in sides)
        self.legend.setText(f"{keys} &nbsp; {current}")
        for quantity, plot in self.plots.items():
            plot.show_lines(self._lines(quantity), last)

    def _lines(self, quantity: str) -> list[Line]:
        lines = []
        for stage in self.history.stages:
            for side, colour in (("train", QColor(TRAIN)), ("val", QColor(VALIDATION))):
                colour.setAlpha(255 if stage == self.history.current else PAST_ALPHA)
                lines.append(Line(self.history.curve(stage, f"{side}_{quantity}"), colour))
        return lines


def nice_ticks(highest: float) -> np.ndarray:
    """Round numbers from 0 to at least `highest`, about five of them."""
    rough = max(highest, 1e-9) / TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return np.arange(0, int(np.ceil(highest / step - 1e-9)) + 1) * step
