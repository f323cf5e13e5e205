"""The batch widget: a folder, a plate or many files classified as the command line does, then looked at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import napari
import pandas as pd
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_organelle.gui.batch.form import BatchForm
from napari_organelle.gui.batch.run import BatchRun
from napari_organelle.gui.body import Body
from napari_organelle.gui.devices import DeviceList, ask_devices
from napari_organelle.gui.inputs import add_layer, image_set_of
from napari_organelle.gui.readers import LayerData, image_set_layers
from napari_organelle.gui.rollup.page import RollUpPage, Source
from napari_organelle.model.palette import colour_classes
from napari_organelle.read.open import open_image_set
from napari_organelle.show.results_file import classes_of, read_results

POLL_MS = 200


class BatchWidget(Body):
    """Dock widget; see the module.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the images of a group are shown.
    """

    title = "Classify folders and plates"
    run_text, run_help = "Run", "Classify all images; what a stopped run has done is kept and gone on with"
    stop_help = "Stop after the batch that is being classified; the same run again goes on from there"
    help_page = "classify/#folders-and-plates"

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer)
        self.form = BatchForm()
        self.open_button = QPushButton("Open results…")
        self.open_button.setToolTip("Look at a table that this widget or the command line has written")
        self.add_page("Batch", self.form, self.open_button)
        self.roll_up = RollUpPage(self.start_job)
        self._groups_page = self.add_page("Groups", self.roll_up)
        self.pages.setTabEnabled(self._groups_page, False)
        self._current: BatchRun | None = None
        self._poll = QTimer(self, interval=POLL_MS)
        self._poll.timeout.connect(self._show_done)
        self.form.changed.connect(self._refresh_timer.start)
        self.open_button.clicked.connect(self._ask_table)
        self.roll_up.said.connect(self.say)
        self.pages.currentChanged.connect(lambda _: self.roll_up.refresh())
        self.start_job(ask_devices(), self._on_devices, lambda *_: None)
        self.refresh()

    def refresh(self) -> None:
        """Say what Run would do, or why it can't."""
        request, problem = self.form.request()
        self.run_button.setEnabled(request is not None and not self.is_running)
        if request is None:
            self.status.setText(problem)
        else:
            what = f"{request.regions.noun}s" if request.regions.kind != "image" else "whole images"
            self.status.setText(
                f"Will classify {what} with {request.bundle.spec.name} and write {request.output.name}. "
                "A run that was stopped goes on."
            )

    def start(self) -> None:
        """Run what the form says."""
        request, problem = self.form.request()
        if request is None:
            self.say(problem)
            return
        self._current = current = BatchRun(request)
        self._poll.start()
        end = partial(self._on_end, current)
        self.start_run(current.reports(), lambda _: self._show_done(), end, "looking at files…")

    def stop(self) -> None:
        """Stop after the batch that is in the making."""
        if self._current is not None:
            self._current.stop()
        super().stop()

    def show_table(self, path: Path) -> None:
        """Open a table of results as groups."""
        self.roll_up.set_source(
            Source(table=lambda: _table(path), colours=_colours(path), go_to=self._go_to, folder=path.parent)
        )
        self.pages.setTabEnabled(self._groups_page, True)
        self.pages.setCurrentIndex(self._groups_page)

    def _on_devices(self, devices: DeviceList | None) -> None:
        if devices is not None:
            self.form.offer_devices(devices)

    def _show_done(self) -> None:
        current = self._current
        if current is not None and current.total and self.is_running:
            done = min(current.done, current.total)
            self.show_progress(done, current.total, f"{done:,} of {current.total:,}")

    def _on_end(self, current: BatchRun, error: BaseException | None, cancelled: bool) -> None:
        self._poll.stop()
        self._current = None
        if error is not None:
            self.fail(error)
            return
        self.say(current.message or "Stopped; nothing was done yet.")
        if current.is_written and current.request.output.suffix in TABLES:
            self.show_table(current.request.output)

    def _ask_table(self) -> None:
        kinds = "Results (*.csv *.parquet)"
        name, _ = QFileDialog.getOpenFileName(self, "Open results", str(Path.home()), kinds)
        if name:
            self.show_table(Path(name))

    # the images of a group

    def _go_to(self, row: pd.Series, _position: int) -> None:
        """Open the image of a region, unless it is there, and bring the region to the middle."""
        path = Path(str(row["source"]))
        shown = [each for each in self.viewer.layers if _path_of(each) == path]
        if shown:
            _centre(self.viewer, row, image_set_of(shown[0]))
        else:
            self.start_job(_open(path), partial(self._on_opened, row))

    def _on_opened(self, row: pd.Series, opened: list[LayerData]) -> None:
        for data, options, kind in opened:
            add_layer(self.viewer, napari.layers.Layer.create(data, options, kind))
        _centre(self.viewer, row, opened[0][1]["metadata"]["napari_organelle"]["image_set"])


TABLES = (".csv", ".parquet")
"""Endings of results that can be read again."""


def _table(path: Path) -> pd.DataFrame:
    return read_results(path, whole=True)


def _colours(path: Path) -> dict[str, str]:
    """Of the classes of a table: organelles have the same colours in all models."""
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names if path.suffix == ".parquet" else pd.read_csv(path, nrows=0).columns
    return {each.name: each.colour for each in colour_classes(list(classes_of(names)))}


def _open(path: Path) -> Iterator[list[LayerData]]:
    """One report, for a worker: the layers."""
    yield image_set_layers(open_image_set(path))


def _path_of(layer: Any) -> Path | None:
    images = image_set_of(layer)
    return None if images is None else images.source


def _centre(viewer: Any, row: pd.Series, images: Any) -> None:
    """Bring a region of a table to the middle of the view."""
    if images is not None and len(images) > 1:
        names = images.items["item"].astype(str).tolist()
        if str(row["item"]) in names:
            viewer.dims.set_point(0, names.index(str(row["item"])))
    centre = [float(row[at]) + float(row[side]) / 2 for at, side in (("y", "height"), ("x", "width"))]
    size = (images.pixel_size_um if images is not None else None) or 1.0
    viewer.camera.center = tuple(size * value for value in centre)
