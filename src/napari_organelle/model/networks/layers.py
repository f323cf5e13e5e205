"""The layers that networks are described in, and what can be known of a network by walking through them.

A network is written down once, as calls of a `Layers`. `KerasLayers` makes a Keras model of these calls,
`OpenVinoLayers` an OpenVINO graph, and `TraceLayers` lists weights, shapes and arithmetic without building.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Activation = Literal["", "relu", "leaky_relu"]

LEAK = 0.3
"""Slope of ``"leaky_relu"`` below zero, as in Keras."""

STANDARDISE_EPSILON = 1e-3
"""Added to the variance before its square root is divided by, as in Keras' BatchNormalization."""


class Layers(Protocol):
    """What a network may be made of; `x` is whatever the writer passes on from layer to layer.

    Images are (B, y, x, channels), vectors (B, features). Names are unique within a network; a layer's
    weights are called ``name/variable``.
    """

    def rescale(self, x: Any, scale: float, offsets: Sequence[float]) -> Any:
        """Each pixel times `scale`, plus an offset for each channel."""

    def convolution(self, x: Any, name: str, filters: int, size: int = 3, *, bgr: bool = False) -> Any:
        """`size` x `size` convolution with stride 1, zeros around the image, bias and ReLU.

        With `bgr` the kernel's three input channels are blue, green and red, the image's red, green and blue.
        """

    def max_pool(self, x: Any, name: str) -> Any:
        """Maximum over 2x2 pixels: half as many pixels a side, rounded down."""

    def mean_and_max(self, x: Any, name: str) -> tuple[Any, Any]:
        """Mean and maximum over the image, as two vectors."""

    def flatten(self, x: Any, name: str) -> Any:
        """An image as a vector, in the order y, x, channel."""

    def concatenate(self, vectors: Sequence[Any], name: str) -> Any:
        """Vectors one after another."""

    def standardise(self, x: Any, name: str) -> Any:
        """Minus ``moving_mean``, over the square root of ``moving_variance``; gradients leave both alone."""

    def dropout(self, x: Any, name: str, rate: float) -> Any:
        """Random zeros in training, nothing in answering."""

    def dense(self, x: Any, name: str, units: int, activation: Activation = "") -> Any:
        """``kernel`` times a vector plus ``bias``."""


@dataclass(frozen=True)
class Traced:
    """What is known of an array without making it.

    Parameters
    ----------
    side : int
        Pixels a side; 1 for a vector.
    channels : int
        Channels, or the length of a vector.
    stride : int
        Input pixels between two of its pixels.
    """

    side: int
    channels: int
    stride: int = 1


@dataclass
class TraceLayers:
    """Notes the weights and arithmetic of the layers that it is called for.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        ``name/variable`` to its shape, in order.
    multiplications : int
        Of convolutions and dense layers for one input.
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    multiplications: int = 0

    def rescale(self, x: Traced, scale: float, offsets: Sequence[float]) -> Traced:
        return x

    def convolution(self, x: Traced, name: str, filters: int, size: int = 3, *, bgr: bool = False) -> Traced:
        self._weigh(name, (size, size, x.channels, filters), x.side**2)
        return Traced(x.side, filters, x.stride)

    def max_pool(self, x: Traced, name: str) -> Traced:
        return Traced(x.side // 2, x.channels, 2 * x.stride)

    def mean_and_max(self, x: Traced, name: str) -> tuple[Traced, Traced]:
        return Traced(1, x.channels), Traced(1, x.channels)

    def flatten(self, x: Traced, name: str) -> Traced:
        return Traced(1, x.side**2 * x.channels)

    def concatenate(self, vectors: Sequence[Traced], name: str) -> Traced:
        return Traced(1, sum(vector.channels for vector in vectors))

    def standardise(self, x: Traced, name: str) -> Traced:
        self.shapes |= {f"{name}/moving_{what}": (x.channels,) for what in ("mean", "variance")}
        return x

    def dropout(self, x: Traced, name: str, rate: float) -> Traced:
        return x

    def dense(self, x: Traced, name: str, units: int, activation: Activation = "") -> Traced:
        self._weigh(name, (x.channels, units), 1)
        return Traced(1, units)

    def _weigh(self, name: str, kernel: tuple[int, ...], times: int) -> None:
        self.shapes |= {f"{name}/kernel": kernel, f"{name}/bias": kernel[-1:]}
        count = times
        for length in kernel:
            count *= length
        self.multiplications += count
