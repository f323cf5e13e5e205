"""The two stages: a head on cached features, and fine-tuning of the last blocks on augmented images."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import numpy as np

from napari_organelle.errors import TrainingError
from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.engine.device import Device, data_parallel, device_names
from napari_organelle.model.networks.keras_models import (
    assign_weights,
    build_backbone,
    build_head,
    build_network,
    read_weights,
)
from napari_organelle.prepare.augment import augment
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.train.checkpoint import Progress, set_variables
from napari_organelle.train.features import ComputeFeatures, FeatureCache, FeatureJob, FeatureKey, job_input
from napari_organelle.train.fitting import (
    EpochReport,
    Fit,
    FittingData,
    compile_for,
    fit,
    initialise,
    logits,
    reset_optimizer,
)
from napari_organelle.train.recipes import Recipe
from napari_organelle.train.replay import OWN_ALONG, Replay, first_of_each, no_replay
from napari_organelle.train.trainset import TrainingPlan, TrainingSet

MAX_STANDARDISED = 20_000
"""Training examples at most whose features give the mean and variance of the head's first layer."""

LEAST_SPREAD = 0.1

MAX_WEIGHT = 10.0
"""A rare class weighs at most this many times the mean."""

ANSWER_BATCH = 256
TUNED_ANSWER_BATCH = 32


def start_weights(plan: TrainingPlan) -> dict[str, np.ndarray]:
    """Convolution layers that training starts from.

    Raises
    ------
    TrainingError
        If the bundle to start from has another backbone or width.
    """
    network = plan.recipe.network
    if plan.teacher:
        return network.backbone_weights(open_bundle(plan.teacher).weights())
    if plan.start:
        bundle = open_bundle(plan.start)
        known = bundle.spec.plan
        if (known.architecture, known.width) != (network.architecture, network.width):
            raise TrainingError(
                f"{bundle.spec.name} is a {known.architecture} of width {known.width:g}, the recipe's "
                f"network a {network.architecture} of width {network.width:g}: choose the same one."
            )
        return network.backbone_weights(bundle.weights())
    if network.is_pretrained:
        return dict(network.backbone.pretrained())
    backbone = build_backbone(network)
    initialise(backbone, plan.seed)
    return read_weights(backbone)


