"""Opening the widget costs little and loads no network library."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import napari
import pytest

from napari_organelle.gui.classify import widget

OPEN = """
import sys, time
import napari
viewer = napari.Viewer(show=False)
before = start = time.process_time()
from napari_organelle.gui.classify.widget import ClassifyWidget
widget = ClassifyWidget(viewer)
seconds = time.process_time() - start
heavy = [name for name in ("tensorflow", "keras", "torch", "sklearn", "matplotlib") if name in sys.modules]
print(seconds / before, heavy)
sys.stdout.flush()
import os
for job in widget._jobs:
    job.abandon()
os._exit(0)
"""


def test_the_engine_loads_in_the_background(
    viewer: napari.Viewer, open_widget: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    loaded: list[tuple[str, str, str]] = []

    def load(bundle: Any, device: str) -> Iterator[None]:
        loaded.append((bundle.spec.name, device, threading.current_thread().name))
        yield

    opened = open_widget  # devices are known at once
    monkeypatch.setattr(widget, "warm_up", load)
    opened()
    qtbot.waitUntil(lambda: loaded != [])
    assert loaded[0][:2] == ("tiny", "cpu")
    assert loaded[0][2] != threading.main_thread().name


def test_opening_is_quick_and_light() -> None:
    answer = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, check=True)
    share, _, heavy = answer.stdout.strip().splitlines()[-1].partition(" ")
    assert heavy == "[]"
    # of what an empty napari takes, in the same process: seconds alone grow with what else the machine does
    assert float(share) < 0.5
