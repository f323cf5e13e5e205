from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import ReadError, RegionError
from napari_organelle.prepare.labels import has_points, label_items, label_points, read_labels
from napari_organelle.read.image_set import Channel, ImageSet


@pytest.fixture
def images() -> ImageSet:
    made = ImageSet.from_array(np.zeros((4, 1, 50, 60)), (Channel("protein"),), name="im")
    made.items["gene"] = ["AAC1", "AAC1", "AAH1", "ABC1"]
    return made


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_labels_every_item_that_it_fits(images: ImageSet, tmp_path: Path):
    rows = read_labels(table(tmp_path, "\ufeffgene;label\nAAC1;mitochondrion\nAAH1;cytoplasm\nXYZ1;er\n"))
    labelled, unmatched = label_items(images, rows)
    assert labelled.items["label"].tolist() == ["mitochondrion", "mitochondrion", "cytoplasm", ""]
    assert unmatched == 1
    assert images.items["label"].tolist() == [""] * 4


def test_two_columns_must_both_fit(images: ImageSet, tmp_path: Path):
    rows = read_labels(table(tmp_path, "gene,item,label\nAAC1,im[1],er\nAAC1,im[2],golgi\n"))
    labelled, unmatched = label_items(images, rows)
    assert labelled.items["label"].tolist() == ["", "er", "", ""]
    assert unmatched == 1


def test_points_give_windows_around_them(images: ImageSet, tmp_path: Path):
    rows = read_labels(table(tmp_path, "item,y,x,label\nim[2],20,30,er\nim[0],25.5,9,golgi\n"))
    assert has_points(rows)
    regions, labels = label_points(images, rows, 16)
    assert regions.windows.tolist() == [[2, 13, 23, 16, 16], [0, 18, 2, 16, 16]]
    assert labels.tolist() == ["er", "golgi"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gene,class\nAAC1,er\n", "needs a column 'label'"),
        ("protein,label\nAAC1,er\n", "one besides 'label' must be in both"),
        ("gene,label\nAAC1,er\nAAC1,golgi\n", "AAC1 twice, differently"),
    ],
)
def test_tables_that_do_not_fit(images: ImageSet, tmp_path: Path, text: str, reason: str):
    with pytest.raises(ReadError, match=reason):
        label_items(images, read_labels(table(tmp_path, text)))


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("item,y,x,label\nim[9],1,1,er\n", ReadError, r"im\[9\]"),
        ("y,x,label\none,1,er\n", ReadError, "must be numbers"),
        ("y,x,label\n400,1,er\n", RegionError, "outside"),
    ],
)
def test_points_that_do_not_fit(
    images: ImageSet, tmp_path: Path, text: str, error: type[Exception], reason: str
):
    with pytest.raises(error, match=reason):
        label_points(images, read_labels(table(tmp_path, text)), 16)


def test_a_table_that_is_not_there(tmp_path: Path):
    with pytest.raises(ReadError, match=r"gone\.csv can't be read"):
        read_labels(tmp_path / "gone.csv")