class HeadStage:
    """A head on features that are computed once.

    Parameters
    ----------
    plan : TrainingPlan
    training_set : TrainingSet
        R examples; row ``copy * R + row`` is an augmented copy of one.
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
        import keras

        self.plan, self.training_set, self.cache, self.device = plan, training_set, cache, device
        copies = 1 + plan.recipe.copies
        self.job = FeatureJob(
            examples=training_set.examples.take(np.tile(np.arange(len(training_set.examples)), copies)),
            hashes=np.tile(training_set.hashes, copies),
            copies=np.repeat(np.arange(copies), len(training_set.examples)),
            indices=training_set.indices,
            key=key,
            augmentation=plan.recipe.augmentation,
            seed=plan.seed,
        )
        self.keys = self.job.keys()
        with keras.device(device.name):
            self.network = build_head(plan.recipe.network, cache.length, len(training_set.classes))
            compile_for(self.network, plan.recipe.head, training_set.task)

    def compute(self, weights: dict[str, np.ndarray], compute: ComputeFeatures) -> Iterator[EpochReport]:
        """Compute the features that the cache lacks: of all examples, and of the copies of training ones."""
        count = len(self.training_set.examples)
        wanted = np.concatenate(
            [
                np.arange(count),
                *(copy * count + self.training_set.train for copy in range(1, self.plan.recipe.copies + 1)),
            ]
        )
        job = replace(
            self.job,
            examples=self.job.examples.take(wanted),
            hashes=self.job.hashes[wanted],
            copies=self.job.copies[wanted],
        )
        started = time.monotonic()
        for done, total in compute(job, self.cache, weights, self.device):
            left = (time.monotonic() - started) / done * (total - done)
            yield EpochReport("features", done, total, seconds_left=left)

    def fit(
        self, name: str, train: np.ndarray, val: np.ndarray, progress: Progress, *, keep_last: bool = False
    ) -> Generator[EpochReport, None, None]:
        """Train the head from nothing on some rows."""
        seed = self.plan.seed
        initialise(self.network, seed)
        reset_optimizer(self.network)
        self._standardise(train)
        stage = Fit(
            name=name,
            network=self.network,
            plan=self.plan.recipe.head,
            data=self._fitting_data(train, val),
            seed=seed,
            checkpoint=self.plan.folder / f"{name.replace(' ', '-')}.npz",
            device=self.device,
            selects=not keep_last,
        )
        yield from fit(stage, progress)

    def features(self, rows: np.ndarray) -> np.ndarray:
        """(n, length) float32 features of some rows."""
        return self.cache.read([self.keys[row] for row in rows.tolist()])

    def logits(self, rows: np.ndarray, progress: Progress) -> np.ndarray:
        """(n, K) float32 answers of the best epoch to examples as they are."""
        set_variables(self.network, progress.best)
        return logits(self.network, self.features, rows, ANSWER_BATCH)

    def weights(self, progress: Progress) -> dict[str, np.ndarray]:
        """The head's weights after its best epoch."""
        set_variables(self.network, progress.best)
        return read_weights(self.network)

    def along(self) -> Replay:
        """Features of some training examples of each class, for whoever teaches the model later."""
        names, targets = (
            np.array(self.training_set.classes),
            self.training_set.targets[self.training_set.train],
        )
        labels = np.array([LABEL_SEPARATOR.join(names[row]) for row in targets], dtype=str)
        rows = first_of_each(labels, OWN_ALONG)
        features = self.features(self.training_set.train[rows])
        return no_replay(self.cache.length).with_examples(features, labels[rows])

    def _standardise(self, train: np.ndarray) -> None:
        """Give the first layer the mean and variance of the training features, augmented copies among them.

        Where a feature varies by less than a tenth of its mean, few examples are why: a tenth is
        the least spread that it gets.
        """
        if not self.plan.recipe.network.shares_tiles:
            return
        count = len(self.training_set.examples)
        rows = np.concatenate([train + count * version for version in self._versions()])
        rows = rows[:: -(-len(rows) // MAX_STANDARDISED)]
        total, squares = np.zeros((2, self.cache.length))
        for start in range(0, len(rows), ANSWER_BATCH):
            features = self.features(rows[start : start + ANSWER_BATCH]).astype(np.float64)
            total += features.sum(axis=0)
            squares += (features**2).sum(axis=0)
        mean = total / len(rows)
        variance = np.maximum(squares / len(rows) - mean**2, (LEAST_SPREAD * mean) ** 2)
        values = {"standardise/moving_mean": mean, "standardise/moving_variance": variance}
        assign_weights(self.network, values)

    def _versions(self) -> np.ndarray:
        """Which versions of an example are trained on: 0 is the example as it is."""
        recipe = self.plan.recipe
        return np.arange(0 if recipe.plain or not recipe.copies else 1, recipe.copies + 1)

    def _fitting_data(self, train: np.ndarray, val: np.ndarray) -> FittingData:
        recipe, count = self.plan.recipe, len(self.training_set.examples)
        draw = _drawing(recipe, self.training_set.targets, train)
        return FittingData(
            train=train,
            val=val,
            targets=np.tile(self.training_set.targets, (1 + recipe.copies, 1)),
            weights=np.tile(class_weights(recipe, self.training_set.targets, train), 1 + recipe.copies),
            draw=lambda rng: _with_versions(draw(rng), self._versions(), count, rng),
            train_input=lambda rows, rng: self.features(rows),
            plain_input=self.features,
            task=self.training_set.task,
        )


class TuningStage:
    """The last blocks and the head, on augmented images.

    Parameters
    ----------
    plan : TrainingPlan
    training_set : TrainingSet
    device : Device
    weights : dict of str to array
        Of the whole network, to start from.
    """

    def __init__(
        self, plan: TrainingPlan, training_set: TrainingSet, device: Device, weights: dict[str, np.ndarray]
    ) -> None:
        import keras

        self.plan, self.training_set, self.device = plan, training_set, device
        recipe = plan.recipe
        names = device_names(plan.device)
        self.parallel = data_parallel(names) if len(names) > 1 else None
        with self.parallel.strategy.scope() if self.parallel else keras.device(device.name):
            self.network = build_network(
                recipe.network, len(training_set.classes), training_set.pixels.input_size
            )
            initialise(self.network, plan.seed)
            assign_weights(self.network, weights)
            blocks = recipe.network.block_layers()
            frozen = {
                name for layers in blocks[: max(0, len(blocks) - recipe.tuned_blocks)] for name in layers
            }
            for layer in self.network.layers:
                if layer.name in frozen:
                    layer.trainable = False
            compile_for(self.network, recipe.tuning, training_set.task)
        nothing = FeatureKey(recipe.network, training_set.pixels, "")
        copies = np.zeros(len(training_set.examples), np.int64)
        self.job = FeatureJob(
            training_set.examples,
            training_set.hashes,
            copies,
            training_set.indices,
            nothing,
            recipe.augmentation,
            plan.seed,
        )

    def fit(self, progress: Progress) -> Generator[EpochReport, None, None]:
        """Tune."""
        recipe, training_set = self.plan.recipe, self.training_set
        data = FittingData(
            train=training_set.train,
            val=training_set.val,
            targets=training_set.targets,
            weights=class_weights(recipe, training_set.targets, training_set.train),
            draw=_drawing(recipe, training_set.targets, training_set.train),
            train_input=lambda rows, rng: augment(self._plain(rows), recipe.augmentation, rng),
            plain_input=self._plain,
            task=training_set.task,
        )
        stage = Fit(
            name="fine-tuning",
            network=self.network,
            plan=recipe.tuning,
            data=data,
            seed=self.plan.seed,
            checkpoint=self.plan.folder / "fine-tuning.npz",
            device=self.device,
            parallel=self.parallel,
        )
        yield from fit(stage, progress)

    def logits(self, rows: np.ndarray, progress: Progress) -> np.ndarray:
        """(n, K) float32 answers of the best epoch."""
        set_variables(self.network, progress.best)
        return logits(self.network, self._plain, rows, TUNED_ANSWER_BATCH)

    def weights(self, progress: Progress) -> dict[str, np.ndarray]:
        """The whole network's weights after its best epoch."""
        set_variables(self.network, progress.best)
        return read_weights(self.network)

    def _plain(self, rows: np.ndarray) -> np.ndarray:
        return job_input(self.job, rows)


def class_weights(recipe: Recipe, targets: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Weight of each example in the loss, 1 in the mean over training ones.

    Parameters
    ----------
    recipe : Recipe
        With ``balance="weights"`` an example weighs as the mean of its classes' inverse frequencies, at most
        10 times the mean class; otherwise 1.
    targets : (R, K) bool
        Classes of each example.
    train : (n,) int64
        Training rows.

    Returns
    -------
    (R,) float32
    """
    if recipe.balance != "weights":
        return np.ones(len(targets), np.float32)
    counts = targets[train].sum(axis=0)
    rarity = np.minimum(counts[counts > 0].mean() / np.maximum(counts, 1), MAX_WEIGHT)
    weights = (targets * rarity).sum(axis=1) / np.maximum(targets.sum(axis=1), 1)
    return np.asarray(weights / weights[train].mean(), np.float32)


def _drawing(
    recipe: Recipe, targets: np.ndarray, train: np.ndarray
) -> Callable[[np.random.Generator], np.ndarray]:
    """How the rows of an epoch are drawn: all once, or every class equally often, with replacement."""
    if recipe.balance != "resample":
        return lambda rng: rng.permutation(train)
    pools = [pool for column in targets.T if len(pool := train[column[train]])]
    number = recipe.drawn_per_class or -(-len(train) // len(pools))
    return lambda rng: rng.permutation(np.concatenate([rng.choice(pool, number) for pool in pools]))


def _with_versions(
    rows: np.ndarray, versions: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Rows of random versions (0: the example as it is, then its augmented copies)."""
    return rows + count * rng.choice(versions, len(rows))
