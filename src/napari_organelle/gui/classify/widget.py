"""The Classify widget: from an open image to coloured labels and points."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.body import Body
from napari_organelle.gui.classify.cells import find_in_stack
from napari_organelle.gui.classify.form import AUTO, ClassifyForm
from napari_organelle.gui.classify.lesson import Lesson, TaughtModel, changed_words, teach
from napari_organelle.gui.classify.record import ResultRecord, now, record_of
from napari_organelle.gui.classify.repeat import Copied
from napari_organelle.gui.classify.request import ClassifyRequest, Report, RunStage, gather, run, warm_up
from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.classify.results_panel import ResultsPanel
from napari_organelle.gui.classify.runs_page import RunsPage
from napari_organelle.gui.corrections import restore
from napari_organelle.gui.devices import DeviceList, ask_devices
from napari_organelle.gui.docks import open_gallery
from napari_organelle.gui.inputs import add_layer
from napari_organelle.gui.model_news import model_news
from napari_organelle.gui.picking import results_shown
from napari_organelle.gui.region_news import is_same, region_news
from napari_organelle.gui.rollup.page import RollUpPage, Source
from napari_organelle.gui.status import Speed, duration, progress_text, status_line
from napari_organelle.model.domain import unlike_note
from napari_organelle.model.engine.device import OPENVINO
from napari_organelle.model.predict import notes_of
from napari_organelle.model.prediction import BatchDone, Prediction
from napari_organelle.prepare.plans import Objects
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.tables import results_table
from napari_organelle.train.fitting import EpochReport

BUSY = "A run goes on in Classify organelles: wait for its end, or stop it."
LOOKING = "looking for devices"
MAX_NAMED = 5


@dataclass(eq=False)
class Run:
    """A run while it lasts."""

    request: ClassifyRequest
    record: ResultRecord
    regions: Regions | None = None
    batches: list[BatchDone] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_batch: float = 0.0
    labels: napari.layers.Labels | None = None


class ClassifyWidget(Body):
    """Dock widget; see the module.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where images are taken from and results are shown.
    """

    title = "Classify organelles"
    run_text, run_help = "Run", "Classify the regions; the line above says which, with what, and where"
    stop_help = "Stop after the batch that is being classified; what is done is shown"
    help_page = "classify/"

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.form = ClassifyForm(self.events)
        self.results = ResultsPanel(napari_viewer)
        self.speed = Speed()
        self.devices: DeviceList = []
        self.device_text = LOOKING
        self.add_page("Classify", self.form)
        self.teaching = self.results.teaching
        self._results_page = self.add_page("Results", self.results)
        self.roll_up = RollUpPage(self.start_job)
        self._groups_page = self.add_page("Groups", self.roll_up)
        self.runs = RunsPage(self.events)
        self._runs_page = self.add_page("Runs", self.runs)
        self._enable_pages(False)
        self.form.changed.connect(self._refresh_timer.start)
        self.form.regions.find_cells.connect(self.find_cells)
        self.results.said.connect(self.say)
        self.results.changed.connect(self._on_result)
        self.results.wanted.connect(lambda job: self.start_job(job, self._tell))
        self.teaching.next_wanted.connect(self._go_to_next)
        self.teaching.wanted.connect(self.teach)
        self.roll_up.said.connect(self.say)
        self.runs.said.connect(self.say)
        self.runs.wanted.connect(self._go_back_to)
        region_news.corrected.connect(self._on_corrected)
        self.pages.currentChanged.connect(lambda _: self.roll_up.refresh())
        self.start_job(ask_devices(), self._on_devices, self._on_devices_end)
        self.refresh()
        if results := results_shown(napari_viewer):
            self._go_back_to(results[0])

    # before a run

    def refresh(self) -> None:
        """Say what Run would do, or why it can't."""
        request, problem = self.form.request()
        self.run_button.setEnabled(request is not None and not self.is_running)
        if request is None:
            self.status.setText(problem)
            return
        count = request.plan.count(request.images)
        seconds = self.speed.seconds(request, self._device_name(request), count)
        self.status.setText(status_line(request, self._device_text(request), seconds, count))

    def _device_name(self, request: ClassifyRequest) -> str:
        if request.bundle.spec.is_onnx and request.device == AUTO[0]:
            return OPENVINO
        known = bool(self.devices) and request.device == AUTO[0]
        name = self.devices[0][0] if known else request.device
        return "cpu" if request.plan.is_dense and name == OPENVINO else name

    def _device_text(self, request: ClassifyRequest) -> str:
        if request.bundle.spec.is_onnx:
            return "CPU, 32-bit, OpenVINO"
        return dict(self.devices).get(self._device_name(request), self.device_text)

    def _on_devices(self, devices: DeviceList | None) -> None:
        if devices is None:
            return
        self.devices = devices
        self.form.offer_devices(devices)
        self.refresh()
        bundle = self.form.model.bundle
        if bundle is not None and not self.is_running:
            # what can't be loaded is told by the run that needs it
            chosen = self.form.device.value[0]
            device = OPENVINO if bundle.spec.is_onnx else devices[0][0] if chosen == AUTO[0] else chosen
            self.start_job(warm_up(bundle, device), lambda _: None, lambda *_: None)

    def _on_devices_end(self, error: BaseException | None, cancelled: bool) -> None:
        if error is not None:
            self.device_text = f"the first device that Keras finds ({error})"
            self.refresh()

    # a run

    def start(self) -> None:
        """Run what the form says."""
        request, problem = self.form.request()
        if request is None:
            self.say(problem)
            return
        request = replace(request, device=self._device_name(request))
        regions = self.form.regions
        layers = {"objects": regions.labels.value, "points": regions.points.value}
        layer = layers.get(request.plan.kind)
        current = Run(request, record_of(request, self.form.image.value, layer))
        if isinstance(request.plan, Objects):
            current.labels = layer
            current.notes.append(self.form.selection().labels_doubt(layer))
        self.start_run(
            run(request), partial(self._on_report, current), partial(self._on_end, current), "starting…"
        )

    def _on_report(self, current: Run, report: Report) -> None:
        if isinstance(report, RunStage):
            self.show_stage(report.text)
        elif isinstance(report, Regions):
            current.regions = report
            if report.doubt:
                current.notes.append(f"{report.doubt[0].upper()}{report.doubt[1:]}.")
        else:
            self._on_batch(current, report)

    def _on_batch(self, current: Run, batch: BatchDone) -> None:
        now = time.perf_counter()
        current.batches.append(batch)
        if batch.agreement and (note := batch.agreement.note()):
            current.notes.append(note)
        first = current.batches[0]
        left = "…"
        if batch is first:
            current.first_batch = now
        elif batch.stop > first.stop:
            each = (now - current.first_batch) / (batch.stop - first.stop)
            left = f" · {duration(each * (batch.total - batch.stop))} left"
            self.speed.learn(current.request, self._device_name(current.request), each)
        self.show_progress(batch.stop, batch.total, f"{batch.stop:,} of {batch.total:,}{left}")

    def _on_end(self, current: Run, error: BaseException | None, cancelled: bool) -> None:
        if current.regions is not None and current.batches:
            current.notes += self._show_result(current, current.regions)
        done = current.batches[-1].stop if current.batches else 0
        total = len(current.regions) if current.regions is not None else 0
        if error is not None:
            kept = f" The {done:,} of {count_of(total)} before it are shown." if done else ""
            self.fail(error, f"{error}{kept}")
        else:
            what = f"Stopped after {done:,} of" if cancelled else "Classified"
            what = f"{what} {count_of(total)}."
            self.say(" ".join([what, *dict.fromkeys(filter(None, current.notes))]))

    def _show_result(self, current: Run, regions: Regions) -> list[str]:
        """Show what came, as far as it came; what is to be said of it."""
        request = current.request
        prediction = gather(request, regions.first(current.batches[-1].stop), current.batches)
        result = Result(prediction, request, replace(current.record, date=now()))
        if current.labels is not None:
            current.labels.visible = False
        notes = self._restore(result)
        self.results.show_result(result)
        self.runs.choose(result)
        self._enable_pages()
        self.pages.setCurrentIndex(self._results_page)
        if prediction.unlike is not None:
            unlike = int(prediction.unlike.sum())
            notes.append(unlike_note(unlike, len(prediction.unlike), request.bundle.spec.name))
        notes += notes_of(current.batches)
        notes.append(unanswered_note(prediction, request.images))
        if replaced := self.results.layers.replaced:
            notes.append(f"It replaces the same run of {replaced[11:16]}.")
        return [note for note in notes if note]

    def _enable_pages(self, there_is_a_result: bool = True) -> None:
        for page in (self._results_page, self._groups_page, self._runs_page):
            self.pages.setTabEnabled(page, there_is_a_result)

    def _restore(self, result: Result) -> list[str]:
        """Give a result the corrections that its regions have; what is to be said of it."""
        try:
            restore(result, self.viewer.layers)
        except OrganelleError as error:
            return [f"Its corrections are not shown: {error}"]
        return []

    def _on_corrected(self, viewer: Any, result: Result) -> None:
        if is_same(viewer, self.viewer) and result is self.results.result:
            self._on_result()

    def _go_back_to(self, result: Result) -> None:
        """Show a run whose layers are there, also of a dock that was closed."""
        self.say(" ".join(self._restore(result)))
        self.results.go_back_to(result)
        self.runs.choose(result)
        self._enable_pages()
        self.pages.setCurrentIndex(self._results_page)

    def _tell(self, report: str | Copied) -> None:
        """What was saved or copied."""
        if isinstance(report, Copied):
            QApplication.clipboard().setText(report.text)
        self.say(report.message if isinstance(report, Copied) else report)

    def _on_result(self) -> None:
        """Groups and what can be taught follow the result, its threshold and its corrections."""
        result = self.results.result
        if result is not None:
            self.teaching.show_result(result)
            layers, limits, corrected = self.results.layers, self.results.limits, dict(result.corrected)
            self.roll_up.set_source(
                Source(
                    table=lambda: results_table(result.prediction, result.images, limits, corrected),
                    colours={each.name: each.colour for each in result.bundle.spec.classes},
                    go_to=lambda _, row: layers.go_to(row),
                    folder=self.results.folder,
                )
            )

    # teaching

    def teach(self, lesson: Lesson) -> None:
        """Teach a result's corrections to its model, and answer its regions again."""
        if self.is_running:
            self.say(BUSY)
            return
        current = Run(lesson.result.request, lesson.result.record)
        self.start_run(
            teach(lesson),
            partial(self._on_lesson, current, lesson),
            partial(self._on_taught, current, lesson),
            "starting Keras…",
        )

    def teach_result(self, result: Result) -> str:
        """Teach what was corrected in a result, as the button does; why not, or ``""``."""
        if self.is_running:
            return BUSY
        if result is not self.results.result:
            self._go_back_to(result)
        teaching = self.results.teaching
        teaching.show_result(result)
        if not teaching.teach_button.isEnabled():
            return teaching.intention.text()
        teaching.teach_button.click()
        return ""

    def _on_lesson(self, current: Run, lesson: Lesson, report: EpochReport | TaughtModel | Report) -> None:
        if isinstance(report, EpochReport):
            self.show_progress(report.epoch, report.total, progress_text(report))
        elif isinstance(report, TaughtModel):
            current.request, current.record = lesson.again(report.bundle)
            current.notes.append(report.words)
            self.teaching.remember(lesson, report.bundle)
            model_news.saved.emit(report.bundle.path)
            chosen = self.form.model.bundle
            if chosen is not None and chosen.id in (lesson.teacher.id, lesson.result.bundle.id):
                self.form.model.open(report.bundle.path)
        else:
            self._on_report(current, report)

    def _on_taught(self, current: Run, lesson: Lesson, error: BaseException | None, cancelled: bool) -> None:
        if current.batches:
            self._on_end(current, error, cancelled)
            self.runs.compare_with(lesson.result)
            if self.runs.comparison is not None:
                self.say(f"{self.message.text()} {changed_words(self.runs.comparison)}")
        elif error is not None:
            self.fail(error, f"Teaching ended: {error}")
        else:
            self.say("Stopped: nothing was taught." if not current.notes else current.notes[0])

    def _go_to_next(self) -> None:
        """Look, in the gallery, at the region whose class would teach the model most."""
        gallery = open_gallery(self.viewer)
        gallery.take(self.results.result)
        gallery.go_to_next()

    def let_go(self) -> None:
        """Hear nothing more of other docks."""
        region_news.corrected.disconnect(self._on_corrected)

    # finding cells

    def find_cells(self) -> None:
        """Outline the cells of the chosen channel as a new Labels layer."""
        if self.form.image.value is None or self.form.regions.cells.value is None:
            self.say("Pick a channel in which cells can be seen first.")
            return
        selection, regions = self.form.selection(), self.form.regions
        try:
            planes = selection.planes(regions.cells.value)
            nuclei = None if regions.nuclei.value is None else selection.planes(regions.nuclei.value)
        except (ValueError, IndexError):
            self.say("The channels to find cells in have another shape than the image.")
            return
        placement = selection.placement()
        found: list[np.ndarray] = []
        self.start_run(
            find_in_stack(planes, nuclei, regions.cells_are_filled()),
            lambda report: (
                self.show_stage(report.text) if isinstance(report, RunStage) else found.append(report)
            ),
            lambda error, cancelled: self._on_cells(found, placement, error),
            "finding cells…",
        )

    def _on_cells(self, found: list[np.ndarray], placement: Any, error: BaseException | None) -> None:
        if error is not None:
            self.fail(error, str(error))
        elif found:
            shape = (*placement.result_shape, *placement.shape[-2:])
            layer = napari.layers.Labels(found[0].reshape(shape), name="cells", **placement.options())
            add_layer(self.viewer, layer)
            self.form.regions.labels.choose(layer)
            self.say(f"Found {count_of(int(found[0].max()), 'cell')}.")


def count_of(number: int, noun: str = "region") -> str:
    """``"1 region"``, ``"2,000 regions"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def unanswered_note(prediction: Prediction, images: ImageSet) -> str:
    """Which regions have no answer though the run got as far; ``""`` where all have one."""
    rows = np.flatnonzero(~prediction.answered())
    rows = rows[rows < np.flatnonzero(prediction.answered()).max(initial=-1)]
    if not len(rows):
        return ""
    regions, names = prediction.regions, images.items["item"].to_numpy()
    named = [
        f"{regions.ids[row]} (y {y}, x {x}{f' of {names[item]}' if len(images) > 1 else ''})"
        for row in rows[:MAX_NAMED]
        for item, y, x, *_ in [regions.windows[row].tolist()]
    ]
    more = f" and {len(rows) - MAX_NAMED:,} more" if len(rows) > MAX_NAMED else ""
    return f"Without an answer: {', '.join(named)}{more}."
