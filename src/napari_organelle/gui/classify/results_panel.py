"""What can be done with a result: another threshold, classes shown and hidden, the table saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QFrame, QHBoxLayout, QPushButton
from superqt import QLabeledDoubleSlider

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.legend import LegendTable
from napari_organelle.gui.classify.record import limits_of, record
from napari_organelle.gui.classify.repeat import copy_command, copy_python
from napari_organelle.gui.classify.results import Result, ResultLayers, result_of
from napari_organelle.gui.classify.saving import KINDS, Saving, with_ending
from napari_organelle.gui.classify.teach_panel import TeachPanel
from napari_organelle.gui.docks import open_gallery
from napari_organelle.gui.fields import let_scroll, wrapped_label
from napari_organelle.gui.region_news import region_news
from napari_organelle.model.spec import ModelSpec
from napari_organelle.show.legend import legend

RECOLOUR_MS = 25


class ResultsPanel(QFrame):
    """Threshold, legend and export of the last result.

    Parameters
    ----------
    viewer : napari.Viewer
        Where results are shown.
    """

    said = Signal(str)
    changed = Signal()
    wanted = Signal(object)
    """A job whose reports are to be told, or to be put on the clipboard."""

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.layers = ResultLayers(viewer)
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(0, 1)
        self.threshold.setSingleStep(0.01)
        self.threshold.setDecimals(2)
        self.about = wrapped_label()
        self.legend = LegendTable()
        self.teaching = TeachPanel()
        self.export_button = _button("Save…", "Save every region as it is called at the present threshold")
        self.zarr_button = _button(
            "Into OME-Zarr", "Write the calls as labels into the OME-Zarr images that were classified"
        )
        self.command_button = _button(
            "Copy as command", "Copy the command line that gives this table, on any computer with the files"
        )
        self.python_button = _button("Copy as Python", "Copy the lines of Python that give this table")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Threshold", self.threshold)
        layout.addRow(self.legend)
        layout.addRow(self.teaching)
        for left, right in (
            (self.export_button, self.zarr_button),
            (self.command_button, self.python_button),
        ):
            row = QHBoxLayout()
            row.addWidget(left, 1)
            row.addWidget(right, 1)
            layout.addRow(row)
        layout.addRow(self.about)
        let_scroll(self.threshold)
        self.threshold.setAccessibleName("Threshold")
        self._touched: dict[str, float] = {}
        self._timer = QTimer(self, interval=RECOLOUR_MS, singleShot=True)
        self._timer.timeout.connect(self.recolour)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.legend.hidden_changed.connect(self.recolour)
        self.legend.wanted.connect(self.layers.go_to)
        self.export_button.clicked.connect(self._ask_where)
        self.teaching.gallery_wanted.connect(lambda: open_gallery(viewer))
        self.legend.chosen.connect(lambda name: region_news.category.emit(viewer, name))
        self.zarr_button.clicked.connect(lambda: self._ask(Saving.save_labels))
        self.command_button.clicked.connect(lambda: self._ask(copy_command))
        self.python_button.clicked.connect(lambda: self._ask(copy_python))

    @property
    def result(self) -> Result | None:
        """The last one."""
        return self.layers.result

    @property
    def limits(self) -> float | np.ndarray:
        """Probability, or one a class, from which the last result's regions are called now."""
        assert self.result is not None
        return thresholds_at(self.result.bundle.spec, self.threshold.value())

    @property
    def folder(self) -> Path:
        """Where the image lies, if it is a file; else the user's own folder."""
        source = None if self.result is None else self.result.images.source
        return Path.home() if source is None else source if source.is_dir() else source.parent

    def _on_threshold(self, value: float) -> None:
        if self.result is not None:
            self._touched[self.result.bundle.id] = value
        self._timer.start()

    def show_result(self, result: Result) -> None:
        """Add a result's layers, at the threshold that the user has set for the model, or at its own."""
        spec = result.bundle.spec
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(self._touched.get(result.bundle.id, first_threshold(spec)))
        self.threshold.setToolTip(threshold_help(spec))
        self.layers.show(result, thresholds_at(spec, self.threshold.value()))
        self.zarr_button.setVisible(bool(self.saving().images()))
        self.recolour()

    def go_back_to(self, result: Result) -> None:
        """Show a run of before, at the threshold that its layers have."""
        shown = next((record(each) for each in self.layers.viewer.layers if result_of(each) is result), None)
        spec = result.bundle.spec
        at = value_of(spec, (shown or result.record).thresholds)
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(at)
        self.threshold.setToolTip(threshold_help(spec))
        self.layers.take(result)
        self.zarr_button.setVisible(bool(self.saving().images()))
        self.recolour()

    def recolour(self) -> None:
        """Apply the threshold and the legend's ticks to the layers; nothing is classified again."""
        if self.result is None:
            return
        spec, limits = self.result.bundle.spec, self.limits
        self.legend.show_entries(legend(self.result.prediction, spec.classes, limits))
        self.layers.recolour(limits, self.legend.hidden)
        self.about.setText(replace(self.result.record, thresholds=limits_of(limits)).about())
        self.changed.emit()

    def saving(self) -> Saving:
        """The last result at the present threshold, to be saved."""
        assert self.result is not None
        return Saving(self.result, self.limits)

    def export(self, path: Path) -> None:
        """Write the table of the last result, at the present threshold."""
        if self.result is None:
            return
        try:
            self.said.emit(next(self.saving().save(path)))
        except OrganelleError as error:
            self.said.emit(str(error))

    def _ask_where(self) -> None:
        if self.result is None:
            return
        known = self.result.record
        proposed = str(self.folder / f"{known.image} {known.model} {known.date[:10]}.csv")
        name, kind = QFileDialog.getSaveFileName(self, "Save the table", proposed, ";;".join(KINDS))
        if name:
            self.wanted.emit(self.saving().save(with_ending(Path(name), kind), kind))

    def _ask(self, job: Callable[[Saving], Iterator[Any]]) -> None:
        if self.result is not None:
            self.wanted.emit(job(self.saving()))


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button


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


def value_of(spec: ModelSpec, thresholds: tuple[float, ...]) -> float:
    """The position of the slider in [0, 1] that stands for thresholds; see `thresholds_at`."""
    if spec.task == "single":
        return thresholds[0]
    own, limit = spec.thresholds[0], thresholds[0]
    return limit / own / 2 if limit < own else 1 - (1 - limit) / (1 - own) / 2
