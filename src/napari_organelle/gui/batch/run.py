"""A large run as a job of the window: in parts that are kept, so that a stopped run goes on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import LargeRun, plan_run
from napari_organelle.errors import OrganelleError
from napari_organelle.files import check_outputs
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.domain import unlike_note
from napari_organelle.prepare.plans import RegionPlan

SHOWN_SENTENCES = 3


@dataclass(frozen=True)
class BatchRequest:
    """What is classified, how, and where the table goes.

    Parameters
    ----------
    paths : tuple of Path
        Files, folders and lists.
    output : Path
        Table to write; its ending says of what kind.
    bundle : ModelBundle
        The model.
    regions : RegionPlan
        What gets one answer each; sizes that are not given are the model's.
    channels : str
        Such as ``"protein=GFP"``; guessed where empty.
    device : str
        ``"auto"``, ``"cpu"``, ``"gpu:0"``...
    """

    paths: tuple[Path, ...]
    output: Path
    bundle: ModelBundle
    regions: RegionPlan
    channels: str = ""
    device: str = "auto"

    def problem(self) -> str:
        """Why it can't start; ``""`` when fine."""
        if self.output.exists():
            return f"{self.output} is there already, and stays: choose another name for the table."
        try:
            check_outputs(self.output, inputs=self.paths)
        except OrganelleError as error:
            return str(error)
        return ""

    def options(self) -> PartOptions:
        """As the command line has them, so that either goes on with what the other began."""
        return PartOptions(
            bundle=self.bundle,
            weights=self.bundle.sha256,
            regions=self.regions,
            channels=self.channels,
            predict={"device": self.device, "batch_size": None},
        )


class BatchRun:
    """A run while it lasts; `done` and `total` may be read from another thread.

    Parameters
    ----------
    request : BatchRequest
        What is asked.

    Attributes
    ----------
    done, total : int
        Regions, or images whose objects are found; `total` is 0 until the files were looked at.
    told : str
        How it ended.
    is_written : bool
        Whether the table is there.
    """

    def __init__(self, request: BatchRequest) -> None:
        self.request = request
        self.done = self.total = 0
        self.message = ""
        self.is_written = False
        self._stop = Event()

    def stop(self) -> None:
        """Stop after the batch that is being classified."""
        self._stop.set()

    def reports(self) -> Generator[int]:
        """Regions done so far, after each part.

        Raises
        ------
        OrganelleError
            As `plan_run`, `LargeRun.begin`, `LargeRun.answer` and `LargeRun.finish`.
        """
        run, total = plan_run(
            [str(path) for path in self.request.paths], self.request.options(), self.request.output
        )
        with closing(run):
            kept = run.begin()
            self.total = total
            yield 0
            try:
                for _ in run.answer(progress=self._progress):
                    yield self.done
                    if self._stop.is_set():
                        raise KeyboardInterrupt
            except (KeyboardInterrupt, GeneratorExit) as end:
                self.message = _stopped(run)
                if isinstance(end, GeneratorExit):
                    raise
                return
            self._finish(run, kept)

    def _progress(self, regions: int) -> None:
        """Count; between two batches a stop ends the part as Ctrl-C does, and keeps its rows."""
        self.done += regions
        if self._stop.is_set():
            raise KeyboardInterrupt

    def _finish(self, run: LargeRun, kept: int) -> None:
        rows = run.finish()
        if not rows:
            raise OrganelleError((*run.failed.first, *run.notes.first, "There is nothing to classify.")[0])
        self.is_written = True
        resumed = f" {kept} parts were there already." if kept else ""
        notes = [
            *(f"Skipped: {sentence}" for sentence in run.failed.first[:SHOWN_SENTENCES]),
            *run.notes.first[:SHOWN_SENTENCES],
            run.agreement.note(),
        ]
        unlike = unlike_note(run.unlike, run.rows, run.options.bundle.spec.name)
        more = run.failed.count + run.notes.count - len([note for note in notes[:-1] if note])
        notes += [f"And {more:,} more such notes."] if more > 0 else []
        self.message = " ".join(
            filter(None, [f"Wrote {rows:,} rows to {self.request.output}.{resumed}", unlike, *notes])
        )


def _stopped(run: LargeRun) -> str:
    """What is kept of a run."""
    if not run.work.has_parts():
        return "Stopped; nothing was done yet."
    try:
        rows = run.keep()
    except OrganelleError as error:
        return f"Stopped. {error}"
    table = f" The {rows:,} rows that are done are in {run.partial_output}." if rows else ""
    return f"Stopped; the same run again goes on.{table}"
