"""How long the command line takes to start: its help, and 12 crops classified; and what is imported for it.

Run ``python benchmarks/starting.py``, with ``--before FOLDER`` for another checkout in the same run, in turn.
Medians of the wall time, and of the processor time, which other programs on the machine disturb less. With
``--libraries`` also the import of other libraries for command lines, where they are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

CROPS = 12
SHOWN = 8
LIBRARIES = ("argparse", "click", "typer", "cyclopts")
SOURCE = Path(__file__).parents[1] / "src"


def seconds(command: list[str], source: Path, status: int = 0) -> tuple[float, float]:
    """Wall and processor seconds of a command, children included."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(source)}, capture_output=True, check=False
    )
    if done.returncode != status:
        raise RuntimeError(done.stderr.decode())
    wall, after = time.perf_counter() - start, os.times()
    return wall, sum(after[2:4]) - sum(before[2:4])


def commands(folder: Path) -> dict[str, list[str]]:
    """What is timed."""
    crops = folder / "crops"
    crops.mkdir()
    rng = np.random.default_rng(0)
    for index in range(CROPS):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)).save(crops / f"{index}.png")
    program = [sys.executable, "-m", "napari_organelle.cli"]
    classify = [*program, "classify", str(crops), "--model", "yeast-12", "--channels", "cytosol=0,protein=1"]
    classify += ["--force", "-o", str(folder / "out.csv"), "--device"]
    return {
        "--help": [*program, "--help"],
        "classify --help": [*program, "classify", "--help"],
        "12 crops, auto": [*classify, "auto"],
        "12 crops, openvino": [*classify, "openvino"],
        "12 crops, cpu (TensorFlow)": [*classify, "cpu"],
    }


def imports(command: list[str], source: Path) -> list[tuple[str, int]]:
    """The packages whose import takes longest, in milliseconds with all that they import."""
    timed = [sys.executable, "-X", "importtime", *command[1:]]
    completed = subprocess.run(
        timed, env={**os.environ, "PYTHONPATH": str(source)}, capture_output=True, text=True, check=True
    )
    rows = [line.split("|") for line in completed.stderr.splitlines() if line.startswith("import time:")]
    packages = {name.strip(): int(total) // 1000 for _, total, name in rows if total.strip().isdigit()}
    top = {
        name: value
        for name, value in packages.items()
        if name.count(".") < 2 and not name.startswith(("napari_organelle", "numpy.", "pandas."))
    }
    return sorted(top.items(), key=lambda row: -row[1])[:SHOWN]


def libraries(repeats: int) -> dict[str, float]:
    """Median milliseconds of importing each, above a Python that imports nothing."""
    times: dict[str, list[float]] = {name: [] for name in ("", *filter(find_spec, LIBRARIES))}
    for _ in range(repeats):
        for name, taken in times.items():
            code = f"import {name}" if name else ""
            taken.append(seconds([sys.executable, "-c", code], SOURCE)[0])
    nothing = median(times.pop(""))
    return {name: round(1000 * (median(taken) - nothing)) for name, taken in times.items()}


def measure(repeats: int, sources: dict[str, Path]) -> list[dict[str, Any]]:
    """Medians of each command with each checkout, in turn."""
    with tempfile.TemporaryDirectory() as name:
        wanted = commands(Path(name))
        rows = []
        for what, command in wanted.items():
            taken: dict[str, list[tuple[float, float]]] = {label: [] for label in sources}
            for _ in range(repeats):
                for label, source in sources.items():
                    taken[label].append(seconds(command, source))
            row: dict[str, Any] = {"command": what}
            for label, pairs in taken.items():
                walls, processors = zip(*pairs, strict=True)
                row[label] = round(median(walls), 2)
                row[f"{label}, processor"] = round(median(processors), 2)
            rows.append(row)
            print(json.dumps(row), flush=True)
        profile = imports(wanted["12 crops, auto"], sources["now"])
    print(json.dumps({"imports, ms": dict(profile)}))
    return rows


def main() -> None:
    """Measure and print a JSON line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--libraries", action="store_true")
    args = parser.parse_args()
    sources = {"before": args.before / "src"} if args.before else {}
    measure(args.repeats, {**sources, "now": SOURCE})
    if args.libraries:
        print(json.dumps({"import, ms": libraries(args.repeats)}))


if __name__ == "__main__":
    main()
