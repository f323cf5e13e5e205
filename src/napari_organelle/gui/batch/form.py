"""The form of a batch: files, model, channels, regions and the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_organelle.gui.batch.run import BatchRequest
from napari_organelle.gui.classify.model_form import ModelForm
from napari_organelle.gui.classify.region_form import TEXTS
from napari_organelle.gui.devices import DeviceList
from napari_organelle.gui.fields import ObjectCombo, show_row, whole_box, wrapped_label
from napari_organelle.gui.preferences import offer_devices, preferences
from napari_organelle.prepare.plans import Images, Objects, RegionPlan, Slices, Tiles
from napari_organelle.show.tables import PARQUET

AUTO = ("auto", "Automatic")
MAX_SHOWN = 3
NO_FILES = "Choose a folder, a plate or files to classify."
NO_OUTPUT = "Choose where the table is written."
TABLES = f"Table (*.csv);;Parquet (*{PARQUET});;AnnData (*.h5ad)"
ENDINGS = {"Table (*.csv)": ".csv", f"Parquet (*{PARQUET})": PARQUET, "AnnData (*.h5ad)": ".h5ad"}


class BatchForm(QWidget):
    """Collects a BatchRequest, no more."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.paths: tuple[Path, ...] = ()
        self.output: Path | None = None
        self.files, self.table = wrapped_label("—"), wrapped_label("—")
        self.model = ModelForm()
        self.channels = QLineEdit()
        self.channels.setPlaceholderText("as the files name them")
        self.channels.setToolTip("Leave empty, or bind the model's slots: protein=GFP,cytosol=none")
        self.regions = ObjectCombo("What gets one answer each")
        self.regions.offer(["image", "slices", "tiles", "objects"], lambda kind: TEXTS[kind])
        self.tile, self.stride = (
            whole_box(0, 100_000, text, " px")
            for text in ("Side of a tile", "From one tile to the next; tiles touch where none is given")
        )
        self.tile.setSpecialValueText("as the model's window")
        self.stride.setSpecialValueText("as the tile")
        self.device = ObjectCombo("Where the network runs")
        self.offer_devices([])
        self._lay_out()
        self.model.changed.connect(self.changed)
        self.channels.textChanged.connect(self.changed)
        self.regions.activated.connect(self._on_regions)
        for box in (self.tile, self.stride):
            box.valueChanged.connect(self.changed)
        self._on_regions()

    def _lay_out(self) -> None:
        self._form = form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(
            "Classify",
            _row(
                _button("Folder…", "A folder of images, or a plate", self._ask_folder),
                _button("Files…", "Image files, or a list of images (CSV)", self._ask_files),
            ),
        )
        form.addRow(self.files)
        form.addRow("Model", self.model)
        form.addRow(self.model.info)
        form.addRow("", self.model.fast)
        form.addRow("Channels", self.channels)
        form.addRow("Regions", self.regions)
        form.addRow("Tile", self.tile)
        form.addRow("Stride", self.stride)
        form.addRow("Device", self.device)
        choose = _button("Choose…", "CSV, Parquet or AnnData; no file is replaced", self._ask_output)
        form.addRow("Table", _row(choose))
        form.addRow(self.table)

    def offer_devices(self, devices: DeviceList) -> None:
        """Offer the devices that were found."""
        offer_devices(self.device, AUTO, devices, preferences().device)

    def take(self, *paths: Path) -> None:
        """Classify these."""
        self.paths = paths
        more = len(paths) - MAX_SHOWN
        self.files.setText("\n".join([*map(str, paths[:MAX_SHOWN]), *([f"and {more:,} more"] * (more > 0))]))
        self.changed.emit()

    def write_to(self, path: Path) -> None:
        """Where the table goes."""
        self.output = path
        self.table.setText(str(path))
        self.changed.emit()

    def request(self) -> tuple[BatchRequest | None, str]:
        """The request, or None and why there is none."""
        if not self.paths:
            return None, NO_FILES
        if self.model.bundle is None:
            return None, self.model.problem
        if self.output is None:
            return None, NO_OUTPUT
        request = BatchRequest(
            self.paths,
            self.output,
            self.model.bundle,
            self._plan(),
            self.channels.text().strip(),
            self.device.value[0],
        )
        problem = request.problem()
        return (None, problem) if problem else (request, "")

    def _plan(self) -> RegionPlan:
        plans: dict[str, Callable[[], RegionPlan]] = {
            "image": Images,
            "slices": Slices,
            "tiles": lambda: Tiles(self.tile.value() or None, self.stride.value() or None),
            "objects": Objects,
        }
        return plans[self.regions.value]()

    def _on_regions(self, _row: int = 0) -> None:
        self.regions.setToolTip(
            "What gets one answer each; objects are the masks beside the images, or cells that are found"
        )
        for box in (self.tile, self.stride):
            show_row(box, self._form.labelForField(box), self.regions.value == "tiles")
        self.changed.emit()

    def _ask_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, "Classify a folder or a plate"):
            self.take(Path(name))

    def _ask_files(self) -> None:
        if names := QFileDialog.getOpenFileNames(self, "Classify files")[0]:
            self.take(*map(Path, names))

    def _ask_output(self) -> None:
        near = self.paths[0].parent if self.paths else Path.home()
        name, kind = QFileDialog.getSaveFileName(
            self,
            "Write the table",
            str(near / "organelles.csv"),
            TABLES,
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if name:
            path = Path(name)
            self.write_to(path if path.suffix else path.with_name(path.name + ENDINGS.get(kind, ".csv")))


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 1)
    return row


def _button(text: str, tooltip: str, act: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.clicked.connect(lambda: act())
    return button
