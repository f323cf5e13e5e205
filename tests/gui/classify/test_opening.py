"""Opening the widget costs little and loads no network library."""

from __future__ import annotations

import subprocess
import sys

OPEN = """
import sys, time
import napari
viewer = napari.Viewer(show=False)
start = time.process_time()
from napari_organelle.gui.classify.widget import ClassifyWidget
widget = ClassifyWidget(viewer)
seconds = time.process_time() - start
heavy = [name for name in ("tensorflow", "keras", "torch", "sklearn", "matplotlib") if name in sys.modules]
print(seconds, heavy)
sys.stdout.flush()
import os
for job in widget._jobs:
    job.abandon()
os._exit(0)
"""


def test_opening_is_quick_and_light() -> None:
    answer = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, check=True)
    seconds, _, heavy = answer.stdout.strip().splitlines()[-1].partition(" ")
    assert heavy == "[]"
    assert float(seconds) < 0.5
