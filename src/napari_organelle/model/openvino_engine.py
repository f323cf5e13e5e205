"""VGG16 on the CPU by OpenVINO, straight from a bundle's weights: neither TensorFlow nor Keras is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Any, Literal

import numpy as np

from napari_organelle.model.spec import ModelSpec
from napari_organelle.model.vgg16 import IMAGENET_BGR_MEAN, SEED_UNITS, NetworkPlan

Weights = Mapping[str, np.ndarray]

STANDARDISE_EPSILON = 1e-3
SEED_LEAK = 0.3
"""As Keras has them in the layers of `vgg16`."""

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


def compile_openvino(spec: ModelSpec, weights: Weights, precision: str) -> Callable[[np.ndarray], np.ndarray]:
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
        (B, n, n, 3) float32 RGB in [0, 1] to (B, K) float32 calibrated probabilities; compiled for each B.
        Raises MemoryError where the memory does not hold B.
    """
    import openvino as ov

    core, lock = ov.Core(), Lock()
    hints = {**HINTS, "INFERENCE_PRECISION_HINT": PRECISION_HINTS[precision]}

    @cache
    def request(shape: tuple[int, ...]) -> Any:
        return core.compile_model(build_graph(spec, weights, shape), "CPU", hints).create_infer_request()

    def probabilities(batch: np.ndarray) -> np.ndarray:
        try:
            with lock:
                return np.array(request(batch.shape).infer([batch], share_inputs=True)[0])
        except RuntimeError as error:
            if "alloc" in str(error):
                raise MemoryError(str(error)) from error
            raise

    return probabilities


def build_graph(spec: ModelSpec, weights: Weights, shape: tuple[int, ...]) -> Any:
    """``openvino.Model`` of (B, n, n, 3) float32 RGB in [0, 1] to (B, K) float32 probabilities."""
    import openvino as ov
    from openvino import opset13 as ops

    image = ops.parameter(shape, np.float32, name="image")
    blocks = _convolve(spec.network, weights, image)
    logits = _classify(spec.network, weights, _pool(spec.network, blocks))
    logits = ops.divide(logits, np.float32(spec.temperature))
    answer = ops.softmax(logits, 1) if spec.task == "single" else ops.sigmoid(logits)
    return ov.Model([answer], [image], spec.name)


def _convolve(plan: NetworkPlan, weights: Weights, image: Any) -> list[Any]:
    """Last convolution of each block, (B, filters, y, x)."""
    from openvino import opset13 as ops

    mean = np.array(IMAGENET_BGR_MEAN, np.float32)[::-1].reshape(1, 3, 1, 1)
    x = ops.transpose(image, np.array([0, 3, 1, 2]))
    x = ops.subtract(ops.multiply(x, np.float32(255)), mean)
    outputs = []
    for block in range(1, 6):
        if block > 1:
            x = _halve(x)
        for index in range(1, len(plan.filters(block)) + 1):
            name = f"block{block}_conv{index}"
            kernel = _float32(weights, f"{name}/kernel").transpose(3, 2, 0, 1)
            if name == "block1_conv1":
                kernel = kernel[:, ::-1]
            x = ops.convolution(x, np.ascontiguousarray(kernel), [1, 1], [1, 1], [1, 1], [1, 1])
            x = ops.relu(ops.add(x, _float32(weights, f"{name}/bias").reshape(1, -1, 1, 1)))
        outputs.append(x)
    return outputs


def _halve(x: Any) -> Any:
    from openvino import opset13 as ops

    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)


def _pool(plan: NetworkPlan, blocks: list[Any]) -> Any:
    """(B, features); the seed's in the order in which Keras flattens (B, y, x, filters)."""
    from openvino import opset13 as ops

    if plan.head == "seed":
        last = ops.transpose(_halve(blocks[-1]), np.array([0, 2, 3, 1]))
        return ops.reshape(last, np.array([0, -1]), special_zero=True)
    area = np.array([2, 3])
    parts = []
    for block in plan.blocks:
        parts.append(ops.reduce_mean(blocks[block - 1], area))
        parts.append(ops.reduce_max(blocks[block - 1], area))
    return ops.concat(parts, 1)


def _classify(plan: NetworkPlan, weights: Weights, x: Any) -> Any:
    """(B, K) logits."""
    from openvino import opset13 as ops

    if plan.head == "seed":
        for index in range(1, len(SEED_UNITS) + 1):
            x = ops.prelu(_dense(weights, f"dense_{index}", x), np.float32(SEED_LEAK))
        return _dense(weights, "logits", x)
    deviation = np.sqrt(_float32(weights, "standardise/moving_variance") + np.float32(STANDARDISE_EPSILON))
    x = ops.divide(ops.subtract(x, _float32(weights, "standardise/moving_mean")), deviation)
    for index in range(1, len(plan.units) + 1):
        x = ops.relu(_dense(weights, f"dense_{index}", x))
    return _dense(weights, "logits", x)


def _dense(weights: Weights, name: str, x: Any) -> Any:
    from openvino import opset13 as ops

    product = ops.matmul(x, _float32(weights, f"{name}/kernel"), False, False)
    return ops.add(product, _float32(weights, f"{name}/bias"))


def _float32(weights: Weights, name: str) -> np.ndarray:
    return np.asarray(weights[name], np.float32)
