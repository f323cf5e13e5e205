"""The exported table says what the screen says, and a failed export loses nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_organelle.errors import OrganelleError
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.regions import slice_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.show.tables import results_table, write_csv, write_tables


@pytest.fixture
def images() -> ImageSet:
    return ImageSet.from_array(
        np.zeros((3, 1, 8, 9), np.uint8), (Channel("protein"),), source=Path("cells.tif")
    )


def test_rows_follow_the_regions(images: ImageSet) -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    prediction = Prediction(slice_regions(images, [2, 0]), probabilities, ("a", "b"), "single", "m@0")
    table = results_table(prediction, images, 0.7)
    expected = ["source", "item", "region", "y", "x", "height", "width", "called", "confidence", "p_a", "p_b"]
    assert list(table.columns) == expected
    assert table["item"].tolist() == ["image[2]", "image[0]"]
    assert table["source"].tolist() == ["cells.tif"] * 2
    assert table["called"].tolist() == ["a", "unsure"]
    assert table["width"].tolist() == [9, 9]


def test_what_a_person_said_stands_beside_the_call(images: ImageSet) -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    prediction = Prediction(slice_regions(images, [2, 0]), probabilities, ("a", "b"), "single", "m@0")
    table = results_table(prediction, images, 0.7, {1: "b"})
    assert list(table.columns[7:10]) == ["called", "corrected", "confidence"]
    assert table["called"].tolist() == ["a", "unsure"]
    assert table["corrected"].tolist() == ["", "b"]
    assert "corrected" not in results_table(prediction, images, 0.7, {})


def test_known_labels_come_last(images: ImageSet) -> None:
    images.items["label"] = ["x", "", "y"]
    prediction = Prediction(
        slice_regions(images, [2, 0]), np.ones((2, 2), np.float32), ("a", "b"), "single", "m@0"
    )
    table = results_table(prediction, images, 0.7)
    assert table.columns[-1] == "label"
    assert table["label"].tolist() == ["y", "x"]


def test_places_of_the_items_follow_their_names_as_text(images: ImageSet) -> None:
    images.items["cell"] = [7, 8, 9]
    images.items["field"] = pd.array([1, None, 3], "Int64")
    images.items["plate"], images.items["well"] = "screen", ["A1", "", "P24"]
    probabilities = np.ones((2, 1), np.float32)
    prediction = Prediction(slice_regions(images, [2, 1]), probabilities, ("a",), "single", "m@0")
    table = results_table(prediction, images, 0.7)
    assert list(table.columns[:6]) == ["source", "item", "plate", "well", "field", "region"]
    places = table[["plate", "well", "field"]].to_numpy().tolist()
    assert places == [["screen", "P24", "3"], ["screen", "", ""]]


def test_csv_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ergebnis größe.csv"
    write_csv(pd.DataFrame({"item": ["a,b", "ü"], "p_er": np.array([0.1, np.nan], np.float32)}), path)
    assert path.read_text(encoding="utf-8").splitlines() == ["item,p_er", '"a,b",0.1', "ü,"]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_full_disk_leaves_the_old_table_and_no_rubble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def full(self: pd.DataFrame, part: Path, **options: object) -> None:
        part.write_text("half a ta")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OrganelleError, match="No space left on device"):
        write_csv(pd.DataFrame({"a": [1]}), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_tables_are_of_the_kind_that_their_ending_says(tmp_path: Path) -> None:
    table = pd.DataFrame({"called": ["er, golgi"], "confidence": [0.5]})
    assert write_tables([table], tmp_path / "a.tsv") == 1
    assert (tmp_path / "a.tsv").read_text() == "called\tconfidence\ner, golgi\t0.5\n"
    write_tables([table], tmp_path / "a.CSV")
    assert pd.read_csv(tmp_path / "a.CSV").equals(table)
    for name in ("a.xlsx", "a.txt"):
        with pytest.raises(OrganelleError, match=r"written as \.csv, \.tsv, \.parquet.*not as \."):
            write_tables([table], tmp_path / name)
        assert not (tmp_path / name).exists()
