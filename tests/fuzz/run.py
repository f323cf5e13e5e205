"""Many broken inputs in a process that is watched."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 20
"""Seconds after which an input hangs; loading the libraries takes some of them at first."""

ROOT = Path(__file__).parents[1]


@dataclass
class Report:
    """What came of broken inputs.

    Parameters
    ----------
    counts : dict of str to Counter
        By kind: how many were opened, refused, failed.
    failures : list of str
        Each with its number: what was raised that is no error of ours, or that it hung or crashed.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, number: str, kind: str, outcome: str) -> None:
        known = outcome if outcome in ("opened", "refused") else "failed"
        self.counts.setdefault(kind, Counter())[known] += 1
        if known == "failed":
            self.failures.append(f"{number} {kind}: {outcome}")

    def __str__(self) -> str:
        columns = ("opened", "refused", "failed")
        rows = [f"{'kind':12}" + "".join(f"{column:>9}" for column in columns)]
        total: Counter[str] = Counter()
        for kind, counts in sorted(self.counts.items()):
            total += counts
            rows.append(f"{kind:12}" + "".join(f"{counts[column]:>9,}" for column in columns))
        rows.append(f"{'all':12}" + "".join(f"{total[column]:>9,}" for column in columns))
        return "\n".join(rows)


def fuzz(count: int, seed: int = 0, first: int = 0) -> Report:
    """Try `count` broken inputs, the same for the same seed, from number `first` on."""
    report, number = Report(), first
    while number < first + count:
        for at, kind, outcome in _watched(seed, number, first + count):
            report.add(str(at), kind, outcome)
            number = at + 1
    return report


def _watched(seed: int, start: int, stop: int) -> Iterator[tuple[int, str, str]]:
    """Outcomes of a process of its own, which ends early where an input hangs or crashes it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-m", "fuzz.child", str(seed), str(start), str(stop)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    lines: queue.Queue[str] = queue.Queue()
    reading = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reading.start()
    number, kind = start, "start"
    try:
        while line := _next(lines, 6 * PATIENCE if kind == "start" else PATIENCE):
            at, _, kind = line.strip().partition(" ")
            number = int(at)
            outcome = _next(lines, PATIENCE)
            if outcome is None:
                yield number, kind, "it hangs"
                return
            yield number, kind, outcome.strip() or f"the process ended ({process.wait()})"
            if not outcome:
                return
        if process.wait() and kind == "start":
            raise RuntimeError("the process that opens broken inputs could not start")
    finally:
        process.kill()
        process.wait()
        reading.join()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def _next(lines: queue.Queue[str], seconds: float) -> str | None:
    """The next line, ``""`` at the end, None where none comes in time."""
    try:
        return lines.get(timeout=seconds)
    except queue.Empty:
        return None
