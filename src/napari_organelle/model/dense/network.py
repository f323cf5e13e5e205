"""Features of many tiles from one pass over a block of pixels, and the head on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_organelle.model.engine.compiled import compile_network
from napari_organelle.model.engine.loaded import LoadedModel
from napari_organelle.model.networks.keras_models import KerasLayers, assign_weights, build_head
from napari_organelle.model.networks.plan import NetworkPlan

if TYPE_CHECKING:
    import keras

TilesOfBlock = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""A block's (1, H, W, 3) network input and its tiles' (1, n_y) first rows and (1, n_x) first columns,
float32, to one row for each of the n_y * n_x tiles."""

_compiled: WeakKeyDictionary[keras.Model, TilesOfBlock] = WeakKeyDictionary()


def build_dense_extractor(plan: NetworkPlan, input_size: int, precision: str = "float32") -> keras.Model:
    """As `keras_models.build_feature_extractor`, for all tiles of a block.

    Parameters
    ----------
    plan : NetworkPlan
        With the head ``"pooled"``.
    input_size : int
        Side of a tile in network pixels.
    precision : str
        As for `keras_models.build_network`.

    Returns
    -------
    keras.Model
        ``[(1, H, W, 3) float32 RGB in [0, 1], (1, n_y) float32, (1, n_x) float32]``, a block with the first
        rows and columns of its tiles in network pixels, to (n_y * n_x, features) float32. Each block of
        layers is pooled over its own pixels that are nearest to the tile.
    """
    import keras

    image = keras.Input((None, None, 3), batch_size=1, name="image")
    tops, lefts = (keras.Input((None,), batch_size=1, name=name) for name in ("tops", "lefts"))
    maps = plan.maps(KerasLayers(precision), image)
    parts, strides = [], plan.strides()
    for block in plan.blocks:
        features = keras.ops.cast(maps[block - 1], "float32")
        step = strides[block - 1]
        rows, columns = (_pixels_of_tiles(starts, step, input_size // step) for starts in (tops, lefts))
        for reduce in (keras.ops.mean, keras.ops.max):
            strips = reduce(keras.ops.take(features[0], rows, axis=0), axis=1)
            parts.append(reduce(keras.ops.take(strips, columns, axis=1), axis=2))
    pooled = keras.ops.concatenate(parts, axis=-1)
    vectors = keras.ops.reshape(pooled, (-1, plan.feature_count(input_size)))
    return keras.Model([image, tops, lefts], vectors, name="dense")


def _pixels_of_tiles(starts: Any, step: int, side: int) -> Any:
    """(n, side) int32 indices along an axis of a feature map of tiles that start at (1, n) network pixels."""
    from keras import ops

    first = ops.cast(ops.round(starts[0] / step), "int32")
    return ops.expand_dims(first, 1) + ops.arange(side, dtype="int32")


def compile_logits(model: LoadedModel) -> TilesOfBlock:
    """Logits of a block's tiles, kept while the model is loaded."""
    import keras

    if model.network not in _compiled:
        spec, weights = model.bundle.spec, model.bundle.weights()
        with keras.device(model.device.name):
            features = spec.plan.feature_count(spec.pixels.input_size)
            head = build_head(spec.plan, features, len(spec.classes))
            assign_weights(head, weights)
        _compiled[model.network] = _compile(model, weights, lambda pooled: head(pooled, training=False))
    return _compiled[model.network]


def _compile(
    model: LoadedModel, weights: Mapping[str, np.ndarray], output: Callable[[Any], Any]
) -> TilesOfBlock:
    import keras

    spec, device = model.bundle.spec, model.device
    with keras.device(device.name):
        extractor = build_dense_extractor(spec.plan, spec.pixels.input_size, device.precision)
        assign_weights(extractor, weights)
    return compile_network(extractor, device, output)
