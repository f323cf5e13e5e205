from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.read.folders import class_folders as folders
from napari_organelle.read.open import open_image_set

WritePng = Callable[..., Path]


def test_class_folders_give_labels(tmp_path: Path, write_png: WritePng) -> None:
    for label in ("golgi", "er"):
        write_png(tmp_path / label / "0.png")
    (tmp_path / "er" / "notes.txt").touch()
    assert folders.matches(tmp_path)
    images = folders.read(tmp_path)
    assert images.channel_names == ("cytosol", "protein")
    assert images.items["item"].tolist() == ["er/0.png", "golgi/0.png"]
    assert images.items["label"].tolist() == ["er", "golgi"]
    assert images.class_names == ("er", "golgi")
    assert images.read(0)[:, 0, 0].tolist() == [10, 20]
    assert "split" not in images.items
    assert images.problems == (f"{tmp_path / 'er'}: 1 other files (1 .txt) are skipped; first: notes.txt",)


def test_splits_lie_above_the_classes(tmp_path: Path, write_png: WritePng) -> None:
    for split in ("train", "test"):
        for label in ("golgi", "er"):
            write_png(tmp_path / split / label / "a.png")
    assert folders.matches(tmp_path)
    items = folders.read(tmp_path).items
    assert items["split"].tolist() == ["test", "test", "train", "train"]
    assert items["label"].tolist() == ["er", "golgi", "er", "golgi"]
    assert items["item"].tolist() == [
        "test/er/a.png",
        "test/golgi/a.png",
        "train/er/a.png",
        "train/golgi/a.png",
    ]


def test_grey_pictures_are_the_protein(tmp_path: Path, write_png: WritePng) -> None:
    for label in ("golgi", "er"):
        write_png(tmp_path / label / "0.png", np.full((6, 8), 9, np.uint8))
    images = folders.read(tmp_path)
    assert images.channel_names == ("protein",)
    assert images.items["missing"].tolist() == ["", ""]
    assert images.read(1).tolist() == np.full((1, 6, 8), 9).tolist()


