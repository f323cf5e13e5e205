"""From a plan and labelled examples to what a training run stands on: fit windows, targets and a split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from napari_organelle.errors import TrainingError
from napari_organelle.model.scores import Task
from napari_organelle.prepare.channels import HPA_SLOTS, YEAST_SLOTS, Slot
from napari_organelle.prepare.pixels import MAX_SLOTS, PixelPlan
from napari_organelle.read.image_set import ImageSet
from napari_organelle.train.examples import (
    Examples,
    Scan,
    choose_classes,
    class_targets,
    examples_of_items,
    scan,
    task_of,
)
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.recipes import DEFAULT, Recipe
from napari_organelle.train.splits import Split, check_leakage, folds, given_split, split_examples

CROSS_BELOW = 600
"""With fewer examples a single held-out side says little: every example is held out once, and all train the
model."""

FOLDS = 5


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
    resume : bool
        Go on with a run that was killed.
    overwrite : bool
        Replace the bundle if it exists.
    cache : Path, optional
        Folder of computed features.
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
    resume: bool = False
    overwrite: bool = False
    cache: Path | None = None
    description: str = ""

    @property
    def folder(self) -> Path:
        """Where checkpoints are while the run lasts."""
        return self.output.with_name(f"{self.output.name}.training")


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
        told = [
            self.data_hash(),
            asdict(plan.recipe),
            self.classes,
            plan.seed,
            plan.start,
            asdict(self.pixels),
            sides,
        ]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


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
    examples = data if isinstance(data, Examples) else examples_of_items(data, plan.group_by)
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
    classes, dropped = choose_classes(examples, plan.recipe.min_count, plan.classes)
    _, targets = class_targets(examples.labels, classes)
    kept = np.flatnonzero(targets.any(axis=1))
    examples, hashes, targets = examples.take(kept), hashes[kept], targets[kept]
    task = "multi" if (targets.sum(axis=1) > 1).any() else task_of(examples.labels)
    window = int(np.median(examples.windows[:, 3:].max(axis=1)))
    made = TrainingSet(
        examples=examples,
        classes=classes,
        targets=targets,
        task=task,
        hashes=hashes,
        slots=slots,
        indices=indices,
        pixels=PixelPlan(
            plan.recipe.input_size_for(window), window, examples.image_set.pixel_size_um, plan.recipe.scaling
        ),
        split=None,
        folds=(),
        split_by=examples.grouped_by,
        notes=tuple(notes + dropped),
    )
    return _with_split(plan, made)


def _labelled(examples: Examples) -> tuple[Examples, list[str]]:
    rows = np.flatnonzero(examples.labels != "")
    if not len(rows):
        raise TrainingError(
            "No example has a label: label some, or open the set together with its table of labels."
        )
    left = len(examples) - len(rows)
    return examples.take(rows), [f"{left} without a label left out."] if left else []


def _channels(plan: TrainingPlan, image_set: ImageSet) -> tuple[tuple[Slot, ...], tuple[int | None, ...]]:
    if plan.slots:
        return plan.slots, plan.indices or tuple(range(len(plan.slots)))
    names = image_set.channel_names
    if len(names) > MAX_SLOTS:
        raise TrainingError(
            f"A model takes at most {MAX_SLOTS} channels; the data have {list(names)}. Choose some."
        )
    known = {slot.name: replace(slot, required=True) for slot in (*YEAST_SLOTS, *HPA_SLOTS)}
    return tuple(known.get(name, Slot(name)) for name in names), tuple(range(len(names)))


def _with_split(plan: TrainingPlan, made: TrainingSet) -> TrainingSet:
    """Sides or folds, checked for leakage."""
    examples, notes = made.examples, list(made.notes)
    if examples.grouped_by == "item":
        notes.append(
            "No field, well or protein is known: examples of one image may be on both sides of the split."
        )
    own = (
        given_split(examples.sides, made.targets, examples.groups, made.task, plan.seed)
        if examples.sides is not None
        else None
    )
    cross = plan.judge == "cross" or (
        plan.judge == "auto" and own is None and len(examples) < CROSS_BELOW and not plan.recipe.tuned_blocks
    )
    groups = len(np.unique(examples.groups))
    if cross:
        if groups < 2:
            raise TrainingError(
                f"All examples are of one group ({examples.grouped_by} '{examples.groups[0]}'): "
                "nothing can be held out. Group by something finer, such as 'item'."
            )
        if groups < FOLDS:
            notes.append(f"Only {groups} groups: as many folds instead of {FOLDS}.")
        held = tuple(folds(made.targets, examples.groups, made.task, plan.seed, FOLDS))
        everything = Split(np.arange(len(examples)), *(np.zeros(0, np.int64),) * 2)
        check_leakage(everything, examples.groups, made.hashes, examples.names())
        return replace(made, folds=held, notes=tuple(notes))
    split = own or split_examples(made.targets, examples.groups, made.task, plan.seed, plan.recipe.share)
    check_leakage(split, examples.groups, made.hashes, examples.names())
    lacking = [
        name
        for name, count in zip(made.classes, made.targets[split.test].sum(axis=0), strict=True)
        if not count
    ]
    if lacking:
        notes.append(f"The test side has no {', '.join(lacking)}: too few groups have it.")
    return replace(made, split=split, split_by="the list" if own else made.split_by, notes=tuple(notes))
