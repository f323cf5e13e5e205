"""Picking regions: whole images, tiles, objects or points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import napari
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QPushButton, QWidget

from napari_organelle.errors import RegionError
from napari_organelle.gui.fields import ObjectCombo, length_box, pixel_box, show_row
from napari_organelle.gui.inputs import METADATA, ChannelOption
from napari_organelle.gui.selection import Selection
from napari_organelle.prepare.cells import choose_stains, fills_cells
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.plans import Images, Objects, Points, RegionPlan, Slices, Tiles
from napari_organelle.prepare.regions import pixels_from_um

TEXTS = {
    "image": "Whole image",
    "slices": "Each slice whole",
    "tiles": "Tiles",
    "objects": "Objects",
    "points": "Points",
}
"""What each kind of region is called, in the order of the list."""

WITHOUT_FIELDS: dict[str, Callable[[], RegionPlan]] = {"image": Images, "slices": Slices}
"""Kinds whose plan needs nothing of the form."""

WHOLE = ("image", "slices")
"""Of these only one is offered: the second where there are several slices."""

MICROMETRES, PIXELS = "µm", "px"


class RegionForm(QWidget):
    """The fields of regions, to be laid out by the form that has them: `kind` first, then `fields`."""

    changed = Signal()
    find_cells = Signal()

    def __init__(self, pixel_size: Callable[[], float | None]) -> None:
        super().__init__()
        self._pixel_size = pixel_size
        self.kind = ObjectCombo("What gets one answer each")
        self.tile, self.stride = length_box("Side of a tile"), length_box("From one tile to the next")
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
        self.find_button.setToolTip(
            "Outline the cells that are seen in the channel below, as a new Labels layer"
        )
        self.cells = ObjectCombo(
            "A channel in which cells can be seen: a cytosol marker, brightfield, phase contrast, DIC, "
            "or the haze of the protein"
        )
        self.nuclei = ObjectCombo("A nuclear stain, for large cells with one round nucleus; none for yeast")
        self.points = ObjectCombo("A Points layer; each point is classified with what lies around it")
        self.window = pixel_box(64, "Side of the square around each object or point that the network sees")
        self._tile_row = _side_by_side(self.tile, self.stride, self.unit)
        self._labels_row = _side_by_side(self.labels, self.find_button)
        self.fields: list[tuple[str, QWidget]] = [
            ("Tile, stride", self._tile_row),
            ("", self.dense),
            ("Labels", self._labels_row),
            ("Cells in", self.cells),
            ("Nuclei in", self.nuclei),
            ("Points", self.points),
            ("Window", self.window),
        ]
        """Rows below `kind`: text and field."""
        self._kind_picked = self._cells_picked = self._window_picked = False
        self._tile_picked = self._stride_picked = False
        self._unit = PIXELS
        self._options: Sequence[ChannelOption] = ()
        self._channels: ChannelMap | None = None
        self._connect()

    def _connect(self) -> None:
        self.kind.activated.connect(self._on_kind)
        for combo in (self.labels, self.points):
            combo.activated.connect(self.changed)
        for combo in (self.cells, self.nuclei):
            combo.activated.connect(self._on_cells)
        self.unit.activated.connect(self._on_unit)
        self.tile.valueChanged.connect(self._on_tile)
        self.stride.valueChanged.connect(self._on_stride)
        self.dense.toggled.connect(self.changed)
        self.window.valueChanged.connect(self._on_window)
        self.find_button.clicked.connect(self.find_cells)

    def _on_kind(self) -> None:
        self._kind_picked = True
        self.show_fields()
        self.changed.emit()

    def _on_cells(self) -> None:
        self._cells_picked = True

    def _on_tile(self, value: float) -> None:
        """Tiles touch, until a stride is typed."""
        self._tile_picked = True
        if not self._stride_picked:
            with QSignalBlocker(self.stride):
                self.stride.setValue(value)
        self.changed.emit()

    def _on_stride(self) -> None:
        self._tile_picked = self._stride_picked = True
        self.changed.emit()

    def _on_window(self) -> None:
        self._window_picked = True
        self.changed.emit()

    def _on_unit(self) -> None:
        """The same length in the other unit, where the pixel size is known."""
        self._tile_picked = True
        size = self._pixel_size()
        lengths = [box.value() for box in (self.tile, self.stride)]
        if size and self.unit.value != self._unit:
            lengths = [length * size if self._unit == PIXELS else length / size for length in lengths]
        self._show_unit()
        for box, length in zip((self.tile, self.stride), lengths, strict=True):
            with QSignalBlocker(box):
                box.setValue(length)
        self.changed.emit()

    def _show_unit(self) -> None:
        self._unit = self.unit.value
        for box in (self.tile, self.stride):
            with QSignalBlocker(box):
                box.setDecimals(0 if self.unit.value == PIXELS else 2)

    def show_fields(self) -> None:
        """Show the fields of the chosen kind."""
        shown = self._fields_of().get(self.kind.value, ())
        parent = self.kind.parentWidget()
        layout = parent.layout() if parent is not None else None
        for _, field in self.fields:
            visible = field in shown
            label = layout.labelForField(field) if isinstance(layout, QFormLayout) else None
            show_row(field, label, visible)

    def _fields_of(self) -> dict[str, tuple[QWidget, ...]]:
        """Which fields a kind has."""
        return {
            "tiles": (self._tile_row, self.dense),
            "objects": (self._labels_row, self.cells, self.nuclei, self.window),
            "points": (self.points, self.window),
        }

    def offer_layers(
        self, layers: Iterable[Any], options: Sequence[ChannelOption], channels: ChannelMap | None = None
    ) -> None:
        """Offer labels and points that are no results of ours, and channels to find cells in.

        Parameters
        ----------
        layers : iterable of Layer
            The viewer's.
        options : sequence of ChannelOption
            All channels.
        channels : ChannelMap, optional
            Which of `options` fill the model's slots: stains among them are taken first.
        """
        own = [layer for layer in layers if "result" not in layer.metadata.get(METADATA, {})]
        self.labels.offer([layer for layer in own if isinstance(layer, napari.layers.Labels)], _name)
        points = [layer for layer in own if isinstance(layer, napari.layers.Points)]
        self.points.offer([layer for layer in points if METADATA not in layer.metadata], _name)
        self._options, self._channels = options, channels
        self.cells.offer(options)
        self.nuclei.offer([None, *options], lambda option: "—" if option is None else str(option))
        if not self._cells_picked and options:
            stains = choose_stains([option.channel for option in options], channels)
            self.cells.choose(options[stains.body])
            self.nuclei.choose(None if stains.nuclei is None else options[stains.nuclei])

    def cells_are_filled(self) -> bool:
        """Whether the channel that cells are found in is known to fill them."""
        options = list(self._options)
        image_channels = [option.channel for option in options]
        return fills_cells(options.index(self.cells.value), image_channels, self._channels)

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
        has_items = bool(selection.item_axes) and selection.whole_stack
        whole = "slices" if has_items else "image"
        before = self.kind.value
        self.kind.offer(
            [kind for kind in TEXTS if kind == whole or kind not in WHOLE], lambda kind: TEXTS[kind]
        )
        if guess and not self._kind_picked:
            large = min(selection.shape[-2:]) >= 2 * window
            self.kind.choose(("objects" if self.labels.value else "tiles") if large else whole)
        elif before in WHOLE:
            self.kind.choose(whole)
        if guess and not self._window_picked:
            with QSignalBlocker(self.window):
                self.window.setValue(window)
        if guess and not self._tile_picked:
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
            If sizes are in µm and the pixel size isn't known, or labels or points are missing or don't fit.
        """
        if (kind := self.kind.value) in WITHOUT_FIELDS:
            return WITHOUT_FIELDS[kind]()
        return self._plans()[kind](selection, pixel_size)

    def _plans(self) -> dict[str, Callable[[Selection, float | None], RegionPlan]]:
        """What makes the plan of each kind that has fields."""
        return {"tiles": self._tiles, "objects": self._objects, "points": self._points}

    def _tiles(self, selection: Selection, pixel_size: float | None) -> Tiles:
        tile, stride = (self._pixels(box, pixel_size) for box in (self.tile, self.stride))
        return Tiles(tile, stride, self.dense.isChecked())

    def _objects(self, selection: Selection, pixel_size: float | None) -> Objects:
        if self.labels.value is None:
            raise RegionError("No objects are picked. Pick a Labels layer, or press 'Find cells'.")
        if problem := selection.labels_problem(self.labels.value):
            raise RegionError(problem)
        return Objects(selection.labels(self.labels.value), self.window.value())

    def _points(self, selection: Selection, pixel_size: float | None) -> Points:
        if self.points.value is None:
            raise RegionError("No points are picked. Add a Points layer and click on what to classify.")
        points, rows = selection.points(self.points.value)
        return Points(points, self.window.value(), rows)

    def _pixels(self, box: QDoubleSpinBox, pixel_size: float | None) -> int:
        return int(box.value()) if self.unit.value == PIXELS else pixels_from_um(box.value(), pixel_size)


def _name(layer: Any) -> str:
    return str(layer.name)


def _side_by_side(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 0 if isinstance(widget, QPushButton) else 1)
    return row
