from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.read.hpa import atlas as hpa
from napari_organelle.read.image_set import NoImagesError
from napari_organelle.read.open import open_image_set

WritePng = Callable[..., Path]
COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture
def stains(tmp_path: Path, write_png: WritePng) -> Path:
    """Ids a and b with all stains, c with green only; ``train.csv`` beside the folder."""
    folder = tmp_path / "train"
    for image, number in (("a", 0), ("b", 100)):
        for value, colour in enumerate(COLOURS, start=1):
            write_png(folder / f"{image}_{colour}.png", np.full((6, 8), number + value, np.uint8))
    write_png(folder / "c_green.png", np.full((6, 8), 200, np.uint8))
    (tmp_path / "train.csv").write_text("Id,Target\na,7 1\nb,25\nzzz,0\n")
    return folder


def test_a_folder_of_stains(stains: Path) -> None:
    assert hpa.matches(stains)
    images = hpa.read(stains)
    assert images.channel_names == ("microtubules", "protein", "nucleus", "ER")
    assert [channel.colormap for channel in images.channels] == ["red", "green", "blue", "yellow"]
    assert images.items["item"].tolist() == ["a", "b", "c"]
    assert images.items["label"].tolist() == ["Golgi apparatus|Nuclear membrane", "Cytosol", ""]
    assert images.items["missing"].tolist() == ["", "", "microtubules, nucleus, ER"]
    assert images.read(1)[:, 0, 0].tolist() == [101, 102, 103, 104]
    assert images.read(2)[:, 0, 0].tolist() == [0, 200, 0, 0]
    assert len(images.class_names) == 28
    assert images.problems == (
        "1 of 3 images have no row in train.csv; they have no label",
        "1 of the 3 ids in train.csv have no image here",
        "1 of 3 items lack channels, shown blank (column 'missing')",
    )


def test_one_stain_opens_all_of_its_id(stains: Path) -> None:
    images = hpa.read(stains / "b_green.png")
    assert images.items["item"].tolist() == ["b"]
    assert images.items["label"].tolist() == ["Cytosol"]
    assert images.read(0)[:, 0, 0].tolist() == [101, 102, 103, 104]
    assert images.problems == ()
    several = hpa.read_files([stains / "a_red.png", stains / "c_green.png", stains / "a_blue.png"])
    assert several.items["item"].tolist() == ["a", "c"]


def test_a_table_opens_the_images_below_it(stains: Path) -> None:
    for path in (stains.parent / "train.csv", stains.parent):
        assert hpa.matches(path)
        images = hpa.read(path)
        assert images.items["label"].tolist() == ["Golgi apparatus|Nuclear membrane", "Cytosol", ""]


def test_ids_of_several_folders_keep_unique_names(stains: Path, write_png: WritePng) -> None:
    write_png(stains.parent / "test" / "a_red.png", np.full((6, 8), 9, np.uint8))
    items = hpa.read(stains.parent).items
    assert items["item"].tolist() == ["test/a", "train/a", "b", "c"]
    assert items["folder"].tolist() == ["test", "train", "train", "train"]


def test_a_table_without_images_says_where_it_looked(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("ID,Label\na,0|16\n")
    with pytest.raises(NoImagesError, match=r"its subfolders for files such as a_green\.png") as caught:
        hpa.read(path)
    assert caught.value.items["label"].tolist() == ["Nucleoplasm|Cytosol"]


def test_a_table_with_a_missing_column_is_an_error_for_its_images(stains: Path) -> None:
    (stains.parent / "train.csv").write_text("Id\na\n")
    with pytest.raises(ReadError, match=r"train\.csv: expected the columns"):
        hpa.read(stains)


def test_rows_with_faults_mark_their_item(stains: Path) -> None:
    (stains.parent / "train.csv").write_text("Id,Target\na,7\na,3\nb,99\nc,1\n")
    images = hpa.read(stains)
    assert images.items["problem"].tolist() == [
        "train.csv, row 3: id a is there again; row 2 counts",
        "train.csv, row 4: label '99' of id b is no index from 0 to 27 and no location's name",
        "",
    ]
    assert images.items["label"].tolist() == ["Golgi apparatus", "", "Nuclear membrane"]


def test_rgb_files_carry_the_signal_in_their_colour(tmp_path: Path) -> None:
    planes = {"red": (7, 0, 0), "green": (0, 8, 0), "blue": (0, 0, 9), "yellow": (10, 10, 0)}
    for colour, value in planes.items():
        data = imagecodecs.png_encode(np.full((6, 8, 3), value, np.uint8))
        (tmp_path / f"57_F11_1_{colour}.png").write_bytes(data)
    images = hpa.read(tmp_path)
    assert images.read(0)[:, 0, 0].tolist() == [7, 8, 9, 10]
    assert images.items.loc[0, ["plate", "well", "field"]].tolist() == [57, "F11", 1]
    assert images.items["missing"].tolist() == [""]


def test_masks_beside_the_images_come_along(stains: Path, write_png: WritePng) -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 1:5] = 3
    write_png(stains.parent / "masks" / "b_predictedmask.png", mask)
    masks = hpa.read(stains).masks
    assert masks is not None
    assert np.asarray(masks[0]).max() == 0
    np.testing.assert_array_equal(np.asarray(masks[1]), mask)


