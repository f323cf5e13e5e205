"""TrainingRequest: all that a training run needs, frozen before it starts; and the run itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.gui.classify.request import Stage
from napari_organelle.gui.train.sources import Crops
from napari_organelle.prepare.pixels import MAX_SLOTS
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.train.examples import Examples, examples_of_items, examples_of_regions
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.splits import group_names
from napari_organelle.train.trainset import TrainingPlan

if TYPE_CHECKING:
    from napari_organelle.train.run import TrainingResult

AUTO_GROUPS = "auto"


@dataclass(frozen=True, eq=False)
class TrainingRequest:
    """One training run, in plain data.

    Parameters
    ----------
    crops : Crops
        What to learn from.
    plan : TrainingPlan
        How, and where to save the model.
    """

    crops: Crops
    plan: TrainingPlan

    def counts(self) -> dict[str, int]:
        """How many crops have each label, most frequent first."""
        return label_counts(self.crops.labels)

    def problem(self) -> str:
        """Why the run can't start, with what to do; ``""`` when fine."""
        return self._data_problem() or self._channel_problem() or self._output_problem()

    def _data_problem(self) -> str:
        counts, least = self.counts(), self.plan.recipe.min_count
        if not counts:
            return "No crop has a label. Label some by hand, or open a set together with its table of labels."
        enough = [name for name, count in counts.items() if count >= least]
        if len(counts) == 1:
            return (
                f"There is one class only, {next(iter(counts))}. A classifier needs two: label some others."
            )
        if len(enough) < 2:
            told = ", ".join(f"{name} ({count})" for name, count in counts.items())
            return f"Two classes need at least {least} crops each; there are {told}. Label more."
        return ""

    def _channel_problem(self) -> str:
        slots = [slot.name for slot in self.plan.slots]
        if not 1 <= len(slots) <= MAX_SLOTS:
            return f"Tick 1 to {MAX_SLOTS} channels; {len(slots)} are ticked."
        if not all(slots) or len(set(slots)) < len(slots):
            return "Give each ticked channel a name of its own."
        return ""

    def _output_problem(self) -> str:
        output = self.plan.output
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", output.stem):
            return "Give the model a name of letters, digits, '.', '_' and '-'."
        if output.exists() and not self.plan.overwrite:
            return (
                f"There is a model called {output.stem} already. Choose another name, or tick “Replace it”."
            )
        if self.plan.folder.exists() and not self.plan.resume:
            return f"A run for {output.stem} was not finished. Tick “Go on with it”, or choose another name."
        return ""

    def examples(self) -> Examples:
        """The crops with their groups.

        Raises
        ------
        TrainingError
            If there is no such column to group by.
        """
        crops, by = self.crops, self.plan.group_by
        if crops.regions is None:
            return examples_of_items(crops.images, by)
        groups = None
        if by == "item":
            groups = [str(row) for row in range(len(crops.regions))]
        elif by != AUTO_GROUPS:
            groups = group_names(crops.images.items, by)[crops.regions.windows[:, 0]].tolist()
        return examples_of_regions(crops.images, crops.regions, crops.labels.tolist(), groups)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run ended with; None where it was stopped before there was a model."""

    result: TrainingResult | None


def label_counts(labels: np.ndarray) -> dict[str, int]:
    """How many crops have each label, most frequent first; one with several labels counts for each."""
    counts = Counter(name for label in labels.tolist() for name in label.split(LABEL_SEPARATOR) if name)
    return dict(counts.most_common())


def run(request: TrainingRequest, is_stopped: Callable[[], bool]) -> Iterator[Stage | EpochReport | Outcome]:
    """Train; once `is_stopped` says so, the best epoch so far is judged and saved.

    Yields
    ------
    Stage, EpochReport or Outcome
        What is being done; the Outcome at last.

    Raises
    ------
    OrganelleError
        As `train` does.
    """
    yield Stage("starting Keras…")
    from napari_organelle.train.run import train

    reports = train(request.plan, request.examples())
    try:
        while not is_stopped():
            yield next(reports)
        yield reports.throw(KeyboardInterrupt)
        yield Outcome((yield from reports))
    except StopIteration as end:
        yield Outcome(end.value)
    except KeyboardInterrupt:
        yield Outcome(None)
    finally:
        reports.close()
