from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import NoImagesError
from napari_organelle.read.yeast import deepyeast

CELLS = [
    f"plate0{plate}/00{plate}013000-{field}-626-{cell}.png"
    for plate in (1, 2)
    for field, cell in ((0, 5), (2, 38))
]
DOC = "label;label_idx\ncell periphery;0\ncytoplasm;1\n"
WritePng = Callable[..., Path]


@pytest.fixture
def plates(tmp_path: Path, write_png: WritePng) -> Path:
    """A folder, with a space and letters beyond ASCII in its name, of two plates with two cells each."""
    folder = tmp_path / "levure à bière"
    for number, cell in enumerate(CELLS):
        pixels = np.zeros((6, 8, 3), np.uint8)
        pixels[..., 0], pixels[..., 1] = number + 1, 100 + number
        write_png(folder / cell, pixels)
    return folder


def write_list(path: Path, lines: list[str], doc: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    if doc:
        (path.parent / "HOwt_doc.txt").write_text(DOC)
    return path


def test_a_list_keeps_its_order_labels_and_channels(plates: Path) -> None:
    path = write_list(plates / "HOwt_train.txt", [f"{CELLS[3]} 1", f"{CELLS[0]} 0"])
    assert deepyeast.matches(path)
    images = deepyeast.read(path)
    assert images.kind == "deepyeast"
    assert images.channel_names == ("cytosol", "protein")
    assert [channel.colormap for channel in images.channels] == ["magenta", "green"]
    assert images.items["label"].tolist() == ["cytoplasm", "cell periphery"]
    assert images.class_names == ("cell periphery", "cytoplasm")
    assert images.read(0)[:, 0, 0].tolist() == [4, 103]
    assert images.problems == ()


def test_names_become_columns(plates: Path) -> None:
    items = deepyeast.read(write_list(plates / "HOwt_val.txt", [f"{CELLS[3]} 1"])).items
    row = items.iloc[0]
    assert row[["plate", "row", "column", "field", "image", "cell"]].tolist() == [2, 2, 13, 2, 626, 38]
    assert (row["well"], row["split"], row["item"]) == ("B13", "val", CELLS[3])
    assert items["plate"].dtype == int


@pytest.mark.parametrize("place", ["lists", ".", "other/lists"])
def test_the_plates_may_lie_near_the_list(plates: Path, place: str) -> None:
    path = write_list(plates.parent / place / "HOwt_train.txt", [f"{CELLS[0]} 0"])
    if place == "other/lists":
        with pytest.raises(
            NoImagesError, match=r"none of its 1 images can be read. Looked in .*lists for folders plate01"
        ):
            deepyeast.read(path)
    else:
        assert deepyeast.read(path).read(0)[:, 0, 0].tolist() == [1, 100]


def test_a_folder_of_plates_takes_all_cells_and_the_lists_in_it(plates: Path) -> None:
    write_list(plates / "HOwt_train.txt", [f"{CELLS[2]} 1"])
    write_list(plates / "HOwt_test.txt", [f"{CELLS[1]} 0"])
    (plates / "plate01" / "Thumbs.db").touch()
    assert deepyeast.matches(plates)
    images = deepyeast.read(plates)
    assert images.items["item"].tolist() == [CELLS[1], CELLS[2], CELLS[0], CELLS[3]]
    assert images.items["split"].tolist() == ["test", "train", "", ""]
    assert images.items["label"].tolist() == ["cell periphery", "cytoplasm", "", ""]
    assert images.problems == (
        f"{plates}: 1 other files are skipped; first: plate01/Thumbs.db",
        f"2 images of {plates} are in no list; they have no label",
    )


def test_without_names_labels_are_indices(plates: Path) -> None:
    images = deepyeast.read(
        write_list(plates / "HOwt_train.txt", [f"{CELLS[0]} 10", f"{CELLS[1]} 2"], doc=False)
    )
    assert images.items["label"].tolist() == ["10", "2"]
    assert images.class_names == ("2", "10")
    assert images.problems == ("HOwt_train.txt: no HOwt_doc.txt beside it; labels are shown as indices",)


def test_bad_lines_are_named_with_their_number(plates: Path) -> None:
    lines = [
        f"{CELLS[0]} 0",
        CELLS[1],
        f"{CELLS[2]} 7",
        f"{CELLS[3]} x",
        "../plate01/001013000-0-626-5.png 1",
        f"/etc/{CELLS[0]} 1",
        f"C:/{CELLS[0]} 1",
        f"{CELLS[0]} 1",
        "",
        "plate02/001001000-0-1-9.png 1",
    ]
    images = deepyeast.read(write_list(plates / "HOwt_train.txt", lines))
    assert images.items["label"].tolist() == ["cell periphery", "", "", "", "cytoplasm"]
    assert images.items["problem"].tolist() == [
        "",
        "HOwt_train.txt, line 2: there is no label index after the name",
        "HOwt_train.txt, line 3: label index 7 is out of range; there are 2 classes",
        "HOwt_train.txt, line 4: expected a label index after the name; it is 'x'",
        f"{plates}/plate02/001001000-0-1-9.png: there is no such file",
    ]
    assert [problem.partition(":")[0] for problem in images.problems[:4]] == [
        f"HOwt_train.txt, line {line}" for line in (5, 6, 7, 8)
    ]
    assert "leads out of the folder; the line is skipped" in images.problems[0]
    assert "is not relative to the folder" in images.problems[1]
    with pytest.raises(ReadError, match="there is no such file"):
        images.read(4)


def test_a_list_that_is_no_text_is_an_error(plates: Path) -> None:
    path = plates / "HOwt_train.txt"
    path.write_bytes(f"{CELLS[0]} 0\n".encode() + b"\xff\xfe\n")
    with pytest.raises(ReadError, match=r"HOwt_train\.txt: expected a text in UTF-8"):
        deepyeast.read(path)


def test_other_texts_and_folders_are_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("plate 1 was fine\nphoto.png 3\n")
    assert not deepyeast.matches(tmp_path / "notes.txt")
    (tmp_path / "plate01").mkdir()
    assert not deepyeast.matches(tmp_path)


@pytest.mark.real_data
def test_the_real_lists_keep_their_labels_without_images(real_data: Path) -> None:
    with pytest.raises(NoImagesError, match="none of its 65,000 images can be read") as caught:
        deepyeast.read(real_data / "deepyeast" / "lists" / "HOwt_train.txt")
    items = caught.value.items
    assert items["label"].value_counts()["nucleolus"] == 7014
    assert items["label"].value_counts()["peroxisome"] == 1683
    assert items.iloc[0][["plate", "row", "column", "cell"]].tolist() == [10, 15, 5, 94]
