import json
import shutil
from pathlib import Path

import pytest

from napari_organelle.cli import main
from napari_organelle.model.bundle import ModelBundle


@pytest.fixture(autouse=True)
def models(tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_ORGANELLE_MODELS", str(tmp_path))
    shutil.copy(tiny_bundle.path, tmp_path / "mine.organelle")
    return tmp_path


def test_models_are_listed_with_what_they_need_and_can_say(
    models: Path, tiny_bundle: ModelBundle, capsys: pytest.CaptureFixture[str]
):
    assert main(["models", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["mine"]
    assert facts["id"] == tiny_bundle.id
    assert facts["classes"] == ["er", "nucleus", "vacuole"]
    assert facts["channels"] == ["cytosol (optional)", "protein"]
    assert facts["window"] == "32 px, 0.1 um a pixel"
    assert facts["verdict"] == "not judged"
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert "er, nucleus, vacuole" in text
    assert f"your own go into {models}" in text


def test_a_broken_model_is_listed_with_its_problem(models: Path, capsys: pytest.CaptureFixture[str]):
    (models / "broken.organelle").write_text("no zip")
    assert main(["models", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "can't be read as a model bundle" in facts["broken"]["problem"]
    assert "mine" in facts
