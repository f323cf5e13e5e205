"""A tiny model, a prediction that needs no network, and devices that nobody asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest

from napari_organelle.gui.classify import request, widget
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.model.agreement import Agreement
from napari_organelle.model.bundle import ModelBundle, ModelSpec, OrganelleClass, save_bundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.prediction import BatchDone
from napari_organelle.prepare.channels import Slot
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.pixels import PixelPlan

CLASSES = (OrganelleClass("bright", "#ff0000"), OrganelleClass("dark", "#0000ff"))
YEAST = (Slot("cytosol", ("mCherry", "red"), required=False), Slot("protein", ("GFP", "green")))
NETWORK = NetworkPlan(width=1 / 64, blocks=(1,), units=())


def save_model(folder: Path, name: str, **changes: Any) -> ModelBundle:
    """A bundle with weights of zero."""
    values: dict[str, Any] = {
        "name": name,
        "classes": CLASSES,
        "task": "single",
        "slots": YEAST,
        "pixels": PixelPlan(32, 16),
        "network": NETWORK,
        "thresholds": (0.5,),
        "scores": {"macro_f1": 0.9, "trivial": {"macro_f1": 0.2}, "verdict": "ok"},
    }
    spec = ModelSpec(**(values | changes))
    shapes = spec.network.weight_shapes(len(spec.classes), spec.pixels.input_size)
    weights = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    return save_bundle(folder / f"{name}.organelle", spec, weights)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, with `tiny` in it and none of those that come with the package.

    Labels by hand have a folder of their own, too.
    """
    monkeypatch.setenv("NAPARI_ORGANELLE_LABELS", str(tmp_path / "labels"))
    folder = tmp_path / "models"
    save_model(folder, "tiny")
    monkeypatch.setenv("NAPARI_ORGANELLE_MODELS", str(folder))
    monkeypatch.setattr("napari_organelle.model.bundle.BUNDLED", tmp_path / "none")
    return folder


class FakePredict:
    """Says how bright the protein of each window is, a few windows at a time.

    Parameters
    ----------
    batch : int
        Windows in a batch.
    """

    def __init__(self, batch: int = 4) -> None:
        self.batch = batch
        self.go = threading.Event()
        self.go.set()
        self.stepwise = False
        self.calls = 0
        self.answered = 0
        self.unanswered = -1
        self.dark_is_unlike = False
        self.closed = threading.Event()
        self.error: Exception | None = None
        self.note = ""
        self.agreement: Agreement | None = None
        self.options: dict[str, Any] = {}

    def __call__(
        self, bundle: Any, images: Any, regions: Any, channels: Any, **options: Any
    ) -> Iterator[BatchDone]:
        self.calls += 1
        self.options = options
        try:
            for start in range(0, len(regions), self.batch):
                self.go.wait(10)
                if self.stepwise:
                    self.go.clear()
                if self.error is not None and start:
                    raise self.error
                windows = regions.windows[start : start + self.batch]
                pieces = cut(images, windows, channels.indices)
                bright = np.array([piece[-1].mean() / 255 for piece in pieces], np.float32)
                probabilities = np.zeros((len(windows), len(bundle.spec.classes)), np.float32)
                probabilities[:, :2] = np.stack([bright, 1 - bright], axis=1)
                self.answered += len(windows)
                if start <= self.unanswered < start + len(windows):
                    probabilities[self.unanswered - start] = np.nan
                yield BatchDone(
                    start,
                    start + len(windows),
                    probabilities,
                    len(regions),
                    self.note,
                    agreement=self.agreement,
                    unlike=bright < 0.5 if self.dark_is_unlike else None,
                )
        finally:
            self.closed.set()


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch) -> FakePredict:
    fake = FakePredict()
    monkeypatch.setattr(request, "predict_regions", fake)
    return fake


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[[], napari.Viewer]) -> napari.Viewer:
    return make_napari_viewer_proxy()


@pytest.fixture
def open_widget(
    viewer: napari.Viewer, models: Path, predict: FakePredict, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> Callable[[], ClassifyWidget]:
    """Opens the widget from the manifest, as a user does; its devices are known at once."""
    monkeypatch.setattr(widget, "ask_devices", lambda: iter([[("cpu", "CPU, 2 threads")]]))
    monkeypatch.setattr(widget, "warm_up", lambda *_: iter(()))

    def open_() -> ClassifyWidget:
        _, widget = viewer.window.add_plugin_dock_widget("napari-organelle", "Classify organelles")
        qtbot.waitUntil(lambda: widget.devices != [])
        return widget

    return open_


@pytest.fixture
def finish(qtbot: Any) -> Callable[[ClassifyWidget], None]:
    """Waits until the widget's job is over."""
    return lambda widget: qtbot.waitUntil(lambda: widget._job is None, timeout=20_000)
