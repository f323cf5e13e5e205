"""Networks as OpenVINO graphs, built from their plans and weights without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_organelle.model.networks.layers import LEAK, STANDARDISE_EPSILON, Activation


@dataclass(frozen=True)
class OpenVinoLayers:
    """Makes OpenVINO operations, of images (B, channels, y, x).

    Parameters
    ----------
    weights : mapping of str to array
        As from ``ModelBundle.weights``.
    """

    weights: Mapping[str, np.ndarray]

    def rescale(self, x: Any, scale: float, offsets: Sequence[float]) -> Any:
        from openvino import opset13 as ops

        means = -np.array(offsets, np.float32).reshape(1, -1, 1, 1)
        return ops.subtract(ops.multiply(x, np.float32(scale)), means)

    def convolution(self, x: Any, name: str, filters: int, size: int = 3, *, bgr: bool = False) -> Any:
        from openvino import opset13 as ops

        kernel = self._float32(f"{name}/kernel").transpose(3, 2, 0, 1)
        kernel = np.ascontiguousarray(kernel[:, ::-1] if bgr else kernel)
        # With an even kernel Keras puts the odd zero at the end.
        before, after = [(size - 1) // 2] * 2, [size // 2] * 2
        x = ops.convolution(x, kernel, [1, 1], before, after, [1, 1])
        return ops.relu(ops.add(x, self._float32(f"{name}/bias").reshape(1, -1, 1, 1)))

    def max_pool(self, x: Any, name: str) -> Any:
        from openvino import opset13 as ops

        return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)

    def mean_and_max(self, x: Any, name: str) -> tuple[Any, Any]:
        from openvino import opset13 as ops

        area = np.array([2, 3])
        return ops.reduce_mean(x, area), ops.reduce_max(x, area)

    def flatten(self, x: Any, name: str) -> Any:
        from openvino import opset13 as ops

        return ops.reshape(ops.transpose(x, np.array([0, 2, 3, 1])), np.array([0, -1]), special_zero=True)

    def concatenate(self, vectors: Sequence[Any], name: str) -> Any:
        from openvino import opset13 as ops

        return ops.concat(list(vectors), 1)

    def standardise(self, x: Any, name: str) -> Any:
        from openvino import opset13 as ops

        deviation = np.sqrt(self._float32(f"{name}/moving_variance") + np.float32(STANDARDISE_EPSILON))
        return ops.divide(ops.subtract(x, self._float32(f"{name}/moving_mean")), deviation)

    def dropout(self, x: Any, name: str, rate: float) -> Any:
        return x

    def dense(self, x: Any, name: str, units: int, activation: Activation = "") -> Any:
        from openvino import opset13 as ops

        product = ops.matmul(x, self._float32(f"{name}/kernel"), False, False)
        x = ops.add(product, self._float32(f"{name}/bias"))
        if activation == "leaky_relu":
            return ops.prelu(x, np.float32(LEAK))
        return ops.relu(x) if activation == "relu" else x

    def _float32(self, name: str) -> np.ndarray:
        return np.asarray(self.weights[name], np.float32)
