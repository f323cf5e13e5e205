"""The Classify widget: from an open image to coloured labels and points."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import napari
import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_organelle.gui.classify.cells import find_in_stack
from napari_organelle.gui.classify.form import AUTO, ClassifyForm
from napari_organelle.gui.classify.request import ClassifyRequest, Report, Stage, gather, run
from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.classify.results_panel import ResultsPanel
from napari_organelle.gui.devices import DeviceList, ask_devices
from napari_organelle.gui.fields import wrapped_label
from napari_organelle.gui.jobs import Job, JobError
from napari_organelle.gui.status import Speed, duration, status_line
from napari_organelle.model.device import OPENVINO
from napari_organelle.model.prediction import BatchDone
from napari_organelle.prepare.regions import Regions

LOOKING = "looking for devices"
REFRESH_MS = 30


@dataclass(eq=False)
class Run:
    """A run while it lasts."""

    request: ClassifyRequest
    name: str
    key: tuple[str, ...]
    regions: Regions | None = None
    batches: list[BatchDone] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_batch: float = 0.0
    labels: napari.layers.Labels | None = None


class ClassifyWidget(QWidget):
    """Dock widget; see the module.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where images are taken from and results are shown.

    Attributes
    ----------
    ended : Signal
        A run has ended: done, cancelled or failed.
    """

    ended = Signal()

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.form = ClassifyForm(napari_viewer)
        self.results = ResultsPanel(napari_viewer)
        self.speed = Speed()
        self.devices: DeviceList = []
        self.device_text = LOOKING
        self._job: Job | None = None
        self._jobs: list[Job] = []
        self._make_fields()
        self._lay_out()
        self._connect()
        self._start_job(ask_devices(), self._on_devices, self._on_devices_end)
        self.refresh()

    def _make_fields(self) -> None:
        self.status, self.message = wrapped_label(), wrapped_label()
        self.run_button, self.cancel_button = QPushButton("Run"), QPushButton("Cancel")
        self.cancel_button.setEnabled(False)
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self._refresh_timer = QTimer(self, interval=REFRESH_MS, singleShot=True)
        self._refresh_timer.timeout.connect(self.refresh)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button)
        buttons.addWidget(self.cancel_button)
        content = QWidget()
        column = QVBoxLayout(content)
        column.addWidget(self.form)
        column.addWidget(self.status)
        column.addLayout(buttons)
        column.addWidget(self.progress)
        column.addWidget(self.message)
        column.addWidget(self.results)
        column.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.scroll)

    def _connect(self) -> None:
        self.form.changed.connect(self._refresh_timer.start)
        self.form.regions.find_cells.connect(self.find_cells)
        self.run_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.results.said.connect(self.message.setText)
        self.destroyed.connect(partial(_let_go, self.form, self._jobs))

    # before a run

    def refresh(self) -> None:
        """Say what Run would do, or why it can't."""
        self._fit_width()
        request, problem = self.form.request()
        self.run_button.setEnabled(request is not None and self._job is None)
        if request is None:
            self.status.setText(problem)
            return
        count = request.plan.count(request.images)
        seconds = None
        if count is not None and self.devices:
            work = request.plan.work(request.images, count)
            bundle = request.bundle.with_views(1) if request.plan.dense else request.bundle
            seconds = self.speed.seconds(bundle, self._device_name(request), work)
        self.status.setText(status_line(request, self._device_text(request), seconds, count))

    def _fit_width(self) -> None:
        """Keep room for every field, and for the scroll bar beside them."""
        content, bar = self.scroll.widget(), self.scroll.verticalScrollBar()
        self.scroll.setMinimumWidth(content.minimumSizeHint().width() + bar.sizeHint().width())

    def _device_name(self, request: ClassifyRequest) -> str:
        known = bool(self.devices) and request.device == AUTO[0]
        name = self.devices[0][0] if known else request.device
        return "cpu" if request.plan.dense and name == OPENVINO else name

    def _device_text(self, request: ClassifyRequest) -> str:
        return dict(self.devices).get(self._device_name(request), self.device_text)

    def _on_devices(self, devices: DeviceList | None) -> None:
        if devices is None:
            return
        self.devices = devices
        self.form.device.offer([AUTO, *devices], lambda device: device[1])
        self.refresh()

    def _on_devices_end(self, error: BaseException | None, cancelled: bool) -> None:
        if error is not None:
            self.device_text = f"the first device that Keras finds ({error})"
            self.refresh()

    # a run

    def start(self) -> None:
        """Run what the form says."""
        request, problem = self.form.request()
        if request is None:
            self._say(problem)
            return
        layer = self.form.image.value
        slices = ",".join(str(use) for use in request.placement.leading)
        key = (str(layer.unique_id), request.plan.kind, slices)
        current = Run(request, layer.name, key)
        if request.plan.kind == "objects":
            current.labels = self.form.regions.labels.value
        self._begin("starting…")
        self._job = self._start_job(
            run(request), partial(self._on_report, current), partial(self._on_end, current)
        )

    def cancel(self) -> None:
        """Stop after the batch that is being classified; what is done is kept."""
        self.cancel_button.setEnabled(False)
        self.progress.setFormat("stopping…")
        if self._job is not None:
            self._job.cancel()

    def _on_report(self, current: Run, report: Report) -> None:
        if isinstance(report, Stage):
            self._show_stage(report.text)
        elif isinstance(report, Regions):
            current.regions = report
        else:
            self._on_batch(current, report)

    def _on_batch(self, current: Run, batch: BatchDone) -> None:
        now = time.perf_counter()
        current.batches.append(batch)
        if batch.note:
            current.notes.append(batch.note)
        if batch.dense and (told := batch.dense.note()):
            current.notes.append(told)
        first = current.batches[0]
        left = "…"
        if batch is first:
            current.first_batch = now
        elif batch.stop > first.stop:
            each = (now - current.first_batch) / (batch.stop - first.stop)
            left = f" · {duration(each * (batch.total - batch.stop))} left"
            if not current.request.plan.dense:
                self.speed.learn(current.request.bundle, self._device_name(current.request), each)
        self.progress.setRange(0, batch.total)
        self.progress.setValue(batch.stop)
        self.progress.setFormat(f"{batch.stop:,} of {batch.total:,}{left}")

    def _on_end(self, current: Run, error: BaseException | None, cancelled: bool) -> None:
        self._finish()
        if current.regions is not None and current.batches:
            self._show_result(current, current.regions)
        done = current.batches[-1].stop if current.batches else 0
        total = len(current.regions) if current.regions is not None else 0
        if error is not None:
            kept = f" The {done:,} of {total:,} regions before it are shown." if done else ""
            self._fail(error, f"{error}{kept}")
        else:
            what = (
                f"Stopped after {done:,} of {total:,} regions."
                if cancelled
                else f"Classified {total:,} regions."
            )
            self._say(" ".join([what, *dict.fromkeys(current.notes)]))
        self.ended.emit()

    def _show_result(self, current: Run, regions: Regions) -> None:
        request = current.request
        prediction = gather(request, regions, current.batches)
        result = Result(
            prediction=prediction,
            bundle=request.bundle,
            images=request.images,
            placement=request.placement,
            name=current.name,
            key=current.key,
            objects=request.plan.labels,
        )
        if current.labels is not None:
            current.labels.visible = False
        self.results.show_result(result)

    # finding cells

    def find_cells(self) -> None:
        """Outline the cells of the chosen channel as a new Labels layer."""
        if self.form.image.value is None or self.form.regions.cells.value is None:
            self._say("Pick the channel that fills the cells first.")
            return
        selection, regions = self.form.selection(), self.form.regions
        try:
            planes = selection.planes(regions.cells.value)
            nuclei = None if regions.nuclei.value is None else selection.planes(regions.nuclei.value)
        except (ValueError, IndexError):
            self._say("The channels to find cells in have another shape than the image.")
            return
        self._begin("finding cells…")
        placement = selection.placement()
        made: list[np.ndarray] = []
        self._job = self._start_job(
            find_in_stack(planes, nuclei),
            lambda report: (
                self._show_stage(report.text) if isinstance(report, Stage) else made.append(report)
            ),
            lambda error, cancelled: self._on_cells(made, placement, error),
        )

    def _on_cells(self, made: list[np.ndarray], placement: Any, error: BaseException | None) -> None:
        self._finish()
        if error is not None:
            self._fail(error, str(error))
        elif made:
            shape = (*placement.result_shape, *placement.shape[-2:])
            layer = napari.layers.Labels(made[0].reshape(shape), name="cells", **placement.options())
            self.viewer.layers.selection.active = self.viewer.add_layer(layer)
            self.form.regions.labels.choose(layer)
            self.refresh()

    # small things

    def _start_job(self, reports: Iterator[Any], on_report: Any, on_end: Any) -> Job:
        def end(error: BaseException | None, cancelled: bool) -> None:
            self._jobs.remove(job)
            on_end(error, cancelled)

        job = Job(reports, on_report, end)
        self._jobs.append(job)
        return job

    def _begin(self, text: str) -> None:
        self.run_button.setEnabled(False)
        self.form.setEnabled(False)
        self.cancel_button.setEnabled(True)
        self.progress.setVisible(True)
        self._show_stage(text)

    def _finish(self) -> None:
        self._job = None
        self.form.setEnabled(True)
        self.cancel_button.setEnabled(False)
        self.progress.setVisible(False)
        self.refresh()

    def _show_stage(self, text: str) -> None:
        self.progress.setRange(0, 0)
        self.progress.setFormat(text)
        self._say(text[:1].upper() + text[1:])

    def _say(self, text: str) -> None:
        self.message.setText(text)

    def _fail(self, error: BaseException, text: str) -> None:
        self._say(text)
        if isinstance(error, JobError):
            show_error(text)


def _let_go(form: ClassifyForm, jobs: list[Job], *_: Any) -> None:
    """Stop what runs and hear nothing more, once the widget is gone."""
    form.disconnect_viewer()
    for job in jobs:
        job.abandon()
