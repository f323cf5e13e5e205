"""VGG16: 13 convolution layers, the features pooled from them, and two heads.

Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition" (2015). Every
network takes RGB in [0, 1] and does the ImageNet preprocessing itself, so that pixels are prepared in one way
only.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_organelle.errors import BundleError

if TYPE_CHECKING:
    import keras

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Filters of each 3x3 convolution, a row a block; each block ends in 2x2 max pooling."""

MIN_INPUT_SIZE = 32
"""Five poolings leave one pixel of it."""

IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)
"""Mean blue, green and red of ImageNet, which the published weights expect to be taken off."""

IMAGENET_FILE = Path(__file__).parents[1] / "bundled" / "vgg16_imagenet_f16.npz"
IMAGENET_SHA256 = "e8b3b94f7af9a79d598b51ecca6c0c7d8e2f4f33d3da94141a97be45ea09b99d"

SEED_UNITS = (1000, 750, 500)
SEED_DROPOUT = (0.5, 0.33, 0.5)


@dataclass(frozen=True)
class NetworkPlan:
    """What a network is made of.

    Parameters
    ----------
    width : float
        Factor on the filters of every convolution, in (0, 1]; only 1 takes the ImageNet weights.
    head : {"pooled", "seed"}
        ``"pooled"``: mean and maximum over `blocks`, standardised, then dense layers with ReLU; takes any
        input size. ``"seed"``: Flatten, then dense 1000, 750 and 500 with LeakyReLU(0.3) and dropout 0.5,
        0.33 and 0.5, as in Mamun's notebooks of 2019; `blocks`, `units` and `dropout` are not used.
    blocks : tuple of int
        Blocks (1 to 5) whose last convolution is pooled.
    units : tuple of int
        Sizes of the hidden dense layers; empty for a linear head.
    dropout : float
        Dropout before every dense layer, in [0, 1).
    """

    width: float = 1.0
    head: Literal["pooled", "seed"] = "pooled"
    blocks: tuple[int, ...] = (3, 4, 5)
    units: tuple[int, ...] = (256,)
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.width <= 1:
            raise ValueError(f"width must be in (0, 1], not {self.width}")
        if self.head not in ("pooled", "seed"):
            raise ValueError(f"head must be 'pooled' or 'seed', not {self.head!r}")
        if not self.blocks or list(self.blocks) != sorted(set(self.blocks) & set(range(1, 6))):
            raise ValueError(
                f"blocks must be different numbers from 1 to 5 in rising order, not {self.blocks}"
            )
        if any(units < 1 for units in self.units):
            raise ValueError(f"units must be positive, not {self.units}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}")

    def filters(self, block: int) -> tuple[int, ...]:
        """Filters of each convolution of `block` (1 to 5)."""
        return tuple(max(1, round(filters * self.width)) for filters in BLOCKS[block - 1])

    def feature_count(self, input_size: int) -> int:
        """Length of the vector that the head takes, for inputs of `input_size` pixels a side."""
        if self.head == "seed":
            return (input_size // 32) ** 2 * self.filters(5)[-1]
        return 2 * sum(self.filters(block)[-1] for block in self.blocks)


def build_network(
    plan: NetworkPlan, classes: int, input_size: int | None, precision: str = "float32"
) -> keras.Model:
    """Whole network with random weights.

    Parameters
    ----------
    plan : NetworkPlan
        What to build.
    classes : int
        Number of outputs.
    input_size : int or None
        Side of the input in pixels, at least 32; None leaves it free (not for the head ``"seed"``).
    precision : str
        Keras dtype policy, ``"float32"`` or ``"mixed_float16"``; the logits are float32 with either.

    Returns
    -------
    keras.Model
        (B, input_size, input_size, 3) float32 RGB in [0, 1] to (B, classes) float32 logits. Its layers are
        ``blockB_convC`` (from 1) and those of `build_head`.
    """
    import keras

    image = _image_input(input_size)
    features = _pool(plan, convolve(plan, image, precision))
    return keras.Model(image, classify(plan, features, classes), name="organelle")


def build_feature_extractor(plan: NetworkPlan, input_size: int, precision: str = "float32") -> keras.Model:
    """The part of `build_network` before the head: images to (B, ``plan.feature_count(...)``) features."""
    import keras

    image = _image_input(input_size)
    return keras.Model(image, _pool(plan, convolve(plan, image, precision)), name="features")


def build_head(plan: NetworkPlan, features: int, classes: int) -> keras.Model:
    """The part of `build_network` after the features: (B, features) float32 to (B, classes) float32 logits.

    The pooled head begins with the layer ``standardise``, whose ``moving_mean`` and ``moving_variance`` are
    the training features' own: set them once, gradients leave them alone. Then come ``dense_1``,
    ``dense_2``... and ``logits``.
    """
    import keras

    vector = keras.Input((features,), name="features")
    return keras.Model(vector, classify(plan, vector, classes), name="head")


def build_backbone(
    plan: NetworkPlan, input_size: int | None = None, precision: str = "float32"
) -> keras.Model:
    """The convolution layers alone.

    Returns
    -------
    keras.Model
        (B, H, W, 3) float32 RGB in [0, 1] to five arrays (B, H / 2**b, W / 2**b, filters), b from 0 to 4: the
        last convolution of each block, before its pooling. Without `input_size` H and W are free.
    """
    import keras

    image = _image_input(input_size)
    return keras.Model(image, convolve(plan, image, precision), name="backbone")


def _image_input(input_size: int | None) -> Any:
    import keras

    if input_size is not None and input_size < MIN_INPUT_SIZE:
        raise ValueError(f"input_size must be at least {MIN_INPUT_SIZE} pixels, not {input_size}")
    return keras.Input((input_size, input_size, 3), name="image")


def convolve(plan: NetworkPlan, image: Any, precision: str) -> list[Any]:
    """Last convolution of each block."""
    from keras import layers, ops

    offset = [-mean for mean in IMAGENET_BGR_MEAN]
    x = layers.Rescaling(255.0, offset, dtype=precision, name="imagenet")(ops.flip(image, axis=-1))
    outputs = []
    for block in range(1, 6):
        if block > 1:
            x = layers.MaxPooling2D(2, dtype=precision, name=f"block{block - 1}_pool")(x)
        for index, filters in enumerate(plan.filters(block), start=1):
            name = f"block{block}_conv{index}"
            x = layers.Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                dtype=precision,
                name=name,
            )(x)
        outputs.append(x)
    return outputs


