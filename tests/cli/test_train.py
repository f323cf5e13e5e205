import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_organelle.cli import main
from napari_organelle.model.bundle import ModelBundle


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Class folders: 12 images each of stripes and of spots, 32 x 32 pixels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in ("stripes", "spots"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(12):
            image = rng.normal(100, 10, (32, 32))
            if name == "stripes":
                image[:, index % 4 :: 4] += 150
            else:
                image[tuple(rng.integers(2, 30, (2, 12)))] += 400
            tifffile.imwrite(tmp_path / "set" / name / f"{index}.tif", image.astype(np.uint16))
    return tmp_path


def test_train_then_evaluate(folders: Path, capsys: pytest.CaptureFixture[str]):
    model, out = folders / "mine.organelle", folders / "scores.json"
    command = ["train", str(folders / "set"), "-o", str(model), "--device", "cpu", "--epochs", "15"]
    assert main([*command, "--report", str(folders / "report")]) == 0
    told = capsys.readouterr().out
    assert "head, epoch 15 of 15" in told
    assert "trivial answer (guess by frequency): 0.500" in told
    assert (folders / "report" / "report.html").stat().st_size > 20_000
    spec = ModelBundle.open(model).spec
    assert spec.class_names == ("spots", "stripes")
    assert spec.verdict == "ok"
    judge = ["evaluate", str(model), str(folders / "set"), "--device", "cpu", "--json", str(out)]
    assert main(judge) == 0
    assert "learned" not in capsys.readouterr().out
    written = out.read_bytes()
    assert main(judge) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_bytes() == written
    scores = json.loads(out.read_text())
    assert scores["verdict"] == "ok"
    assert scores["n"] == 24
    assert scores["macro_f1"] == 1
    assert scores["classes"] == ["spots", "stripes"]
    assert scores["confusion"] == [[12, 0], [0, 12]]
    assert scores["ci95"] == [1, 1]
    assert main(command) == 2
    assert "is there already" in capsys.readouterr().err


def test_labels_of_a_table(folders: Path, capsys: pytest.CaptureFixture[str]):
    names = "".join(
        f"{name}/{index}.tif,{'odd' if index % 2 else 'even'}\n"
        for name in ("stripes", "spots")
        for index in range(12)
    )
    (folders / "labels.csv").write_text(f"item,label\n{names}")
    arguments = ["--labels", str(folders / "labels.csv"), "--epochs", "2", "--device", "cpu"]
    assert main(["train", str(folders / "set"), "-o", str(folders / "odd.organelle"), *arguments]) == 0
    assert ModelBundle.open(folders / "odd.organelle").spec.class_names == ("even", "odd")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--group-by", "well"], "can't be grouped by 'well'"),
        (["--epochs", "0"], "at least 1"),
        (["--width", "2"], "at most 1"),
        (["--fine-tune", "6"], "0 to 5"),
        (["--channels", "protein=mCherry"], "no channel 'mCherry'"),
        (["--classes", "spots,golgi"], "two classes"),
    ],
)
def test_bad_arguments(folders: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str):
    assert main(["train", str(folders / "set"), "-o", str(folders / "m.organelle"), *arguments]) == 2
    assert reason in capsys.readouterr().err
    assert not (folders / "m.organelle").exists()


def test_unreadable_images_are_told_and_skipped(folders: Path, capsys: pytest.CaptureFixture[str]):
    whole = (folders / "set" / "spots" / "3.tif").read_bytes()
    (folders / "set" / "spots" / "3.tif").write_bytes(whole[: len(whole) // 2])
    (folders / "set" / "spots" / "4.tif").write_bytes(b"not an image")
    arguments = ["--epochs", "2", "--device", "cpu"]
    assert main(["train", str(folders / "set"), "-o", str(folders / "m.organelle"), *arguments]) == 0
    told = capsys.readouterr()
    assert "3.tif" in told.out + told.err
    assert "4.tif" in told.out + told.err
    assert ModelBundle.open(folders / "m.organelle").spec.provenance["examples"] == {
        "spots": 10,
        "stripes": 12,
    }
