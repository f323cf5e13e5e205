"""A whole run: sources to parts, parts to files, files to one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_organelle.distribute.answer import answer_part, channel_map
from napari_organelle.distribute.join import join
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.regions import count_regions
from napari_organelle.distribute.sources import Source
from napari_organelle.distribute.split import Part, iter_parts
from napari_organelle.distribute.work import Summary, WorkFolder
from napari_organelle.distribute.workers import on_workers
from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.model.dense_report import DenseReport
from napari_organelle.prepare.channels import ChannelMap

if TYPE_CHECKING:
    from distributed import Client

KEPT = 20
"""Sentences that are kept; the others are counted."""


@dataclass
class Sentences:
    """The first of many, and how many there were."""

    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, sentence: str) -> None:
        self.count += 1
        if len(self.first) < KEPT:
            self.first.append(sentence)


@dataclass
class Run:
    """What is classified, how, and what came of it so far.

    Parameters
    ----------
    sources : sequence of Source
        In the order of the results.
    options : PartOptions
        Of every part.
    output : Path
        Table to write, CSV or Parquet.
    notes, failed : Sentences
        For the user: on regions without an answer, and on what was skipped.
    dense : DenseReport
        How well dense tiles agree with single ones, over all parts so far.
    """

    sources: Sequence[Source]
    options: PartOptions
    output: Path
    notes: Sentences = field(default_factory=Sentences)
    failed: Sentences = field(default_factory=Sentences)
    dense: DenseReport = field(default_factory=DenseReport)

    @property
    def work(self) -> WorkFolder:
        return WorkFolder.beside(self.output)

    @property
    def partial_output(self) -> Path:
        """Where the rows that are done are written when a run is stopped."""
        return self.output.with_name(f"{self.output.stem}.partial{self.output.suffix}")

    def begin(self, force: bool = False) -> int:
        """Make the work folder, or go on with it.

        Returns
        -------
        int
            Parts that are there already.

        Raises
        ------
        OrganelleError
            As for `WorkFolder.begin`.
        """
        return self.work.begin(self.plan(), force)

    def plan(self) -> dict[str, Any]:
        """All that results depend on, ready for JSON."""
        inputs = {f"input {source.name}": source.state for source in self.sources}
        return {**self.options.describe(), **inputs}

    def answer(
        self, client: Client | None = None, progress: Callable[[int], object] | None = None
    ) -> Iterator[Summary]:
        """Answer the parts that are not there, in this process or on a client's workers.

        Parameters
        ----------
        client : Client, optional
            Of dask.distributed.
        progress : callable, optional
            Told how many more regions are done.

        Yields
        ------
        Summary
            After each part, also of those that were there.

        Raises
        ------
        OrganelleError
            If no part can be answered, or the disk refuses.
        """
        task = partial(answer_part, options=self.options, work=self.work)
        done = on_workers(client, task, self._parts_and_failures()) if client else self._one_by_one(progress)
        for summary in done:
            for note in summary.notes:
                self.notes.add(note)
            if summary.failed:
                self.failed.add(summary.failed)
            if summary.dense:
                self.dense += summary.dense
            yield summary

    def finish(self) -> int:
        """Join the parts to the output and remove the work folder.

        Returns
        -------
        int
            Rows; where there are none, nothing is written.

        Raises
        ------
        OrganelleError
            If the disk refuses; the parts stay.
        """
        rows = join(self.work.tables(), self.output)
        self.partial_output.unlink(missing_ok=True)
        self.work.remove()
        return rows

    def keep(self) -> int:
        """Write what is done of a stopped run as the partial table.

        Returns
        -------
        int
            Its rows.
        """
        return join(self.work.tables(unfinished=True), self.partial_output)

    def _one_by_one(self, progress: Callable[[int], object] | None) -> Iterator[Summary]:
        for part in self._parts_and_failures():
            reported = 0

            def tell(regions: int) -> None:
                nonlocal reported
                reported += regions
                if progress:
                    progress(regions)

            summary = answer_part(part, self.options, self.work, tell)
            tell(summary.size - reported)
            yield summary

    def parts(self) -> Iterator[Part]:
        """All parts in order, without pixels."""
        return (part for part in iter_parts(self.sources, self.options) if isinstance(part, Part))

    def _parts_and_failures(self) -> Iterator[Part]:
        for part in iter_parts(self.sources, self.options):
            if isinstance(part, OrganelleError):
                self.failed.add(str(part))
            else:
                yield part


def survey(source: Source, options: PartOptions) -> tuple[int, ChannelMap]:
    """About how many regions a source has (of objects: items), and its channels, from its first set.

    Raises
    ------
    OrganelleError
        If its sets can't be read, its channels don't fill the model's slots, or the regions don't fit it.
    """
    error: OrganelleError = ReadError(f"{source.name}: there is no image")
    for images in source.sets():
        if isinstance(images, OrganelleError):
            error = images
            continue
        channels = channel_map(options, images)
        regions = count_regions(options.regions, images, options.bundle.spec)
        return regions * max(1, source.items) // len(images), channels
    raise error
