"""A model is taught a few cells of somebody's own: its head goes on from where it is.

The convolution layers stay. The head is fitted to three things: the labelled cells, each turned and shifted
many times; its own earlier answers to the examples that the model brings along (`replay`); and its own
weights, from which it departs at a price (a Gaussian prior, as L2-SP: Li, Grandvalet and Davoine, "Explicit
inductive bias for transfer learning with convolutional networks", ICML 2018).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.domain import read_domain
from napari_organelle.model.engine.device import Device
from napari_organelle.model.networks.keras_models import assign_weights, build_head
from napari_organelle.model.scoring.calibrate import (
    TEMPERATURES,
    Task,
    choose_thresholds,
    cross_entropy,
    probabilities,
)
from napari_organelle.model.scoring.scores import Answers, Scores, score
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.augment import Augmentation
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.train.checkpoint import Progress
from napari_organelle.train.class_plan import ClassPlan
from napari_organelle.train.features import FeatureCache, FeatureKey
from napari_organelle.train.fitting import (
    EpochReport,
    Fit,
    FittingData,
    fit,
    initialise,
    logits,
    reset_optimizer,
)
from napari_organelle.train.judge import CROSS_NOTE, HeldOut, Judgement
from napari_organelle.train.recipes import FitPlan, Recipe
from napari_organelle.train.replay import Replay, read_replay
from napari_organelle.train.stages import ANSWER_BATCH, HeadStage
from napari_organelle.train.trainset import TrainingPlan, TrainingSet

if TYPE_CHECKING:
    import keras

TURNS = Augmentation(
    rotation=180, flip_x=True, flip_y=True, shift=0.06, zoom=(0.9, 1.1), gain=0.15, noise=0.02
)
VIEWS, MIN_COPIES, MAX_COPIES = 720, 3, 40
"""Turned views wanted of all cells together, and of each at least and at most."""

BATCH, STEPS, EPOCHS = 64, 20, 10
FIT = FitPlan(epochs=EPOCHS, batch_size=BATCH, learning_rate=3e-4, weight_decay=0.0)
SMOOTHING = 0.05
"""Share of a labelled cell's truth that is spread over all classes."""

PRIOR, PRIOR_ALONE = 0.01, 0.1
"""Price of the squared distance from the earlier weights, with replayed examples and without."""

NEW_THRESHOLD = 0.5

NEVER = -30.0
"""Logit of a class that a model does not have."""

MIN_JUDGED = 10
"""Held-out cells that a score is given for."""

TRUSTED = 50
"""Held-out cells from which a threshold is chosen; with fewer the teacher's stays."""

SPREAD = 0.3
"""Standard deviation, about the teacher's, of what is believed of the logarithm of the temperature."""

WITHIN = 0.975
"""Share of the labelled cells, as they are and turned, that the taught model's domain takes in."""

SAME = 5e-3
"""Relative distance below which two feature vectors are of one cell."""


@dataclass(frozen=True)
class Taught:
    """What teaching changed, on the labelled cells.

    Parameters
    ----------
    teacher : str
        Id of the model that was taught.
    before : Scores or None
        Of the teacher, on the cells that judge the taught model; None where there are none.
    calls_before, calls_after : (N,) array of str
        What each of these cells was called, whether surely or not; the rows are those of
        `TrainingResult.held_out`.
    replayed : int
        How many examples the teacher brought along.
    known : int
        How many of these cells are among them: it was taught them before.
    """

    teacher: str
    before: Scores | None
    calls_before: np.ndarray
    calls_after: np.ndarray
    replayed: int
    known: int = 0

    @classmethod
    def of(cls, head: TaughtHead, judgement: Judgement, held: HeldOut) -> Taught:
        """Compare the teacher's answers to the held-out cells with those of `judgement`."""
        training_set, spec = head.training_set, head.bundle.spec
        calibrated = probabilities(head.answers_before(held.rows), training_set.task, spec.temperature)

        def answers(values: np.ndarray, thresholds: tuple[float, ...]) -> Answers:
            return Answers(
                held.targets,
                values,
                training_set.classes,
                training_set.task,
                np.asarray(thresholds),
                held.groups,
            )

        before = answers(calibrated, head.thresholds)
        after = answers(judgement.probabilities, judgement.thresholds)
        return cls(
            teacher=head.bundle.id,
            before=score(before) if len(calibrated) else None,
            calls_before=_names(before),
            calls_after=_names(after),
            replayed=len(head.replay),
            known=int(head.was_taught(held.rows).sum()),
        )

    def notes(self) -> tuple[str, ...]:
        """Sentences for the user."""
        lines = [] if self.replayed else [NOTHING_REPLAYED.format(model=self.teacher)]
        if self.before is not None:
            changed = int((self.calls_before != self.calls_after).sum())
            lines.append(
                f"Before it was taught, {self.teacher} got {self.before.accuracy:.1%} of these cells right; "
                f"{changed} of {len(self.calls_before)} calls changed."
            )
        if self.known:
            lines.append(TAUGHT_BEFORE.format(model=self.teacher, count=self.known))
        return tuple(lines)


