"""A training that starts from a model: its channels and classes, and what keeps it from being taught."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_organelle.errors import OrganelleError, TrainingError
from napari_organelle.model.bundle import SUFFIX, find_bundles, open_bundle
from napari_organelle.prepare.channels import bind_channels
from napari_organelle.read.image_set import Channel
from napari_organelle.train.class_plan import plan_classes, unknown_labels
from napari_organelle.train.trainset import LEAST_TAUGHT, TrainingPlan

FROM_IMAGENET = ""
IMAGENET_TEXT = "ImageNet's layers (a new model)"


def starts() -> list[str]:
    """What a training may start from: nothing but ImageNet's layers, or a model by its name."""
    return [FROM_IMAGENET, *(name for name, path in find_bundles().items() if path.suffix == SUFFIX)]


def start_text(name: str) -> str:
    """What a start is called in the window."""
    return f"{name}: teach it these crops" if name else IMAGENET_TEXT


def taught_plan(plan: TrainingPlan, labels: np.ndarray) -> TrainingPlan:
    """A plan whose ticked channels fill its teacher's slots; labels that the teacher doesn't know are new
    classes.

    Parameters
    ----------
    plan : TrainingPlan
        With a teacher, and the slots as the user calls them.
    labels : (N,) array of str

    Raises
    ------
    OrganelleError
        If the teacher can't be read or taught, or the ticked channels are not its.
    """
    spec = open_bundle(plan.teacher).spec
    bound = bind_channels(spec.slots, [Channel(slot.name, "") for slot in plan.slots])
    taken = {index for index in bound.indices if index is not None}
    if bound.problem() or len(taken) < len(plan.slots):
        wanted = " and ".join(
            f"“{slot.name}”" if slot.required else f"“{slot.name}” (or none)" for slot in spec.slots
        )
        raise TrainingError(f"{spec.name} takes the channels {wanted}: tick and name them so.")
    indices = tuple(None if index is None else plan.indices[index] for index in bound.indices)
    new = unknown_labels(spec, labels)
    classes = (*spec.class_names, *new) if new else ()
    return replace(plan, slots=spec.slots, indices=indices, classes=classes)


def teaching_problem(plan: TrainingPlan, labels: np.ndarray) -> str:
    """Why the labels can't be taught, with what to do; ``""`` when fine."""
    count = int((labels != "").sum())
    if count < LEAST_TAUGHT:
        model = Path(plan.teacher).name.removesuffix(SUFFIX)
        return f"Label at least {LEAST_TAUGHT} cells to teach {model}; {count} have a label."
    try:
        plan_classes(open_bundle(plan.teacher).spec, labels, plan.classes)
    except OrganelleError as error:
        return str(error)
    return ""


def teaching_intention(plan: TrainingPlan, labels: np.ndarray, device: str) -> str:
    """What Train will do."""
    spec = open_bundle(plan.teacher).spec
    counts = Counter(labels[labels != ""].tolist())
    listed = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    new = unknown_labels(spec, labels)
    fresh = f" New to it, or a typo: {', '.join(new)}." if new else ""
    return (
        f"Will teach {plan.teacher} {sum(counts.values()):,} crops ({listed}) and save it as "
        f"{plan.output.stem}; it keeps its other classes.{fresh} Device: {device}. "
        "Judged by holding out each crop or its group."
    )
