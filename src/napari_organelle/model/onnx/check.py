"""What an ONNX file from anywhere may hold: standard operators that run once, and its own weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napari_organelle.errors import BundleError

MAX_BYTES = 2**31 - 1
"""What one file of the format can hold."""

STANDARD = ("", "ai.onnx")
"""Domains of operators that every runtime knows; others need code of their own."""


def check_onnx(raw: bytes) -> None:
    """Refuse a graph that runs foreign code, may never end, reads other files, or answers by chance.

    Parameters
    ----------
    raw : bytes
        Of the file.

    Raises
    ------
    BundleError
        If it is no sound ONNX, or holds any of that; the message names it.
    """
    try:
        import onnx
    except ImportError as error:
        raise BundleError(
            'ONNX models need two more packages: pip install "napari-organelle[onnx]"'
        ) from error
    try:
        model = onnx.load_model_from_string(raw)
        onnx.checker.check_model(model)
    except Exception as error:  # whatever a parser of foreign bytes raises
        reason = " ".join(str(error).split())
        raise BundleError(f"it is no sound ONNX file ({reason:.200})") from error
    for domain in sorted({opset.domain for opset in model.opset_import}):
        if domain not in STANDARD and any(node.domain == domain for node in _nodes(model)):
            raise BundleError(f"it has operators of {domain!r}; only ONNX's own are run. Export it without.")
    for node in _nodes(model):
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise BundleError(
                f"it holds {node.op_type} {node.name!r}, which may never end: export it without loops and "
                "branches."
            )
        if node.op_type.startswith("Random") or node.op_type in ("Multinomial", "Bernoulli"):
            raise BundleError(
                f"it holds {node.op_type}, which answers by chance: export it for inference, not training."
            )
    if any(tensor.external_data for tensor in _tensors(model)):
        raise BundleError("its weights are in another file, which is not read: save them in the .onnx itself")


def _nodes(model: Any) -> Iterator[Any]:
    yield from model.graph.node
    for function in model.functions:
        yield from function.node


def _tensors(model: Any) -> Iterator[Any]:
    yield from model.graph.initializer
    for sparse in model.graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in _nodes(model):
        for attribute in node.attribute:
            yield from (attribute.t, attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
            yield from attribute.tensors
