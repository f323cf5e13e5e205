"""Faults at random points, and whether the same command then gives the same result."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openvino  # noqa: F401
import pyarrow.parquet  # noqa: F401

from faults.child import CRASHED, run
from faults.jobs import BYSTANDERS, JOBS, Job
from napari_organelle.model.engine.startup import import_keras

KINDS = ("kill", "fill", "cut")


@dataclass
class Report:
    """What came of the faults: how many of each kind, and what went wrong."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [f"{job:9} {kind:5} {count:5}" for (job, kind), count in sorted(self.counts.items())]
        return "\n".join([*rows, f"{sum(self.counts.values())} faults, {len(self.failures)} failures"])


def faults(
    count: int, seed: int = 0, jobs: Sequence[str] = tuple(JOBS), kinds: Sequence[str] = KINDS
) -> Report:
    """Do `count` faults of each kind to each job; workers are only killed."""
    report = Report()
    for name in jobs:
        if name == "train":
            import_keras()
        job, rng = JOBS[name], random.Random(f"{seed} {name}")
        with tempfile.TemporaryDirectory() as base:
            start = time.monotonic()
            wanted, changes, size = _reference(job, Path(base) / "whole")
            seconds = time.monotonic() - start
            for kind in kinds if name != "workers" else ("kill",):
                for number in range(count):
                    folder = Path(base) / f"{kind}{number}"
                    fault = _fault(kind, name, rng, changes, size, seconds)
                    problems = list(_try(job, folder, kind, fault, wanted, rng))
                    report.counts[name, kind] += 1
                    report.failures += [f"{name} {kind} {number} {fault}: {each}" for each in problems]
                    shutil.rmtree(folder)
    return report


def _reference(job: Job, folder: Path) -> tuple[Any, int, int]:
    """The result without a fault, how many changes it took, and the bytes of its largest file."""
    _prepare(job, folder)
    before = set(folder.rglob("*"))
    status, changes, trouble = run(job.run, folder)
    if status:
        raise RuntimeError(f"without a fault: {status}, {trouble}")
    made = [path for path in folder.rglob("*") if path.is_file() and path not in before]
    return job.result(folder), changes, max(path.stat().st_size for path in made)


def _fault(
    kind: str, name: str, rng: random.Random, changes: int, size: int, seconds: float
) -> dict[str, Any]:
    if kind == "fill":
        return {"most_bytes": rng.randint(1, size)}
    if name == "workers":
        return {"kill_after": rng.uniform(0.3, seconds)}
    return {"kill_at": rng.randint(1, changes)}


def _try(
    job: Job, folder: Path, kind: str, fault: dict[str, Any], wanted: Any, rng: random.Random
) -> Iterator[str]:
    """What is wrong after a fault and the same command again."""
    _prepare(job, folder)
    status, _, trouble = run(job.run, folder, **fault)
    if status == CRASHED:
        yield f"a traceback instead of a sentence: {trouble}"
    if kind == "cut":
        _cut(folder, job.pattern, rng)
    if (there := job.result(folder)) is None:
        status, _, trouble = run(job.run, folder)
        there = job.result(folder)
        if status:
            yield f"the same command again ended with {status}: {trouble}"
    if there != wanted:
        yield "the result is another one"
    for name in BYSTANDERS:
        if not (folder / name).is_file() or (folder / name).read_text() != name:
            yield f"{name} was changed"


def _cut(folder: Path, pattern: str, rng: random.Random) -> None:
    """Cut one of the job's own files short, as a power cut may leave it."""
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    if files:
        file = rng.choice(files)
        file.write_bytes(file.read_bytes()[: rng.randint(0, file.stat().st_size)])


def _prepare(job: Job, folder: Path) -> None:
    folder.mkdir()
    for name in BYSTANDERS:
        (folder / name).write_text(name)
    job.prepare(folder)
