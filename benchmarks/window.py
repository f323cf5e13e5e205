"""What the Classify widget costs the window: seconds to open, and the longest stall while it works.

``python benchmarks/window.py [MODEL] [SIDE]`` opens a viewer, classifies a noisy image of SIDE x SIDE pixels
by tiles with MODEL (a name or a file), twice: the first run starts Keras, the second has it. A timer ticks in
the event loop throughout; a stall is the time between two ticks.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtTest import QTest

from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.model.bundle import open_bundle

TICK_MS = 5


class Ticker:
    """Longest time between two ticks of the event loop."""

    def __init__(self) -> None:
        self.last = time.perf_counter()
        self.gaps: list[float] = []
        self.timer = QTimer(interval=TICK_MS)
        self.timer.timeout.connect(self.tick)
        self.timer.start()

    def tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self.last)
        self.last = now

    def take(self) -> str:
        """The longest gaps since the last call, in milliseconds."""
        longest = sorted(self.gaps, reverse=True)[:5]
        self.gaps = []
        return ", ".join(f"{1000 * gap:.0f}" for gap in longest)


def run(widget: ClassifyWidget) -> float:
    """Seconds until the run is over."""
    start = time.perf_counter()
    widget.start()
    while widget._job is not None:
        QTest.qWait(1)
    return time.perf_counter() - start


def main(model: str, side: int) -> None:
    viewer = napari.Viewer()
    pixels = np.random.default_rng(0).integers(0, 4000, (2, side, side), dtype=np.uint16)
    viewer.add_image(pixels[0], name="mCherry")
    viewer.add_image(pixels[1], name="GFP")
    QTest.qWait(1000)
    start = time.perf_counter()
    _, widget = viewer.window.add_plugin_dock_widget("napari-organelle", "Classify organelles")
    print(f"open: {time.perf_counter() - start:.2f} s")
    widget.form.model.open(Path(open_bundle(model).path))
    ticker = Ticker()
    while not widget.devices:
        QTest.qWait(10)
    print(f"looking for devices: longest gaps {ticker.take()} ms")
    widget.form.regions.kind.choose("tiles")
    widget.refresh()
    print(widget.status.text())
    for name in ("first run", "second run"):
        QTest.qWait(200)
        ticker.take()
        seconds = run(widget)
        print(f"{name}: {seconds:.1f} s, longest gaps {ticker.take()} ms")
    times = []
    for value in np.linspace(0.1, 0.9, 9):
        widget.results.threshold.setValue(value)
        start = time.perf_counter()
        widget.results.recolour()
        times.append(time.perf_counter() - start)
    count = len(widget.results.result.prediction.regions)
    middle, longest = 1000 * np.median(times), 1000 * max(times)
    print(f"threshold over {count:,} regions: median {middle:.0f} ms, longest {longest:.0f} ms")
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "yeast-12", int(sys.argv[2]) if len(sys.argv) > 2 else 2048)
