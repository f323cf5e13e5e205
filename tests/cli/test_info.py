import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from napari_organelle.cli import main


def test_json_has_the_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mit Ä und Leerzeichen"
    folder.mkdir()
    for image, colours in {"a": ("red", "green", "blue", "yellow"), "b": ("green",)}.items():
        for colour in colours:
            (folder / f"{image}_{colour}.png").write_bytes(
                imagecodecs.png_encode(np.zeros((6, 8), np.uint16))
            )
    (folder / "train.csv").write_text("Id,Target\na,7 1\nb,7\n")
    assert main(["info", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {
        "kind": "hpa",
        "items": 2,
        "channels": ["microtubules", "protein", "nucleus", "ER"],
        "shape": [2, 4, 6, 8],
        "dtype": "uint16",
        "pixel_size_um": None,
        "labels": {"Golgi apparatus": 2, "Nuclear membrane": 1},
        "unlabelled": 0,
        "missing": {"microtubules": 1, "nucleus": 1, "ER": 1},
        "masks": False,
        "problems": ["1 of 2 items lack channels, shown blank (column 'missing')"],
    }


def test_a_list_without_images_still_counts_its_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "HOwt_doc.txt").write_text("label;label_idx\ngolgi;0\n")
    path = tmp_path / "HOwt_test.txt"
    path.write_text("plate01/001001000-0-1-1.png 0\nplate01/001001000-0-1-2.png 0\n")
    assert main(["info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["items"], facts["labels"], facts["shape"]) == (2, {"golgi": 2}, None)
    assert "none of its 2 images can be read" in facts["problems"][0]


def test_text_lists_labels_and_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, shape in (("er", (6, 8)), ("golgi", (4, 4))):
        (tmp_path / label).mkdir()
        (tmp_path / label / "0.png").write_bytes(imagecodecs.png_encode(np.zeros((*shape, 3), np.uint8)))
    assert main(["info", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "shape:       2 x 2 x 6 x 8 (items, channels, y, x)" in lines
    assert "         1  golgi" in lines
    assert any("2 image sizes: 6 x 8 (1), 4 x 4 (1)" in line for line in lines)


def test_a_wrong_path_is_an_error_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(tmp_path / "gone")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'gone'}: there is no such file or folder\n"


@pytest.mark.real_data
def test_real_set(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(real_data / "hpa2021"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape"] == [3, 4, 3072, 3072]
    assert facts["masks"] is True
    assert facts["labels"]["Vesicles and punctate cytosolic patterns"] == 1
