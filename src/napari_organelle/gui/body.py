"""The body of every widget: pages that scroll, Run and Stop, progress, a message, and the jobs behind them.

A widget puts its fields on pages, says in `refresh` what a run would do, and starts it by `start_run`. All
else is the same everywhere: a run shows its progress here and in napari's activity dock, Stop ends it, and so
does closing the dock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from napari.components import ViewerModel
from napari.utils import cancelable_progress
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QSize, Qt, QTimer, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_organelle.gui.fields import name_fields, wrapped_label
from napari_organelle.gui.jobs import Job, JobError
from napari_organelle.gui.preferences import use_model_folder
from napari_organelle.gui.viewer_events import ViewerEvents

HELP = "https://napari-organelle.github.io/napari-organelle/"
BAD = "#ff5a4d"
REFRESH_MS, ACTIVITY_MS = 30, 200

OnReport = Callable[[Any], None]
OnEnd = Callable[[BaseException | None, bool], None]


class Body(QWidget):
    """A dock widget.

    Parameters
    ----------
    viewer : ViewerModel
        Where layers are taken from and shown.

    Attributes
    ----------
    ended : Signal
        A run has ended: done, stopped or failed.
    """

    title = ""
    """What the activity dock calls a run."""
    run_text, run_help = "", ""
    """Of the button that starts a run; there is none without a text."""
    stop_text, stop_help = "Cancel", "Stop; what is done is kept"
    help_page = ""
    """Of the documentation."""

    ended = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        use_model_folder()
        self.viewer = viewer
        self.events = ViewerEvents(viewer)
        self._released = False
        self._job: Job | None = None
        self._jobs: list[Job] = []
        self._activity: Any = None
        self.pages = QTabWidget()
        self.pages.setTabBarAutoHide(True)
        self.pages.setDocumentMode(True)
        self.status, self.message = wrapped_label(), wrapped_label()
        self.run_button = _button(self.run_text, self.run_help, self.start)
        self.stop_button = _button(self.stop_text, self.stop_help, self.stop)
        self.help_button = QToolButton()
        self.help_button.setText("?")
        self.help_button.setAccessibleName("Help")
        self.help_button.setToolTip("Open the documentation of this widget in the browser")
        self.help_button.clicked.connect(self.open_help)
        self.progress = QProgressBar()
        self._refresh_timer = QTimer(self, interval=REFRESH_MS, singleShot=True)
        self._refresh_timer.timeout.connect(self.refresh)
        self._activity_timer = QTimer(self, interval=ACTIVITY_MS)
        self._activity_timer.timeout.connect(self._show_activity)
        self._lay_out()
        self._show_running(False)
        self.destroyed.connect(partial(_abandon, self.events, self._jobs))

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 1)
        buttons.addWidget(self.stop_button, 1)
        buttons.addWidget(self.help_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.pages, 1)
        column.addWidget(self.status)
        column.addLayout(buttons)
        column.addWidget(self.progress)
        column.addWidget(self.message)

    # what a widget fills in

    def refresh(self) -> None:
        """Say in `status` what a run would do, or why it can't, and enable `run_button` accordingly."""

    def start(self) -> None:
        """Start a run."""

    def let_go(self) -> None:
        """Give back what was borrowed from the viewer, once the widget is closed."""

    # pages

    def add_page(self, title: str, *parts: QWidget) -> int:
        """Put parts below each other on a page that scrolls; its number."""
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 4, 4, 4)
        for part in parts:
            column.addWidget(part)
        column.addStretch(1)
        name_fields(page)
        return int(self.pages.addTab(ScrolledPage(page), title))

    # runs and other jobs

    def start_run(self, reports: Iterator[Any], on_report: OnReport, on_end: OnEnd, text: str) -> None:
        """Start the job that Stop ends; until then the first page rests and progress is shown."""

        def end(error: BaseException | None, cancelled: bool) -> None:
            self._job = None
            self._show_running(False)
            self.say("")
            on_end(error, cancelled)
            self.refresh()
            self.ended.emit()

        self._show_running(True)
        self.show_stage(text)
        self._job = self.start_job(reports, on_report, end)

    def start_job(self, reports: Iterator[Any], on_report: OnReport, on_end: OnEnd | None = None) -> Job:
        """Start a job in the background; without `on_end` an error is shown as the message."""

        def end(error: BaseException | None, cancelled: bool) -> None:
            self._jobs.remove(job)
            if on_end is not None:
                on_end(error, cancelled)
            elif error is not None:
                self.fail(error)

        job = Job(reports, on_report, end)
        self._jobs.append(job)
        return job

    @property
    def is_running(self) -> bool:
        """Whether a run goes on."""
        return self._job is not None

    def stop(self) -> None:
        """Stop after the report that is in the making."""
        self.stop_button.setEnabled(False)
        self.progress.setFormat("stopping…")
        if self._job is not None:
            self._job.cancel()

    def show_stage(self, text: str) -> None:
        """What a run is doing when it counts nothing."""
        self.progress.setRange(0, 0)
        self.progress.setFormat(text)
        self.say(text[:1].upper() + text[1:])

    def show_progress(self, done: int, total: int, text: str) -> None:
        """How far a run is; the stage's message has had its time."""
        if self.progress.maximum() == 0:
            self.say("")
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        if self.stop_button.isEnabled():
            self.progress.setFormat(text)

    def _show_activity(self) -> None:
        """Show the same in napari's activity dock, and heed its Cancel.

        That dock handles other events before it returns: hence a timer, and not in the middle of a report.
        """
        activity, total = self._activity, self.progress.maximum()
        if activity is None:
            return
        if activity.is_canceled and self.stop_button.isEnabled():
            self.stop()
        done = self.progress.value()
        activity.set_description(f"{self.title}: {self.progress.format()}")
        activity.total = total
        activity.n = done
        if total:
            activity.events.value(value=done)

    def _show_running(self, on: bool) -> None:
        if self.pages.count():
            self.pages.widget(0).setEnabled(not on)
        self.run_button.setVisible(bool(self.run_text))
        self.run_button.setEnabled(not on)
        self.stop_button.setVisible(bool(self.run_text) or on)
        self.stop_button.setEnabled(on)
        self.progress.setVisible(on)
        if on:
            self._activity_timer.start()
            self._activity = cancelable_progress(total=0, desc=self.title, gui=True, leave=False)
        else:
            self._close_activity()

    def _close_activity(self) -> None:
        self._activity_timer.stop()
        activity, self._activity = self._activity, None
        if activity is not None:
            activity.close()

    # words

    def say(self, text: str, *, bad: bool = False) -> None:
        """What is being done, or how it ended; `status` says what a run would do."""
        self.message.setText(text)
        self.message.setStyleSheet(f"color: {BAD};" if bad else "")
        self.message.setVisible(bool(text))

    def fail(self, error: BaseException, text: str = "") -> None:
        """Say what went wrong; what nobody foresaw is also shown as napari shows errors."""
        self.say(text or str(error), bad=True)
        if isinstance(error, JobError):
            show_error(text or str(error))

    def open_help(self) -> None:
        """Open the page of the documentation."""
        QDesktopServices.openUrl(QUrl(f"{HELP}{self.help_page}"))

    # the end

    def event(self, event: QEvent) -> bool:
        """As QWidget's; closing the dock, in whatever way, ends all jobs.

        napari takes the parent away when the dock's × is clicked, and sends no close event.
        """
        kind = event.type()
        orphaned = kind == QEvent.Type.ParentChange and self.parent() is None
        if (orphaned or kind in (QEvent.Type.Close, QEvent.Type.DeferredDelete)) and not self._released:
            self._released = True
            self.release()
        return bool(super().event(event))

    def release(self) -> None:
        """Stop what runs, and hear nothing more of the viewer."""
        if self.is_running:
            self.stop()
        _abandon(self.events, self._jobs)
        self._close_activity()
        self.let_go()


class ScrolledPage(QScrollArea):
    """A page that scrolls up and down only: it is never narrower than what it holds."""

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(page)
        page.installEventFilter(self)

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        """The page's needs have changed: the dock is to be wide enough at once."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize, QEvent.Type.Show):
            QTimer.singleShot(0, self._fit)
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        """Fit the page into what the scroll bar leaves."""
        self.setMinimumWidth(self.minimumSizeHint().width())
        if self.widget().width() > self.viewport().width() >= self.widget().minimumSizeHint().width():
            self.widget().resize(self.viewport().width(), self.widget().height())

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the page and the scroll bar."""
        bar = self.verticalScrollBar()
        width = self.widget().minimumSizeHint().width() + max(bar.sizeHint().width(), bar.width())
        return QSize(width, super().minimumSizeHint().height())


def _abandon(events: ViewerEvents, jobs: list[Job], *_: object) -> None:
    """A function of the module, since it is also called when the widget is gone, with its window."""
    events.disconnect()
    for job in jobs:
        job.abandon()


def _button(text: str, tooltip: str, act: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.clicked.connect(lambda: act())
    return button
