"""TrainingRequest: all that a training run needs, frozen before it starts; and the run itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.request import RunStage
from napari_organelle.gui.train.sources import Crops
from napari_organelle.gui.train.teaching import teaching_problem
from napari_organelle.prepare.pixels import MAX_SLOTS
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.train.examples import Examples, class_targets, examples_of_items, examples_of_regions
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.splits import group_names, split_problem
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
        if self.plan.teacher:
            return teaching_problem(self.plan, self.crops.labels) or self._output_problem()
        return (
            self._data_problem() or self._channel_problem() or self._split_problem() or self._output_problem()
        )

    def groups(self) -> tuple[str, dict[str, int]]:
        """What is kept together, and how many such groups each class has."""
        examples = self.examples()
        classes, targets = class_targets(examples.labels)
        counts = [len(set(examples.groups[true])) for true in targets.T]
        return examples.grouped_by, dict(zip(classes, counts, strict=True))

    def _split_problem(self) -> str:
        try:
            examples = self.examples()
        except OrganelleError as error:
            return str(error)
        if examples.sides is not None:
            return ""
        classes, targets = class_targets(examples.labels)
        enough = targets.sum(axis=0) >= self.plan.recipe.min_count
        names = [name for name, kept in zip(classes, enough, strict=True) if kept]
        return split_problem(targets[:, enough], examples.groups, names, self._kept_together(examples))

    def _kept_together(self, examples: Examples) -> str:
        return examples.grouped_by if self.plan.group_by == AUTO_GROUPS else self.plan.group_by

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
            listed = ", ".join(f"{name} ({count})" for name, count in counts.items())
            return f"Two classes need at least {least} crops each; there are {listed}. Label more."
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
        replace, resume, stopped = self.plan.overwrite, self.plan.resume, self.plan.has_stopped()
        if stopped and not replace and not resume:
            return (
                f"Training of {output.stem} was stopped. Tick “Go on with it” to train on, “Replace it” to "
                "begin anew, or choose another name."
            )
        if output.exists() and not replace and not stopped:
            return (
                f"There is a model called {output.stem} already. Choose another name, or tick “Replace it”."
            )
        if self.plan.folder.exists() and not resume and not stopped:
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
            return examples_of_items(crops.images, by, 2 if self.plan.crosses(len(crops.labels)) else 3)
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


def run(
    request: TrainingRequest, is_stopped: Callable[[], bool]
) -> Iterator[RunStage | EpochReport | Outcome]:
    """Train; once `is_stopped` says so, the best epoch so far is judged and saved.

    Yields
    ------
    RunStage, EpochReport or Outcome
        What is being done; the Outcome at last.

    Raises
    ------
    OrganelleError
        As `train` does.
    """
    yield RunStage("starting Keras…")
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
