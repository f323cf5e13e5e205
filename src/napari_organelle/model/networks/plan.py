"""NetworkPlan: what a network is made of, and what follows from it without building it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_organelle.model.networks.backbone import Backbone
from napari_organelle.model.networks.heads import Head, Notebook2019Head, PooledHead
from napari_organelle.model.networks.layers import Layers, Traced, TraceLayers
from napari_organelle.model.networks.vgg16 import VGG16

BACKBONES: dict[str, Backbone] = {backbone.name: backbone for backbone in (VGG16(),)}
"""By the names that model files call them."""

HEADS: dict[str, Head] = {"pooled": PooledHead(), "notebook2019": Notebook2019Head()}


@dataclass(frozen=True)
class NetworkPlan:
    """What a network is made of.

    Parameters
    ----------
    architecture : str
        Name of the backbone, in `BACKBONES`.
    width : float
        Factor on the filters of every convolution, in (0, 1]; only 1 takes the weights that come with the
        package.
    head : {"pooled", "notebook2019"}
        ``"pooled"``: mean and maximum over `blocks`, standardised, then dense layers with ReLU; takes any
        input size. ``"notebook2019"``: Flatten, then dense 1000, 750 and 500 with LeakyReLU(0.3) and dropout
        0.5, 0.33 and 0.5, as in Mamun's notebooks of 2019; `blocks`, `units` and `dropout` are not used.
    blocks : tuple of int
        Blocks of the backbone (from 1) whose last convolution is pooled.
    units : tuple of int
        Sizes of the hidden dense layers; empty for a linear head.
    dropout : float
        Dropout before every dense layer, in [0, 1).
    """

    width: float = 1.0
    head: str = "pooled"
    blocks: tuple[int, ...] = (3, 4, 5)
    units: tuple[int, ...] = (256,)
    dropout: float = 0.5
    architecture: str = VGG16.name

    def __post_init__(self) -> None:
        if self.architecture not in BACKBONES:
            raise ValueError(f"architecture must be one of {', '.join(BACKBONES)}, not {self.architecture!r}")
        if not 0 < self.width <= 1:
            raise ValueError(f"width must be in (0, 1], not {self.width}")
        if self.head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}, not {self.head!r}")
        known = set(range(1, self.backbone.block_count + 1))
        if not self.blocks or list(self.blocks) != sorted(set(self.blocks) & known):
            raise ValueError(
                f"blocks must be different numbers from 1 to {len(known)} in rising order, not {self.blocks}"
            )
        if any(units < 1 for units in self.units):
            raise ValueError(f"units must be positive, not {self.units}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}")

    @property
    def backbone(self) -> Backbone:
        return BACKBONES[self.architecture]

    @property
    def min_input_size(self) -> int:
        """Least side of the input in pixels."""
        return self.backbone.min_input_size

    @property
    def shares_tiles(self) -> bool:
        """Whether overlapping tiles can be pooled from feature maps that they share."""
        return HEADS[self.head].pools

    @property
    def is_pretrained(self) -> bool:
        """Whether weights of its backbone come with the package."""
        return bool(self.backbone.pretrained_sha256) and self.width == 1

    def maps(self, layers: Layers, image: Any) -> list[Any]:
        """Describe the backbone: the last convolution of each block."""
        x = self.backbone.begin(layers, image)
        outputs = []
        for number in range(1, self.backbone.block_count + 1):
            x = self.backbone.block(layers, x, number, self.width)
            outputs.append(x)
        return outputs

    def features(self, layers: Layers, maps: list[Any]) -> Any:
        """Describe what is taken of the backbone's maps: (B, features)."""
        head = HEADS[self.head]
        numbers = self.blocks if head.pools else (len(maps),)
        return head.features(layers, {number: maps[number - 1] for number in numbers})

    def logits(self, layers: Layers, features: Any, classes: int) -> Any:
        """Describe the head: (B, classes)."""
        return HEADS[self.head].logits(layers, features, self.units, self.dropout, classes)

    def feature_count(self, input_size: int) -> int:
        """Length of the vector that the head takes, for inputs of `input_size` pixels a side."""
        layers = TraceLayers()
        count: int = self.features(layers, self.maps(layers, Traced(input_size, 3))).channels
        return count

    def weight_shapes(self, classes: int, input_size: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all weights, as ``layer/variable``."""
        return self._trace(classes, input_size).shapes

    def multiplications(self, classes: int, input_size: int) -> int:
        """Multiplications, each with an addition, for one input of `input_size` pixels a side."""
        return self._trace(classes, input_size).multiplications

    def strides(self) -> tuple[int, ...]:
        """Input pixels between two pixels of each block's maps."""
        return tuple(x.stride for x in self.maps(TraceLayers(), Traced(self.min_input_size, 3)))

    def block_layers(self) -> tuple[tuple[str, ...], ...]:
        """Names of the layers with weights in each block."""
        x = self.backbone.begin(TraceLayers(), Traced(self.min_input_size, 3))
        names = []
        for number in range(1, self.backbone.block_count + 1):
            layers = TraceLayers()
            x = self.backbone.block(layers, x, number, self.width)
            names.append(tuple(dict.fromkeys(name.partition("/")[0] for name in layers.shapes)))
        return tuple(names)

    def backbone_weights(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Those of the weights that belong to the backbone."""
        layers = {name for names in self.block_layers() for name in names}
        return {name: array for name, array in weights.items() if name.partition("/")[0] in layers}

    def _trace(self, classes: int, input_size: int) -> TraceLayers:
        layers = TraceLayers()
        features = self.features(layers, self.maps(layers, Traced(input_size, 3)))
        self.logits(layers, features, classes)
        return layers
