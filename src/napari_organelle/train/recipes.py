"""Recipes: everything that decides how a network is trained, but the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.prepare import augment
from napari_organelle.prepare.augment import Augmentation
from napari_organelle.prepare.pixels import Scaling

PLATEAU_EPOCHS = 4
"""Epochs without a lower validation loss after which the plateau schedule halves the learning rate."""


LINEAR = NetworkPlan(blocks=(2, 3, 4, 5), units=(), dropout=0.0)
"""A linear head on standardised features, with few examples much better than hidden layers."""


@dataclass(frozen=True)
class FitPlan:
    """How weights are fitted.

    Parameters
    ----------
    epochs, batch_size : int
        At most so many epochs, each of batches of so many examples.
    optimizer : {"adam", "sgd"}
        Adam with decoupled weight decay, or stochastic gradient descent with momentum.
    learning_rate, momentum, weight_decay : float
        `momentum` is for ``"sgd"``, `weight_decay` for ``"adam"``.
    schedule : {"constant", "cosine", "plateau"}
        Of the learning rate: unchanged, down to zero along half a cosine, or halved whenever the validation
        loss stalls.
    clip_norm : float, optional
        Longest gradient of ``"sgd"``; longer ones are shortened to it.
    patience : int
        Epochs without a better validation score after which training stops; 0 for never.
    """

    epochs: int
    batch_size: int = 64
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    clip_norm: float | None = None
    patience: int = 0

    def rate(self, epoch: int, losses: Sequence[float]) -> float:
        """Learning rate of one epoch.

        Parameters
        ----------
        epoch : int
            From 0.
        losses : sequence of float
            Validation losses of the epochs before.
        """
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + float(np.cos(np.pi * epoch / self.epochs)))
        if self.schedule == "constant":
            return self.learning_rate
        halvings, best, waited = 0, np.inf, 0
        for loss in filter(np.isfinite, losses):
            waited = 0 if loss < best else waited + 1
            best = min(best, loss)
            if waited == PLATEAU_EPOCHS:
                halvings, waited = halvings + 1, 0
        return self.learning_rate * 0.5**halvings


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is made.

    Parameters
    ----------
    name : str
        Of the recipe.
    network : NetworkPlan
        What is trained.
    head : FitPlan
        Of the head, on features that are computed once.
    tuning : FitPlan
        Of the last blocks together with the head, on augmented images.
    tuned_blocks : int
        How many of the five blocks, counted from the last, are tuned; 0 for none.
    augmentation : Augmentation
        Of the images in `tuning`, and of the `copies`.
    copies : int
        Augmented copies of each training example whose features the head sees.
    plain : bool
        Whether it sees the unchanged example too.
    input_size : int
        Side of the network's input in pixels; 0 takes what suits the windows' size.
    scaling : {"window", "dtype"}
        Of pixels, as in PixelPlan.
    balance : {"weights", "resample", "none"}
        Rare classes weigh more, or are drawn more often, or neither.
    min_count : int
        A label with fewer examples is dropped.
    drawn_per_class : int
        For ``"resample"``: examples drawn for each class in an epoch; 0 for as many as the mean class has.
    share : float
        Of the examples on the validation side, and on the test side.
    """

    name: str
    network: NetworkPlan = LINEAR
    head: FitPlan = FitPlan(epochs=40, batch_size=32, optimizer="sgd", learning_rate=3e-4)
    tuning: FitPlan = FitPlan(epochs=10, batch_size=32, learning_rate=1e-4, patience=4)
    tuned_blocks: int = 0
    augmentation: Augmentation = augment.DEFAULT
    copies: int = 1
    plain: bool = True
    input_size: int = 0
    scaling: Scaling = "window"
    balance: Literal["weights", "resample", "none"] = "weights"
    min_count: int = 2
    drawn_per_class: int = 0
    share: float = 0.2

    def input_size_for(self, window: int) -> int:
        """Side of the network's input for windows of `window` pixels a side."""
        return self.input_size or int(np.clip(1.5 * window, 64, 224) // 32 * 32)


DEFAULT = Recipe(name="default")

NOTEBOOK_YEAST = Recipe(
    name="notebook2019-yeast",
    network=NetworkPlan(head="notebook2019"),
    head=FitPlan(
        epochs=20,
        batch_size=500,
        optimizer="sgd",
        learning_rate=0.01,
        momentum=0.8,
        clip_norm=1.0,
        schedule="constant",
    ),
    augmentation=augment.NOTEBOOK_YEAST,
    copies=1,
    plain=False,
    input_size=224,
    scaling="dtype",
    balance="none",
)
"""Yeast notebook of Mamun (2019): VGG16 features of one augmented copy of each image, three dense layers,
SGD. The gradient is clipped here: without that its learning rate makes the loss infinite within ten steps."""

NOTEBOOK_HPA = Recipe(
    name="notebook2019-hpa",
    network=NetworkPlan(head="notebook2019"),
    head=FitPlan(epochs=15, batch_size=500, learning_rate=1e-3, weight_decay=0.0, schedule="constant"),
    augmentation=augment.NOTEBOOK_HPA,
    copies=1,
    plain=False,
    input_size=224,
    scaling="dtype",
    balance="resample",
    min_count=10,
    drawn_per_class=500,
    share=0.175,
)
"""HPA notebook of Mamun (2019): 500 images drawn for each label, the same dense layers, Adam. Its network saw
raw pixels; here it sees the VGG16 features that the notebook's text speaks of. The held-out 35 % are halved,
so that thresholds are chosen on other images than they are judged on."""

RECIPES = {recipe.name: recipe for recipe in (DEFAULT, NOTEBOOK_YEAST, NOTEBOOK_HPA)}

OLD_NAMES = {"seed-yeast": NOTEBOOK_YEAST.name, "seed-hpa": NOTEBOOK_HPA.name}
"""Names of recipes in earlier versions, which still open."""


def recipe_name(name: str) -> str:
    """The present name of a recipe."""
    return OLD_NAMES.get(name, name)


def with_changes(recipe: Recipe, epochs: int | None, tuned_blocks: int | None, width: float | None) -> Recipe:
    """A recipe with some of its numbers changed; None leaves them.

    Parameters
    ----------
    recipe : Recipe
    epochs : int, optional
        Of the last stage.
    tuned_blocks : int, optional
        Blocks to tune.
    width : float, optional
        Of the network. Below 1 there are no ImageNet layers to start from: all blocks are tuned, at a higher
        rate, unless `tuned_blocks` says otherwise.
    """
    if width is not None and width < 1:
        tuning = replace(recipe.tuning, epochs=40, learning_rate=1e-3, patience=10)
        recipe = replace(recipe, network=replace(recipe.network, width=width), tuned_blocks=5, tuning=tuning)
    if tuned_blocks is not None:
        recipe = replace(recipe, tuned_blocks=tuned_blocks)
    if epochs is not None:
        last = "tuning" if recipe.tuned_blocks else "head"
        recipe = replace(recipe, **{last: replace(getattr(recipe, last), epochs=epochs)})
    return recipe
