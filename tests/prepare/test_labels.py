from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import ReadError, RegionError
from napari_organelle.prepare.labels import label_items, label_points, read_labels
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.tables.points import has_points


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
    labelled, notes = label_items(images, rows)
    assert labelled.items["label"].tolist() == ["mitochondrion", "mitochondrion", "cytoplasm", ""]
    assert ["match no item" in note for note in notes] == [True]
    assert images.items["label"].tolist() == [""] * 4


def test_two_columns_must_both_fit(images: ImageSet, tmp_path: Path):
    rows = read_labels(table(tmp_path, "gene,item,label\nAAC1,im[1],er\nAAC1,im[2],golgi\n"))
    labelled, notes = label_items(images, rows)
    assert labelled.items["label"].tolist() == ["", "er", "", ""]
    assert notes[0].endswith("row 2 has gene 'AAC1', item 'im[1]'; an item is 'im[0]'.") or notes


def test_points_give_windows_around_them(images: ImageSet, tmp_path: Path):
    rows = read_labels(table(tmp_path, "item,y,x,label\nim[2],20,30,er\nim[0],25.5,9,golgi\n"))
    assert has_points(rows.table)
    regions, labels, _ = label_points(images, rows, 16)
    assert regions.windows.tolist() == [[2, 13, 23, 16, 16], [0, 18, 2, 16, 16]]
    assert labels.tolist() == ["er", "golgi"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gene,kind\nAAC1,er\n", "needs a column 'label'"),
        ("protein,note,label\nAAC1,x,er\n", "one besides 'label' must be in both"),
        ("gene,label\nAAC1,er\nAAC1,golgi\n", "label .* twice, differently"),
    ],
)
def test_tables_that_do_not_fit(images: ImageSet, tmp_path: Path, text: str, reason: str):
    with pytest.raises(ReadError, match=reason):
        label_items(images, read_labels(table(tmp_path, text)))


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("item,y,x,label\nim[9],1,1,er\n", ReadError, r"has 'im\[9\]', the first item is 'im\[0\]'"),
        ("y,x,label\none,1,er\n", ReadError, "y must be a number; it is 'one'"),
        ("item,y,x,label\n0,400,1,er\n", RegionError, "outside"),
        ("y,x,label\n4,1,er\n", ReadError, "no column says in which a point lies"),
    ],
)
def test_points_that_do_not_fit(
    images: ImageSet, tmp_path: Path, text: str, error: type[Exception], reason: str
):
    with pytest.raises(error, match=reason):
        label_points(images, read_labels(table(tmp_path, text)), 16)


def test_a_table_that_is_not_there(tmp_path: Path):
    with pytest.raises(ReadError, match=r"gone\.csv: there is no such file"):
        read_labels(tmp_path / "gone.csv")
