"""The Train widget: from labelled crops to a model that is judged, saved, and at hand in Classify."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_organelle.gui.body import Body
from napari_organelle.gui.classify.request import RunStage
from napari_organelle.gui.devices import DeviceList, ask_devices
from napari_organelle.gui.inputs import add_layer
from napari_organelle.gui.model_news import model_news
from napari_organelle.gui.status import progress_text
from napari_organelle.gui.train.curves import LearningCurves
from napari_organelle.gui.train.form import AUTO_DEVICE, TrainForm
from napari_organelle.gui.train.layers import fill_canvas, montage_layers
from napari_organelle.gui.train.request import Outcome, TrainingRequest, run
from napari_organelle.gui.train.results import CropWish, TrainResults, montage_of
from napari_organelle.gui.train.teaching import teaching_intention
from napari_organelle.model.engine.device import OPENVINO
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.montage import Montage
from napari_organelle.train.fitting import EpochReport

if TYPE_CHECKING:
    import napari

    from napari_organelle.train.run import TrainingResult
    from napari_organelle.train.trainset import TrainingPlan

SHOWN_CLASSES = 6

STAGE_HELP = {
    "reading": "Reading every crop once, to find those that can't be used.",
    "features": "Computing what VGG16 sees in every crop. The same crops are quick the next time.",
    "head": "Training the model on the features.",
    "fine-tuning": "Training the last blocks of VGG16 too, on crops that are turned, shifted and zoomed.",
}
CROSS_HELP = "Training again without some groups of crops, to judge the model on crops that it has not seen."


class TrainWidget(Body):
    """Train a classifier on one's own crops and be told what it is worth.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose layers are learned from, and in which crops are shown.
    """

    title = "Train a classifier"
    run_text, run_help = "Train", "Train on the labelled crops; the line above says on which"
    stop_text, stop_help = "Stop", "Stop after this epoch; the best one so far is judged and saved"
    help_page = "train/"

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.form = TrainForm(self.events)
        self.curves = LearningCurves()
        self.results = TrainResults()
        self.result: TrainingResult | None = None
        self._crop_layers: list[Layer] = []
        self._stop = threading.Event()
        self._stage = ""
        self.add_page("Data and recipe", self.form)
        self._curves_page = self.add_page("Curves", self.curves)
        self._results_page = self.add_page("Result", self.results)
        for page in (self._curves_page, self._results_page):
            self.pages.setTabEnabled(page, False)
        self._connect()
        self.start_job(ask_devices(), self._offer_devices)
        self.refresh()

    def _connect(self) -> None:
        self.form.changed.connect(self._refresh_timer.start)
        self.form.wanted.connect(self.open_set)
        self.results.wanted.connect(self.show_crops)
        self.events.on_layers(self._follow_viewer)
        self.events.on_active(self._follow_viewer)

    def refresh(self) -> None:
        """Say what Train would do, or why it can't."""
        if self.is_running:
            return
        request, problem = self.form.request()
        self.run_button.setEnabled(request is not None)
        self.status.setText(
            problem if request is None else intention(request, self.form.device.currentText())
        )

    def open_set(self, path: Path) -> None:
        """Open a labelled set to learn from, without making layers of it."""
        self.say(f"Opening {path}…")
        self.start_job(_opened(path), self._add_set)

    def _add_set(self, images: ImageSet) -> None:
        self.form.add_set(images)
        self.say("")

    def start(self) -> None:
        """Train as the form says."""
        request, problem = self.form.request()
        if request is None:
            self.status.setText(problem)
            return
        self._stop = threading.Event()
        self.result = None
        self.curves.clear()
        self.start_run(
            run(request, self._stop.is_set),
            self._take_report,
            partial(self._end_training, request.plan),
            "starting Keras…",
        )

    def stop(self) -> None:
        """Stop after this epoch; the best one is judged and saved."""
        self._stop.set()
        self.stop_button.setEnabled(False)
        self.progress.setFormat("stopping; the best epoch is judged and saved…")

    def show_crops(self, wish: CropWish) -> None:
        """Add held-out crops as a layer, with truth and call written on them."""
        if self.result is not None:
            self.start_job(montage_of(self.result, wish), self._add_montage)

    def _take_report(self, report: RunStage | EpochReport | Outcome) -> None:
        if isinstance(report, RunStage):
            self.show_stage(report.text)
        elif isinstance(report, Outcome):
            self.result = report.result
        else:
            self._show_epoch(report)

    def _show_epoch(self, report: EpochReport) -> None:
        if report.note:
            self.say(report.note)
        if report.stage == "done":
            return
        self.show_progress(report.epoch, report.total, progress_text(report))
        if report.stage != self._stage:
            self._stage = report.stage
            self.say(STAGE_HELP.get(report.stage, CROSS_HELP))
        self.curves.add(report)
        if self.curves.history.stages and not self.pages.isTabEnabled(self._curves_page):
            self.pages.setTabEnabled(self._curves_page, True)
            self.pages.setCurrentIndex(self._curves_page)

    def _end_training(self, plan: TrainingPlan, error: BaseException | None, _cancelled: bool) -> None:
        was_stopped = plan.has_stopped()
        if self.result is not None:
            self.results.show_result(self.result)
            self.pages.setTabEnabled(self._results_page, True)
            self.pages.setCurrentIndex(self._results_page)
            model_news.saved.emit(self.result.bundle.path)
            if not was_stopped:
                self.form.propose_free_name()
        self.form.replace.setChecked(False)
        self.form.resume.setChecked(False)
        if error is not None:
            self.fail(error, f"Training ended: {error}")
        elif self.result is None:
            self.say("Stopped before the first epoch was done: there is no model yet.")
        else:
            more = " Tick “Go on with it” to train it on." if was_stopped else ""
            self.say(f"{self.result.bundle.spec.name} is saved, and can be picked in Classify.{more}")

    def _add_montage(self, report: tuple[str, Montage, float | None]) -> None:
        """Show crops in place of those shown before; other layers are hidden, not changed."""
        for layer in self._crop_layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        for layer in self.viewer.layers:
            layer.visible = False
        self._crop_layers = [*montage_layers(*report)]
        for layer in self._crop_layers:
            add_layer(self.viewer, layer)
        fill_canvas(self.viewer, self._crop_layers[0])
        self.say("Other layers are hidden; the eyes in the layer list bring them back.")

    def _offer_devices(self, devices: DeviceList | None) -> None:
        if devices is None:
            return
        able = [(name, text) for name, text in devices if name != OPENVINO]
        best = (AUTO_DEVICE[0], f"automatic: {able[0][1]}")
        self.form.offer_devices(best, able)
        self.refresh()

    def _follow_viewer(self, _event: object = None) -> None:
        if not self.is_running:
            self.form.refresh()
            self._refresh_timer.start()

    def showEvent(self, event: Any) -> None:
        """Labels may have been given by hand while it was hidden."""
        super().showEvent(event)
        self._follow_viewer()


def intention(request: TrainingRequest, device: str) -> str:
    """What Train will do."""
    if request.plan.teacher:
        return teaching_intention(request.plan, request.crops.labels, device)
    plan, number = request.plan, int((request.crops.labels != "").sum())
    channels = ", ".join(slot.name for slot in plan.slots)
    tuned = f", {plan.recipe.tuned_blocks} blocks fine-tuned" if plan.recipe.tuned_blocks else ""
    by, groups = request.groups()
    kept = ", ".join(f"{name} {count}" for name, count in list(groups.items())[:SHOWN_CLASSES])
    more = ", …" if len(groups) > SHOWN_CLASSES else ""
    return (
        f"Will train {plan.output.stem} on {number:,} crops of {len(request.counts())} classes "
        f"({channels}; recipe {plan.recipe.name}{tuned}). Device: {device}. "
        f"Judged by holding out each {by} whole; {by}s in each class: {kept}{more}."
    )


def _opened(path: Path) -> Iterator[ImageSet]:
    from napari_organelle.read.open import open_image_set

    yield open_image_set(path)
