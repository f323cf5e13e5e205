import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.read.tables.names import ItemNames


@pytest.fixture
def pairs(tmp_path: Path) -> ImageSet:
    for name in ("AAC1_1_rfp_1", "AAC1_1_rfp_2"):
        for channel in ("rfp", "gfp"):
            tifffile.imwrite(tmp_path / f"{name}_{channel}.tif", np.ones((8, 8), np.uint8))
    return open_image_set(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "AAC1_1_rfp_2",
        " AAC1_1_rfp_2 ",
        "aac1_1_RFP_2",
        "AAC1_1_rfp_2_gfp.tif",
        "AAC1_1_rfp_2_rfp",
        "C:\\Users\\lab\\pairs\\AAC1_1_rfp_2_gfp.tif",
        "/elsewhere/AAC1_1_rfp_2_rfp.TIF",
        "AAC1_1_rfp_2.png",
    ],
)
def test_names_files_and_paths_of_other_computers(pairs: ImageSet, text: str) -> None:
    assert ItemNames(pairs).find(text) == [1]


def test_a_name_in_two_folders_needs_its_folder(tmp_path: Path) -> None:
    for folder in ("er", "nucleus"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "0.tif", np.ones((8, 8, 3), np.uint8), photometric="rgb")
    names = ItemNames(open_image_set(tmp_path))
    assert names.find("0.tif") == []
    assert names.find("D:\\data\\nucleus\\0.tif") == [1]
    assert names.find("nucleus/0") == [1]


def test_decomposed_letters(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "Zürich.tif", np.ones((8, 8), np.uint8))
    names = ItemNames(open_image_set(tmp_path / "Zürich.tif"))
    assert names.find(unicodedata.normalize("NFD", "Zürich")) == [0]


def test_a_stack_s_name_means_all_its_pictures(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.ones((3, 8, 8), np.uint8), metadata={"axes": "ZYX"}, imagej=True)
    names = ItemNames(open_image_set(tmp_path / "s.tif"))
    assert names.find("s.tif") == [0, 1, 2]
    assert names.find("s.tif[1]") == [1]
