"""What stands beside the thumbnails: which regions, in which order, and the classes that can be given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from qtpy.QtWidgets import QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.fields import ObjectCombo, show_row, wrapped_label
from napari_organelle.gui.gallery.class_keys import ClassKeys
from napari_organelle.model.calling import CORRECTED
from napari_organelle.show.gallery import ALL, Order
from napari_organelle.show.legend import legend

ORDERS: dict[Order, str] = {
    "sure": "most sure first",
    "unsure": "most unsure first",
    "image": "as in the image",
}
KEYS_HELP = (
    "Select thumbnails and press a class's key, or its button. 0 takes the class away, U undoes, N goes to "
    "the region whose class would teach the model most."
)


class GalleryControls(QWidget):
    """Fields and buttons of the gallery; it decides nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.result = ObjectCombo("The result whose regions are shown")
        self.category = ObjectCombo("The regions that are called so, or were corrected to it")
        self.order = ObjectCombo("In which order they are shown")
        self.order.offer(list(ORDERS), lambda order: ORDERS[order])
        self.classes = ClassKeys()
        self.new_class = QLineEdit()
        self.new_class.setPlaceholderText("another class…")
        self.new_class.setToolTip("Type a class that the model does not know, and press Enter")
        self.new_class.setAccessibleName("Another class")
        self.hint = wrapped_label()
        self.undo = _button("Undo  (U)", "Take the last correction back; the file keeps both lines")
        self.next = _button("Next  (N)", "Go to the region whose class would teach the model most")
        self.why = _button("Why?", "Why the model calls the region so: its crop, the classes, a heat map")
        self.teach = _button("Teach", "Teach the corrections to the model, as a new one, and answer again")
        self.actions = (self.undo, self.next, self.why, self.teach)
        """Buttons that are always to be seen, wherever the other fields are scrolled to."""
        self._counts: dict[str, int] = {}
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        for text, field in (("Result", self.result), ("Show", self.category), ("Order", self.order)):
            self._form.addRow(text, field)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._form)
        column.addWidget(self.classes)
        column.addWidget(self.new_class)
        column.addWidget(self.hint)

    def offer_results(self, results: list[Result]) -> None:
        """Offer results; the field is hidden where there is no choice."""
        self.result.offer(results, _result_text)
        show_row(self.result, self._form.labelForField(self.result), len(results) > 1)

    def offer_categories(self, result: Result, limits: float | np.ndarray) -> None:
        """Offer all classes, with the number of regions in each."""
        entries = legend(result.prediction, result.bundle.spec.classes, limits)
        self._counts = {ALL: len(result.prediction.regions)} | {entry.name: entry.count for entry in entries}
        self.count_corrected(result.corrected)

    def count_corrected(self, corrected: Mapping[int, str]) -> None:
        """Offer also the classes that regions were given, and all of these."""
        new = {name for label in corrected.values() for name in label.split("|")} - self._counts.keys()
        counts = self._counts | dict.fromkeys(sorted(new), 0) | {CORRECTED: len(corrected)}
        self.category.offer(list(counts), lambda name: f"{name} ({counts[name]:,})")

    def show_classes(self, colours: Mapping[str, str], counts: Mapping[str, int], hint: str) -> None:
        """What can be given, how often it was, and what to know."""
        self.classes.show_classes(colours, counts)
        self.hint.setText(hint)


def _result_text(result: Result) -> str:
    when = result.record.date[11:16]
    return (
        f"{result.record.image} by {result.record.model}, {result.record.settings.get('regions', '')} {when}"
    )


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button
