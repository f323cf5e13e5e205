"""What makes classes of a backbone's feature maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from napari_organelle.model.networks.layers import Layers

NOTEBOOK_UNITS = (1000, 750, 500)
NOTEBOOK_DROPOUT = (0.5, 0.33, 0.5)


class Head(ABC):
    """Features of the feature maps, and logits of the features.

    Attributes
    ----------
    any_size : bool
        Whether it takes maps of any size.
    pools : bool
        Whether each feature is a mean or maximum over the image, so that tiles can be pooled from larger
        maps (``model/dense``); it then begins with a ``standardise`` layer, to which the training
        features' own mean and variance are given.
    """

    any_size: ClassVar[bool]
    pools: ClassVar[bool]

    @abstractmethod
    def features(self, layers: Layers, maps: Mapping[int, Any]) -> Any:
        """(B, features) of the chosen blocks' maps, by their numbers; the last block is always there."""

    @abstractmethod
    def logits(self, layers: Layers, x: Any, units: Sequence[int], dropout: float, classes: int) -> Any:
        """(B, classes) of the features."""


class PooledHead(Head):
    """Mean and maximum of every chosen block, standardised, then dense layers with ReLU."""

    any_size = True
    pools = True

    def features(self, layers: Layers, maps: Mapping[int, Any]) -> Any:
        parts = [part for number, x in maps.items() for part in layers.mean_and_max(x, f"block{number}")]
        return layers.concatenate(parts, "pooled")

    def logits(self, layers: Layers, x: Any, units: Sequence[int], dropout: float, classes: int) -> Any:
        x = layers.standardise(x, "standardise")
        for index, count in enumerate(units, start=1):
            x = layers.dropout(x, f"dropout_{index}", dropout)
            x = layers.dense(x, f"dense_{index}", count, "relu")
        return layers.dense(layers.dropout(x, "dropout_logits", dropout), "logits", classes)


class Notebook2019Head(Head):
    """As in Mamun's notebooks of 2019: flatten, then dense layers of fixed sizes with leaky ReLU."""

    any_size = False
    pools = False

    def features(self, layers: Layers, maps: Mapping[int, Any]) -> Any:
        number, last = max(maps.items())
        return layers.flatten(layers.max_pool(last, f"block{number}_pool"), "flatten")

    def logits(self, layers: Layers, x: Any, units: Sequence[int], dropout: float, classes: int) -> Any:
        for index, (count, rate) in enumerate(zip(NOTEBOOK_UNITS, NOTEBOOK_DROPOUT, strict=True), start=1):
            x = layers.dense(x, f"dense_{index}", count, "leaky_relu")
            x = layers.dropout(x, f"dropout_{index}", rate)
        return layers.dense(x, "logits", classes)
