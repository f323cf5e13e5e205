"""Which classes a taught model has, and which of its teacher's they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from napari_organelle.errors import TrainingError
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.spec import ModelSpec, OrganelleClass
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.train.evaluate import match_classes, plain_name

LEAST_NEW = 2
"""Labelled cells that a new class needs: nothing else is known of it."""


@dataclass(frozen=True)
class ClassPlan:
    """Classes of a taught model.

    Parameters
    ----------
    classes : tuple of OrganelleClass
        K of them, in order.
    sources : tuple of int
        Which of the teacher's classes each was; -1 for a new one.
    """

    classes: tuple[OrganelleClass, ...]
    sources: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.classes)

    @property
    def new(self) -> tuple[str, ...]:
        """Names of those that the teacher did not know."""
        return tuple(name for name, source in zip(self.names, self.sources, strict=True) if source < 0)

    def columns(self, values: np.ndarray, fill: float) -> np.ndarray:
        """(..., K) of the teacher's (..., K_teacher) `values`; `fill` where a class is new."""
        taken = values[..., list(self.sources)]
        taken[..., np.array(self.sources) < 0] = fill
        return taken


def plan_classes(
    spec: ModelSpec,
    labels: np.ndarray,
    wanted: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> ClassPlan:
    """Match labels to a teacher's classes.

    Parameters
    ----------
    spec : ModelSpec
        Of the teacher.
    labels : (R,) array of str
        Several are joined by ``"|"``. Case, spaces and underscores don't matter.
    wanted : sequence of str
        The new model's classes, in order; names that the teacher doesn't know are new. All of the teacher's
        where not given: no label may then be unknown.
    renamed : mapping of str to str, optional
        The teacher's names to new ones.

    Raises
    ------
    TrainingError
        If a name is not known, or a new class has fewer than two labelled cells.
    """
    names = _renamed(spec, renamed or {})
    chosen = tuple(wanted) or names
    if len({plain_name(name) for name in chosen}) < len(chosen) or len(chosen) < 2:
        raise TrainingError(f"A model needs two or more different classes, not {', '.join(chosen)}.")
    known = {plain_name(name): index for index, name in enumerate(names)}
    sources = tuple(known.get(plain_name(name), -1) for name in chosen)
    targets, unknown = match_classes(labels, chosen)
    if unknown and not wanted:
        raise TrainingError(_unknown(spec.name, names, unknown))
    counts = targets.sum(axis=0)
    for name, source, count in zip(chosen, sources, counts.tolist(), strict=True):
        if source < 0 and count < LEAST_NEW:
            raise TrainingError(
                f"{spec.name} does not know {name!r}: a new class needs {LEAST_NEW} labelled cells or more; "
                f"there are {count}."
            )
    fresh = colour_classes(chosen)
    classes = tuple(
        OrganelleClass(name, spec.classes[source].colour) if source >= 0 else colour
        for name, source, colour in zip(chosen, sources, fresh, strict=True)
    )
    return ClassPlan(classes, sources)


def unknown_labels(spec: ModelSpec, labels: np.ndarray) -> tuple[str, ...]:
    """Labels that are none of a model's classes, most frequent first."""
    return tuple(match_classes(labels, spec.class_names)[1])


def _renamed(spec: ModelSpec, renamed: Mapping[str, str]) -> tuple[str, ...]:
    changes = {plain_name(old): new.strip() for old, new in renamed.items()}
    if strange := set(changes) - {plain_name(name) for name in spec.class_names}:
        old = next(name for name in renamed if plain_name(name) in strange)
        raise TrainingError(f"{spec.name} has no class {old!r} to rename: {', '.join(spec.class_names)}.")
    if odd := [old for old, new in renamed.items() if not new.strip() or LABEL_SEPARATOR in new]:
        raise TrainingError(f"{odd[0]!r} needs a new name, and one without {LABEL_SEPARATOR!r}.")
    return tuple(changes.get(plain_name(name), name) for name in spec.class_names)


def _unknown(model: str, names: Sequence[str], unknown: Mapping[str, int]) -> str:
    named = ", ".join(f"{name!r} ({count})" for name, count in unknown.items())
    near = get_close_matches(next(iter(unknown)), names, 1)
    guess = f" Is it {near[0]!r}?" if near else ""
    return (
        f"{model} does not know the labels {named}; it knows {', '.join(names)}.{guess} Correct them, rename "
        "the model's class, or name all classes that the new model is to have, the new ones among them."
    )
