"""Networks on the CPU by OpenVINO, from a bundle's weights: neither TensorFlow nor Keras is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Any, Literal

import numpy as np

from napari_organelle.model.networks.openvino_graph import OpenVinoLayers
from napari_organelle.model.spec import ModelSpec

Weights = Mapping[str, np.ndarray]

HINTS = {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
"""All threads work on one batch; none is bound to a core, so that preparing the next one finds room."""

PRECISION_HINTS = {"float32": "f32", "bfloat16": "bf16"}


def is_installed() -> bool:
    """Whether the extra ``openvino`` is there, and starts: a fraction of a second."""
    try:
        import openvino  # noqa: F401
    except ImportError:
        return False
    return True


def best_precision() -> Literal["bfloat16", "float32"]:
    """``"bfloat16"`` where the processor multiplies it as such (AVX-512 BF16, AMX), else ``"float32"``."""
    import openvino as ov

    able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bfloat16" if "BF16" in able else "float32"


def compile_openvino(
    spec: ModelSpec, weights: Weights, precision: str
) -> Callable[[np.ndarray, bool], tuple[np.ndarray, ...]]:
    """A bundle's whole network, calibration included.

    Parameters
    ----------
    spec : ModelSpec
        Of the bundle.
    weights : mapping of str to array
        As from ``ModelBundle.weights``.
    precision : {"float32", "bfloat16"}
        In which convolutions and dense layers multiply.

    Returns
    -------
    callable
        (B, n, n, 3) float32 RGB in [0, 1] to (B, K) float32 calibrated probabilities and, where its second
        argument is True, the (B, features) float32 that they stand on; compiled for each B. Raises
        MemoryError where the memory does not hold B.
    """
    import openvino as ov

    core, lock = ov.Core(), Lock()
    hints = {**HINTS, "INFERENCE_PRECISION_HINT": PRECISION_HINTS[precision]}

    @cache
    def request(shape: tuple[int, ...], features: bool) -> Any:
        graph = build_graph(spec, weights, shape, features)
        return core.compile_model(graph, "CPU", hints).create_infer_request()

    def answers(batch: np.ndarray, features: bool) -> tuple[np.ndarray, ...]:
        try:
            with lock:
                outputs = request(batch.shape, features).infer([batch], share_inputs=True)
                return tuple(np.array(outputs[index]) for index in range(1 + features))
        except RuntimeError as error:
            if "alloc" in str(error):
                raise MemoryError(str(error)) from error
            raise

    return answers


def build_graph(spec: ModelSpec, weights: Weights, shape: tuple[int, ...], features: bool = False) -> Any:
    """``openvino.Model`` of (B, n, n, 3) float32 RGB in [0, 1] to (B, K) float32 probabilities.

    With `features` it has a second output: the (B, features) float32 that the head takes.
    """
    import openvino as ov
    from openvino import opset13 as ops

    image, layers, plan = (
        ops.parameter(shape, np.float32, name="image"),
        OpenVinoLayers(weights),
        spec.plan,
    )
    pooled = plan.features(layers, plan.maps(layers, ops.transpose(image, np.array([0, 3, 1, 2]))))
    logits = plan.logits(layers, pooled, len(spec.classes))
    logits = ops.divide(logits, np.float32(spec.temperature))
    answer = ops.softmax(logits, 1) if spec.task == "single" else ops.sigmoid(logits)
    return ov.Model([answer, pooled] if features else [answer], [image], spec.name)
