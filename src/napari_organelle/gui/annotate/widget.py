"""The widget for labels by hand: number keys give the selected object or point a class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Points
from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import QFileDialog

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.annotate.annotator import Annotator
from napari_organelle.gui.annotate.class_list import KEYS, new_colour
from napari_organelle.gui.annotate.form import AnnotateForm
from napari_organelle.gui.annotate.layer_keys import LayerKeys
from napari_organelle.gui.annotate.layers import (
    bring_into_view,
    find_objects,
    label_file,
    make_labels,
    make_points,
)
from napari_organelle.gui.body import Body
from napari_organelle.gui.inputs import add_layer, image_set_of
from napari_organelle.gui.targets import LayerTargets, ObjectTargets, PointTargets
from napari_organelle.model.palette import colour_classes
from napari_organelle.read.tables.annotations import SUFFIX, AnnotationLog, annotations_folder

if TYPE_CHECKING:
    import napari

FIRST_CLASSES = ("nucleus", "mitochondrion", "cytoplasm")
START_FIRST = "Press “Start labelling” first."


class AnnotateWidget(Body):
    """Label objects or points of a layer with number keys; every label is saved at once.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose layers are labelled.
    """

    title = "Find cells"
    stop_help = "Stop looking for cells"
    help_page = "train/"

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.annotator: Annotator[LayerTargets] | None = None
        self._keys: LayerKeys | None = None
        self.form = AnnotateForm(self.events)
        self.add_page("Label by hand", self.form)
        self._connect()
        self._update()

    def _connect(self) -> None:
        form, classes = self.form, self.form.classes
        form.target.chosen.connect(self.end)
        form.start.toggled.connect(lambda on: self.begin() if on else self.end())
        form.find_cells.clicked.connect(self.find_cells)
        form.make_points.clicked.connect(self.add_points)
        form.undo.clicked.connect(self.undo)
        form.next.clicked.connect(self.go_to_next)
        form.choose_file.clicked.connect(self._pick_file)
        classes.given.connect(self.give)
        classes.added.connect(self._add_class)
        classes.removed.connect(self._remove_class)
        classes.renamed.connect(lambda old, new: self._try(lambda a: a.rename(old, new)))
        classes.recoloured.connect(lambda name, c: self._try(lambda a: a.set_colours(a.colours | {name: c})))
        self.events.on_active(self._update)

    def begin(self, log: AnnotationLog | None = None) -> None:
        """Label the chosen layer: restore what its file holds, and listen to the keys.

        Parameters
        ----------
        log : AnnotationLog, optional
            Where labels are saved; the image's and layer's own file where not given.
        """
        layer = self.form.target.value
        self._let_go()
        try:
            if layer is None:
                raise OrganelleError(
                    "add Labels or Points first; these objects or points are what you label."
                )
            log = log or AnnotationLog(label_file(layer, self.form.image.value))
            targets: LayerTargets = ObjectTargets(layer) if isinstance(layer, Labels) else PointTargets(layer)
            self.annotator = Annotator(targets, self._first_colours(), log)
        except OrganelleError as error:
            show_warning(f"Labelling can't start: {error}")
        else:
            self._hold(layer)
            self.annotator.changed.connect(self._update)
            self._tell_restored()
            if targets.selected():
                self._look_at_selected()
            else:
                self.go_to_next()
        self._update()

    def end(self) -> None:
        """Stop listening to the keys; labels stay in the layer's features."""
        self._let_go()
        self._update()

    def give(self, label: str) -> None:
        """Give what is selected a class, or take its class away with ``""``."""
        advance = self.form.advance.isChecked() and label != ""
        if self._try(lambda annotator: annotator.assign(label, advance=advance)) and advance:
            self._look_at_selected()

    def undo(self) -> None:
        """Take the last step back, and show where."""
        if self._try(lambda annotator: annotator.undo()):
            self._look_at_selected()

    def go_to_next(self) -> None:
        """Select the next one without a class, and bring it into view."""
        if self.annotator is None:
            return
        key = self.annotator.next_unlabelled()
        if key is None:
            self.viewer.status = "All have a class."
            return
        self.annotator.select(key)
        self._look_at_selected()

    def find_cells(self) -> None:
        """Add a Labels layer with the cells of the image."""
        image = self.form.image.value
        if image is None or self.is_running:
            show_info("Open an image first." if image is None else "Cells are being looked for.")
            return
        self.start_run(
            find_objects(image),
            lambda cells: self._add_target(make_labels(image, cells)),
            self._end_search,
            "finding cells…",
        )

    def add_points(self) -> None:
        """Add a Points layer to label."""
        image = self.form.image.value
        if image is None:
            show_info("Open an image first.")
            return
        try:
            self._add_target(make_points(image))
        except OrganelleError as error:
            show_warning(f"No points were made: {error}")

    def use_file(self, path: Path) -> None:
        """Go on with a file of labels, or begin one; it is added to and never overwritten."""
        log = AnnotationLog(path if path.suffix else path.with_name(path.name + SUFFIX))
        if self.annotator is None:
            self.begin(log)
        elif self._try(lambda annotator: annotator.move_to(log)):
            self._tell_restored()

    def let_go(self) -> None:
        """Give the keys back."""
        self._let_go()

    def _add_target(self, layer: Labels | Points) -> None:
        add_layer(self.viewer, layer)
        self.form.target.take(layer)

    def _end_search(self, error: BaseException | None, _cancelled: bool) -> None:
        self.say("")
        if error is not None:
            self.fail(error, f"No cells were found: {error}")

    def _hold(self, layer: Labels | Points) -> None:
        """Listen to the layer's keys and clicks."""
        keys: dict[str, Callable[[], Any]] = {
            "0": lambda: self.give(""),
            "N": self.go_to_next,
            "U": self.undo,
        }
        keys |= {key: partial(self._give_number, number) for number, key in enumerate(KEYS)}
        self._keys = LayerKeys(layer, keys, self._click)
        if isinstance(layer, Points):
            layer.events.data.connect(self._points_changed)
        else:
            layer.mode = "pan_zoom"
        self.viewer.layers.selection.active = layer

    def _let_go(self) -> None:
        if self.annotator is None or self._keys is None:
            return
        self._keys.release()
        layer = self._keys.layer
        if isinstance(layer, Points):
            layer.events.data.disconnect(self._points_changed)
        self.annotator.changed.disconnect(self._update)
        self.annotator.targets.restore_look()
        self.annotator = self._keys = None

    def _give_number(self, number: int) -> None:
        names = list(self.annotator.colours) if self.annotator else []
        if number < len(names):
            self.give(names[number])
        else:
            self.viewer.status = f"There is no class {KEYS[number]} in the list."

    def _click(self, event: Any) -> None:
        """Select what lies under a click."""
        if self.annotator is None:
            return
        view = {"view_direction": event.view_direction, "dims_displayed": list(event.dims_displayed)}
        key = self.annotator.targets.under(event.position, view)
        if key is not None:
            self.annotator.select(key)

    def _points_changed(self, event: Any) -> None:
        """Points that are deleted lose their label in the file too; new ones begin without one."""
        if self.annotator is None:
            return
        action = str(getattr(event.action, "value", event.action))
        rows = [int(row) % max(1, len(event.value)) for row in event.data_indices]
        if action == "removing":
            self._try(lambda annotator: annotator.forget(rows))
        elif action == "added":
            self.annotator.targets.set_classes(dict.fromkeys(rows, ""))
        if action != "removing":
            self.annotator.refresh()

    def _try(self, act: Callable[[Annotator[LayerTargets]], Any]) -> bool:
        """Whether it went well; what went wrong is shown."""
        if self.annotator is None:
            show_info(START_FIRST)
            return False
        try:
            act(self.annotator)
        except OrganelleError as error:
            show_warning(str(error))
            return False
        return True

    def _look_at_selected(self) -> None:
        """Bring what is selected to the middle of the canvas."""
        if self.annotator is not None and (chosen := self.annotator.targets.selected()):
            targets = self.annotator.targets
            bring_into_view(
                self.viewer, targets.layer, targets.position(chosen[0]), targets.extent(chosen[0])
            )

    def _first_colours(self) -> dict[str, str]:
        """The classes of the image's own set, or a few to begin with."""
        image = self.form.image.value
        images = image_set_of(image) if image is not None else None
        names = images.class_names[: len(KEYS)] if images is not None else ()
        return {each.name: each.colour for each in colour_classes(names or FIRST_CLASSES)}

    def _add_class(self) -> None:
        if self.annotator is None:
            return
        colours = self.annotator.colours
        if len(colours) >= len(KEYS):
            show_info(f"There are keys for {len(KEYS)} classes.")
            return
        name = next(name for n in range(1, len(KEYS) + 2) if (name := f"class {n}") not in colours)
        self._try(lambda annotator: annotator.set_colours(colours | {name: new_colour(name, colours)}))
        self.form.classes.edit(name)

    def _remove_class(self, name: str) -> None:
        if self.annotator is None:
            return
        if count := self.annotator.counts()[name]:
            show_info(f"{count} have the class “{name}”: give them another one, or none (0), first.")
            return
        left = {other: colour for other, colour in self.annotator.colours.items() if other != name}
        self._try(lambda annotator: annotator.set_colours(left))

    def _pick_file(self) -> None:
        start = str(self.annotator.log.path if self.annotator else annotations_folder())
        options = QFileDialog.Option.DontConfirmOverwrite
        filters, title = f"Labels (*{SUFFIX})", "File of labels"
        path, _ = QFileDialog.getSaveFileName(self, title, start, filters, options=options)
        if path:
            self.use_file(Path(path))

    def _tell_restored(self) -> None:
        annotator = self.annotator
        if annotator is not None and annotator.restored:
            show_info(f"{annotator.restored} labels restored from {annotator.log.path.name}.")
        if annotator is not None and annotator.lost:
            show_warning(f"{annotator.lost} saved labels lie where no object is now; they stay in the file.")

    def _update(self, _event: object = None) -> None:
        """Show the annotator as it is."""
        if self.annotator is None:
            self.form.show_at_rest()
        else:
            self.form.show_annotator(self.annotator, self.viewer.layers.selection.active)
