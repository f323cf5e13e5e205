"""The one boundary: whatever is raised within becomes our error with the path."""

import os
from pathlib import Path

import psutil
import pytest

from napari_organelle.errors import BundleError, ReadError, RegionError
from napari_organelle.outside import opening, read_whole, require_file, require_inside, require_memory


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (FileNotFoundError(2, "x"), "there is no such file"),
        (PermissionError(13, "x"), "permission denied"),
        (OSError(5, "Input/output error"), "it can't be read: Input/output error"),
        (MemoryError("36 TiB"), "not enough memory for it (36 TiB)"),
        (RecursionError("too deep"), "damaged or cut short (too deep)"),
        (ZeroDivisionError(), "damaged or cut short (ZeroDivisionError)"),
        (KeyError("shape"), "damaged or cut short (it lacks 'shape')"),
        (ReadError("it is empty"), "it is empty"),
    ],
)
def test_every_exception_becomes_an_error_with_the_path(raised: Exception, expected: str) -> None:
    for kind in (ReadError, BundleError):
        with pytest.raises((kind, type(raised))) as caught, opening("a/b.tif", kind):
            raise raised
        assert str(caught.value).startswith("a/b.tif: ")
        assert expected in str(caught.value)


def test_our_own_errors_keep_their_kind_and_are_named_once() -> None:
    with pytest.raises(RegionError, match=r"^b\.tif: too large$"), opening("b.tif"):
        raise RegionError("too large")
    with pytest.raises(ReadError, match=r"^b\.tif/0: gone$"), opening("b.tif"):
        raise ReadError("b.tif/0: gone")


def test_a_stop_by_the_user_passes() -> None:
    with pytest.raises(KeyboardInterrupt), opening("b.tif"):
        raise KeyboardInterrupt


def test_what_does_not_fit_into_memory_is_refused() -> None:
    require_memory(1000, "a chunk")
    expected = r"x: there is not enough memory for it \(a chunk takes .* are free"
    with pytest.raises(ReadError, match=expected), opening("x"):
        require_memory(psutil.virtual_memory().total * 2, "a chunk")


@pytest.mark.parametrize("place", ["", "/etc", "../x", "a/../../x", "a\\b", "C:x", "link", "a\0b"])
def test_paths_in_metadata_stay_inside(tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(ReadError, match="outside of the set"):
        require_inside(tmp_path, place)
    require_inside(tmp_path, "A/1/0")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    for place in (tmp_path, tmp_path / "x.png"):
        with pytest.raises(ReadError, match="regular file"):
            require_file(place)
    (tmp_path / "long").write_bytes(b"12345")
    assert read_whole(tmp_path / "long", 5) == b"12345"
    with pytest.raises(ReadError, match="at most 4 bytes; it has 5"):
        read_whole(tmp_path / "long", 4)
