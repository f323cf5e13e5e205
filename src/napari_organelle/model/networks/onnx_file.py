"""OnnxNetwork: a network that an ONNX file holds, and what has to be known to run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Layout = Literal["NCHW", "NHWC"]
Output = Literal["logits", "probabilities"]


@dataclass(frozen=True)
class OnnxNetwork:
    """A network that somebody may have trained elsewhere; it answers and nothing else.

    Parameters
    ----------
    output : {"logits", "probabilities"}
        What its first output is.
    layout : {"NCHW", "NHWC"}
        Order of its input's axes: batch, channel, y, x, or channels last.
    mean, std : tuple of float
        A number for each input channel: pixels in [0, 1] less `mean`, over `std`, are the network's input.
        Empty where it takes them as they are.
    """

    output: Output
    layout: Layout = "NCHW"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    min_input_size: ClassVar[int] = 1
    shares_tiles: ClassVar[bool] = False