def _pool(plan: NetworkPlan, blocks: list[Any]) -> Any:
    """Features, in float32 with any precision: a sum of float16 activations over an image would overflow."""
    from keras import layers

    if plan.head == "seed":
        return layers.Flatten(dtype="float32", name="flatten")(
            layers.MaxPooling2D(2, dtype="float32", name="block5_pool")(blocks[-1])
        )
    parts = []
    for block in plan.blocks:
        parts.append(
            layers.GlobalAveragePooling2D(dtype="float32", name=f"block{block}_mean")(blocks[block - 1])
        )
        parts.append(layers.GlobalMaxPooling2D(dtype="float32", name=f"block{block}_max")(blocks[block - 1]))
    return layers.Concatenate(dtype="float32", name="pooled")(parts)


def classify(plan: NetworkPlan, x: Any, classes: int) -> Any:
    from keras import layers

    if plan.head == "seed":
        for index, (units, dropout) in enumerate(zip(SEED_UNITS, SEED_DROPOUT, strict=True), start=1):
            x = layers.Dense(units, dtype="float32", name=f"dense_{index}")(x)
            x = layers.LeakyReLU(0.3, dtype="float32", name=f"leaky_{index}")(x)
            x = layers.Dropout(dropout, dtype="float32", name=f"dropout_{index}")(x)
        return layers.Dense(classes, dtype="float32", name="logits")(x)
    x = layers.BatchNormalization(
        center=False, scale=False, trainable=False, dtype="float32", name="standardise"
    )(x)
    for index, units in enumerate(plan.units, start=1):
        x = layers.Dropout(plan.dropout, dtype="float32", name=f"dropout_{index}")(x)
        x = layers.Dense(units, activation="relu", dtype="float32", name=f"dense_{index}")(x)
    x = layers.Dropout(plan.dropout, dtype="float32", name="dropout_logits")(x)
    return layers.Dense(classes, dtype="float32", name="logits")(x)