NOTHING_REPLAYED = (
    "{model} brings no examples along: only its earlier weights keep the classes that you did not label."
)

TAUGHT_BEFORE = (
    "{model} was taught at least {count} of these cells before, so both scores flatter: teach the model that "
    "it came from to know what they are worth."
)


def taught_recipe(spec: ModelSpec, cells: int) -> Recipe:
    """How `cells` labelled cells are taught."""
    return Recipe(
        name="taught",
        network=spec.plan,
        head=FIT,
        augmentation=TURNS,
        copies=int(np.clip(VIEWS // max(cells, 1), MIN_COPIES, MAX_COPIES)),
        input_size=spec.pixels.input_size,
        scaling=spec.pixels.scaling,
        min_count=1,
    )


class TaughtHead(HeadStage):
    """A teacher's head that goes on.

    Parameters
    ----------
    plan : TrainingPlan
        With a teacher, and the recipe `taught_recipe`.
    training_set : TrainingSet
        R cells.
    cache : FeatureCache
    key : FeatureKey
    device : Device
    """

    def __init__(
        self,
        plan: TrainingPlan,
        training_set: TrainingSet,
        cache: FeatureCache,
        key: FeatureKey,
        device: Device,
    ) -> None:
        assert training_set.lesson is not None
        super().__init__(plan, training_set, cache, key, device)
        self.bundle = open_bundle(plan.teacher)
        self.lesson: ClassPlan = training_set.lesson
        weights = self.bundle.weights()
        self.earlier = {
            name: self.lesson.columns(array, 0.0) if name.startswith("logits/") else array
            for name, array in weights.items()
        }
        self.teacher = build_head(plan.recipe.network, cache.length, len(self.bundle.spec.classes))
        assign_weights(self.teacher, weights)
        self.replay = self._kept(read_replay(self.bundle))

    def fit(
        self, name: str, train: np.ndarray, val: np.ndarray, progress: Progress, *, keep_last: bool = False
    ) -> Generator[EpochReport, None, None]:
        """Go on from the teacher's head with some of the cells."""
        initialise(self.network, self.plan.seed)
        assign_weights(self.network, self.earlier)
        hold_to(self.network, PRIOR if len(self.replay) else PRIOR_ALONE)
        reset_optimizer(self.network)
        stage = Fit(
            name=name,
            network=self.network,
            plan=self.plan.recipe.head,
            data=self._lesson(train, val),
            seed=self.plan.seed,
            checkpoint=self.plan.folder / f"{name.replace(' ', '-')}.npz",
            device=self.device,
            selects=False,
        )
        yield from fit(stage, progress)

    def answers_before(self, rows: np.ndarray) -> np.ndarray:
        """(n, K) float32 logits of the teacher; `NEVER` for classes that it doesn't know."""
        return self.lesson.columns(logits(self.teacher, self.features, rows, ANSWER_BATCH), NEVER)

    def was_taught(self, rows: np.ndarray) -> np.ndarray:
        """(n,) bool: cells that are among the examples that the teacher brings along."""
        if not len(self.replay) or not len(rows):
            return np.zeros(len(rows), dtype=bool)
        from scipy.spatial import cKDTree

        cells = self.features(rows)
        distance, _ = cKDTree(self.replay.features.astype(np.float32)).query(cells)
        return np.asarray(distance < SAME * np.linalg.norm(cells, axis=1))

    def domain(self) -> dict[str, np.ndarray]:
        """The teacher's domain, if any, moved out until it takes in `WITHIN` of the labelled cells."""
        domain = read_domain(self.bundle)
        if domain is None:
            return {}
        count, train = len(self.training_set.examples), self.training_set.train
        views = [train + count * version for version in range(1 + self.plan.recipe.copies)]
        beyond = np.quantile(np.concatenate([domain.excess(self.features(rows)) for rows in views]), WITHIN)
        return replace(domain, offset=domain.offset - max(0.0, float(beyond))).arrays()

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The teacher's, for the taught model's classes; 0.5 for new ones of several."""
        before = self.bundle.spec.thresholds
        if self.training_set.task == "single":
            return before
        return tuple(self.lesson.columns(np.array(before), NEW_THRESHOLD).tolist())

    def along(self) -> Replay:
        """What the taught model brings along: labelled cells as they are, and its teacher's examples."""
        new = dict(zip(self._teacher_names(), self.lesson.names, strict=True))
        before = [
            LABEL_SEPARATOR.join(new[name] for name in label.split(LABEL_SEPARATOR))
            for label in self.replay.labels.tolist()
        ]
        own = super().along()
        return replace(self.replay, labels=np.array(before, dtype=str)).with_examples(
            own.features, own.labels
        )

    def _teacher_names(self) -> list[str]:
        names = self.bundle.spec.class_names
        return [names[source] if source >= 0 else "" for source in self.lesson.sources]

    def _kept(self, replay: Replay) -> Replay:
        """Without examples of classes that the taught model does not have."""
        gone = set(self.bundle.spec.class_names) - set(self._teacher_names())
        return replay.take(
            np.array([not gone & set(name.split(LABEL_SEPARATOR)) for name in replay.labels], dtype=bool)
        )

    def _lesson(self, train: np.ndarray, val: np.ndarray) -> FittingData:
        """Cells, their copies and replayed examples as one list of rows."""
        cells, task = len(self.job.hashes), self.training_set.task
        kept = self.replay.features.astype(np.float32)
        teacher_logits = logits(self.teacher, lambda rows: kept[rows], np.arange(len(kept)), ANSWER_BATCH)
        answers = probabilities(self.lesson.columns(teacher_logits, NEVER), task)
        truth = smooth(self.training_set.targets, task)
        targets = np.concatenate([np.tile(truth, (1 + self.plan.recipe.copies, 1)), answers])
        chances = row_chances(self.training_set.targets[train], len(kept))
        versions, count = self._versions(), len(self.training_set.examples)

        def draw(rng: np.random.Generator) -> np.ndarray:
            chosen = rng.choice(
                np.concatenate([train, cells + np.arange(len(kept))]), BATCH * STEPS, p=chances
            )
            return np.where(chosen < cells, chosen + count * rng.choice(versions, len(chosen)), chosen)

        def features(rows: np.ndarray) -> np.ndarray:
            values = np.empty((len(rows), self.cache.length), np.float32)
            own = rows < cells
            values[own], values[~own] = self.features(rows[own]), kept[rows[~own] - cells]
            return values

        return FittingData(
            train=train,
            val=val,
            targets=targets,
            weights=np.ones(len(targets), np.float32),
            draw=draw,
            train_input=lambda rows, rng: features(rows),
            plain_input=features,
            task=task,
        )


def taught_spec(spec: ModelSpec, head: TaughtHead) -> ModelSpec:
    """The teacher's spec with what the run changed, which `spec` has, and where it comes from."""
    teacher, cells = head.bundle, len(head.training_set.examples)
    before = teacher.spec
    lineage = [
        *before.provenance.get("lineage", ()),
        {"model": teacher.id, "cells": cells, "data": spec.provenance["data"]},
    ]
    sentence = f"Taught from {teacher.id} with {cells} labelled cells."
    return replace(
        before,
        name=spec.name,
        classes=head.lesson.classes,
        thresholds=spec.thresholds,
        temperature=spec.temperature,
        description=f"{spec.description or before.description} {sentence}".strip(),
        scores=spec.scores,
        provenance=dict(spec.provenance)
        | {"start": teacher.id, "lineage": lineage, "judged_on": f"{cells} taught cells, cross-validated"},
        versions=spec.versions,
        format_version=spec.format_version,
    )


def _names(answers: Answers) -> np.ndarray:
    """(N,) array of str: what each item is called; several are joined."""
    names = np.array(answers.classes)
    return np.array([LABEL_SEPARATOR.join(names[row]) for row in answers.called()], dtype=str)


def smooth(targets: np.ndarray, task: Task) -> np.ndarray:
    """(N, K) float32 truths with `SMOOTHING` of them spread over the classes."""
    level = 1 / targets.shape[1] if task == "single" else 0.5
    return np.asarray(targets * (1 - SMOOTHING) + SMOOTHING * level, np.float32)


def row_chances(targets: np.ndarray, replayed: int) -> np.ndarray:
    """(n + replayed,) chances of rows to be drawn: every class weighs the same, taught or replayed.

    Parameters
    ----------
    targets : (n, K) bool
        Classes of the labelled cells.
    replayed : int
        How many examples are replayed beside them. Where every class is taught, as many are drawn of both.
    """
    rarity = 1 / np.maximum(targets.sum(axis=0), 1)
    cells = (targets * rarity).sum(axis=1) / np.maximum(targets.sum(axis=1), 1)
    taught = targets.any(axis=0).mean() if replayed else 1.0
    rest = np.full(replayed, 1 / max(replayed, 1))
    chances = np.concatenate([cells / cells.sum() * taught, rest])
    return np.asarray(chances / chances.sum())


def hold_to(network: keras.Model, price: float) -> None:
    """Make a network pay for the squared distance of its trainable variables from what they are now."""
    from keras import ops, regularizers

    class Toward(regularizers.Regularizer):
        def __init__(self, place: Any) -> None:
            self.place = place

        def __call__(self, x: Any) -> Any:
            return price / 2 * ops.sum(ops.square(x - self.place))

    for variable in network.trainable_variables:
        variable.regularizer = Toward(ops.convert_to_tensor(ops.convert_to_numpy(variable.value)))


def judge_taught(held: HeldOut, classes: tuple[str, ...], task: Task, head: TaughtHead) -> Judgement:
    """Scores of held-out cells; the temperature stays near the teacher's, and so, with few cells, do
    thresholds.

    Parameters
    ----------
    held : HeldOut
        Answers of the folds.
    classes : tuple of str
    task : {"single", "multi"}
    head : TaughtHead
        Whose teacher had a temperature and thresholds.
    """
    before, thresholds = head.bundle.spec.temperature, head.thresholds
    calibrated = np.zeros_like(held.logits)
    for part in np.unique(held.part):
        inside = held.part == part
        temperature = near_temperature(held.logits[~inside], held.targets[~inside], task, before)
        calibrated[inside] = probabilities(held.logits[inside], task, temperature)
    temperature = near_temperature(held.logits, held.targets, task, before)
    if len(calibrated) >= TRUSTED:
        thresholds = choose_thresholds(calibrated, held.targets, task)
    scores = None
    if len(calibrated) >= MIN_JUDGED and held.targets.any(axis=0).sum() > 1:
        scores = score(Answers(held.targets, calibrated, classes, task, np.asarray(thresholds), held.groups))
        scores = replace(scores, notes=(*scores.notes, CROSS_NOTE))
    return Judgement(temperature, thresholds, scores, calibrated)


def near_temperature(logits: np.ndarray, targets: np.ndarray, task: Task, before: float) -> float:
    """The likeliest temperature of (N, K) `logits`, where its logarithm was believed to be that of `before`,
    give or take `SPREAD`."""
    from scipy.optimize import minimize_scalar

    if not len(logits):
        return before

    def surprise(log: float) -> float:
        distance = (log - np.log(before)) / SPREAD
        return len(logits) * cross_entropy(logits, targets, task, np.exp(log)) + distance**2 / 2

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(surprise, bounds=(low, high), method="bounded").x))
