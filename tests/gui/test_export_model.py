"""The form that writes a model for other programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from napari_organelle.model.bundle import ModelBundle

pytest.importorskip("onnx")


def test_the_form_writes_a_model_and_replaces_nothing_unasked(
    make_napari_viewer: Any,
    qtbot: Any,
    tiny_bundle: ModelBundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from magicgui.widgets import Container

    from napari_organelle.gui import export_model

    messages: list[str] = []
    monkeypatch.setattr(export_model, "show_info", messages.append)
    monkeypatch.setattr(export_model, "show_error", messages.append)
    monkeypatch.setattr(
        export_model, "find_bundles", lambda: {"tiny": tiny_bundle.path, "a.onnx": Path("a.onnx")}
    )
    viewer = make_napari_viewer()
    _, form = viewer.window.add_plugin_dock_widget("napari-organelle", "Export a model")
    assert isinstance(form, Container)
    assert form.model.choices == (tiny_bundle.path,)
    form.output.value, form.licence.value = tmp_path / "mine.onnx", "CC0"
    form()
    qtbot.waitUntil(lambda: len(messages) == 1, timeout=20000)
    assert messages == [f"Wrote {tmp_path / 'mine.onnx'}, described in mine.json."]
    assert json.loads((tmp_path / "mine.json").read_text())["licence"] == "CC0"
    form()
    assert "tick 'replace files'" in messages[1]
    form.replace.value = True
    form()
    qtbot.waitUntil(lambda: len(messages) == 3, timeout=20000)
    assert messages[2] == messages[0]
