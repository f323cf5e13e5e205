"""A whole run: sources to parts, parts to files, files to one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_organelle.distribute.answer import answer_part, channel_map, find_regions
from napari_organelle.distribute.join import join
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.sources import ImageSource, find_sources
from napari_organelle.distribute.split import Part, iter_parts
from napari_organelle.distribute.work import Summary, WorkFolder
from napari_organelle.distribute.workers import on_workers
from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.files import give_name
from napari_organelle.locks import RunLock
from napari_organelle.model.agreement import Agreement
from napari_organelle.model.predict import read_ahead
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.regions import Regions
from napari_organelle.show.tables import group_columns_of, require_table

if TYPE_CHECKING:
    from distributed import Client

KEPT = 20
"""Sentences that are told unless more is asked for."""

MAX_KEPT = 10_000
"""Sentences that are kept; the others are counted."""


@dataclass
class Sentences:
    """The first of many, once each, and how many there were."""

    first: list[str] = field(default_factory=list)
    count: int = 0
    _seen: set[str] = field(default_factory=set)

    def add(self, sentence: str) -> None:
        if sentence in self._seen:
            return
        self.count += 1
        if len(self.first) < MAX_KEPT:
            self.first.append(sentence)
            self._seen.add(sentence)


@dataclass
class LargeRun:
    """What is classified, how, and what came of it so far.

    Parameters
    ----------
    sources : sequence of ImageSource
        In the order of the results.
    options : PartOptions
        Of every part.
    output : Path
        Table to write, CSV or Parquet.
    notes, failed : Sentences
        For the user: on regions without an answer, and on what was skipped.
    agreement : Agreement
        How well dense tiles agree with single ones, over all parts so far.
    rows, unread : int
        Regions so far, and those among them that could not be read.
    unlike : int
        Regions so far that are unlike the pictures that the model was trained on.
    replace : bool
        Whether an output that is there is replaced.
    """

    sources: Sequence[ImageSource]
    options: PartOptions
    output: Path
    notes: Sentences = field(default_factory=Sentences)
    failed: Sentences = field(default_factory=Sentences)
    agreement: Agreement = field(default_factory=Agreement)
    rows: int = 0
    unread: int = 0
    unlike: int = 0
    replace: bool = False
    _lock: RunLock | None = None

    @cached_property
    def plan(self) -> dict[str, Any]:
        """All that results depend on, ready for JSON, as it was when it was asked for first."""
        inputs = {f"input {source.name}": source.state for source in self.sources}
        return {**self.options.describe(), **inputs}

    @cached_property
    def work(self) -> WorkFolder:
        return WorkFolder.beside(self.output, self.plan)

    @property
    def partial_output(self) -> Path:
        """Where the rows that are done are written when a run is stopped."""
        return self.output.with_name(f"{self.output.stem}.partial{self.output.suffix}")

    def begin(self, force: bool = False) -> int:
        """Make the work folder, or go on with it; other runs are kept out until `close` or `finish`.

        Parameters
        ----------
        force : bool
            Whether the output, and parts of another run, are replaced.

        Returns
        -------
        int
            Parts that are there already.

        Raises
        ------
        OrganelleError
            As for `WorkFolder.begin` and `require_table`, and if there is a partial table that no run wrote.
        """
        require_table(self.output)
        self.replace = force
        partial = self.partial_output
        if partial.exists() and not force and not self.work.owns(partial):
            raise OrganelleError(
                f"{partial} is there already, and no run that was stopped has written it: move it, or choose "
                "another output."
            )
        self._lock = self.work.begin(self.plan, force)
        if self._lock.note:
            self.notes.add(self._lock.note)
        return len(list(self.work.tables()))

    def close(self) -> None:
        """Let other runs write to the output; the parts stay, and where there are none, nothing does."""
        if self._lock and not self._lock.is_released:
            if not self.work.has_parts():
                self.work.remove(self._lock)
            self._lock.release()

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
            for sentence in filter(None, (summary.failed, *summary.skipped)):
                self.failed.add(sentence)
            self.rows += summary.rows
            self.unread += summary.unread
            self.unlike += summary.unlike
            if summary.agreement:
                self.agreement += summary.agreement
            yield summary

    def finish(self) -> int:
        """Join the parts to the output and remove the work folder.

        Returns
        -------
        int
            Rows; 0 where there are none, or not one could be read: then nothing is written.

        Raises
        ------
        OrganelleError
            If a file of that name came up meanwhile, another run took over, or the disk refuses; the parts
            stay.
        """
        if self._lock:
            self._lock.require()
        table = self.work.path / f"table{self.output.suffix}"
        unreadable = self.unread > 0 and self.unread == self.rows
        rows = 0 if unreadable else join(self.work.tables(), table)
        if rows:
            try:
                give_name(table, self.output, replace=self.replace)
            except FileExistsError as error:
                raise OrganelleError(
                    f"{self.output} came up while this run was working, and stays. Its parts are kept in "
                    f"{self.work.path}: move that file, or add --force, and repeat the command."
                ) from error
            except OSError as error:
                raise OrganelleError(
                    f"the table can't be written to {self.output}: {error}. Its parts are kept in "
                    f"{self.work.path}: repeat the command."
                ) from error
        if self.work.owns(self.partial_output):
            self.partial_output.unlink(missing_ok=True)
        self.work.remove(self._lock)
        return rows

    def keep(self) -> int:
        """Write what is done of a stopped run as the partial table.

        Returns
        -------
        int
            Its rows.

        Raises
        ------
        OrganelleError
            If there is a table of that name that no run wrote, or the disk refuses.
        """
        table = self.work.path / f"partial{self.output.suffix}"
        if rows := join(self.work.tables(unfinished=True), table):
            self.work.put_partial(table, self.partial_output, self.replace)
        return rows

    def _one_by_one(self, progress: Callable[[int], object] | None) -> Iterator[Summary]:
        # objects of the next part are found while the network answers this one
        with closing(read_ahead(self._found(), 1)) as parts:
            for part, found in parts:
                reported = 0

                def tell(regions: int) -> None:
                    nonlocal reported
                    reported += regions
                    if progress:
                        progress(regions)

                summary = answer_part(part, self.options, self.work, tell, found)
                tell(summary.size - reported)
                yield summary

    def _found(self) -> Iterator[tuple[Part, Regions | OrganelleError | None]]:
        for part in self._parts_and_failures():
            is_known = part.regions is not None or self.work.summary(part.number)
            yield part, None if is_known else find_regions(part, self.options)

    def parts(self) -> Iterator[Part]:
        """All parts in order, without pixels."""
        return (part for part in iter_parts(self.sources, self.options) if isinstance(part, Part))

    def _parts_and_failures(self) -> Iterator[Part]:
        for part in iter_parts(self.sources, self.options):
            if isinstance(part, OrganelleError):
                self.failed.add(str(part))
            else:
                yield part


@dataclass(frozen=True)
class Survey:
    """What is known of a source from its first set.

    Parameters
    ----------
    regions : int
        How many it has; items, where regions are found in them.
    is_sure : bool
        Whether there are just so many, or only about.
    channels : ChannelMap
        Channels of the model's slots.
    doubt : str
        What is doubtful of the pixel size; ``""`` for nothing.
    columns : tuple of str
        Of the table of results, those by which regions can be grouped.
    """

    regions: int
    is_sure: bool
    channels: ChannelMap
    doubt: str
    columns: tuple[str, ...]


def survey(source: ImageSource, options: PartOptions) -> Survey:
    """Look at the first set of a source.

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
        plan = options.regions_of(images)
        count = plan.count(images)
        regions = len(images) if plan.is_found or count is None else count
        return Survey(
            regions=regions * max(1, source.items) // len(images),
            is_sure=source.items == len(images),
            channels=channels,
            doubt=options.doubt(images),
            columns=group_columns_of(images),
        )
    raise error


