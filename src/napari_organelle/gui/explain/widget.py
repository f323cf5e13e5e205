"""Why a region is called so: its crop as the network sees it, the classes as bars, and a heat map."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.body import Body
from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.explain.heat_layer import HeatLayer
from napari_organelle.gui.explain.views import ClassBars, CropView
from napari_organelle.gui.fields import ObjectCombo, wrapped_label
from napari_organelle.gui.jobs import Job
from napari_organelle.gui.picking import Picker, results_shown
from napari_organelle.gui.region_news import is_same, region_news
from napari_organelle.model.explain import Explanation, HiddenDone, explain
from napari_organelle.show.gallery import region_title

if TYPE_CHECKING:
    import napari

WAIT_MS = 150
PICK_ONE = "Click a cell, tile or point of a result, or one in the gallery."
NO_RESULT = "No layer shows a result: run “Classify organelles” first."
NO_HEAT = "Hiding no part of it makes this class less likely."


class ExplainWidget(Body):
    """Dock widget; see the module.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose results are explained.
    """

    title = "Why this call"
    help_page = "gallery/#why-this-call"

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.crop, self.bars = CropView(), ClassBars()
        self.about = wrapped_label()
        self.target = ObjectCombo("The class whose reasons are shown: the likeliest, unless you pick another")
        self.on_canvas = QCheckBox("Heat map on the canvas")
        self.on_canvas.setToolTip("Lay the heat map over the region, as a layer")
        self.on_canvas.setChecked(True)
        self.shown: Explanation | None = None
        self._chosen: tuple[Result, int] | None = None
        self._explaining: Job | None = None
        self._heat = HeatLayer(napari_viewer)
        self._picker = Picker(napari_viewer, self.choose)
        self._timer = QTimer(self, interval=WAIT_MS, singleShot=True)
        self._timer.timeout.connect(self.explain)
        form = QWidget()
        rows = QFormLayout(form)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Explain", self.target)
        self.add_page("Why", self.about, self.crop, self.bars, form, self.on_canvas)
        self.target.activated.connect(lambda: self.explain(self.target.value))
        self.on_canvas.toggled.connect(self._show_layer)
        region_news.region.connect(self._on_region)
        self.events.on_layers(self._refresh_soon)
        self.refresh()

    def _refresh_soon(self, _event: Any = None) -> None:
        self._refresh_timer.start()

    def refresh(self) -> None:
        """Follow the results that there are."""
        results = results_shown(self.viewer)
        self._picker.follow(results[0] if results else None)
        if self._chosen is not None and self._chosen[0] not in results:
            self._forget()
        self.status.setText(NO_RESULT if not results else "" if self._chosen else PICK_ONE)

    def _forget(self) -> None:
        """Show nothing: what was explained is gone."""
        self._cancel()
        self._chosen, self.shown = None, None
        self.crop.show_crop(None)
        self.bars.show_bars((), (), np.empty(0))
        self.about.setText("")
        self.target.offer([])
        self._heat.hide()

    def choose(self, result: Result, row: int) -> None:
        """Explain a region, once the user stays with it."""
        if self._chosen == (result, row):
            return
        self._chosen = (result, row)
        self.about.setText(region_title(result.prediction, row))
        self.status.setText("")
        self._timer.start()

    def _on_region(self, viewer: Any, result: Result, row: int) -> None:
        if is_same(viewer, self.viewer):
            self.choose(result, row)

    def explain(self, target: int | None = None) -> None:
        """Explain the chosen region; `target` is the number of a class, the likeliest where not given."""
        if self._chosen is None:
            return
        self._cancel()
        result, row = self._chosen
        request = result.request
        window = result.prediction.regions.windows[row]
        steps = explain(result.bundle, result.images, window, request.channel_map, target, request.device)
        self.say("Looking for what the call rests on…")
        self._explaining = self.start_job(steps, partial(self._on_report, result, row), self._on_end)

    def _cancel(self) -> None:
        if self._explaining is not None:
            self._explaining.abandon()
            if self._explaining in self._jobs:
                self._jobs.remove(self._explaining)
            self._explaining = None

    def _on_report(self, result: Result, row: int, report: HiddenDone | Explanation) -> None:
        if isinstance(report, Explanation):
            self._show(result, report)
            return
        if report.done == 0:
            self.crop.show_crop(report.crop)
            self._show_bars(result, report.probabilities)
        self.say(f"Looking for what the call rests on: {report.done} of {report.total}…")

    def _show(self, result: Result, found: Explanation) -> None:
        self.shown = found
        self.crop.show_crop(found.crop, found.heat)
        self._show_bars(result, found.probabilities)
        self.target.choose(found.target)
        name = result.bundle.spec.class_names[found.target]
        self.say(NO_HEAT if not found.heat.any() else f"Orange: what “{name}” rests on.")
        self._show_layer()

    def _show_bars(self, result: Result, probabilities: np.ndarray) -> None:
        spec = result.bundle.spec
        self.bars.show_bars(spec.class_names, [each.colour for each in spec.classes], probabilities)
        order = np.argsort(-probabilities, kind="stable").tolist()
        self.target.offer(order, lambda number: f"{spec.class_names[number]} ({probabilities[number]:.2f})")

    def _show_layer(self, _on: bool = True) -> None:
        if self._chosen is None or self.shown is None or not self.on_canvas.isChecked():
            self._heat.hide()
        else:
            self._heat.show(*self._chosen, self.shown.heat)

    def _on_end(self, error: BaseException | None, _cancelled: bool) -> None:
        self._explaining = None
        if error is not None:
            self.shown = None
            self._heat.hide()
            known = isinstance(error, OrganelleError)
            self.fail(error, f"It can't be explained: {error}" if known else "")

    def let_go(self) -> None:
        """Take away what was put into the viewer."""
        self._timer.stop()
        self._picker.release()
        self._heat.hide()
        region_news.region.disconnect(self._on_region)
