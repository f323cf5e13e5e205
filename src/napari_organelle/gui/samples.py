"""File > Open Sample: simulated images that need no network, and DeepYeast from its authors' server."""

from __future__ import annotations

from dataclasses import replace

import napari
import numpy as np
from napari.qt.threading import create_worker
from napari.utils import cancelable_progress

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.readers import LayerData, image_set_layers, read_layers
from napari_organelle.read.hpa.atlas import CHANNELS as HPA_CHANNELS
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.yeast.deepyeast import CHANNELS as YEAST_CHANNELS
from napari_organelle.read.yeast.download import (
    MAIN,
    SERVER,
    DownloadReport,
    cache_folder,
    download,
    downloaded,
)

SEED = 2019
CROPS = 240
PLACEHOLDER = "DeepYeast (downloading)"
MEGABYTE = 10**6


def yeast_crops() -> list[LayerData]:
    """240 crops of single cells, 20 of each of the 12 classes, with their labels."""
    from napari_organelle.simulate.yeast import YEAST_CLASSES, simulate_crops

    crops = simulate_crops(CROPS, seed=SEED)
    images = ImageSet.from_array(crops.pixels, YEAST_CHANNELS, name="cell", pixel_size_um=crops.pixel_size_um)
    names = np.array(YEAST_CLASSES)[crops.labels]
    images = replace(
        images, kind="sample", items=images.items.assign(label=names), class_names=tuple(YEAST_CLASSES)
    )
    return image_set_layers(images)


def yeast_field() -> list[LayerData]:
    """A field of 1024 x 1024 pixels with the masks of its cells; their features name the organelles."""
    from napari_organelle.simulate.yeast import simulate_field

    field = simulate_field(seed=SEED)
    images = ImageSet.from_array(
        field.pixels[np.newaxis], YEAST_CHANNELS, name="yeast field", pixel_size_um=field.pixel_size_um
    )
    layers = image_set_layers(replace(images, kind="sample", masks=field.masks[np.newaxis]))
    return _with_organelles(layers, field.organelles)


def _with_organelles(layers: list[LayerData], organelles: dict[int, str]) -> list[LayerData]:
    """Layers whose labels' features name the organelle of each cell."""
    features = {"index": list(organelles), "organelle": list(organelles.values())}
    return [
        (data, options | ({"features": features} if kind == "labels" else {}), kind)
        for data, options, kind in layers
    ]


def hpa_field() -> list[LayerData]:
    """A field of human cells under the Atlas's four stains, six proteins side by side, with their masks."""
    from napari_organelle.simulate.hpa import MIXED, simulate_hpa_field

    field = simulate_hpa_field(seed=SEED, protein=MIXED)
    images = ImageSet.from_array(
        field.pixels[np.newaxis], HPA_CHANNELS, name="human cells", pixel_size_um=field.pixel_size_um
    )
    layers = image_set_layers(replace(images, kind="sample", masks=field.masks[np.newaxis]))
    return _with_organelles(layers, field.organelles)


def deepyeast() -> list[LayerData]:
    """The 90,000 real cells of DeepYeast, where they are on this computer; otherwise download them first.

    The download runs beside the window and can be cancelled and resumed. Since napari wants a layer at once,
    an empty one stands for the set until it is there.

    Raises
    ------
    ReadError
        If the cells that are here can't be read.
    OrganelleError
        If they are being downloaded already.
    """
    if DeepYeastDownload.running:
        raise OrganelleError("DeepYeast is being downloaded already; its progress is in the activity dock")
    folder = downloaded(MAIN, cache_folder())
    if folder:
        return read_layers(str(folder))
    DeepYeastDownload().start()
    return [(np.empty((0, 2)), {"name": PLACEHOLDER}, "points")]


class DeepYeastDownload:
    """A download beside the window, its progress bar with Cancel, and what happens when it ends."""

    running: DeepYeastDownload | None = None

    def __init__(self) -> None:
        self.viewer = napari.current_viewer()
        self.bar = cancelable_progress(total=0, desc="DeepYeast")
        self.worker = create_worker(download, MAIN, cache_folder(), SERVER)
        self.worker.yielded.connect(self.show)
        self.worker.returned.connect(self.add_layers)
        self.worker.finished.connect(self.end)

    def start(self) -> None:
        """Begin; only one runs at a time."""
        DeepYeastDownload.running = self
        self.worker.start()

    def show(self, report: DownloadReport) -> None:
        """Move the bar, in megabytes or files, and stop where it was cancelled."""
        if self.bar.is_canceled:
            self.worker.quit()
            return
        size = MEGABYTE if report.total else 1
        self.bar.set_description(report.task)
        self.bar.total = report.total // size
        self.bar.n = report.done // size
        self.bar.update(0)

    def add_layers(self) -> None:
        """Open the set in the viewer that asked for it."""
        if self.viewer is not None:
            self.viewer.open(str(cache_folder() / MAIN.name), plugin="napari-organelle")

    def end(self) -> None:
        """Take the bar and the empty layer away, whether it is done, cancelled or failed."""
        DeepYeastDownload.running = None
        self.bar.close()
        if self.viewer is not None and PLACEHOLDER in self.viewer.layers:
            self.viewer.layers.remove(PLACEHOLDER)
