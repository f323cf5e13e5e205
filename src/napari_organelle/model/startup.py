"""The first import of Keras and its backend, made safe and smooth inside a program that has a window."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def import_keras() -> None:
    """Import Keras and its backend, about 6 s; other threads go on meanwhile.

    Raises
    ------
    ImportError
        If the backend is not installed or doesn't start.
    """
    if "keras" in sys.modules:
        return
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" and "tensorflow" not in sys.modules:
        _load_tensorflow_library()
    with _without_collections():
        import keras  # noqa: F401


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
