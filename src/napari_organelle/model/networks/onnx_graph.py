"""Networks as ONNX graphs, built from their plans and weights without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_organelle.model.networks.layers import LEAK, STANDARDISE_EPSILON, Activation
from napari_organelle.model.networks.plan import NetworkPlan

OPSET = 17
"""Version of ONNX's operators: what runtimes since the summer of 2022 read."""

IR_VERSION = 8
"""Of the file format that came with it."""


@dataclass
class OnnxLayers:
    """Makes ONNX nodes, of images (B, channels, y, x); `x` is the name of an array.

    Parameters
    ----------
    weights : mapping of str to array
        As from ``ModelBundle.weights``.
    """

    weights: Mapping[str, np.ndarray]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def rescale(self, x: str, scale: float, offsets: Sequence[float]) -> str:
        shifts = np.array(offsets).reshape(1, -1, 1, 1)
        x = self._node("Mul", "rescale/scaled", x, self._constant("rescale/scale", np.array(scale)))
        return self._node("Add", "rescale", x, self._constant("rescale/offsets", shifts))

    def convolution(self, x: str, name: str, filters: int, size: int = 3, *, bgr: bool = False) -> str:
        array = self.weights[f"{name}/kernel"].transpose(3, 2, 0, 1)
        kernel = self._constant(f"{name}/kernel", array[:, ::-1] if bgr else array)
        before, after = [(size - 1) // 2] * 2, [size // 2] * 2  # Keras puts an odd zero at the end
        x = self._node("Conv", f"{name}/linear", x, kernel, self._weight(f"{name}/bias"), pads=before + after)
        return self._node("Relu", name, x)

    def max_pool(self, x: str, name: str) -> str:
        return self._node("MaxPool", name, x, kernel_shape=[2, 2], strides=[2, 2])

    def mean_and_max(self, x: str, name: str) -> tuple[str, str]:
        mean = self._node("GlobalAveragePool", f"{name}_mean/pixel", x)
        maximum = self._node("GlobalMaxPool", f"{name}_max/pixel", x)
        return self._node("Flatten", f"{name}_mean", mean), self._node("Flatten", f"{name}_max", maximum)

    def flatten(self, x: str, name: str) -> str:
        return self._node("Flatten", name, self._node("Transpose", f"{name}/last", x, perm=[0, 2, 3, 1]))

    def concatenate(self, vectors: Sequence[str], name: str) -> str:
        return self._node("Concat", name, *vectors, axis=1)

    def standardise(self, x: str, name: str) -> str:
        variance = np.asarray(self.weights[f"{name}/moving_variance"], np.float32)
        deviation = self._constant(f"{name}/deviation", np.sqrt(variance + np.float32(STANDARDISE_EPSILON)))
        x = self._node("Sub", f"{name}/centred", x, self._weight(f"{name}/moving_mean"))
        return self._node("Div", name, x, deviation)

    def dropout(self, x: str, name: str, rate: float) -> str:
        return x

    def dense(self, x: str, name: str, units: int, activation: Activation = "") -> str:
        inputs = (x, self._weight(f"{name}/kernel"), self._weight(f"{name}/bias"))
        if activation == "leaky_relu":
            return self._node("LeakyRelu", name, self._node("Gemm", f"{name}/linear", *inputs), alpha=LEAK)
        if activation == "relu":
            return self._node("Relu", name, self._node("Gemm", f"{name}/linear", *inputs))
        return self._node("Gemm", name, *inputs)

    def _weight(self, name: str) -> str:
        return self._constant(name, self.weights[name])

    def _constant(self, name: str, values: np.ndarray) -> str:
        from onnx import numpy_helper

        array = np.ascontiguousarray(values, np.float32).reshape(values.shape)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [f"{name}:0"], name=name, **attributes))
        return f"{name}:0"


def build_onnx(
    plan: NetworkPlan, weights: Mapping[str, np.ndarray], classes: int, input_size: int, name: str
) -> Any:
    """A whole network as ``onnx.ModelProto``.

    Parameters
    ----------
    plan : NetworkPlan
        What to build.
    weights : mapping of str to array
        As from ``ModelBundle.weights``; float32 in the graph.
    classes : int
        Number of classes, K.
    input_size : int
        Side of the input in pixels.
    name : str
        Of the graph.

    Returns
    -------
    onnx.ModelProto
        ``image`` (B, 3, input_size, input_size) float32 RGB in [0, 1] to ``logits`` (B, K) float32 and
        ``features`` (B, F) float32, that these stand on; B is free.
    """
    from onnx import TensorProto, helper

    layers = OnnxLayers(weights)
    features = plan.features(layers, plan.maps(layers, "image"))
    logits = plan.logits(layers, features, classes)
    outputs = {"logits": (logits, classes), "features": (features, plan.feature_count(input_size))}
    nodes = [*layers.nodes, *(helper.make_node("Identity", [x], [each]) for each, (x, _) in outputs.items())]

    def array(of: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(of, TensorProto.FLOAT, ["batch", *shape])

    graph = helper.make_graph(
        nodes,
        name,
        [array("image", 3, input_size, input_size)],
        [array(each, length) for each, (_, length) in outputs.items()],
        layers.constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
