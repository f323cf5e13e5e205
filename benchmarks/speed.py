"""How fast the network is beside the machine's limit, and how much of it is left from disk to answer.

Run ``python benchmarks/speed.py [DATA] [--json FILE]``: under ten minutes on two cores. Every ratio is taken
within one run, its two works done in turn. DATA is the folder of real images, without which no calls are
compared. A row is added by a function that yields it, named in `ROWS`. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from dense import dense_rows
from speeds.measure import Row, Setting, machine
from speeds.memory import memory_rows
from speeds.network import agreement_rows, network_rows
from speeds.whole import feature_rows, item_rows, tile_rows
from workers import worker_rows

from napari_organelle.model.engine.device import available_devices

ROWS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "network": network_rows,
    "agreement": agreement_rows,
    "tiles": tile_rows,
    "items": item_rows,
    "features": feature_rows,
    "dense": dense_rows,
    "memory": memory_rows,
    "workers": worker_rows,
}


def line(row: Row) -> str:
    """The row as a line of the table."""
    figures = [f"{row.value:,.4g} {row.unit}".strip()]
    figures += ["" if ratio is None else f"{ratio:.3f}" for ratio in (row.ratio, row.processor)]
    return line_of([row.what, *figures, row.wanted])


def line_of(cells: list[str]) -> str:
    """Cells in columns."""
    return " | ".join([f"{cells[0]:<95}", *(f"{cell:>16}" for cell in cells[1:-1]), cells[-1]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="folder of real images")
    parser.add_argument("--rounds", type=int, default=5, help="how often each work is measured")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--json", type=Path, help="where to write the rows as well")
    args = parser.parse_args()
    devices = [device.name for device in available_devices() if not device.is_gpu]
    rows: list[Row] = []
    started = time.monotonic()
    print(line_of(["what", "median", "ratio", "processor", "wanted"]))
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(Path(folder), args.data, args.rounds, tuple(devices[::-1]))
        for name in args.only:
            for row in ROWS[name](setting):
                rows.append(row)
                print(line(row), flush=True)
    seconds = round(time.monotonic() - started)
    print(f"{seconds} s")
    if args.json:
        report = {"machine": machine(), "seconds": seconds, "rows": [asdict(row) for row in rows]}
        args.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
