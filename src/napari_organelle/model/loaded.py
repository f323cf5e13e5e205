"""A bundle's network on a device, ready to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.compiled import compile_network
from napari_organelle.model.device import Device, choose_device
from napari_organelle.model.openvino_engine import compile_openvino
from napari_organelle.model.spec import ModelSpec
from napari_organelle.model.vgg16 import assign_weights, build_network

if TYPE_CHECKING:
    import keras

MAX_LOADED = 2


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights on a device.

    Parameters
    ----------
    bundle : ModelBundle
        Where it came from.
    device : Device
        Where it is.
    network : keras.Model or None
        (B, n, n, 3) float32 in [0, 1] to (B, K) float32 logits; None on a device that runs no Keras.
    probabilities : callable
        (B, n, n, 3) float32 array to (B, K) float32 array of calibrated probabilities; keep B fixed, since
        each new B is compiled anew.
    """

    bundle: ModelBundle
    device: Device
    network: keras.Model | None
    probabilities: Callable[[np.ndarray], np.ndarray]


_loaded: list[LoadedModel] = []
_lock = Lock()


def load(bundle: ModelBundle, device: str = "auto") -> LoadedModel:
    """The bundle's network on a device, kept for the next call while it is among the last two.

    Parameters
    ----------
    bundle : ModelBundle
        What to load.
    device : str
        Name as for `device.choose_device`.

    Raises
    ------
    BundleError
        If the weights were altered or are not the network's.
    DeviceError
        If the device isn't there.
    """
    place = choose_device(device)
    with _lock:
        model = next((m for m in _loaded if m.bundle == bundle and m.device == place), None)
        if model is None:
            model = _load(bundle, place)
        else:
            _loaded.remove(model)
        _loaded.insert(0, model)
        del _loaded[MAX_LOADED:]
    return model


def _load(bundle: ModelBundle, device: Device) -> LoadedModel:
    spec = bundle.spec
    weights = bundle.weights()
    if not device.runs_keras:
        return LoadedModel(bundle, device, None, compile_openvino(spec, weights, device.precision))
    import keras

    with keras.device(device.name):
        network = build_network(spec.network, len(spec.classes), spec.pixels.input_size, device.precision)
        assign_weights(network, weights)
    return LoadedModel(bundle, device, network, compile_network(network, device, _calibrate(spec)))


def _calibrate(spec: ModelSpec) -> Callable[[Any], Any]:
    """Logits to probabilities."""
    from keras import ops

    activation = ops.softmax if spec.task == "single" else ops.sigmoid
    return lambda logits: activation(logits / spec.temperature)
