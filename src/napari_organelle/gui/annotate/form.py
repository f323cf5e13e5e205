"""What the widget for labels by hand looks like; it shows an Annotator and decides nothing."""

from __future__ import annotations

from napari.layers import Image, Labels, Layer, Points
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_organelle.gui.annotate.annotator import Annotator
from napari_organelle.gui.annotate.class_list import ClassList
from napari_organelle.gui.layer_combo import LayerCombo
from napari_organelle.gui.targets import LayerTargets
from napari_organelle.gui.viewer_events import ViewerEvents

AT_REST = "Choose what to label and press Start. Then click a cell, or press N, and press its class's key."


class AnnotateForm(QWidget):
    """The parts of the widget."""

    def __init__(self, events: ViewerEvents) -> None:
        super().__init__()
        self.image = LayerCombo(events, (Image,), "The image that is looked at while labelling")
        self.target = LayerCombo(events, (Labels, Points), "The layer whose objects or points get a class")
        self.find_cells = QPushButton("Find cells")
        self.find_cells.setToolTip("A new Labels layer with the cells of the image")
        self.make_points = QPushButton("New points")
        self.make_points.setToolTip("A point in each image of a stack; in a single image, points to click")
        self.start = QPushButton("Start labelling")
        self.start.setCheckable(True)
        self.start.setToolTip("Listen to the keys of the classes while that layer is selected")
        self.hint = QLabel()
        self.classes = ClassList()
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m have a class")
        self.advance = QCheckBox("Go on to the next one after each key")
        self.advance.setToolTip("Select the next one that has no class as soon as one is given")
        self.advance.setChecked(True)
        self.undo = QPushButton("Undo  (U)")
        self.undo.setToolTip("Take the last class back; the file keeps both lines")
        self.next = QPushButton("Next without a class  (N)")
        self.next.setToolTip("Select the next one that has no class, and look at it")
        self.file = QLabel()
        self.choose_file = QPushButton("File…")
        self.choose_file.setToolTip("Go on with another file of labels, or begin one; none is overwritten")
        self._arrange()

    def _arrange(self) -> None:
        for label in (self.hint, self.file):
            label.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Image", self.image)
        form.addRow("Label", self.target)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(_row(self.find_cells, self.make_points))
        for widget in (self.start, self.hint, self.classes, self.progress, self.advance):
            layout.addWidget(widget)
        layout.addLayout(_row(self.undo, self.next))
        layout.addLayout(_row(self.file, self.choose_file))

    def show_at_rest(self) -> None:
        """Nothing is being labelled."""
        self._enable(False)
        self.hint.setText(AT_REST)
        self.file.setText("Labels are saved as you go.")
        self.file.setToolTip("")

    def show_annotator(self, annotator: Annotator[LayerTargets], active: Layer | None) -> None:
        """What is being labelled, and whether the keys reach it: its layer must be the active one."""
        self._enable(True)
        counts = annotator.counts()
        self.classes.show_classes(annotator.colours, counts)
        self.progress.setMaximum(max(1, sum(counts.values())))
        self.progress.setValue(sum(counts.values()) - counts[""])
        self.file.setText(f"Saved in {annotator.log.path.name}")
        self.file.setToolTip(str(annotator.log.path))
        layer = annotator.targets.layer
        if active == layer:
            self.hint.setText(_hint(annotator))
        else:
            self.hint.setText(f"<b>The keys rest: select the layer “{layer.name}” in the layer list.</b>")

    def _enable(self, on: bool) -> None:
        for widget in (self.undo, self.next, self.progress, self.classes):
            widget.setEnabled(on)
        self.start.blockSignals(True)
        self.start.setChecked(on)
        self.start.blockSignals(False)
        self.start.setText("Stop labelling" if on else "Start labelling")


def _hint(annotator: Annotator[LayerTargets]) -> str:
    chosen = annotator.targets.selected()
    if not chosen:
        return "Click one, or press N for the next without a class."
    what = f"{annotator.targets.kind} {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} selected"
    name = annotator.targets.classes().get(chosen[0], "no class yet")
    return f"<b>{what}</b>: {name}. Press a key to give it a class, 0 to take it away."


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
