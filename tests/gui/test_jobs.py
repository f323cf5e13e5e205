"""A job reports on the window's thread, ends once whatever happens, and stops within one report."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from napari_organelle.errors import RegionError
from napari_organelle.gui.jobs import Job, JobError


class Listener:
    def __init__(self) -> None:
        self.reports: list[Any] = []
        self.threads: set[int] = set()
        self.ends: list[tuple[BaseException | None, bool]] = []

    def report(self, report: Any) -> None:
        self.reports.append(report)
        self.threads.add(threading.get_ident())

    def end(self, error: BaseException | None, cancelled: bool) -> None:
        self.ends.append((error, cancelled))


def test_reports_come_in_order_on_this_thread(qtbot: Any) -> None:
    listener = Listener()
    Job(iter(range(5)), listener.report, listener.end)
    qtbot.waitUntil(lambda: listener.ends != [])
    assert listener.reports == [0, 1, 2, 3, 4]
    assert listener.threads == {threading.get_ident()}
    assert listener.ends == [(None, False)]


@pytest.mark.parametrize(
    "error", [RuntimeError("torn"), RegionError("no cells"), ValueError("odd"), StopIteration()]
)
def test_every_error_ends_the_job_once(qtbot: Any, error: Exception) -> None:
    def reports() -> Iterator[int]:
        yield 1
        raise error

    listener = Listener()
    Job(reports(), listener.report, listener.end)
    qtbot.waitUntil(lambda: listener.ends != [])
    qtbot.wait(50)
    assert listener.reports == [1]
    [(told, cancelled)] = listener.ends
    assert not cancelled
    if isinstance(error, RegionError):
        assert told is error
    else:
        assert isinstance(told, JobError)
        assert type(error).__name__ in str(told) or "StopIteration" in str(told)


def test_cancel_keeps_the_report_in_the_making_and_closes_the_generator(qtbot: Any) -> None:
    closed, go = threading.Event(), threading.Event()

    def reports() -> Iterator[int]:
        try:
            for number in range(1000):
                yield number
                go.wait(5)
        finally:
            closed.set()

    listener = Listener()
    job = Job(reports(), listener.report, listener.end)
    qtbot.waitUntil(lambda: listener.reports == [0])
    job.cancel()
    go.set()
    qtbot.waitUntil(lambda: listener.ends != [])
    assert listener.ends == [(None, True)]
    assert listener.reports in ([0], [0, 1])
    assert closed.is_set()


def test_abandoned_job_tells_nobody(qtbot: Any) -> None:
    closed = threading.Event()

    def reports() -> Iterator[int]:
        try:
            while True:
                yield 1
                threading.Event().wait(0.01)
        finally:
            closed.set()

    listener = Listener()
    job = Job(reports(), listener.report, listener.end)
    qtbot.waitUntil(lambda: listener.reports != [])
    job.abandon()
    seen = len(listener.reports)
    qtbot.waitUntil(closed.is_set)
    qtbot.wait(50)
    assert len(listener.reports) == seen
    assert listener.ends == []


def test_reports_are_made_in_a_thread_of_python_s_own(qtbot: Any) -> None:
    """TensorFlow crashes when it builds a second network in a thread of Qt's pool, a dummy one to Python."""
    threads: list[threading.Thread] = []

    def reports() -> Iterator[int]:
        try:
            threads.append(threading.current_thread())
            yield 1
            yield 2
        finally:
            threads.append(threading.current_thread())

    listener = Listener()
    Job(reports(), listener.report, listener.end).cancel()
    qtbot.waitUntil(lambda: listener.ends != [])
    assert len(threads) == 2
    assert threads[0] is threads[1]
    assert threads[0].name.startswith("organelle job")