def test_stray_files_are_named(stains: Path) -> None:
    for name in ("Thumbs.db", "readme.md", ".hidden"):
        (stains / name).touch()
    assert hpa.read(stains).problems[0] == f"{stains}: 2 other files are skipped; first: Thumbs.db"


def test_names() -> None:
    assert hpa.split_name("57_F11_1_Green.TIF") == ("57_F11_1", 1)
    assert hpa.split_name("x.png") is None
    assert hpa.split_name("_green.png") is None
    assert hpa.split_name("a_green.txt") is None
    assert hpa.split_name("a_purple.png") is None


@pytest.mark.real_data
def test_real_sets_of_2018(real_data: Path) -> None:
    images = hpa.read(real_data / "hpa2018" / "complete")
    assert images.data.shape == (2, 4, 512, 512)
    assert images.items["label"].tolist() == [
        "Cytokinetic bridge|Nucleoplasm",
        "Golgi apparatus|Nuclear membrane|Nucleoli|Nucleoplasm",
    ]
    assert [int(plane.max()) for plane in images.read(0)] == [251, 255, 147, 162]

    images = hpa.read(real_data / "hpa2018" / "train")
    missing = images.items["missing"].value_counts().to_dict()
    assert missing == {
        "microtubules, protein, ER": 54,
        "microtubules, nucleus, ER": 50,
        "protein, nucleus, ER": 48,
        "microtubules, protein, nucleus": 48,
    }
    assert "30,872 of the 31,072 ids in train.csv have no image here" in images.problems


@pytest.mark.real_data
def test_real_set_of_2021(real_data: Path) -> None:
    images = hpa.read(real_data / "hpa2021")
    assert images.data.shape == (3, 4, 3072, 3072)
    assert images.items["height"].tolist() == [2048, 3072, 2048]
    assert images.items["label"].tolist()[1] == "Vesicles and punctate cytosolic patterns"
    assert images.read(0, [2]).shape == (1, 2048, 2048)
    assert images.masks is not None
    assert [int(np.asarray(images.masks[item]).max()) for item in range(3)] == [19, 10, 46]


@pytest.mark.real_data
def test_real_field_of_the_atlas(real_data: Path) -> None:
    images = hpa.read(real_data / "hpa_if" / "57_F11_1_green.png")
    assert images.data.shape == (1, 4, 1728, 1728)
    assert images.items.loc[0, ["plate", "well", "field"]].tolist() == [57, "F11", 1]
    means = images.read(0).mean(axis=(1, 2))
    np.testing.assert_allclose(means[:3], [30.2, 21.6, 19.8], atol=0.1)
    assert 21.9 < means[3] < 23.0


def test_composites_give_three_stains_and_step_back_for_single_ones(
    tmp_path: Path, write_png: WritePng
) -> None:
    pixels = np.broadcast_to(np.array([10, 20, 30], np.uint8), (6, 8, 3)).copy()
    write_png(tmp_path / "1610_C1_1_blue_red_green.png", pixels)
    images = open_image_set(tmp_path)
    assert images.items["id"].tolist() == ["1610_C1_1"]
    assert images.read(0)[:, 0, 0].tolist() == [10, 20, 30, 0]
    assert images.items["missing"].tolist() == ["ER"]
    for colour in ("red", "green", "blue", "yellow"):
        write_png(tmp_path / f"1610_C1_1_{colour}.png", np.full((6, 8), 7, np.uint8))
    images = open_image_set(tmp_path)
    assert images.read(0)[:, 0, 0].tolist() == [7] * 4
    assert "1 composites beside single stains are not used" in images.problems[0]


def test_folders_of_colours_are_one_set(tmp_path: Path, write_png: WritePng) -> None:
    for value, colour in enumerate(("red", "green", "blue", "yellow")):
        for image in ("a", "b"):
            write_png(tmp_path / colour / f"{image}_{colour}.png", np.full((6, 8), value, np.uint8))
    images = open_image_set(tmp_path)
    assert images.items["item"].tolist() == ["a", "b"]
    assert images.read(1)[:, 0, 0].tolist() == [0, 1, 2, 3]


def test_a_second_file_of_a_stain_is_named(tmp_path: Path, write_png: WritePng) -> None:
    for name in ("a_green.png", "a_green.jpg"):
        write_png(tmp_path / name, np.full((6, 8), 7, np.uint8))
    assert "1 second files of a stain are not used" in open_image_set(tmp_path).problems[0]
