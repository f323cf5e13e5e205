"""The Train widget: from labelled crops to a model that is judged, saved, and at hand in Classify."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QTabWidget, QVBoxLayout

from napari_organelle.gui.classify.request import Stage
from napari_organelle.gui.devices import DeviceList, ask_devices
from napari_organelle.gui.docked import DockedWidget, ScrolledPage
from napari_organelle.gui.fields import wrapped_label
from napari_organelle.gui.jobs import Job, JobError
from napari_organelle.gui.model_news import model_news
from napari_organelle.gui.status import duration
from napari_organelle.gui.train.curves import LearningCurves
from napari_organelle.gui.train.form import AUTO_DEVICE, TrainForm
from napari_organelle.gui.train.layers import fill_canvas, montage_layers
from napari_organelle.gui.train.request import Outcome, TrainingRequest, run
from napari_organelle.gui.train.results import BAD, CropWish, TrainResults, montage_of
from napari_organelle.model.device import OPENVINO
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.montage import Montage
from napari_organelle.train.fitting import EpochReport

if TYPE_CHECKING:
    import napari

    from napari_organelle.train.run import TrainingResult

REFRESH_MS = 50
STAGES = {
    "reading": "Reading crops",
    "features": "Computing features",
    "head": "Training",
    "fine-tuning": "Fine-tuning",
}
"""What the progress bar calls the stages; the folds of a cross-validation are called by their number."""

STAGE_HELP = {
    "reading": "Reading every crop once, to find those that can't be used.",
    "features": "Computing what VGG16 sees in every crop. The same crops are quick the next time.",
    "head": "Training the model on the features.",
    "fine-tuning": "Training the last blocks of VGG16 too, on crops that are turned, shifted and zoomed.",
}
CROSS_HELP = "Training again without some groups of crops, to judge the model on crops that it has not seen."


class TrainWidget(DockedWidget):
    """Train a classifier on one's own crops and be told what it is worth.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose layers are learned from, and in which crops are shown.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.form = TrainForm(napari_viewer)
        self.curves = LearningCurves()
        self.results = TrainResults()
        self.result: TrainingResult | None = None
        self._jobs: list[Job] = []
        self._crop_layers: list[Layer] = []
        self._stop = threading.Event()
        self._training = False
        self._stage = ""
        self._make_fields()
        self._arrange()
        self._connect()
        self._start_job(ask_devices(), self._offer_devices)
        self.refresh()

    def _make_fields(self) -> None:
        self.tabs = QTabWidget()
        self.status, self.message = wrapped_label(), wrapped_label()
        self.train_button, self.stop_button = QPushButton("Train"), QPushButton("Stop")
        self.stop_button.setToolTip("Stop after this epoch; the best one so far is judged and saved")
        self.stop_button.setEnabled(False)
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)

    def _arrange(self) -> None:
        self.tabs.addTab(ScrolledPage(self.form), "Data and recipe")
        self.tabs.addTab(ScrolledPage(self.curves), "Curves")
        self.tabs.addTab(ScrolledPage(self.results), "Result")
        for tab in (1, 2):
            self.tabs.setTabEnabled(tab, False)
        buttons = QHBoxLayout()
        buttons.addWidget(self.train_button)
        buttons.addWidget(self.stop_button)
        column = QVBoxLayout(self)
        column.addWidget(self.tabs, 1)
        column.addWidget(self.status)
        column.addLayout(buttons)
        column.addWidget(self.progress)
        column.addWidget(self.message)

    def _connect(self) -> None:
        self.form.changed.connect(self._timer.start)
        self.form.wanted.connect(self.open_set)
        self.results.wanted.connect(self.show_crops)
        self.train_button.clicked.connect(self.start)
        self.stop_button.clicked.connect(self.stop)
        self._timer.timeout.connect(self.refresh)
        for event in self._viewer_events():
            event.connect(self._follow_viewer)

    def refresh(self) -> None:
        """Say what Train would do, or why it can't."""
        if self._training:
            return
        request, problem = self.form.request()
        self.train_button.setEnabled(request is not None)
        self.status.setText(
            problem if request is None else intention(request, self.form.device.currentText())
        )

    def open_set(self, path: Path) -> None:
        """Open a labelled set to learn from, without making layers of it."""
        self._tell(f"Opening {path}…")
        self._start_job(_opened(path), self.form.add_set)

    def start(self) -> None:
        """Train as the form says."""
        request, problem = self.form.request()
        if request is None:
            self.status.setText(problem)
            return
        self._stop = threading.Event()
        self._training = True
        self.result = None
        self.curves.clear()
        self._show_running(True)
        self._start_job(run(request, self._stop.is_set), self._take_report, self._end_training)

    def stop(self) -> None:
        """Stop after this epoch; the best one is kept."""
        self._stop.set()
        self.stop_button.setEnabled(False)
        self.progress.setFormat("stopping; the best epoch is judged and saved…")

    def show_crops(self, wish: CropWish) -> None:
        """Add held-out crops as a layer, with truth and call written on them."""
        if self.result is not None:
            self._start_job(montage_of(self.result, wish), self._add_montage)

    def release(self) -> None:
        """Stop what runs, and leave the viewer alone."""
        self._stop.set()
        for job in self._jobs:
            job.abandon()
        for event in self._viewer_events():
            event.disconnect(self._follow_viewer)
        self.form.disconnect_viewer()

    def _take_report(self, report: Stage | EpochReport | Outcome) -> None:
        if isinstance(report, Stage):
            self.progress.setRange(0, 0)
            self.progress.setFormat(report.text)
            self._tell(report.text[:1].upper() + report.text[1:])
        elif isinstance(report, Outcome):
            self.result = report.result
        else:
            self._show_epoch(report)

    def _show_epoch(self, report: EpochReport) -> None:
        if report.note:
            self._tell(report.note)
        if report.stage == "done":
            return
        if report.stage != self._stage:
            self._stage = report.stage
            self._tell(STAGE_HELP.get(report.stage, CROSS_HELP))
        self.curves.add(report)
        if self.curves.history.stages and not self.tabs.isTabEnabled(1):
            self.tabs.setTabEnabled(1, True)
            self.tabs.setCurrentIndex(1)
        self.progress.setRange(0, max(1, report.total))
        self.progress.setValue(report.epoch)
        if not self._stop.is_set():
            self.progress.setFormat(progress_text(report))

    def _end_training(self, error: BaseException | None) -> None:
        self._training = False
        self._show_running(False)
        if self.result is not None:
            self.results.show_result(self.result)
            self.tabs.setTabEnabled(2, True)
            self.tabs.setCurrentIndex(2)
            model_news.saved.emit(self.result.bundle.path)
            self.form.propose_free_name()
        self.form.replace.setChecked(False)
        self.form.resume.setChecked(False)
        self.refresh()
        if error is not None:
            self._tell(f"Training ended: {error}", bad=True)
        elif self.result is None:
            self._tell("Stopped before the first epoch was done: there is no model yet.")
        else:
            self._tell(f"{self.result.bundle.spec.name} is saved, and can be picked in Classify.")

    def _add_montage(self, report: tuple[str, Montage, float | None]) -> None:
        """Show crops in place of those shown before; other layers are hidden, not changed."""
        for layer in self._crop_layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        for layer in self.viewer.layers:
            layer.visible = False
        self._crop_layers = [self.viewer.add_layer(layer) for layer in montage_layers(*report)]
        fill_canvas(self.viewer, self._crop_layers[0])
        self._tell("Other layers are hidden; the eyes in the layer list bring them back.")

    def _tell(self, text: str, *, bad: bool = False) -> None:
        """What is being done, or how it ended; the line above says what Train would do."""
        self.message.setText(text)
        self.message.setStyleSheet(f"color: {BAD};" if bad else "")

    def _show_running(self, on: bool) -> None:
        self.form.setEnabled(not on)
        self.train_button.setEnabled(not on)
        self.stop_button.setEnabled(on)
        self.progress.setVisible(on)

    def _offer_devices(self, devices: DeviceList | None) -> None:
        if devices is None:
            return
        able = [(name, text) for name, text in devices if name != OPENVINO]
        best = (AUTO_DEVICE[0], f"automatic: {able[0][1]}")
        self.form.device.offer([best, *able], lambda device: device[1])
        self.refresh()

    def _start_job(self, reports: Iterator[Any], on_report: Any, on_end: Any = None) -> None:
        def end(error: BaseException | None, _cancelled: bool) -> None:
            self._jobs.remove(job)
            (on_end or self._end_job)(error)
            if isinstance(error, JobError):
                show_error(str(error))

        job = Job(reports, on_report, end)
        self._jobs.append(job)

    def _end_job(self, error: BaseException | None) -> None:
        self.refresh()
        if error is not None:
            self._tell(str(error), bad=True)

    def _follow_viewer(self, _event: object = None) -> None:
        if not self._training:
            self.form.refresh()
            self._timer.start()

    def _viewer_events(self) -> tuple[Any, ...]:
        events = self.viewer.layers.events
        return events.inserted, events.removed, events.renamed, self.viewer.layers.selection.events.active

    def showEvent(self, event: Any) -> None:
        """Labels may have been given by hand while it was hidden."""
        super().showEvent(event)
        self._follow_viewer()


def intention(request: TrainingRequest, device: str) -> str:
    """What Train will do."""
    plan, number = request.plan, int((request.crops.labels != "").sum())
    channels = ", ".join(slot.name for slot in plan.slots)
    tuned = f", {plan.recipe.tuned_blocks} blocks fine-tuned" if plan.recipe.tuned_blocks else ""
    return (
        f"Will train {plan.output.stem} on {number:,} crops of {len(request.counts())} classes "
        f"({channels}; recipe {plan.recipe.name}{tuned}). Device: {device}."
    )


def progress_text(report: EpochReport) -> str:
    """Stage, count and time left."""
    stage = STAGES.get(report.stage, report.stage.capitalize())
    left = f" · {duration(report.seconds_left)} left" if report.seconds_left == report.seconds_left else ""
    return f"{stage}: {report.epoch:,} of {report.total:,}{left}"


def _opened(path: Path) -> Iterator[ImageSet]:
    from napari_organelle.read.open import open_image_set

    yield open_image_set(path)
