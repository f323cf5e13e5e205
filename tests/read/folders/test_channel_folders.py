from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_organelle.read.folders import channel_folders, class_folders
from napari_organelle.read.open import SET_READERS, find_reader, open_image_set


def put(path: Path, value: int, shape: tuple[int, ...] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full(shape, value, np.uint8))


@pytest.mark.parametrize(
    ("names", "ending"),
    [(("DAPI", "GFP"), ""), (("DAPI", "GFP"), "_{}"), (("Blue", "Green"), ""), (("c1", "c2"), "-{}")],
)
def test_folders_named_as_channels_are_channels(names: tuple[str, str], ending: str, tmp_path: Path) -> None:
    for value, name in enumerate(names):
        for item in (1, 2):
            put(tmp_path / name / f"cell{item}{ending.format(name)}.tif", 10 * item + value)
    images = open_image_set(tmp_path)
    assert images.channel_names == names
    assert images.items["item"].tolist() == ["cell1", "cell2"]
    assert images.items["label"].tolist() == ["", ""]
    assert [images.read(item)[:, 0, 0].tolist() for item in (0, 1)] == [[10, 11], [20, 21]]
    assert f"the folders {', '.join(names)} are taken for channels" in images.problems[0]


def test_a_colour_in_the_name_is_evidence_and_a_number_is_none(tmp_path: Path) -> None:
    for name in ("Green", "c2"):
        put(tmp_path / name / "a.tif", 1)
    assert [channel.evidence for channel in open_image_set(tmp_path).channels] == ["green", ""]


def test_an_item_without_a_channel_says_so(tmp_path: Path) -> None:
    for file in ("DAPI/a.tif", "GFP/a.tif", "GFP/b.tif", "DAPI/c.tif", "GFP/c.tif"):
        put(tmp_path / file, 1)
    assert open_image_set(tmp_path).items["missing"].tolist() == ["", "", "DAPI"]


def test_a_folder_that_has_only_some_of_the_images_is_a_channel(tmp_path: Path) -> None:
    for file in ("DAPI/a.tif", "DAPI/b.tif", "DAPI/c.tif", "GFP/a.tif"):
        put(tmp_path / file, 1)
    images = open_image_set(tmp_path)
    assert images.channel_names == ("DAPI", "GFP")
    assert images.items["missing"].tolist() == ["", "GFP", "GFP"]


def test_other_folders_stay_classes(tmp_path: Path) -> None:
    for file in ("other/ER/1.tif", "other/Golgi/1.tif", "unlike/red/1.tif", "unlike/green/2.tif"):
        put(tmp_path / file, 1)
    for name in ("red", "green"):
        put(tmp_path / "rgb" / name / "1.tif", 1, (6, 8, 3))
    for name in ("other", "unlike", "rgb"):
        assert not channel_folders.matches(tmp_path / name)
        reader = find_reader(tmp_path / name, SET_READERS)
        assert reader is not None
        assert reader.read is class_folders.read
    named = "named as channels, but share no names of files"
    assert named in open_image_set(tmp_path / "unlike").problems[0]
    assert not any(named in problem for problem in open_image_set(tmp_path / "other").problems)
