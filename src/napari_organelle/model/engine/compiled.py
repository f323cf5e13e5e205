"""Fast functions of networks: TensorFlow's graphs, or PyTorch without gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_organelle.model.engine.device import Device

if TYPE_CHECKING:
    import keras


Arrays = tuple[np.ndarray, ...]


def compile_network(
    network: keras.Model, device: Device, output: Callable[[Any], Any]
) -> Callable[..., np.ndarray]:
    """As `compile_outputs`, of a single output."""
    run = compile_outputs(network, device, lambda answer: (output(answer),))
    return lambda *inputs: run(*inputs)[0]


def compile_outputs(
    network: keras.Model, device: Device, outputs: Callable[[Any], tuple[Any, ...]]
) -> Callable[..., Arrays]:
    """Make a fast function of a network on a device.

    Parameters
    ----------
    network : keras.Model
        Built under ``keras.device(device.name)``.
    device : Device
        Where it was built.
    outputs : callable
        What the network answers, as backend tensors, to a tuple of backend tensors.

    Returns
    -------
    callable
        float32 arrays, one for each input of the network, such as (B, H, W, 3), to a tuple of float32 arrays;
        new shapes cost a new trace, so callers keep them fixed.
    """
    import keras

    def forward(*inputs: Any) -> tuple[Any, ...]:
        return outputs(network(inputs[0] if len(inputs) == 1 else inputs, training=False))

    run = (_tensorflow_function if device.backend == "tensorflow" else _torch_function)(forward)

    def run_on_device(*inputs: np.ndarray) -> Arrays:
        with keras.device(device.name):
            return run(*inputs)

    return run_on_device


def _tensorflow_function(forward: Callable[..., tuple[Any, ...]]) -> Callable[..., Arrays]:
    """A graph for the inputs' shapes; not by XLA, whose LLVM crashes beside that of Mesa's windows."""
    import tensorflow as tf

    @cache
    def graph(*shapes: tuple[int, ...]) -> Callable[..., Any]:
        specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        return cast(Callable[..., Any], tf.function(forward).get_concrete_function(*specs))

    def run(*inputs: np.ndarray) -> Arrays:
        answers = graph(*(each.shape for each in inputs))(*map(tf.constant, inputs))
        return tuple(np.asarray(answer.numpy()) for answer in answers)

    return run


def _torch_function(forward: Callable[..., tuple[Any, ...]]) -> Callable[..., Arrays]:
    import keras
    import torch

    def run(*inputs: np.ndarray) -> Arrays:
        with torch.inference_mode():
            answers = forward(*map(keras.ops.convert_to_tensor, inputs))
            return tuple(np.asarray(keras.ops.convert_to_numpy(answer)) for answer in answers)

    return run
