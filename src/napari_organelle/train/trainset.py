"""From a plan and labelled examples to what a training run stands on: fit windows, targets and a split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from napari_organelle.errors import BundleError, TrainingError
from napari_organelle.files import whole_file
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.scoring.calibrate import Task
from napari_organelle.prepare.channels import HPA_SLOTS, YEAST_SLOTS, Slot, bind_channels
from napari_organelle.prepare.pixels import MAX_SLOTS, PixelPlan
from napari_organelle.read.image_set import ImageSet
from napari_organelle.train.class_plan import ClassPlan, plan_classes
from napari_organelle.train.evaluate import match_classes
from napari_organelle.train.examples import (
    Examples,
    Scan,
    choose_classes,
    class_targets,
    examples_of_items,
    scan,
    task_of,
)
from napari_organelle.train.features import CACHE_BYTES
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.folder import STOPPED_FILE
from napari_organelle.train.recipes import DEFAULT, Recipe
from napari_organelle.train.splits import (
    OUTER_COLUMNS,
    Split,
    check_leakage,
    folds,
    given_split,
    shared_with_training,
    split_examples,
    split_problem,
)

CROSS_BELOW = 600
"""With fewer examples a single held-out side says little: every example is held out once, and all train the
model."""

FOLDS = 5

LEAST_TAUGHT = 2
"""Cells that a taught model is taught at least: one can't be learned from and judged."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What is to be trained, but the data.

    Parameters
    ----------
    output : Path
        Bundle to write; its stem is the model's name.
    recipe : Recipe
        How.
    slots : tuple of Slot
        The model's channel inputs; one for each channel of the data where empty.
    indices : tuple of int or None
        Channel of the data for each slot.
    classes : tuple of str
        Classes in order; all that have enough examples where empty.
    group_by : str
        As in `examples.examples_of_items`, for a plain ImageSet.
    judge : {"auto", "holdout", "cross"}
        Scores from a test side that nothing else sees, or from cross-validation, in which every example is
        held out once and the model itself trains on all of them. ``"auto"`` takes the second below 600
        examples, unless the data bring their own split or blocks are tuned.
    seed : int
        Of the split and of training.
    device : str
        As in `device.choose_device`; several such as ``"gpu:0,gpu:1"`` share each batch of fine-tuning.
    start : str
        Name or path of a bundle whose convolution layers are taken; the ImageNet ones where empty.
    teacher : str
        Name or path of a bundle that is taught the examples: its network, slots and pixels are kept, its head
        goes on from where it is (`train.teach`); `recipe` and `start` are not used then.
    renamed : mapping of str to str
        The teacher's classes to new names.
    resume : bool
        Go on with a run that was killed, or that was stopped and has saved its best epoch.
    overwrite : bool
        Replace the bundle if it exists.
    cache : Path, optional
        Folder of computed features.
    cache_bytes : int
        Those that were used least recently are deleted beyond this much.
    description : str
        Saved with the model.
    """

    output: Path
    recipe: Recipe = DEFAULT
    slots: tuple[Slot, ...] = ()
    indices: tuple[int | None, ...] = ()
    classes: tuple[str, ...] = ()
    group_by: str = "auto"
    judge: Literal["auto", "holdout", "cross"] = "auto"
    seed: int = 0
    device: str = "auto"
    start: str = ""
    teacher: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    resume: bool = False
    overwrite: bool = False
    cache: Path | None = None
    cache_bytes: int = CACHE_BYTES
    description: str = ""

    def crosses(self, number: int) -> bool:
        """Whether `number` examples without a split of their own are judged by cross-validation."""
        is_small = number < CROSS_BELOW and not self.recipe.tuned_blocks
        return self.judge == "cross" or (self.judge == "auto" and is_small)

    @property
    def folder(self) -> Path:
        """Where checkpoints are while the run lasts."""
        return self.output.with_name(f"{self.output.name}.training")

    def mark_stopped(self, bundle: ModelBundle) -> None:
        """Remember which model a stopped run has saved: it may be trained on, and replaced by what comes."""
        with suppress(OSError), whole_file(self.folder / STOPPED_FILE) as part:
            part.write_text(bundle.sha256)

    def has_stopped(self) -> bool:
        """Whether the output is what a stopped run has saved, whose checkpoints are still there."""
        try:
            return (self.folder / STOPPED_FILE).read_text() == ModelBundle.open(self.output).sha256
        except (OSError, BundleError):
            return False


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Examples that are fit to train on.

    Parameters
    ----------
    examples : Examples
        R windows, all readable and labelled.
    classes : tuple of str
        K names.
    targets : (R, K) bool
        Classes of each window.
    task : {"single", "multi"}
        One class a window, or several.
    hashes : (R,) array of bytes
        Of the pixels.
    slots, indices
        As in TrainingPlan.
    pixels : PixelPlan
        How windows become network input.
    split : Split or None
        Sides; None for cross-validation.
    folds : tuple of (n,) int64
        Held-out rows of each fold; empty without cross-validation.
    split_by : str
        Where the split came from: a column's name, ``"the list"``...
    notes : tuple of str
        What was left out, and other things to tell the user.
    shared : mapping of str to float
        As `splits.shared_with_training`: what the score leaves unsaid.
    lesson : ClassPlan or None
        For a taught model: which classes of its teacher `classes` were.
    """

    examples: Examples
    classes: tuple[str, ...]
    targets: np.ndarray
    task: Task
    hashes: np.ndarray
    slots: tuple[Slot, ...]
    indices: tuple[int | None, ...]
    pixels: PixelPlan
    split: Split | None
    folds: tuple[np.ndarray, ...]
    split_by: str
    notes: tuple[str, ...]
    shared: Mapping[str, float] = field(default_factory=dict)
    lesson: ClassPlan | None = None

    @property
    def train(self) -> np.ndarray:
        return self.split.train if self.split else np.arange(len(self.examples))

    @property
    def val(self) -> np.ndarray:
        return self.split.val if self.split else np.zeros(0, np.int64)

    def data_hash(self) -> str:
        """Hash of all pixels, labels and groups, in their order."""
        digest = hashlib.blake2b(self.hashes.tobytes(), digest_size=16)
        digest.update(json.dumps([self.examples.labels.tolist(), self.examples.groups.tolist()]).encode())
        return digest.hexdigest()

    def fingerprint(self, plan: TrainingPlan) -> str:
        """Hash of all that decides the result of a run."""
        sides = [self.train.tolist(), self.val.tolist(), [fold.tolist() for fold in self.folds]]
        facts = [
            self.data_hash(),
            asdict(plan.recipe),
            self.classes,
            plan.seed,
            plan.start,
            plan.teacher and open_bundle(plan.teacher).sha256,
            asdict(self.pixels),
            sides,
        ]
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()


