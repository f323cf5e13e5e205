"""A command in a process of its own, to which a fault happens at a chosen point."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_organelle.errors import OrganelleError

CHANGES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
"""What a process does to files, as Python's audit names it."""

REFUSED, CRASHED = 2, 3


def run(
    command: Callable[[Path], int],
    folder: Path,
    *,
    kill_at: int = 0,
    kill_after: float = 0,
    most_bytes: int = 0,
) -> tuple[int, int, str]:
    """Run a command on a folder.

    Parameters
    ----------
    command : callable
        Called in the new process.
    folder : Path
        Changes below it are counted.
    kill_at : int
        The change before which the process is killed, from 1; 0 for none.
    kill_after : float
        Seconds after which it is killed; 0 for never.
    most_bytes : int
        A file that grows beyond is refused, as by a full disk; 0 for none.

    Returns
    -------
    int
        Exit status; negative where it was killed.
    int
        How many changes there were.
    str
        What went wrong.
    """
    told, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _child(command, folder, telling, kill_at, most_bytes)
    os.close(telling)
    if kill_after:
        killer = threading.Timer(kill_after, _kill, [pid])
        killer.start()
    with os.fdopen(told, "rb") as file:
        text = file.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if kill_after:
        killer.cancel()
    changes, _, trouble = text.partition("\n")
    return status, int(changes or 0), trouble


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _child(command: Callable[[Path], int], folder: Path, telling: int, kill_at: int, most_bytes: int) -> None:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    count = 0

    def watch(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event in CHANGES and str(folder) in str(args[0]):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    status, trouble = CRASHED, ""
    try:
        status = command(folder)
    except OrganelleError as error:
        status, trouble = REFUSED, str(error)
    except BaseException:  # noqa: BLE001 - all of it is reported
        trouble = traceback.format_exc()
    os.write(telling, f"{count}\n{trouble[-4000:]}".encode(errors="replace"))
    time.sleep(0)
    os._exit(status)
