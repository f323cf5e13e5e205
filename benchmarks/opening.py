"""How long large image sets take to open and to step through, and how much memory they hold.

Makes a DeepYeast list with its plates, and a Human Protein Atlas folder with its label table, of several
sizes in a temporary folder (every file a link to one small PNG), opens each in a napari viewer of a process
of its own, and prints a table and JSON. Needs a display, for instance ``xvfb-run python
benchmarks/opening.py``.

``opened`` runs from the call to the first picture on the screen, the import of the readers included; ``step``
is the median of 20 moves of the slider to the next item, with and without drawing; ``CPU`` is the processor
time of opening, which other programs on the machine disturb less; ``memory`` is what the process holds above
a viewer that has shown one small image.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import imagecodecs
import numpy as np

STEPS = 20
SIZES = {"deepyeast": (4_000, 16_000, 65_000), "hpa": (2_000, 8_000, 31_072)}
LINKS = 30_000
"""Links to one file that every file system allows."""


class Files:
    """Makes many files that share their content."""

    def __init__(self, folder: Path, pixels: np.ndarray) -> None:
        self.folder = folder
        self.content = imagecodecs.png_encode(pixels)
        self.count = 0

    def make(self, path: Path) -> None:
        original = self.folder / f"original{self.count // LINKS}.png"
        if self.count % LINKS == 0:
            original.write_bytes(self.content)
        os.link(original, path)
        self.count += 1


def make_deepyeast(folder: Path, count: int) -> Path:
    """Plates and a list of `count` cells; gives the list."""
    rng = np.random.default_rng(0)
    files = Files(folder, rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) * np.array([1, 1, 0], np.uint8))
    lines = []
    for cell in range(count):
        plate = folder / f"plate{cell % 11 + 1:02d}"
        plate.mkdir(exist_ok=True)
        well = f"{cell % 16 + 1:03d}{cell % 24 + 1:03d}000"
        name = f"{plate.name}/{well}-{cell % 4 * 2}-{cell // 10}-{cell % 200}.png"
        if not (folder / name).exists():
            files.make(folder / name)
            lines.append(f"{name} {cell % 12}")
    names = "\n".join(f"class {index};{index}" for index in range(12))
    (folder / "HOwt_doc.txt").write_text(f"label;label_idx\n{names}\n")
    path = folder / "HOwt_train.txt"
    path.write_text("\n".join(lines))
    return path


def make_hpa(folder: Path, count: int) -> Path:
    """Four stains of `count` ids and their table; gives the folder of the stains."""
    files = Files(folder, np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8))
    train = folder / "train"
    train.mkdir()
    rows = ["Id,Target"]
    for number in range(count):
        image = f"{number:08x}-bbc3-11e8-b2bc-ac1f6b6435d0"
        rows.append(f"{image},{number % 28} {number // 28 % 28}")
        for colour in ("red", "green", "blue", "yellow"):
            files.make(train / f"{image}_{colour}.png")
    (folder / "train.csv").write_text("\n".join(rows))
    return train


MAKERS = {"deepyeast": make_deepyeast, "hpa": make_hpa}


def memory_mb() -> float:
    """Resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(path: Path) -> dict[str, float]:
    """Open a set in a viewer of this process, and step through it."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    viewer.add_image(np.zeros((3, 64, 64)))
    viewer.screenshot(flash=False)
    viewer.layers.clear()
    QApplication.processEvents()
    idle, start, cpu_start = memory_mb(), time.perf_counter(), time.process_time()
    layers = viewer.open(str(path), plugin="napari-organelle")
    viewer.screenshot(flash=False)
    opened, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    moves, drawn = [], []
    for item in range(1, STEPS + 1):
        start = time.perf_counter()
        viewer.dims.set_point(0, item)
        moves.append(time.perf_counter() - start)
        viewer.screenshot(flash=False)
        drawn.append(time.perf_counter() - start)
    figures = {
        "items": len(layers[0].data),
        "opened_s": opened,
        "opened_cpu_s": cpu,
        "step_ms": 1e3 * median(moves),
        "step_drawn_ms": 1e3 * median(drawn),
        "memory_mb": memory_mb() - idle,
    }
    viewer.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--measure", type=Path, help="open this set and print its figures as JSON")
    parser.add_argument("--quick", action="store_true", help="only the smallest of each kind")
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return
    results = []
    print("kind         items  opened s  CPU s  step ms  drawn ms  memory MB")
    for kind, sizes in SIZES.items():
        for size in sizes[:1] if args.quick else sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = MAKERS[kind](Path(folder), size)
                command = [sys.executable, "-W", "ignore", __file__, "--measure", str(path)]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            figures = json.loads(output.splitlines()[-1])
            results.append({"kind": kind, **figures})
            print(
                f"{kind:10} {figures['items']:7,} {figures['opened_s']:9.2f} "
                f"{figures['opened_cpu_s']:6.2f} {figures['step_ms']:8.1f} "
                f"{figures['step_drawn_ms']:9.1f} {figures['memory_mb']:10.0f}",
                flush=True,
            )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
