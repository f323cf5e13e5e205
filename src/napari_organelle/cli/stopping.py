"""Ctrl-C at any moment ends a command with one line and status 130."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130

_state = {"installed": False, "asked": False}
_screen = {"error": 2}
"""Standard error as it was at the start: while a library is loaded, what it writes there is held back."""


def install() -> None:
    """End the process at once, until a command says what it has to put away first.

    An exception would not do: libraries that are being imported turn it into errors of their own.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _screen["error"] = os.dup(2)
        signal.signal(signal.SIGINT, _end)
        _state["installed"] = True


@contextmanager
def interruptible() -> Generator[None]:
    """Ctrl-C raises KeyboardInterrupt inside; a second one ends the process at once."""
    if not _state["installed"]:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


def was_asked() -> bool:
    """Whether Ctrl-C was pressed: what failed after it failed because of it."""
    return _state["asked"]


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _state["asked"]:
        _end(number, frame)
    _state["asked"] = True
    raise KeyboardInterrupt


def _end(number: int, frame: FrameType | None) -> None:
    screen = _screen["error"]
    os.write(screen, b"\nstopped\n" if os.isatty(screen) else b"stopped\n")
    os._exit(INTERRUPTED)