def test_16_bit_rgb_keeps_its_values(tmp_path: Path, write_png: WritePng) -> None:
    for label in ("golgi", "er"):
        write_png(tmp_path / label / "0.png", np.full((6, 8, 3), (500, 60_000, 1), np.uint16))
    images = folders.read(tmp_path)
    assert images.data.dtype == np.uint16
    assert images.read(0)[:, 0, 0].tolist() == [500, 60_000]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two genes: AAC1 with two pairs, AAH1 with one pair and a cell without its red file."""
    for gene, cell in (("AAC1", 10), ("AAC1", 12), ("AAH1", 3), ("AAH1", 4)):
        (tmp_path / gene).mkdir(exist_ok=True)
        for value, channel in enumerate(("rfp", "gfp"), start=1):
            if (cell, channel) != (4, "rfp"):
                pixels = np.full((6, 8), value / 10, np.float32)
                tifffile.imwrite(tmp_path / gene / f"{gene}_1_rfp_{cell}_{channel}.tif", pixels)
    return tmp_path


def test_pairs_are_items_of_two_channels(pairs: Path) -> None:
    assert folders.matches(pairs)
    images = folders.read(pairs)
    assert images.items["label"].tolist() == ["AAC1", "AAC1", "AAH1", "AAH1"]
    assert images.items[["gene", "field", "cell"]].to_numpy().tolist()[1] == ["AAC1", 1, 12]
    assert images.items["missing"].tolist() == ["", "", "", "cytosol"]
    assert images.data.dtype == np.float32
    np.testing.assert_allclose(images.read(0)[:, 0, 0], [0.1, 0.2])
    np.testing.assert_allclose(images.read(3)[:, 0, 0], [0.0, 0.2])


def test_one_folder_of_pairs_and_one_pair_have_no_label(pairs: Path) -> None:
    assert folders.matches(pairs / "AAC1")
    assert folders.read(pairs / "AAC1").items["label"].tolist() == ["", ""]
    file = pairs / "AAC1" / "AAC1_1_rfp_12_gfp.tif"
    assert folders.matches(file)
    images = folders.read(file)
    assert images.items["item"].tolist() == ["AAC1_1_rfp_12"]
    np.testing.assert_allclose(images.read(0)[:, 0, 0], [0.1, 0.2])
    assert not folders.matches(pairs / "AAH1" / "AAH1_1_rfp_4_gfp.tif")


def test_unrelated_pictures_are_not_its_own(tmp_path: Path, write_png: WritePng) -> None:
    path = write_png(tmp_path / "photos" / "a.png")
    write_png(tmp_path / "photos" / "b.png")
    assert not folders.matches(path)
    assert not folders.matches(path.parent)
    assert not folders.matches(tmp_path)


def test_a_truncated_picture_among_many_is_known_and_the_others_open(
    tmp_path: Path, write_png: WritePng
) -> None:
    for number in range(20):
        write_png(tmp_path / "er" / f"{number:02d}.png")
    write_png(tmp_path / "golgi" / "0.png")
    broken = tmp_path / "er" / "07.png"
    broken.write_bytes(broken.read_bytes()[:20])
    images = folders.read(tmp_path)
    assert images.items.index[images.items["problem"] != ""].tolist() == [7]
    with pytest.raises(ReadError, match=r"07\.png"):
        images.read(7)
    with pytest.warns(OrganelleWarning, match=r"07\.png"):
        assert np.asarray(images.data[7]).max() == 0
    assert np.asarray(images.data[8]).max() == 20


@pytest.mark.real_data
def test_real_yeast_cells(real_data: Path) -> None:
    images = folders.read(real_data / "deepyeast" / "figure_cells")
    assert images.data.shape == (24, 2, 64, 64)
    assert images.items["label"].value_counts().tolist() == [2] * 12
    row = images.items.index[images.items["item"] == "nucleolus/0.png"][0]
    assert [int(plane.max()) for plane in images.read(int(row))] == [255, 255]

    images = folders.read(real_data / "yeast_cyclops")
    assert images.data.shape == (402, 2, 64, 64)
    assert images.items["gene"].value_counts().to_dict() == {"AAC1": 150, "AAP1": 150, "AAH1": 102}
    assert (images.items["problem"] == "").all()
    row = images.items.index[images.items["item"] == "AAC1_3_rfp_97"][0]
    assert images.read(int(row))[1].max() == pytest.approx(0.315)
    assert images.items.loc[row, ["field", "cell"]].tolist() == [3, 97]


def test_gray_saved_as_rgb_is_the_protein_alone(tmp_path: Path, write_png: WritePng) -> None:
    gray = np.arange(48, dtype=np.uint8).reshape(6, 8, 1)
    for label in ("er", "golgi"):
        write_png(tmp_path / label / "0.png", np.repeat(gray, 3, axis=2))
    images = folders.read(tmp_path)
    assert images.channel_names == ("protein",)
    np.testing.assert_array_equal(images.read(0)[0], gray[..., 0])
    assert "gray saved as RGB" in images.problems[0]


def test_the_upper_folder_is_the_class_unless_it_is_a_split(tmp_path: Path, write_png: WritePng) -> None:
    for label in ("er", "golgi"):
        for plate in ("plate1", "plate2"):
            write_png(tmp_path / "plates" / label / plate / "0.png")
            write_png(
                tmp_path
                / "splits"
                / plate.replace("plate1", "train").replace("plate2", "val")
                / label
                / "0.png"
            )
    plates = folders.read(tmp_path / "plates")
    assert plates.class_names == ("er", "golgi")
    assert plates.items["folder"].tolist() == ["plate1", "plate2"] * 2
    splits = folders.read(tmp_path / "splits")
    assert splits.class_names == ("er", "golgi")
    assert splits.items["split"].tolist() == ["train", "train", "val", "val"]


def test_names_that_differ_in_blanks_or_form_are_one_class_and_told(
    tmp_path: Path, write_png: WritePng
) -> None:
    for label in ("er", "er ", "golgi"):
        write_png(tmp_path / label / "0.png")
    images = folders.read(tmp_path)
    assert images.class_names == ("er", "golgi")
    assert any("differ only in blanks, case or Unicode form" in problem for problem in images.problems)


def test_images_beside_masks_one_folder_down_are_no_classes(tmp_path: Path) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for name in ("images/a.png", "masks/a.png"):
        for split in ("train", "val"):
            path = tmp_path / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(imagecodecs.png_encode(pixels))
    with pytest.raises(ReadError, match="images beside label images, as train does, and are no classes"):
        open_image_set(tmp_path)
    assert open_image_set(tmp_path / "train").items["item"].tolist() == ["a.png"]


def test_a_class_without_a_picture_is_named(tmp_path: Path, write_png: WritePng) -> None:
    for name in ("er", "golgi"):
        write_png(tmp_path / name / "a.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "nucleus").mkdir()
    (tmp_path / "nucleus" / "a.czi").write_bytes(b"ZISRAWFILE")
    images = open_image_set(tmp_path)
    assert len(images) == 2
    assert "1 folders hold no PNG, JPEG or TIFF and are no classes: nucleus" in images.problems[-1]
