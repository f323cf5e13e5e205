"""Networks of ONNX files on the CPU by OpenVINO, which reads them: no Keras and no other runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from napari_organelle.errors import BundleError, DeviceError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine.device import OPENVINO, Device, openvino_device
from napari_organelle.model.engine.openvino import HINTS, PRECISION_HINTS
from napari_organelle.model.networks.onnx_file import OnnxNetwork
from napari_organelle.model.onnx.check import check_onnx
from napari_organelle.model.scoring.calibrate import probabilities
from napari_organelle.outside import SHOWN, opening, require_memory

FEATURES = "features"
"""Name of an output that holds what the logits stand on."""

TOLERANCE = 1e-3
"""How far probabilities may be outside of [0, 1], and their sum from 1."""

Answering = Callable[[np.ndarray, bool], tuple[np.ndarray, ...]]


def onnx_device(name: str) -> Device:
    """The CPU by OpenVINO, in 32 bits: that 16 would do was measured on our own networks only.

    Raises
    ------
    DeviceError
        If OpenVINO is not installed, or another device was chosen.
    """
    if name not in ("auto", "cpu", OPENVINO):
        raise DeviceError(
            f"A model from an ONNX file runs on the CPU, not on {name!r}: choose the device auto or "
            f"{OPENVINO}."
        )
    return replace(openvino_device(), precision="float32")


def compile_onnx(bundle: ModelBundle, network: OnnxNetwork) -> Answering:
    """An ONNX model's network and its calibration.

    Parameters
    ----------
    bundle : ModelBundle
        Opened from an ``.onnx`` file.
    network : OnnxNetwork
        That of its spec.

    Returns
    -------
    callable
        As from `openvino.compile_openvino`. Raises BundleError where answers are no probabilities though the
        description says so, or features are asked for and the file has no output of that name.

    Raises
    ------
    BundleError
        If the file was altered, is no sound ONNX, holds what is refused (`onnx.check`), or its input or
        output is not what the description says.
    """
    import openvino as ov

    raw, spec, lock = bundle.onnx(), bundle.spec, Lock()
    with opening(bundle.path, BundleError):
        check_onnx(raw)
    fixed, has_features = _check_shapes(bundle, _read(bundle, raw))

    @cache
    def request(rows: int) -> Any:
        graph = _prepared(_sized(bundle, _read(bundle, raw), rows), network)
        require_memory(_bytes(graph), f"a batch of {rows} in this network")
        return (
            ov.Core()
            .compile_model(graph, "CPU", {**HINTS, "INFERENCE_PRECISION_HINT": PRECISION_HINTS["float32"]})
            .create_infer_request()
        )

    def answers(batch: np.ndarray, features: bool) -> tuple[np.ndarray, ...]:
        if features and not has_features:
            raise BundleError(f"{bundle.path} has no output {FEATURES!r}, which this needs.")
        with lock:
            parts = [_infer(request, part, fixed) for part in _parts(batch, fixed)]
        found = [np.concatenate(each) for each in zip(*parts, strict=True)]
        if network.output == "logits":
            found[0] = probabilities(found[0], spec.task, spec.temperature)
        elif wrong := _not_probabilities(found[0], spec.task):
            raise BundleError(f"{bundle.path}: its description says that it gives probabilities; {wrong}.")
        return tuple(found if features else found[:1])

    return answers


def _read(bundle: ModelBundle, raw: bytes) -> Any:
    import openvino as ov

    try:
        return ov.Core().read_model(raw)
    except RuntimeError as error:
        raise BundleError(f"{bundle.path}: OpenVINO can't read its graph ({_reason(error)}).") from error


def _check_shapes(bundle: ModelBundle, graph: Any) -> tuple[int, bool]:
    """Rows that the graph takes at once, 0 where any number; and whether it gives features."""
    if len(graph.inputs) != 1:
        raise BundleError(f"{bundle.path} must have one input, not {len(graph.inputs)}.")
    shape = graph.input(0).partial_shape
    wanted = _input_shape(bundle, 1)
    sides = [None if each.is_dynamic else each.get_length() for each in shape] if shape.rank.is_static else []
    if len(sides) != 4 or any(
        side not in (None, want) for side, want in zip(sides[1:], wanted[1:], strict=True)
    ):
        raise BundleError(
            f"{bundle.path} takes images of the shape {shape}; its description says "
            f"{['batch', *wanted[1:]]}: correct layout, slots, mixing or input_size there."
        )
    fixed = sides[0] or 0
    graph = _sized(bundle, graph, fixed or 1)
    given, classes = list(graph.output(0).shape), len(bundle.spec.classes)
    if given != [fixed or 1, classes]:
        raise BundleError(
            f"{bundle.path} gives an output of the shape {['batch', *given[1:]]}; its description names "
            f"{classes} classes, which takes {['batch', classes]}."
        )
    return fixed, any(FEATURES in output.get_names() for output in graph.outputs[1:])


def _sized(bundle: ModelBundle, graph: Any, rows: int) -> Any:
    """The graph for so many rows, all of its arrays of known sizes."""
    shape = _input_shape(bundle, rows)
    try:
        graph.reshape(shape)
    except RuntimeError as error:
        raise BundleError(
            f"{bundle.path} does not take images of the shape {shape} ({_reason(error)})."
        ) from error
    if any(output.partial_shape.is_dynamic for node in graph.get_ops() for output in node.outputs()):
        raise BundleError(f"{bundle.path} holds arrays whose size depends on the pixels: export it without.")
    return graph


def _input_shape(bundle: ModelBundle, rows: int) -> list[int]:
    pixels, network = bundle.spec.pixels, bundle.spec.network
    side, channels = pixels.input_size, pixels.channel_count
    is_last = isinstance(network, OnnxNetwork) and network.layout == "NHWC"
    return [rows, side, side, channels] if is_last else [rows, channels, side, side]


def _prepared(graph: Any, network: OnnxNetwork) -> Any:
    """The graph with the outputs that are read, in float32, taking (B, y, x, channels) in [0, 1]."""
    import openvino as ov
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(graph)
    steps.input().tensor().set_element_type(ov.Type.f32).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout(network.layout))
    if network.mean:
        steps.input().preprocess().mean(list(network.mean))
    if network.std:
        steps.input().preprocess().scale(list(network.std))
    for index in range(len(graph.outputs)):
        steps.output(index).tensor().set_element_type(ov.Type.f32)
    return steps.build()


def _bytes(graph: Any) -> int:
    """Of all arrays between its nodes, most of which share their memory in the end."""
    return sum(
        output.get_element_type().size * int(np.prod(output.shape, dtype=object))
        for node in graph.get_ops()
        for output in node.outputs()
    )


def _parts(batch: np.ndarray, fixed: int) -> list[np.ndarray]:
    """A batch in pieces of as many rows as the graph takes."""
    return [batch[row : row + fixed] for row in range(0, len(batch), fixed)] if fixed else [batch]


def _infer(request: Callable[[int], Any], part: np.ndarray, fixed: int) -> list[np.ndarray]:
    """What the network says to up to `fixed` rows, filled up with zeros."""
    missing = fixed - len(part) if fixed else 0
    filled = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else part
    try:
        outputs = request(len(filled)).infer([filled], share_inputs=True)
    except RuntimeError as error:
        if "alloc" in str(error):
            raise MemoryError(str(error)) from error
        raise
    named = {name: output for output in outputs for name in output.get_names()}
    chosen = [outputs[0], *([outputs[named[FEATURES]]] if FEATURES in named else [])]
    return [np.array(each)[: len(part)] for each in chosen]


def _not_probabilities(answers: np.ndarray, task: str) -> str:
    """Why numbers can't be probabilities; ``""`` where they can."""
    low, high = float(np.nanmin(answers)), float(np.nanmax(answers))
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        return f"its answers go from {low:g} to {high:g}"
    sums = answers.sum(axis=1)
    if task == "single" and np.abs(sums - 1).max() > TOLERANCE:
        return f"those of one image sum to {sums[np.abs(sums - 1).argmax()]:g}, not 1"
    return ""


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[-SHOWN:]
