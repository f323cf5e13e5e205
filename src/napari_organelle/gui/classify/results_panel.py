"""What can be done with a result: another threshold, classes shown and hidden, the table saved."""

from __future__ import annotations

from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QFrame, QPushButton
from superqt import QLabeledDoubleSlider

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.legend import LegendTable
from napari_organelle.gui.classify.results import Result, ResultLayers
from napari_organelle.model.spec import ModelSpec
from napari_organelle.show.legend import legend
from napari_organelle.show.tables import results_table, write_csv

RECOLOUR_MS = 25


class ResultsPanel(QFrame):
    """Threshold, legend and export of the last result; hidden until there is one.

    Parameters
    ----------
    viewer : napari.Viewer
        Where results are shown.
    """

    said = Signal(str)

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.layers = ResultLayers(viewer)
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(0, 1)
        self.threshold.setSingleStep(0.01)
        self.threshold.setDecimals(2)
        self.legend = LegendTable()
        self.export_button = QPushButton("Export CSV…")
        self.export_button.setToolTip("Save every region as it is called at the present threshold")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Threshold", self.threshold)
        layout.addRow(self.legend)
        layout.addRow(self.export_button)
        self.setVisible(False)
        self._timer = QTimer(self, interval=RECOLOUR_MS, singleShot=True)
        self._timer.timeout.connect(self.recolour)
        self.threshold.valueChanged.connect(self._timer.start)
        self.legend.hidden_changed.connect(self.recolour)
        self.legend.wanted.connect(self.layers.go_to)
        self.export_button.clicked.connect(self._ask_where)

    @property
    def result(self) -> Result | None:
        """The last one."""
        return self.layers.result

    def show_result(self, result: Result) -> None:
        """Add a result's layers, at the model's own threshold."""
        spec = result.bundle.spec
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(first_threshold(spec))
        self.threshold.setToolTip(threshold_help(spec))
        self.layers.show(result, thresholds_at(spec, self.threshold.value()))
        self.setVisible(True)
        self.recolour()

    def recolour(self) -> None:
        """Apply the threshold and the legend's ticks to the layers; nothing is classified again."""
        if self.result is None:
            return
        spec = self.result.bundle.spec
        limits = thresholds_at(spec, self.threshold.value())
        self.legend.show_entries(legend(self.result.prediction, spec.classes, limits))
        self.layers.recolour(limits, self.legend.hidden)

    def export(self, path: Path) -> None:
        """Write the table of the last result, at the present threshold."""
        if self.result is None:
            return
        limits = thresholds_at(self.result.bundle.spec, self.threshold.value())
        table = results_table(self.result.prediction, self.result.images, limits)
        try:
            write_csv(table, path)
        except OrganelleError as error:
            self.said.emit(str(error))
        else:
            self.said.emit(f"Wrote {len(table):,} rows to {path}.")

    def _ask_where(self) -> None:
        if self.result is None:
            return
        source = self.result.images.source
        folder = Path.home() if source is None else source if source.is_dir() else source.parent
        proposed = str(folder / f"{self.result.name} organelles.csv")
        name, _ = QFileDialog.getSaveFileName(self, "Export the table", proposed, "Tables (*.csv)")
        if name:
            self.export(Path(name))


def first_threshold(spec: ModelSpec) -> float:
    """Where the slider stands at first: the model's own threshold, or thresholds."""
    return spec.thresholds[0] if spec.task == "single" else 0.5


def threshold_help(spec: ModelSpec) -> str:
    """What the slider means for a model."""
    if spec.task == "single":
        return "Regions whose likeliest organelle is less probable than this are 'unsure'"
    return "0.5 is each class's own threshold; to the left more is called, to the right less"


def thresholds_at(spec: ModelSpec, value: float) -> float | np.ndarray:
    """A model's threshold, or its K thresholds, for a position of the slider in [0, 1].

    For several organelles 0.5 stands for the model's own thresholds; they go to 0 and to 1 with the slider.
    """
    if spec.task == "single":
        return value
    own = np.array(spec.thresholds)
    return own * 2 * value if value < 0.5 else 1 - (1 - own) * 2 * (1 - value)
