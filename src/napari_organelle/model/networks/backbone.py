"""What a backbone is: convolution blocks, described once for every engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from napari_organelle.model.networks.layers import Layers


class Backbone(ABC):
    """The convolutions of a network, as blocks, each of which may be pooled, or fine-tuned, on its own.

    A new one is a subclass in a module of its own and a line in ``plan.BACKBONES``; see
    ``docs/extending.md``.

    Attributes
    ----------
    name : str
        By which model files call it.
    title : str
        By which people call it.
    block_count : int
        Blocks, numbered from 1.
    min_input_size : int
        Least side of the input in pixels.
    pretrained_sha256 : str
        Of the weights that come with the package; ``""`` where none do.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    block_count: ClassVar[int]
    min_input_size: ClassVar[int]
    pretrained_sha256: ClassVar[str] = ""

    def begin(self, layers: Layers, image: Any) -> Any:
        """What comes before the first block; without weights. `image` is RGB in [0, 1]."""
        return image

    @abstractmethod
    def block(self, layers: Layers, x: Any, number: int, width: float) -> Any:
        """One block.

        Parameters
        ----------
        layers : Layers
            Called once for each layer.
        x : array of the writer's
            What the block before gave.
        number : int
            From 1.
        width : float
            Factor on the filters of every convolution; `scaled` applies it.
        """

    def pretrained(self) -> Mapping[str, np.ndarray]:
        """Weights of all blocks at width 1 that come with the package; empty where none do."""
        return {}


def scaled(filters: int, width: float) -> int:
    """A number of filters times the network's width, at least one."""
    return max(1, round(filters * width))
