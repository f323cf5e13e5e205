from collections.abc import Callable
from pathlib import Path

import pytest

from napari_organelle.errors import ReadError
from napari_organelle.read.files import listing
from napari_organelle.read.open import SET_READERS, find_reader, open_image_set

WritePng = Callable[..., Path]


def test_each_kind_finds_its_reader(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "cells" / "plate01" / "001001000-0-1-1.png")
    write_png(tmp_path / "atlas" / "a_green.png")
    for label in ("er", "golgi"):
        write_png(tmp_path / "classes" / label / "0.png")
    assert open_image_set(tmp_path / "cells").kind == "deepyeast"
    assert open_image_set(str(tmp_path / "atlas")).kind == "hpa"
    assert open_image_set(tmp_path / "classes").kind == "yeast"
    assert open_image_set([tmp_path / "atlas" / "a_green.png"]).kind == "hpa"


def test_what_is_no_set_is_left_to_others(tmp_path: Path, write_png: WritePng) -> None:
    picture = write_png(tmp_path / "photos" / "x.png")
    table = tmp_path / "points.csv"
    table.write_text("index,axis-0,axis-1\n0,1,2\n")
    for path in (picture, picture.parent, table):
        assert find_reader(path, SET_READERS) is None


def test_errors_name_the_path_and_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="gone: there is no such file or folder"):
        open_image_set(tmp_path / "gone")
    with pytest.raises(
        ReadError, match="the folder is empty; expected DeepYeast plates or lists, folders named"
    ):
        open_image_set(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ReadError, match=r"notes\.txt: expected DeepYeast plates or lists"):
        open_image_set(tmp_path / "notes.txt")
    with pytest.raises(ReadError, match="the list is empty"):
        open_image_set([])


def test_a_single_folder_of_images_is_named(tmp_path: Path, write_png: WritePng) -> None:
    write_png(tmp_path / "er" / "0.png")
    (tmp_path / "golgi").mkdir()
    (tmp_path / "golgi" / "0.czi").write_bytes(b"ZISRAWFILE")
    with pytest.raises(ReadError, match="only its folder er holds images"):
        open_image_set(tmp_path)


def test_a_folder_that_may_not_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(listing.os, "scandir", refuse)
    with pytest.raises(ReadError, match="permission denied; make it readable for you"):
        open_image_set(tmp_path)
