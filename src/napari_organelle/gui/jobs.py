"""Long jobs in a thread of their own: generators of reports, with progress and Cancel."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker

from napari_organelle.errors import OrganelleError


class JobError(OrganelleError):
    """A job failed in a way that nobody foresaw; the cause is attached."""


_running: set[Job] = set()
"""Qt keeps nobody alive who listens to its signals."""


class Job:
    """One running generator. All callbacks come on the window's thread, and none after `abandon`.

    Parameters
    ----------
    reports : iterator
        A generator; it is closed, and with it what it holds, as soon as the job is over or cancelled.
    on_report : callable
        Takes each report.
    on_end : callable
        Called once after the last report, with the error or None, and whether the job was cancelled.
    """

    def __init__(
        self,
        reports: Iterator[Any],
        on_report: Callable[[Any], None],
        on_end: Callable[[BaseException | None, bool], None],
    ) -> None:
        self._on_report = on_report
        self._on_end = on_end
        self._cancelled = False
        self._error: BaseException | None = None
        self._reports = _guarded(reports, self._is_cancelled)
        self._worker: GeneratorWorker = create_worker(_each, self._reports, _start_thread=False)
        self._worker.yielded.connect(self._report)
        self._worker.finished.connect(self._end)
        _running.add(self)
        self._worker.start()

    def cancel(self) -> None:
        """Stop after the report that is being made; `on_end` still comes."""
        self._cancelled = True

    def abandon(self) -> None:
        """Cancel, and tell nobody."""
        self._on_report, self._on_end = _ignore, _ignore
        self.cancel()

    def _is_cancelled(self) -> bool:
        return self._cancelled

    def _report(self, report: Any) -> None:
        if isinstance(report, _Failure):
            self._error = report.error
        else:
            self._on_report(report)

    def _end(self) -> None:
        _running.discard(self)
        self._reports.close()
        self._on_end(self._error, self._cancelled)


def _each(reports: Iterator[Any]) -> Iterator[Any]:
    """What napari's worker runs; the viewer may stop it between two reports, and then it isn't closed."""
    yield from reports


_OVER = object()
"""After the last report."""


class _Failure:
    """An error on its way to the window's thread."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _guarded(reports: Iterator[Any], is_cancelled: Callable[[], bool]) -> Generator[Any, None, None]:
    """The reports until Cancel; an error ends them as a report of its own.

    napari's generator worker swallows a RuntimeError, and shows others in its own words; sent as a report,
    every error reaches the widget that started the job. The reports are made in a thread of Python's own:
    TensorFlow crashes when it builds a second network in a thread of Qt's pool.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="organelle job") as thread:
        try:
            while (report := thread.submit(next, reports, _OVER).result()) is not _OVER:
                yield report
                if is_cancelled():
                    break
        except OrganelleError as error:
            yield _Failure(error)
        except Exception as error:  # noqa: BLE001
            failure = JobError(f"the job failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
            yield _Failure(failure)
        finally:
            close = getattr(reports, "close", None)
            if close is not None:
                thread.submit(close).result()


def _ignore(*_: Any) -> None:
    return None