def assemble(plan: TrainingPlan, data: ImageSet | Examples) -> Generator[EpochReport, None, TrainingSet]:
    """Read the examples through and split them.

    Yields
    ------
    EpochReport
        While reading.

    Returns
    -------
    TrainingSet

    Raises
    ------
    TrainingError
        If there are too few classes, examples or groups, or a split leaks.
    """
    examples = (
        data
        if isinstance(data, Examples)
        else examples_of_items(data, plan.group_by, 2 if plan.crosses(len(data)) else 3)
    )
    examples, notes = _labelled(examples)
    slots, indices = _channels(plan, examples.image_set)
    found: int | Scan = 0
    for found in scan(examples, indices):
        if isinstance(found, int):
            yield EpochReport("reading", found, len(examples))
    assert isinstance(found, Scan)
    rows = found.fit()
    notes += found.notes()
    if not len(rows):
        raise TrainingError(f"Not one example can be trained on. {' '.join(notes)}")
    examples, hashes = examples.take(rows), found.hashes[rows]
    wanted = _wanted(plan, examples)
    kept = np.flatnonzero(wanted.targets.any(axis=1))
    training_set = TrainingSet(
        examples=examples.take(kept),
        classes=wanted.classes,
        targets=wanted.targets[kept],
        task=wanted.task,
        hashes=hashes[kept],
        slots=slots,
        indices=indices,
        pixels=wanted.pixels,
        split=None,
        folds=(),
        split_by=examples.grouped_by,
        notes=(*notes, *wanted.notes),
        lesson=wanted.lesson,
    )
    return _with_split(plan, training_set)


@dataclass(frozen=True)
class _Wanted:
    """What is to be told of windows, and from what: as in TrainingSet."""

    classes: tuple[str, ...]
    targets: np.ndarray
    task: Task
    pixels: PixelPlan
    notes: tuple[str, ...]
    lesson: ClassPlan | None = None


def _wanted(plan: TrainingPlan, examples: Examples) -> _Wanted:
    if plan.teacher:
        return _wanted_of_teacher(plan, examples)
    classes, dropped = choose_classes(examples, plan.recipe.min_count, plan.classes)
    _, targets = class_targets(examples.labels, classes)
    window = int(np.median(examples.windows[:, 3:].max(axis=1)))
    pixels = PixelPlan(
        plan.recipe.input_size_for(window), window, examples.image_set.pixel_size_um, plan.recipe.scaling
    )
    kept = examples.labels[targets.any(axis=1)]
    task = "multi" if (targets.sum(axis=1) > 1).any() else task_of(kept)
    return _Wanted(classes, targets, task, pixels, tuple(dropped))


def _wanted_of_teacher(plan: TrainingPlan, examples: Examples) -> _Wanted:
    spec = open_bundle(plan.teacher).spec
    lesson = plan_classes(spec, examples.labels, plan.classes, plan.renamed)
    targets, unknown = match_classes(examples.labels, lesson.names)
    several = int((targets.sum(axis=1) > 1).sum())
    if spec.task == "single" and several:
        raise TrainingError(
            f"{spec.name} gives one class a cell; {several} cells have several labels. Give each one."
        )
    if (number := int(targets.any(axis=1).sum())) < LEAST_TAUGHT:
        raise TrainingError(
            f"{number} labelled cells of {spec.name}'s classes are too few to teach it: label at least "
            f"{LEAST_TAUGHT}, better two of each class that it gets wrong."
        )
    notes = [f"Labels left out, not asked for: {', '.join(unknown)}."] if unknown else []
    counts = targets.sum(axis=0)
    if once := [name for name, count in zip(lesson.names, counts, strict=True) if count == 1]:
        notes.append(f"One cell only of {', '.join(once)}: it is judged as if no such cell had been taught.")
    return _Wanted(lesson.names, targets, spec.task, spec.pixels, tuple(notes), lesson)


