"""Picking regions: whole images, tiles, objects or points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import napari
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QPushButton, QWidget

from napari_organelle.errors import RegionError
from napari_organelle.gui.classify.request import RegionPlan
from napari_organelle.gui.fields import ObjectCombo, pixel_box, show_row
from napari_organelle.gui.inputs import METADATA, ChannelOption
from napari_organelle.gui.selection import Selection
from napari_organelle.prepare.regions import RegionKind, pixels_from_um

TEXTS: dict[RegionKind, str] = {
    "image": "Whole image",
    "slices": "Each slice whole",
    "tiles": "Tiles",
    "objects": "Objects",
    "points": "Points",
}
HUMAN_STAINS = ("er", "microtubules")
BODY_STAINS = (*HUMAN_STAINS, "cytosol", "cytoplasm", "mcherry", "rfp")
MICROMETRES, PIXELS = "µm", "px"


class RegionForm(QWidget):
    """The fields of regions, to be laid out by the form that has them: `kind` first, then `fields`."""

    changed = Signal()
    find_cells = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.kind = ObjectCombo("What gets one answer each")
        self.tile, self.stride = _length_box("Side of a tile"), _length_box("From one tile to the next")
        self.unit = ObjectCombo("Unit of tile and stride")
        self.unit.setMinimumContentsLength(3)
        self.unit.offer([PIXELS, MICROMETRES])
        self.dense = QCheckBox("share work between overlapping tiles (dense)")
        self.dense.setToolTip(
            "Looks at the image once and answers every overlapping tile from that: many times faster than "
            "tile by tile.\nSome answers differ from those of single tiles; the run says how many, from a "
            "sample of your own tiles."
        )
        self.labels = ObjectCombo("A Labels layer with one number an object")
        self.find_button = QPushButton("Find cells")
        self.find_button.setToolTip("Outline the cells of the channel below, as a new Labels layer")
        self.cells = ObjectCombo("The channel that fills the cells")
        self.nuclei = ObjectCombo("A nuclear stain, for large cells with one round nucleus; none for yeast")
        self.points = ObjectCombo("A Points layer; each point is classified with what lies around it")
        self.window = pixel_box(64, "Side of the square around each object or point that the network sees")
        self._kind_picked = self._cells_picked = False
        self._connect()

    @property
    def fields(self) -> list[tuple[str, QWidget]]:
        """Rows below `kind`: text and field."""
        self._tile_row = _side_by_side(self.tile, self.stride, self.unit)
        self._labels_row = _side_by_side(self.labels, self.find_button)
        return [
            ("Tile, stride", self._tile_row),
            ("", self.dense),
            ("Labels", self._labels_row),
            ("Cells in", self.cells),
            ("Nuclei in", self.nuclei),
            ("Points", self.points),
            ("Window", self.window),
        ]

    def _connect(self) -> None:
        self.kind.activated.connect(self._on_kind)
        for combo in (self.labels, self.points):
            combo.activated.connect(self.changed)
        for combo in (self.cells, self.nuclei):
            combo.activated.connect(self._on_cells)
        self.unit.activated.connect(self._on_unit)
        self.tile.valueChanged.connect(self._on_tile)
        self.stride.valueChanged.connect(self.changed)
        self.dense.toggled.connect(self.changed)
        self.window.valueChanged.connect(self.changed)
        self.find_button.clicked.connect(self.find_cells)

    def _on_kind(self) -> None:
        self._kind_picked = True
        self.show_fields()
        self.changed.emit()

    def _on_cells(self) -> None:
        self._cells_picked = True

    def _on_tile(self, value: float) -> None:
        """Tiles touch, until a stride is typed."""
        with QSignalBlocker(self.stride):
            self.stride.setValue(value)
        self.changed.emit()

    def _on_unit(self) -> None:
        self._show_unit()
        self.changed.emit()

    def _show_unit(self) -> None:
        for box in (self.tile, self.stride):
            with QSignalBlocker(box):
                box.setDecimals(0 if self.unit.value == PIXELS else 2)

    def show_fields(self) -> None:
        """Show the fields of the chosen kind."""
        kind = self.kind.value
        wanted = {
            self._tile_row: kind == "tiles",
            self.dense: kind == "tiles",
            self._labels_row: kind == "objects",
            self.cells: kind == "objects",
            self.nuclei: kind == "objects",
            self.points: kind == "points",
            self.window: kind in ("objects", "points"),
        }
        parent = self.kind.parentWidget()
        layout = parent.layout() if parent is not None else None
        for field, visible in wanted.items():
            label = layout.labelForField(field) if isinstance(layout, QFormLayout) else None
            show_row(field, label, visible)

    def offer_layers(self, layers: Iterable[Any], options: Sequence[ChannelOption]) -> None:
        """Offer labels and points that are no results of ours, and channels to find cells in."""
        own = [layer for layer in layers if "result" not in layer.metadata.get(METADATA, {})]
        self.labels.offer([layer for layer in own if isinstance(layer, napari.layers.Labels)], _name)
        points = [layer for layer in own if isinstance(layer, napari.layers.Points)]
        self.points.offer([layer for layer in points if METADATA not in layer.metadata], _name)
        self.cells.offer(options)
        self.nuclei.offer([None, *options], lambda option: "—" if option is None else str(option))
        if not self._cells_picked:
            self.cells.choose(_find_stain(BODY_STAINS, options) or next(iter(options), None))
            self.nuclei.choose(
                _find_stain(("nucleus",), options) if _find_stain(HUMAN_STAINS, options) else None
            )

    def offer_kinds(self, selection: Selection, window: int, guess: bool) -> None:
        """Offer what makes sense for the input; with `guess`, take the likeliest kind, and the model's sizes.

        Parameters
        ----------
        selection : Selection
            The input.
        window : int
            Side in pixels that the model wants.
        guess : bool
            Whether input or model are new.
        """
        many = bool(selection.item_axes) and selection.whole_stack
        whole: RegionKind = "slices" if many else "image"
        kinds: list[RegionKind] = [whole, "tiles", "objects", "points"]
        before = self.kind.value
        self.kind.offer(kinds, lambda kind: TEXTS[kind])
        if guess and not self._kind_picked:
            large = min(selection.shape[-2:]) >= 2 * window
            self.kind.choose(("objects" if self.labels.value else "tiles") if large else whole)
        elif before in ("image", "slices"):
            self.kind.choose(whole)
        if guess:
            with QSignalBlocker(self.window):
                self.window.setValue(window)
            self.unit.choose(PIXELS)
            self._show_unit()
            for box in (self.tile, self.stride):
                with QSignalBlocker(box):
                    box.setValue(min(window, *selection.shape[-2:]))
        self.show_fields()

    def plan(self, selection: Selection, pixel_size: float | None) -> RegionPlan:
        """The plan for an input.

        Raises
        ------
        RegionError
            If sizes are in µm and the pixel size isn't known, or the labels don't fit.
        """
        kind: RegionKind = self.kind.value
        if kind == "tiles":
            tile, stride = (self._pixels(box, pixel_size) for box in (self.tile, self.stride))
            return RegionPlan(kind, tile=tile, stride=stride, dense=self.dense.isChecked())
        if kind == "objects" and self.labels.value is not None:
            if problem := selection.labels_problem(self.labels.value):
                raise RegionError(problem)
            return RegionPlan(kind, window=self.window.value(), labels=selection.labels(self.labels.value))
        if kind == "points" and self.points.value is not None:
            points, rows = selection.points(self.points.value)
            return RegionPlan(kind, window=self.window.value(), points=points, rows=rows)
        return RegionPlan(kind, window=self.window.value())

    def _pixels(self, box: QDoubleSpinBox, pixel_size: float | None) -> int:
        return int(box.value()) if self.unit.value == PIXELS else pixels_from_um(box.value(), pixel_size)


def _name(layer: Any) -> str:
    return str(layer.name)


def _find_stain(stains: Sequence[str], options: Sequence[ChannelOption]) -> ChannelOption | None:
    """The first channel with the first of these words in its name."""
    for stain in stains:
        for option in options:
            if stain in str(option).casefold().replace("_", " ").split():
                return option
    return None


def _length_box(tooltip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.01, 100_000)
    box.setDecimals(0)
    box.setToolTip(tooltip)
    return box


def _side_by_side(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 0 if isinstance(widget, QPushButton) else 1)
    return row