OnSource = Callable[[ImageSource, Survey], object]


def plan_run(
    paths: Sequence[str], options: PartOptions, output: Path, on_source: OnSource | None = None
) -> tuple[LargeRun, int]:
    """A run over paths, and about how many regions it has; paths that can't be classified are in `failed`.

    Parameters
    ----------
    paths : sequence of str
        Files, folders and lists.
    options, output
        As for `LargeRun`.
    on_source : callable, optional
        Takes each source that can be classified, and what is known of it.

    Raises
    ------
    OrganelleError
        If not one path can be classified, or the regions are those of one set and there are more.
    """
    sources: list[ImageSource] = []
    errors: list[OrganelleError] = []
    total = 0
    for source in find_sources(paths):
        if isinstance(source, OrganelleError):
            errors.append(source)
            continue
        try:
            known = survey(source, options)
        except OrganelleError as error:
            errors.append(error)
            continue
        sources.append(source)
        total += known.regions
        if on_source is not None:
            on_source(source, known)
    if not sources:
        raise errors[0]
    if len(sources) + len(errors) > 1 and (name := options.regions.one_set):
        raise OrganelleError(
            f"{name} tells the regions of one image set, and there are {len(sources) + len(errors)}. "
            "Classify them one by one, or name the images: by a column 'item' in a table, or by a folder "
            "with a file of labels for each image."
        )
    run = LargeRun(sources, options, output)
    for failed in errors:
        run.failed.add(str(failed))
    return run, total
