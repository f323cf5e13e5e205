"""A training's folder: its own, gone without checkpoints, and never somebody else's."""

from pathlib import Path

import pytest

from napari_organelle.errors import OrganelleError, TrainingError
from napari_organelle.train.folder import checkpoint_folder, clear, require_cache


def test_it_stays_while_there_are_checkpoints_and_knows_what_they_belong_to(tmp_path: Path) -> None:
    folder = tmp_path / "m.organelle.training"
    with checkpoint_folder(folder, "a", resume=False) as told:
        assert told == ""
        (folder / "head.npz").write_bytes(b"1")
        with (
            pytest.raises(OrganelleError, match="Another run"),
            checkpoint_folder(folder, "a", resume=True),
        ):
            pytest.fail("one at a time")
    assert sorted(file.name for file in folder.iterdir()) == ["fingerprint", "head.npz"]
    for mark, resume, said in (("a", False, "unfinished run"), ("b", True, "other data")):
        with pytest.raises(TrainingError, match=said), checkpoint_folder(folder, mark, resume):
            pytest.fail("refused before anything is done")
    with checkpoint_folder(folder, "a", resume=True) as told:
        assert told == ""
    (folder / "fingerprint").write_text("")
    with checkpoint_folder(folder, "b", resume=True) as told:
        assert "training begins anew" in told
    assert not folder.exists()


def test_a_failure_before_the_first_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "m.organelle.training"

    def fail() -> None:
        with checkpoint_folder(folder, "a", resume=False):
            raise TrainingError("no card")

    with pytest.raises(TrainingError, match="no card"):
        fail()
    assert not folder.exists()


def test_files_of_others_stay_and_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "m.organelle.training"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "head.npz").write_bytes(b"")
    with (
        pytest.raises(TrainingError, match="more than a training's checkpoints"),
        checkpoint_folder(folder, "a", resume=True),
    ):
        pytest.fail("refused before anything is done")
    clear(folder)
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_a_cache_that_cant_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside", Path("/proc/none")):
        with pytest.raises(TrainingError, match=r"--cache"):
            require_cache(folder)
