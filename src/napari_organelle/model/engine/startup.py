"""The first import of Keras and its backend, made safe and smooth inside a program that has a window."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BACKENDS = ("tensorflow", "torch")
"""Backends of Keras that networks run on, the preferred one first."""

CHATTER = re.compile(rb"[IWE]\d{4} |[IWE]0000 00:|WARNING: All log messages before absl|\s*$")
"""Lines of TensorFlow's log."""


def has_keras() -> bool:
    """Whether Keras and one of `BACKENDS` are installed; nothing is imported."""
    return _is_found("keras") and any(map(_is_found, BACKENDS))


def _is_found(package: str) -> bool:
    return bool(sys.modules.get(package) or importlib.util.find_spec(package))


def import_keras() -> None:
    """Import Keras and its backend, about 6 s; other threads go on meanwhile.

    Where nobody chose a backend and PyTorch is the one that is installed, Keras runs on it.

    Raises
    ------
    ImportError
        If the backend is not installed or doesn't start.
    """
    if "keras" in sys.modules:
        return
    if not _is_found("tensorflow") and _is_found("torch"):
        os.environ.setdefault("KERAS_BACKEND", "torch")
    with without_chatter(), _without_collections():
        if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" and "tensorflow" not in sys.modules:
            _load_tensorflow_library()
        import keras  # noqa: F401


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep what TensorFlow's C++ writes about itself from standard error; everything else comes through.

    Its own switch (``TF_CPP_MIN_LOG_LEVEL``) does not reach the lines that are written while it is loaded.
    """
    try:
        sys.stderr.flush()
        screen = os.dup(2)
    except (OSError, AttributeError, ValueError):  # a program without standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(screen, 2)
            os.close(screen)
            held.seek(0)
            if kept := b"".join(line for line in held if not CHATTER.match(line)):
                os.write(2, kept)


def _load_tensorflow_library() -> None:
    """Load TensorFlow's library on Linux, before Python does.

    TensorFlow and Mesa, which draws windows, both bring LLVM, in different versions; where Mesa's was first,
    TensorFlow would bind to it and crash, unless it is told to look into itself first (``RTLD_DEEPBIND``).
    And loading takes up to a second, during which Python's own import would stop all threads; ctypes lets
    them run.
    """
    spec = importlib.util.find_spec("tensorflow")
    deep = getattr(os, "RTLD_DEEPBIND", None)
    if deep is None or spec is None or spec.origin is None:
        return
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    for library in sorted(Path(spec.origin).parent.glob("libtensorflow_cc.so*")):
        dlopen(os.fsencode(library), os.RTLD_NOW | deep)


@contextmanager
def _without_collections() -> Iterator[None]:
    """No garbage collection inside: going through a million new objects again and again stops all threads.

    What was made inside counts as old afterwards, so that it isn't gone through at once either.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()
        if was_on:
            gc.enable()
