"""Lesson: corrections of a result that are to be taught to its model; and the job, a generator of reports."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.files import give_name
from napari_organelle.gui.classify.record import ResultRecord
from napari_organelle.gui.classify.request import ClassifyRequest, Report, RunStage, run
from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.train.teaching import teaching_problem
from napari_organelle.model.bundle import SUFFIX, ModelBundle, open_bundle, user_folder
from napari_organelle.model.engine.device import OPENVINO
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.show.compare import Comparison
from napari_organelle.train.class_plan import unknown_labels
from napari_organelle.train.examples import Examples, examples_of_regions
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.trainset import TrainingPlan

if TYPE_CHECKING:
    from napari_organelle.train.run import TrainingResult

ENDING = "-taught"


@dataclass(frozen=True, eq=False)
class Lesson:
    """A result's corrections as they are now.

    Parameters
    ----------
    result : Result
        Whose regions were corrected.
    teacher : ModelBundle
        The model that goes on from where it is.
    corrected : mapping of int to str
        Rows of the regions and their classes, several joined by ``"|"``.
    output : Path
        Where the taught model will be; free.
    """

    result: Result
    teacher: ModelBundle
    corrected: Mapping[int, str]
    output: Path

    @classmethod
    def of(cls, result: Result, teacher: ModelBundle) -> Lesson:
        """What was corrected until now; the new model gets a name of its own."""
        stem = re.sub(rf"{ENDING}(-\d+)?$", "", teacher.spec.name) + ENDING
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        free = next(path for name in names if not (path := user_folder() / f"{name}{SUFFIX}").exists())
        return cls(result, teacher, dict(result.corrected), free)

    @property
    def labels(self) -> np.ndarray:
        """(n,) array of str: the classes of the corrected regions."""
        return np.array(list(self.corrected.values()), dtype=str)

    def plan(self, output: Path) -> TrainingPlan:
        """The training that writes the taught model."""
        spec, request = self.teacher.spec, self.result.request
        new = unknown_labels(spec, self.labels)
        return TrainingPlan(
            output=output,
            slots=spec.slots,
            indices=request.channel_map.indices,
            classes=(*spec.class_names, *new) if new else (),
            device="cpu" if request.device == OPENVINO else request.device,
            teacher=str(self.teacher.path),
        )

    def examples(self) -> Examples:
        """The corrected regions with their classes."""
        regions, rows = self.result.prediction.regions, np.array(list(self.corrected), dtype=np.int64)
        taken = replace(regions, windows=regions.windows[rows], ids=regions.ids[rows], names=None)
        return examples_of_regions(self.result.images, taken, self.labels.tolist())

    def problem(self) -> str:
        """Why it can't be taught, with what to do; ``""`` when fine."""
        if self.teacher.spec.is_onnx:
            return f"{self.teacher.spec.name} comes from an ONNX file, which can't be taught."
        return teaching_problem(self.plan(self.output), self.labels)

    def again(self, bundle: ModelBundle) -> tuple[ClassifyRequest, ResultRecord]:
        """The same question to another model."""
        spec = bundle.spec
        record = replace(
            self.result.record,
            model=spec.name,
            model_id=bundle.id,
            version=str(spec.versions.get("napari-organelle", "")),
            thresholds=tuple(spec.thresholds),
        )
        return replace(self.result.request, bundle=bundle), record


@dataclass(frozen=True, eq=False)
class TaughtModel:
    """A model that has learned its lesson, and a sentence on what that is worth."""

    bundle: ModelBundle
    words: str


def teach(lesson: Lesson) -> Iterator[RunStage | EpochReport | TaughtModel | Report]:
    """Teach, save the model, and answer the same regions again; nothing is saved where it is stopped before.

    Raises
    ------
    OrganelleError
        As `train` and `run` do.
    """
    yield RunStage("starting Keras…")
    from napari_organelle.train.run import train

    lesson.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".teaching-", dir=lesson.output.parent) as folder:
        written = Path(folder) / lesson.output.name
        result = yield from train(lesson.plan(written), lesson.examples())
        give_name(written, lesson.output, replace=False)
    bundle = open_bundle(str(lesson.output))
    yield TaughtModel(bundle, worth(lesson, result))
    yield from run(lesson.again(bundle)[0])


def worth(lesson: Lesson, result: TrainingResult) -> str:
    """How the corrected regions are called by models that had not seen them, beside the teacher's calls."""
    held, taught = result.held_out, result.taught
    names = np.array(result.training_set.classes)
    truths = [LABEL_SEPARATOR.join(names[row]) for row in held.targets]
    total, teacher = len(truths), lesson.teacher.spec.name
    learned = f"{result.bundle.spec.name} learned {len(lesson.corrected)} corrections"
    if taught is None or not total:
        return f"{learned}; too few to judge it by."
    after, before = (
        int((calls == np.array(truths)).sum()) for calls in (taught.calls_after, taught.calls_before)
    )
    again = f" {teacher} had been taught {taught.known} of these before." if taught.known else ""
    return (
        f"{learned}: held out in turn, {after} of {total} are right ({teacher}: {before}; you picked them)."
        f"{again}"
    )


def changed_words(comparison: Comparison) -> str:
    """How many of the image's regions are called otherwise now."""
    changed, total = len(comparison.changed), len(comparison.rows)
    if not changed:
        return "No region is called otherwise."
    return f"{changed:,} of {total:,} regions are called otherwise: see the rings, and Runs."
