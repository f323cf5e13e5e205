"""The gallery: regions of a class side by side, linked with canvas, table and legend, corrected by key."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.annotate.annotator import Annotator
from napari_organelle.gui.annotate.class_list import new_colour
from napari_organelle.gui.body import Body
from napari_organelle.gui.classify.record import record
from napari_organelle.gui.classify.results import Result, frame, look_at, recolour
from napari_organelle.gui.corrections import corrector
from napari_organelle.gui.docks import open_classify, open_why
from napari_organelle.gui.gallery.controls import KEYS_HELP, GalleryControls
from napari_organelle.gui.gallery.crop_list import Captions, CropList
from napari_organelle.gui.gallery.marker import Marker
from napari_organelle.gui.gallery.thumbnails import Thumbnails
from napari_organelle.gui.picking import Picker, layers_of, results_shown
from napari_organelle.gui.region_news import is_same, region_news
from napari_organelle.gui.region_targets import RegionTargets
from napari_organelle.model.calling import UNSURE, UNSURE_COLOUR
from napari_organelle.model.usefulness import most_useful
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.show.gallery import ALL, gallery_rows

if TYPE_CHECKING:
    import napari

WIDE, RECOLOUR_MS = 1.3, 25
RECOLOUR_AT_ONCE, IDLE_MS = 10_000, 500
"""Regions that napari takes long to colour anew: the canvas follows when the keys rest."""
NO_RESULT = "No layer shows a result: run “Classify organelles” first."
IMAGE_GONE = "The image that was classified is no longer open, so corrections can't be saved."


class GalleryWidget(Body):
    """Dock widget; see the module.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose results are shown.
    """

    title = "Gallery of regions"
    help_page = "gallery/"

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        self.list, self.controls = CropList(), GalleryControls()
        super().__init__(napari_viewer)
        self.result: Result | None = None
        self.annotator: Annotator[RegionTargets] | None = None
        self.thumbnails: Thumbnails | None = None
        self._known: list[Result] = []
        self._limits: tuple[float, ...] = ()
        self._marker = Marker(napari_viewer)
        self._picker = Picker(napari_viewer, self._on_picked)
        self._recolour_timer = QTimer(self, interval=RECOLOUR_MS, singleShot=True)
        self._recolour_timer.timeout.connect(self._recolour)
        self.add_page("Gallery", self.controls)
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        """The list beside all else where there is width, above it where there is height."""
        buttons = QHBoxLayout()
        for button in (*self.controls.actions, self.run_button, self.stop_button):
            buttons.addWidget(button, 1)
        buttons.addWidget(self.help_button)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pages, 1)
        for part in (self.status, buttons, self.progress, self.message):
            column.addLayout(part) if part is buttons else column.addWidget(part)
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(4, 4, 4, 4)
        self._box.addWidget(self.list, 2)
        self._box.addWidget(side, 1)

    def _connect(self) -> None:
        controls = self.controls
        for combo in (controls.category, controls.order):
            combo.activated.connect(self.fill)
        controls.result.activated.connect(lambda: self.take(controls.result.value))
        controls.classes.given.connect(self.give)
        controls.new_class.returnPressed.connect(self._add_class)
        controls.undo.clicked.connect(self.undo)
        controls.next.clicked.connect(self.go_to_next)
        controls.why.clicked.connect(lambda: self._ask_why())
        controls.teach.clicked.connect(self.teach)
        self.list.chosen.connect(self._on_chosen)
        self.list.pressed_key.connect(self._on_key)
        self.list.asked.connect(self._ask_why)
        self.list.selectionModel().selectionChanged.connect(self._on_selection)
        region_news.category.connect(self._on_category)
        self.events.on_layers(self._refresh_soon)
        self.events.on_active(self._refresh_soon)

    # which result

    def refresh(self) -> None:
        """Follow the results that there are."""
        results = results_shown(self.viewer)
        new = [result for result in results if result not in self._known]
        self._known = results
        self.controls.offer_results(results)
        if new or self.result not in results:
            self.take(new[0] if new else results[0] if results else None)
        elif self.result is not None:
            self.controls.result.choose(self.result)
        self.status.setText("" if results else NO_RESULT)

    def _refresh_soon(self, _event: Any = None) -> None:
        self._refresh_timer.start()

    def take(self, result: Result | None) -> None:
        """Show the regions of a result."""
        if self.thumbnails is not None:
            self.thumbnails.close()
        self._forget_layers()
        self.result, self.annotator = result, None
        self.thumbnails = None if result is None else Thumbnails(result)
        self._picker.follow(result)
        if result is None:
            self.list.crops.show(np.empty(0, np.int64), Captions(), None)
            self._marker.hide()
        else:
            self.controls.result.choose(result)
            for layer in layers_of(self.viewer, result):
                layer.events.metadata.connect(self._on_metadata)
            self._limits = self._limits_now()
            self._marker.prepare(result)
            self.controls.offer_categories(result, self._threshold())
            self._begin(result)
            self.fill()
        self._show_controls()

    def _begin(self, result: Result) -> None:
        """Restore the labels of the objects, points or windows, and write to their file from now on."""
        try:
            self.annotator = corrector(result, self.viewer.layers, self._on_labels)
        except OrganelleError as error:
            self.fail(error, f"Corrections can't be made: {error}")
        else:
            self._on_labels()

    @staticmethod
    def _colours(result: Result) -> dict[str, str]:
        return {each.name: each.colour for each in result.bundle.spec.classes}

    def _limits_now(self) -> tuple[float, ...]:
        """The thresholds at which the result is shown."""
        assert self.result is not None
        known = [record(layer) for layer in layers_of(self.viewer, self.result)]
        return next((each.thresholds for each in known if each is not None), self.result.record.thresholds)

    def _threshold(self) -> np.ndarray:
        return np.asarray(self._limits)

    def _forget_layers(self) -> None:
        for layer in layers_of(self.viewer, self.result) if self.result is not None else ():
            layer.events.metadata.disconnect(self._on_metadata)

    def _on_metadata(self, _event: Any = None) -> None:
        """The threshold was moved, or another result took the layer."""
        if self.result not in results_shown(self.viewer):
            self._refresh_timer.start()
        elif self._limits != (limits := self._limits_now()):
            self._limits = limits
            self.controls.offer_categories(self.result, self._threshold())
            self.fill()

    # which regions

    def fill(self) -> None:
        """Show the regions of the chosen class in the chosen order."""
        if self.result is None:
            return
        controls = self.controls
        wanted, order = controls.category.value or ALL, controls.order.value
        chosen = self.list.selected_rows()
        rows = gallery_rows(self.result.prediction, self._threshold(), wanted, order, self.result.corrected)
        self.list.crops.show(rows, self._captions(), self.thumbnails)
        self.list.select(chosen)

    def _captions(self) -> Captions:
        assert self.result is not None
        return Captions.of(self.result, self._threshold(), self._colours_now(), dict(self.result.corrected))

    def _colours_now(self) -> dict[str, str]:
        """Of the classes that can be given, and of unsure."""
        assert self.result is not None
        colours = self.annotator.colours if self.annotator else self._colours(self.result)
        return colours | {UNSURE: UNSURE_COLOUR}

    def _on_category(self, viewer: Any, name: str) -> None:
        """The legend says which class to show."""
        if is_same(viewer, self.viewer) and self.result is not None:
            self.controls.category.choose(name)
            self.fill()

    def show_region(self, row: int) -> None:
        """Select a region, of all where it isn't among those that are shown."""
        if self.list.crops.place(row) < 0:
            self.controls.category.choose(ALL)
            self.fill()
        self.list.select([row])
        self._look(row, move=False)

    def _on_chosen(self, row: int) -> None:
        self._look(row, move=True)

    def _look(self, row: int, *, move: bool) -> None:
        """Show where a region lies, on the canvas and in the features table, and tell the other docks."""
        assert self.result is not None
        if move:
            look_at(self.viewer, self.result, row)
        self._marker.show(self.result, row)
        self._picker.select(self.result, row)
        region_news.region.emit(self.viewer, self.result, row)
        self._show_controls()

    def _on_picked(self, result: Result, row: int) -> None:
        if result is not self.result:
            self.take(result)
        self.show_region(row)

    def _ask_why(self, _row: int = 0) -> None:
        """Open the widget that explains the region that is looked at."""
        row = self.list.current_row()
        if self.result is None or row is None:
            self.say("Select a thumbnail first.", bad=True)
            return
        open_why(self.viewer).choose(self.result, row)

    # corrections

    def give(self, label: str) -> None:
        """Give the selected regions a class, or take it away with ``""``."""
        if self.result is None:
            return
        if self.annotator is None:
            return
        rows = self.list.selected_rows()
        self.annotator.targets.choose(rows)
        try:
            if label and self.result.prediction.task == "multi":
                label = self._toggled(rows, label)
            self.annotator.assign(label)
        except OrganelleError as error:
            self.say("Select thumbnails first." if not rows else str(error), bad=True)
        else:
            self.say("")

    def _toggled(self, rows: list[int], label: str) -> str:
        """For several organelles at once: the first region's classes with this one added or taken away."""
        assert self.result is not None
        said = self.list.crops.captions
        names = [] if not rows else said.name(rows[0]).split(LABEL_SEPARATOR)
        names = [name for name in names if name and name != UNSURE]
        names = [name for name in names if name != label] if label in names else [*names, label]
        return LABEL_SEPARATOR.join(names)

    def undo(self) -> None:
        """Take the last correction back, and show where."""
        if self.annotator is None:
            return
        try:
            undone = self.annotator.undo()
        except OrganelleError as error:
            self.say(str(error), bad=True)
            return
        if undone and (rows := self.annotator.targets.selected()):
            self.show_region(rows[0])

    def go_to_next(self) -> None:
        """Show the region whose class would teach the model most."""
        if self.result is None:
            return
        row = most_useful(self.result.prediction, self._threshold(), self.result.corrected)
        if row is None:
            self.say("Every region has a class.")
            return
        self.show_region(row)
        frame(self.viewer, self.result, row)
        self.list.setFocus()

    def teach(self) -> None:
        """Have the Classify widget teach what was corrected in the result."""
        if self.result is None:
            return
        problem = open_classify(self.viewer).teach_result(self.result)
        self.say(problem, bad=bool(problem))

    def _add_class(self) -> None:
        name = self.controls.new_class.text().strip()
        if self.annotator is None or not name or LABEL_SEPARATOR in name:
            return
        if name not in self.annotator.colours:
            self.annotator.colours = {
                **self.annotator.colours,
                name: new_colour(name, self.annotator.colours),
            }
        self.controls.new_class.clear()
        self._show_controls()
        self.list.setFocus()

    def _on_key(self, key: str) -> None:
        acts = {"0": lambda: self.give(""), "U": self.undo, "N": self.go_to_next}
        if key in acts:
            acts[key]()
        elif name := self.controls.classes.keys.get(key):
            self.give(name)

    def _on_labels(self) -> None:
        """Corrections have changed: show them here, on the canvas and in the features."""
        if self.result is None:
            return
        corrected = dict(self.result.corrected)
        if len(self.list.crops.captions.called) == len(self.result.prediction.regions):
            self.list.recaption(
                replace(self.list.crops.captions, corrected=corrected, colours=self._colours_now())
            )
        self._recolour_timer.start(
            RECOLOUR_MS if len(self.result.prediction.regions) <= RECOLOUR_AT_ONCE else IDLE_MS
        )
        self.controls.count_corrected(corrected)
        self._show_controls()

    def _recolour(self) -> None:
        if self.result is not None:
            recolour(self.viewer, self.result)
            region_news.corrected.emit(self.viewer, self.result)

    def _on_selection(self, *_: Any) -> None:
        self._show_controls()

    def _show_controls(self) -> None:
        controls, annotator = self.controls, self.annotator
        for part in (controls, *controls.actions):
            part.setEnabled(self.result is not None)
        for part in (controls.classes, controls.new_class, controls.undo):
            part.setEnabled(annotator is not None)
        if self.result is None:
            controls.hint.setText("")
        elif annotator is None:
            controls.show_classes(self._colours(self.result), {}, IMAGE_GONE)
        else:
            given = Counter(
                name for label in self.result.corrected.values() for name in label.split(LABEL_SEPARATOR)
            )
            rows = self.list.selected_rows()
            saved = f" Saved in {annotator.log.path.name}." if self.result.corrected else ""
            chosen = f"{len(rows):,} selected. " if len(rows) > 1 else ""
            controls.show_classes(annotator.colours, given, f"{chosen}{KEYS_HELP}{saved}")
            controls.hint.setToolTip(str(annotator.log.path))

    # the end

    def resizeEvent(self, event: Any) -> None:
        """Beside each other, or above each other."""
        is_wide = event.size().width() > WIDE * event.size().height()
        direction = QBoxLayout.Direction
        self._box.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        super().resizeEvent(event)

    def let_go(self) -> None:
        """Take away what was put into the viewer, and stop cutting."""
        self._picker.release()
        self._forget_layers()
        self._marker.hide()
        region_news.category.disconnect(self._on_category)
        if self.thumbnails is not None:
            self.thumbnails.close()
