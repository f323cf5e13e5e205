"""What is set in napari's preferences acts in the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
import pytest

from napari_organelle.gui import preferences
from napari_organelle.gui.batch.form import BatchForm
from napari_organelle.gui.fields import ObjectCombo
from napari_organelle.gui.preferences import Preferences, offer_devices, use_model_folder
from napari_organelle.gui.train.form import TrainForm
from napari_organelle.gui.viewer_events import ViewerEvents
from napari_organelle.model.bundle import choose_user_folder, user_folder

AUTO = ("auto", "Automatic")
CPU, GPU = ("cpu", "CPU, 2 threads"), ("gpu:0", "GPU 0")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Any]:
    """The plugin's page of napari's preferences, kept in a folder of the test."""
    plugin_settings = pytest.importorskip("napari.settings")
    if not hasattr(plugin_settings, "get_plugin_settings"):
        pytest.skip("this napari has no preferences of plugins")
    plugin_settings._clear_plugin_settings_cache()
    yield plugin_settings.get_plugin_settings("napari-organelle", tmp_path)
    plugin_settings._clear_plugin_settings_cache()
    choose_user_folder(None)


def test_the_manifest_s_defaults_are_those_of_a_napari_without_such_a_page(settings: Any) -> None:
    assert preferences.preferences() == Preferences()


def test_settings_are_read(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.network.device = "openvino"
    settings.files.cache_gb = 2
    settings.files.model_folder = str(tmp_path / "mine")
    found = preferences.preferences()
    assert (found.device, found.training_device, found.cache_bytes) == ("openvino", "auto", 2 * 2**30)
    monkeypatch.delenv("NAPARI_ORGANELLE_MODELS", raising=False)
    use_model_folder()
    assert user_folder() == tmp_path / "mine"
    monkeypatch.setenv("NAPARI_ORGANELLE_MODELS", str(tmp_path / "named"))
    assert user_folder() == tmp_path / "named"


@pytest.mark.parametrize("chosen", ["auto", "cpu", "gpu:0"])
def test_the_preferred_device_is_chosen_first(chosen: str, qtbot: Any) -> None:
    combo = ObjectCombo()
    qtbot.addWidget(combo)
    offer_devices(combo, AUTO, [], chosen)
    assert combo.value[0] == chosen
    offer_devices(combo, AUTO, [CPU], chosen)
    assert combo.value[0] == chosen
    combo.choose(CPU)
    offer_devices(combo, AUTO, [GPU, CPU], chosen)
    assert combo.value == CPU


def test_forms_begin_with_the_preferences(
    monkeypatch: pytest.MonkeyPatch, viewer: napari.Viewer, models: Path, qtbot: Any
) -> None:
    set_: Callable[[], Preferences] = lambda: Preferences("cpu", "", 3)  # noqa: E731
    for module in ("batch", "train"):
        monkeypatch.setattr(f"napari_organelle.gui.{module}.form.preferences", set_)
    for form in (BatchForm(), TrainForm(ViewerEvents(viewer))):
        qtbot.addWidget(form)
        assert form.device.value[0] == "cpu"