def _labelled(examples: Examples) -> tuple[Examples, list[str]]:
    rows = np.flatnonzero(examples.labels != "")
    if not len(rows):
        raise TrainingError(
            "No example has a label: label some, or open the set together with its table of labels."
        )
    left = len(examples) - len(rows)
    return examples.take(rows), [f"{left} without a label left out."] if left else []


def _channels(plan: TrainingPlan, image_set: ImageSet) -> tuple[tuple[Slot, ...], tuple[int | None, ...]]:
    if plan.teacher:
        return _channels_of_teacher(plan, image_set)
    if plan.slots:
        return plan.slots, plan.indices or tuple(range(len(plan.slots)))
    names = image_set.channel_names
    if len(names) > MAX_SLOTS:
        raise TrainingError(
            f"A model takes at most {MAX_SLOTS} channels; the data have {list(names)}. Choose some."
        )
    known = {slot.name: replace(slot, required=True) for slot in (*YEAST_SLOTS, *HPA_SLOTS)}
    return tuple(known.get(name, Slot(name)) for name in names), tuple(range(len(names)))


def _channels_of_teacher(
    plan: TrainingPlan, image_set: ImageSet
) -> tuple[tuple[Slot, ...], tuple[int | None, ...]]:
    spec = open_bundle(plan.teacher).spec
    if plan.slots and plan.slots != spec.slots:
        raise TrainingError(
            f"{spec.name} takes the channels {', '.join(slot.name for slot in spec.slots)}, and so does what "
            f"it is taught; not {', '.join(slot.name for slot in plan.slots)}."
        )
    if plan.indices:
        return spec.slots, plan.indices
    found = bind_channels(spec.slots, image_set.channels)
    found.require()
    return spec.slots, found.indices


def _with_split(plan: TrainingPlan, training_set: TrainingSet) -> TrainingSet:
    """Sides or folds, checked for leakage."""
    examples, notes = training_set.examples, list(training_set.notes)
    known = [name for name in OUTER_COLUMNS if name in examples.image_set.items]
    if examples.grouped_by == "item" and not known:
        notes.append(
            "No field, well or protein is known: examples of one image may be on both sides of the split."
        )
    own = (
        given_split(examples.sides, training_set.targets, examples.groups, training_set.task, plan.seed)
        if examples.sides is not None
        else None
    )
    cross = plan.judge == "cross" or (own is None and plan.crosses(len(examples)))
    problem = split_problem(training_set.targets, examples.groups, training_set.classes, examples.grouped_by)
    if own is None and problem and not (training_set.lesson and cross):
        raise TrainingError(problem)
    groups = len(np.unique(examples.groups))
    if cross:
        if groups < 2:
            raise TrainingError(
                f"All examples are of one group ({examples.grouped_by} '{examples.groups[0]}'): "
                "nothing can be held out. Group by something finer, such as 'item'."
            )
        if groups < FOLDS:
            notes.append(f"Only {groups} groups: as many folds instead of {FOLDS}.")
        held = tuple(folds(training_set.targets, examples.groups, training_set.task, plan.seed, FOLDS))
        everything = Split(np.arange(len(examples)), *(np.zeros(0, np.int64),) * 2)
        check_leakage(everything, examples.groups, training_set.hashes, examples.names())
        return _with_shared(replace(training_set, folds=held, notes=tuple(notes)))
    split = own or split_examples(
        training_set.targets, examples.groups, training_set.task, plan.seed, plan.recipe.share
    )
    check_leakage(split, examples.groups, training_set.hashes, examples.names())
    lacking = [
        name
        for name, count in zip(
            training_set.classes, training_set.targets[split.test].sum(axis=0), strict=True
        )
        if not count
    ]
    if lacking:
        notes.append(f"The test side has no {', '.join(lacking)}: too few groups have it.")
    by = "the list" if own else training_set.split_by
    return _with_shared(replace(training_set, split=split, split_by=by, notes=tuple(notes)))


def _with_shared(training_set: TrainingSet) -> TrainingSet:
    """Write down what the two sides still share, and so what the score does not tell."""
    everything = np.arange(len(training_set.examples))
    if training_set.split is not None:
        sides = [(training_set.split.train, training_set.split.test)]
    else:
        sides = [(np.setdiff1d(everything, held), held) for held in training_set.folds]
    shared = shared_with_training(
        training_set.examples.image_set.items, training_set.examples.windows[:, 0], sides
    )
    if not shared:
        return training_set
    shares = ", ".join(f"{share:.0%} their {name}" for name, share in shared.items())
    note = (
        f"Split by {training_set.split_by}: of the held-out examples {shares} with training examples. "
        "The score tells little of new ones."
    )
    return replace(training_set, shared=shared, notes=(*training_set.notes, note))
