"""A bundle's network on a device, ready to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine.compiled import compile_outputs
from napari_organelle.model.engine.device import Device, choose_device
from napari_organelle.model.engine.onnx import compile_onnx, onnx_device
from napari_organelle.model.engine.openvino import compile_openvino
from napari_organelle.model.networks.keras_models import assign_weights, build_with_features
from napari_organelle.model.networks.onnx_file import OnnxNetwork
from napari_organelle.model.spec import ModelSpec

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
    answers : callable
        As `probabilities` (to rounding), with the (B, features) float32 that the head takes as a second
        array, from the same pass. Compiled when first called, so that it costs nothing where nobody asks.
    """

    bundle: ModelBundle
    device: Device
    network: keras.Model | None
    probabilities: Callable[[np.ndarray], np.ndarray]
    answers: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


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
    # other people's networks run where ONNX is read, and in 32 bits
    place = onnx_device(device) if bundle.spec.is_onnx else choose_device(device)
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
    if not device.runs_keras:
        run = (
            compile_onnx(bundle, spec.network)
            if isinstance(spec.network, OnnxNetwork)
            else compile_openvino(spec, bundle.weights(), device.precision)
        )
        return LoadedModel(
            bundle, device, None, lambda batch: run(batch, False)[0], lambda batch: _pair(run(batch, True))
        )
    import keras

    weights = bundle.weights()
    with keras.device(device.name):
        both = build_with_features(spec.plan, len(spec.classes), spec.pixels.input_size, device.precision)
        assign_weights(both, weights)
        network = keras.Model(both.input, both.outputs[0], name="organelle")
    calibrate = _calibrate(spec)
    alone = compile_outputs(network, device, lambda logits: (calibrate(logits),))
    pair = compile_outputs(both, device, lambda outputs: (calibrate(outputs[0]), outputs[1]))
    return LoadedModel(
        bundle, device, network, lambda batch: alone(batch)[0], lambda batch: _pair(pair(batch))
    )


def _pair(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    probabilities, features = arrays
    return probabilities, features


def _calibrate(spec: ModelSpec) -> Callable[[Any], Any]:
    """Logits to probabilities."""
    from keras import ops

    activation = ops.softmax if spec.task == "single" else ops.sigmoid
    return lambda logits: activation(logits / spec.temperature)
