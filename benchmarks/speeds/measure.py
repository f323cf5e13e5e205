"""Rows, rates measured in turn, and the most memory that a block took. Needs Linux."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Setting:
    """What all rows are measured with.

    Parameters
    ----------
    folder : Path
        For files; emptied afterwards.
    data : Path or None
        Real images, as the tests take them.
    rounds : int
        How often each of the compared works is done; medians count.
    devices : tuple of str
        CPU devices that there are, ``"cpu"`` first.
    """

    folder: Path
    data: Path | None
    rounds: int
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    what : str
        Subject and what it is compared with.
    value : float
        Median.
    unit : str
        Of `value`.
    ratio : float, optional
        Median of what one work did in a second, over what the other did beside it.
    processor : float, optional
        The same in a second of processor time, which other programs disturb less.
    wanted : str
        What the ratio, or else the value, should be.
    """

    what: str
    value: float
    unit: str
    ratio: float | None = None
    processor: float | None = None
    wanted: str = ""


class Rate(NamedTuple):
    """Done in a second, and in a second of processor time."""

    wall: float
    processor: float


Work = Callable[[], float]
"""Does something, and says how much."""


def interleave(works: Mapping[str, Work], rounds: int) -> dict[str, list[Rate]]:
    """Do each work once, unmeasured, then all in turn, so that a busy machine slows them alike."""
    rates: dict[str, list[Rate]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            rates[name].append(rate(work))
    return rates


def rate(work: Work) -> Rate:
    """Do it once."""
    wall, processor = time.perf_counter(), time.process_time()
    done = work()
    return Rate(done / (time.perf_counter() - wall), done / (time.process_time() - processor))


def compared(
    what: str, rates: list[Rate], others: list[Rate], unit: str, wanted: str, *, scale: float = 1
) -> Row:
    """A row of the first rates over the second, round by round."""
    ratios = np.median(np.array(rates) / np.array(others), axis=0)
    value = float(np.median([each.wall for each in rates])) * scale
    return Row(what, value, unit, float(ratios[0]), float(ratios[1]), wanted)


class PeakMemory:
    """Within the ``with`` block: by how many bytes the process grew at most, as `growth`."""

    def __enter__(self) -> PeakMemory:
        self._stop = Event()
        self._start = self._most = resident_bytes()
        self._thread = Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self._most = max(self._most, resident_bytes())

    @property
    def growth(self) -> int:
        return self._most - self._start


def resident_bytes() -> int:
    """Memory that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def machine() -> dict[str, object]:
    """Processor, cores and memory."""
    processor = dict(
        line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line
    )
    named = {key.strip(): value.strip() for key, value in processor.items()}
    able = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "processor": named.get("model name", platform.processor()),
        "instructions": [name for name in able if name in named.get("flags", "").split()],
        "cores": named.get("cpu cores"),
        "memory GiB": round(kilobytes / 2**20, 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
