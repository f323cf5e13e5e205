"""Listing devices without starting Keras in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from napari_organelle.errors import DeviceError

LIST_DEVICES = """
import json
from napari_organelle.model.engine.device import available_devices, describe
print(json.dumps([[device.name, describe(device)] for device in available_devices()]))
"""
POLL_SECONDS = 0.1

DeviceList = list[tuple[str, str]]


def ask_devices() -> Iterator[DeviceList | None]:
    """Names and descriptions of the devices, best first; a generator for a worker, since it takes seconds.

    Another process is asked, so that this one loads no backend before it is needed; it gets the backend that
    Keras has here, whoever chose it. Closing the generator ends that process.

    Yields
    ------
    None
        While there is no answer.
    list of (str, str)
        The answer.

    Raises
    ------
    DeviceError
        If Keras can't start its backend.
    """
    keras = sys.modules.get("keras")
    chosen = {"KERAS_BACKEND": keras.backend.backend()} if keras else {}
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", LIST_DEVICES],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **chosen},
        )
    except OSError as error:
        raise DeviceError(f"no device could be listed: {error}") from error
    with process:
        try:
            while process.poll() is None:
                yield None
                time.sleep(POLL_SECONDS)
            answer, trouble = process.communicate()
        finally:
            process.kill()
    if process.returncode:
        reason = trouble.strip().splitlines()[-1:] or [f"it ended with status {process.returncode}"]
        raise DeviceError(f"no device could be listed: {reason[0]}")
    yield [(name, text) for name, text in json.loads(answer.splitlines()[-1])]
