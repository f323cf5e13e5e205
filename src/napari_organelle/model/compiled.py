"""Fast functions of networks: TensorFlow's graphs, or PyTorch without gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_organelle.model.device import Device

if TYPE_CHECKING:
    import keras


def compile_network(
    network: keras.Model, device: Device, output: Callable[[Any], Any]
) -> Callable[..., np.ndarray]:
    """Make a fast function of a network on a device.

    Parameters
    ----------
    network : keras.Model
        Built under ``keras.device(device.name)``.
    device : Device
        Where it was built.
    output : callable
        Backend tensor to backend tensor, applied to what the network answers.

    Returns
    -------
    callable
        float32 arrays, one for each input of the network, such as (B, H, W, 3), to a float32 array; new
        shapes cost a new trace, so callers keep them fixed.
    """
    import keras

    def forward(*inputs: Any) -> Any:
        return output(network(inputs[0] if len(inputs) == 1 else inputs, training=False))

    run = (_tensorflow_function if device.backend == "tensorflow" else _torch_function)(forward)

    def run_on_device(*inputs: np.ndarray) -> np.ndarray:
        with keras.device(device.name):
            return run(*inputs)

    return run_on_device


def _tensorflow_function(forward: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A graph for the inputs' shapes; not by XLA, whose LLVM crashes beside that of Mesa's windows."""
    import tensorflow as tf

    @cache
    def graph(*shapes: tuple[int, ...]) -> Callable[..., Any]:
        specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        return cast(Callable[..., Any], tf.function(forward).get_concrete_function(*specs))

    def run(*inputs: np.ndarray) -> np.ndarray:
        answer = graph(*(each.shape for each in inputs))(*map(tf.constant, inputs))
        return np.asarray(answer.numpy())

    return run


def _torch_function(forward: Callable[..., Any]) -> Callable[..., np.ndarray]:
    import keras
    import torch

    def run(*inputs: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(keras.ops.convert_to_numpy(forward(*map(keras.ops.convert_to_tensor, inputs))))

    return run
