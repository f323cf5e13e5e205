"""Locks that keep two runs, also of two computers, from writing to one place at the same time."""

from __future__ import annotations

import json
import os
import platform
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from napari_organelle.errors import OrganelleError
from napari_organelle.files import give_name, is_running, whole_file

BEAT_SECONDS = 20.0
"""How often a run that lives touches its lock."""

DEAD_SECONDS = 300.0
"""A lock that was not touched for so long is of a run that died on another computer."""

_held: set[str] = set()
"""Tokens of this process's locks: another process may have had its number before."""


@dataclass
class RunLock:
    """A file that says which process of which computer writes here; gone when it is released.

    Parameters
    ----------
    path : Path
        The file, in a folder that is there.
    note : str
        For the user: whose lock was taken over; ``""`` where there was none.
    """

    path: Path
    note: str = ""
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _released: Event = field(default_factory=Event)

    def take(self) -> None:
        """Take the lock, also that of a process which died.

        Raises
        ------
        OrganelleError
            If a run that lives has it.
        OSError
            If the disk refuses.
        """
        while not self._write():
            if (held := self._read()) is None:
                continue
            if self._is_alive(held):
                raise OrganelleError(
                    f"Another run writes to {self.path.parent}: process {held.get('pid', '?')} on "
                    f"{held.get('host', '?')}. Wait until it ends, or choose another output."
                )
            self._take_over(held)
        _held.add(self._token)
        Thread(target=self._beat, name="run-lock", daemon=True).start()

    def require(self) -> None:
        """Refuse to go on where another run has taken this one for dead.

        Raises
        ------
        OrganelleError
            Which names it.
        """
        held = self._read()
        if held is None or held.get("token") != self._token:
            raise OrganelleError(f"{self.path.parent} was taken over by another run: this one stops.")

    @property
    def is_released(self) -> bool:
        """Whether it is not held, or not any more."""
        return self._token not in _held

    def release(self) -> None:
        """Let others in; does nothing the second time."""
        if self._token in _held:
            self._released.set()
            _held.discard(self._token)
            if (held := self._read()) and held.get("token") == self._token:
                self.path.unlink(missing_ok=True)

    def _write(self) -> bool:
        """Whether the lock's file could be made."""
        owner = {"host": platform.node(), "pid": os.getpid(), "token": self._token}
        try:
            with whole_file(self.path, replace=False) as part:
                part.write_text(json.dumps(owner), encoding="utf-8")
        except FileExistsError:
            return False
        return True

    def _read(self, path: Path | None = None) -> dict[str, object] | None:
        """What the file says; None where there is none, nothing where it can't be read."""
        try:
            held = json.loads((path or self.path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return held if isinstance(held, dict) else {}

    def _is_alive(self, held: dict[str, object]) -> bool:
        pid = held.get("pid")
        if held.get("host") == platform.node() and isinstance(pid, int):
            return (
                held.get("token") in _held if pid == os.getpid() else is_running(pid) and not self._silent()
            )
        return bool(held) and not self._silent()

    def _silent(self) -> bool:
        """Whether nobody touched the lock for long, by the clock of the disk that it lies on."""
        now = self.path.with_name(f".{self.path.name}.{self._token}.part")
        try:
            now.touch()
            return now.stat().st_mtime - self.path.stat().st_mtime > DEAD_SECONDS
        except FileNotFoundError:
            return False
        finally:
            now.unlink(missing_ok=True)

    def _take_over(self, held: dict[str, object]) -> None:
        """Put a dead run's lock away; one that another run took meanwhile is put back."""
        aside = self.path.with_name(f".{self.path.name}.{self._token}.part")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        if self._read(aside) != held:
            give_name(aside, self.path, replace=False)
            return
        aside.unlink()
        who = f"process {held.get('pid', '?')} on {held.get('host', '?')}"
        self.note = f"took over from {who}, which died before it was done"

    def _beat(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            try:
                os.utime(self.path)
            except OSError:
                return
