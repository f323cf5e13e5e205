"""The crop with its heat map, and the classes as bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_organelle.gui.gallery.thumbnails import as_image

SIDE_PX, BAR_PX, GAP_PX, MAX_BARS = 160, 20, 3, 6
HEAT_COLOUR = np.array([1.0, 0.75, 0.1])
"""Of the heat map, over a crop that is shown grey."""


class CropView(QWidget):
    """The region as the network sees it, and beside it where the answer comes from."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[QImage] = []
        self.setMinimumHeight(SIDE_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("The region as the network sees it, and the heat map over it")
        self.setToolTip("Left the region as the network sees it; right, in orange, what the call rests on")

    def show_crop(self, crop: np.ndarray | None, heat: np.ndarray | None = None) -> None:
        """Show (n, n, 3) in [0, 1], and heat (n, n) over it where there is one."""
        self._images = [] if crop is None else [as_image(crop)]
        if crop is not None and heat is not None:
            self._images.append(as_image(over_grey(crop, heat)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(2 * SIDE_PX + GAP_PX, SIDE_PX)

    def paintEvent(self, event: object) -> None:
        side = min(SIDE_PX, (self.width() - GAP_PX) // 2)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            for number, image in enumerate(self._images):
                painter.drawImage(QRect(number * (side + GAP_PX), 0, side, side), image)


class ClassBars(QWidget):
    """The likeliest classes and their probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: list[tuple[str, str, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_bars(self, names: Sequence[str], colours: Sequence[str], probabilities: np.ndarray) -> None:
        """Show the likeliest of K classes."""
        order = np.argsort(-probabilities, kind="stable")[:MAX_BARS]
        self.bars = [(names[k], colours[k], float(probabilities[k])) for k in order]
        self.setAccessibleName(", ".join(f"{name} {value:.2f}" for name, _, value in self.bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(SIDE_PX, len(self.bars) * (BAR_PX + GAP_PX))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: object) -> None:
        with QPainter(self) as painter:
            half = self.width() // 2
            for number, (name, colour, value) in enumerate(self.bars):
                top = number * (BAR_PX + GAP_PX)
                painter.fillRect(QRect(half, top, round(value * (half - 40)), BAR_PX), QColor(colour))
                painter.setPen(self.palette().text().color())
                words = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, half - 6)
                centre = Qt.AlignmentFlag.AlignVCenter
                painter.drawText(QRect(0, top, half - 6, BAR_PX), centre | Qt.AlignmentFlag.AlignRight, words)
                left = half + round(value * (half - 40)) + 4
                painter.drawText(QRect(left, top, 40, BAR_PX), centre, f"{value:.2f}")


def over_grey(crop: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Heat (n, n), brightest where it is highest, over the crop (n, n, 3) in grey: (n, n, 3) in [0, 1]."""
    grey = np.repeat(0.6 * crop.max(axis=-1, keepdims=True), 3, axis=-1)
    share = (heat / heat.max() if heat.max() > 0 else heat)[..., None]
    return np.asarray(grey * (1 - share) + HEAT_COLOUR * share)
