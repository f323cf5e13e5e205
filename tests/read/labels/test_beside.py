import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_organelle.errors import ReadError
from napari_organelle.read.open import open_image_set


def save(path: Path, number: int, shape: tuple[int, int] = (16, 20)) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    tifffile.imwrite(path, np.full(shape, number, np.uint16))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/{}.tif", "masks/{}.tif"),
        ("Images/{}.tif", "Labels/{}_mask.tif"),
        ("{}.tif", "{}_cp_masks.tif"),
        ("{}.tif", "masks/{}_labels.tif"),
    ],
)
def test_masks_are_found_beside_images(tmp_path: Path, image: str, mask: str) -> None:
    for number, name in enumerate("ab", start=1):
        save(tmp_path / image.format(name), 100)
        save(tmp_path / mask.format(name), number)
    images = open_image_set(tmp_path)
    assert images.items["item"].tolist() == ["a.tif", "b.tif"]
    assert images.masks is not None
    assert np.asarray(images.masks)[:, 3, 4].tolist() == [1, 2]
    again = pickle.loads(pickle.dumps(images.span(1, 2)))  # noqa: S301 - our own
    assert np.asarray(again.masks)[0, 0, 0] == 2


def test_masks_that_do_not_fit_are_named(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / "images" / f"{name}.tif", 100)
    save(tmp_path / "masks" / "a.tif", 1)
    save(tmp_path / "masks" / "b.tif", 1, (8, 10))
    images = open_image_set(tmp_path)
    text = ". ".join(images.problems)
    assert "1 of 3 images have no label image" in text
    assert "b.tif: the mask is 8 x 10 pixels, the image 16 x 20" in text
    assert images.mask_files is not None
    with pytest.raises(ReadError, match="the mask is 8 x 10"):
        images.mask_files.read(1)
    with pytest.raises(ReadError, match="no label image"):
        images.mask_files.read(2)


def test_two_masks_of_an_image_are_not_chosen_between(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", 100)
    save(tmp_path / "b.tif", 100)
    for name in ("a_mask.tif", "a_cp_masks.tif"):
        save(tmp_path / name, 1)
    images = open_image_set(tmp_path)
    assert images.masks is None
    assert "a_cp_masks.tif and a_mask.tif" in ". ".join(images.problems)