def weight_shapes(plan: NetworkPlan, classes: int, input_size: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights of `build_network`, without building it."""
    shapes = _convolution_shapes(plan)
    width = plan.feature_count(input_size)
    if plan.head == "pooled":
        shapes |= {"standardise/moving_mean": (width,), "standardise/moving_variance": (width,)}
    for index, units in enumerate(SEED_UNITS if plan.head == "seed" else plan.units, start=1):
        shapes |= {f"dense_{index}/kernel": (width, units), f"dense_{index}/bias": (units,)}
        width = units
    return shapes | {"logits/kernel": (width, classes), "logits/bias": (classes,)}


def _convolution_shapes(plan: NetworkPlan) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    width = 3
    for block in range(1, 6):
        for index, filters in enumerate(plan.filters(block), start=1):
            name = f"block{block}_conv{index}"
            shapes |= {f"{name}/kernel": (3, 3, width, filters), f"{name}/bias": (filters,)}
            width = filters
    return shapes


def read_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Weights of a model made here, as ``layer/variable`` to float32 arrays."""
    import keras

    return {
        f"{layer.name}/{variable.name}": np.asarray(keras.ops.convert_to_numpy(variable.value), np.float32)
        for layer in model.layers
        for variable in layer.weights
    }


def assign_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Set the weights of a model made here; names that the model does not have are left out.

    Parameters
    ----------
    model : keras.Model
        Any model of this module.
    weights : mapping of str to array
        As from `read_weights` or `imagenet_weights`.

    Raises
    ------
    BundleError
        If an array has another shape than the model's variable of that name.
    """
    for layer in model.layers:
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            if name not in weights:
                continue
            if tuple(variable.shape) != weights[name].shape:
                raise BundleError(
                    f"{name} needs shape {tuple(variable.shape)}; the weights have {weights[name].shape}."
                )
            variable.assign(weights[name].astype(np.float32))


@lru_cache(maxsize=1)
def imagenet_weights(path: Path | None = None) -> Mapping[str, np.ndarray]:
    """The 13 convolution layers trained on ImageNet.

    Parameters
    ----------
    path : Path, optional
        A ``.npz`` file of one's own with the same names and shapes; the layers that come with the package
        where not given. Those are the weights of K. Simonyan and A. Zisserman (University of Oxford, CC BY
        4.0) as float16.

    Returns
    -------
    mapping of str to array
        ``blockB_convC/kernel`` (3, 3, in, out) and ``blockB_convC/bias`` (out,), for inputs in BGR minus the
        mean.

    Raises
    ------
    BundleError
        If the file can't be read, was altered, or lacks a layer.
    """
    file = path or IMAGENET_FILE
    try:
        raw = file.read_bytes()
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            weights = dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BundleError(f"The VGG16 layers can't be read from {file}: {error}") from error
    if path is None and hashlib.sha256(raw).hexdigest() != IMAGENET_SHA256:
        raise BundleError(f"{file} was altered: install napari-organelle again.")
    for name, shape in _convolution_shapes(NetworkPlan()).items():
        if name not in weights or weights[name].shape != shape:
            raise BundleError(
                f"{file} must be an .npz with kernel and bias of 13 layers; {name} {shape} is not in it."
            )
    return weights
