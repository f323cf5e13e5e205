"""One run at a time writes to one place; a dead one's lock is taken over, and said so."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from napari_organelle import locks
from napari_organelle.errors import OrganelleError
from napari_organelle.files import is_running
from napari_organelle.locks import RunLock


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def put(path: Path, **held: object) -> None:
    path.write_text(json.dumps({"host": platform.node(), "pid": os.getpid(), "token": "other"} | held))


def test_a_second_run_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path / "lock"), RunLock(tmp_path / "lock")
    first.take()
    with pytest.raises(OrganelleError, match=rf"Another run writes to .*process {os.getpid()} on "):
        second.take()
    first.require()
    first.release()
    first.release()
    assert list(tmp_path.iterdir()) == []
    second.take()
    with pytest.raises(OrganelleError, match="taken over by another run"):
        first.require()
    second.release()


@pytest.mark.parametrize("written", ["dead", "own number again", "cut"])
def test_the_lock_of_a_dead_process_is_taken_over_and_said_so(tmp_path: Path, written: str) -> None:
    pid = dead_process() if written == "dead" else os.getpid()
    put(tmp_path / "lock", pid=pid)
    if written == "cut":
        (tmp_path / "lock").write_text("")
    lock = RunLock(tmp_path / "lock")
    lock.take()
    assert (str(pid) if written != "cut" else "?") in lock.note
    assert "died before it was done" in lock.note
    assert [file.name for file in tmp_path.iterdir()] == ["lock"]
    lock.release()


def test_another_computers_lock_holds_while_it_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    put(path, host="node07")
    lock = RunLock(path)
    with pytest.raises(OrganelleError, match="node07"):
        lock.take()
    before = path.stat().st_mtime - 2 * locks.DEAD_SECONDS
    os.utime(path, (before, before))
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.01)
    lock.take()
    assert "node07" in lock.note
    os.utime(path, (before, before))
    for _ in range(500):
        if path.stat().st_mtime > before:
            break
        lock._released.wait(0.01)
    assert path.stat().st_mtime > before
    lock.release()


def test_a_lock_that_another_run_took_meanwhile_stays_its_own(tmp_path: Path) -> None:
    put(tmp_path / "lock", pid=dead_process())
    mine = RunLock(tmp_path / "lock")
    stale = mine._read()
    put(tmp_path / "lock", token="new")
    assert stale is not None
    mine._take_over(stale)
    assert (mine._read() or {})["token"] == "new"
    assert mine.note == ""


def test_processes_are_known_to_run() -> None:
    assert is_running(os.getpid())
    assert not is_running(dead_process())
