"""Files are written whole or not at all, and replace nothing unasked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_organelle.errors import OrganelleError
from napari_organelle.files import check_outputs, whole_file


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with whole_file(path) as part:
        part.write_text("new")
        assert str(os.getpid()) in part.name
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_appeared_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:

        def refuse(*_: object) -> None:
            raise PermissionError("no hard links here")

        monkeypatch.setattr("os.link", refuse)
    path = tmp_path / "a.txt"
    with whole_file(path, replace=False) as part:
        part.write_text("first")
    assert path.read_text() == "first"
    with pytest.raises(FileExistsError, match="there already"), whole_file(path, replace=False):
        pytest.fail("it is there before anything is written")
    path.unlink()

    def write() -> None:
        with whole_file(path, replace=False) as part:
            part.write_text("mine")
            path.write_text("theirs")

    with pytest.raises(FileExistsError):
        write()
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 250 + ".txt")
    with whole_file(path) as part:
        part.write_text("long")
    assert path.read_text() == "long"


def test_outputs_are_looked_at_before_the_work(tmp_path: Path) -> None:
    there, folder = tmp_path / "there.csv", tmp_path / "folder"
    there.write_text("mine")
    folder.mkdir()
    check_outputs(tmp_path / "new.csv", None)
    check_outputs(there, force=True)
    for outputs, force, said in [
        ((tmp_path / "new.csv", there), False, "there already.*--force"),
        ((folder,), True, "is a folder"),
        ((tmp_path / "none" / "new.csv",), True, "no folder .*none to write into"),
        ((tmp_path / ("a" * 300),), True, "can't be written"),
        ((Path("/proc/new.csv"),), False, "/proc"),
    ]:
        with pytest.raises(OrganelleError, match=said):
            check_outputs(*outputs, force=force)
    with pytest.raises(OrganelleError, match="is read by this command"):
        check_outputs(there, force=True, inputs=(None, tmp_path / "none", there))
    assert sorted(tmp_path.iterdir()) == [folder, there]


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices have names on POSIX alone")
def test_pipes_and_devices_are_never_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.csv", tmp_path / "link.csv"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link, Path("/dev/null"), Path("/dev/stdout"), Path("/dev/new.csv")):
        for force in (False, True):
            with pytest.raises(OrganelleError, match="is a pipe or a device"):
                check_outputs(path, force=force)

    def write(path: Path) -> None:
        with whole_file(path) as part:
            part.write_text("new")

    for path in (pipe, link):
        with pytest.raises(FileExistsError, match="not replaced"):
            write(path)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"pipe.csv", "link.csv"}


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    left = "import sys, pathlib, os, signal\nfrom napari_organelle.files import whole_file\n"
    left += "with whole_file(pathlib.Path(sys.argv[1])) as part:\n    part.touch()\n    os._exit(1)"
    subprocess.run([sys.executable, "-c", left, str(path)], check=False)
    (tmp_path / ".out.csv.part").write_text("mine")
    assert len(list(tmp_path.iterdir())) == 2
    with whole_file(path) as part:
        part.touch()
        check_outputs(path)
        assert part.exists()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".out.csv.part", "out.csv"]
