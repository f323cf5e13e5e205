"""An ONNX file is opened and run in the Classify widget as other models are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest

from napari_organelle.gui.classify import request
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.onnx.export import export_onnx

pytest.importorskip("onnx")
pytest.importorskip("openvino")


def test_an_onnx_model_classifies_also_where_there_is_a_graphics_card(
    viewer: napari.Viewer,
    open_widget: Callable[[], ClassifyWidget],
    finish: Callable[[ClassifyWidget], None],
    tiny_bundle: ModelBundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, _ = export_onnx(tiny_bundle, tmp_path / "theirs.onnx")
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 64, 96)).astype(np.uint16)
    for name, plane in zip(("mCherry", "GFP"), pixels, strict=True):
        viewer.add_image(plane, name=name)
    classify: Any = open_widget()
    monkeypatch.setattr(request, "predict_regions", predict_regions)
    classify.devices = [("gpu:0", "GPU 0: a card"), ("cpu", "CPU, 2 threads")]
    classify.form.model.open(path)
    assert classify.form.model.combo.currentText() == "theirs"
    assert classify.form.model.info.text().startswith("3 classes: er, nucleus, vacuole.")
    kind = classify.form.regions.kind
    kind.choose("tiles")
    kind.activated.emit(kind.currentIndex())
    classify.refresh()
    assert "CPU, 32-bit, OpenVINO" in classify.status.text()
    classify.start()
    finish(classify)
    labels = next(layer for layer in viewer.layers if isinstance(layer, napari.layers.Labels))
    assert labels.data.shape == (2, 3)
    probabilities = labels.features.filter(like="p_").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
