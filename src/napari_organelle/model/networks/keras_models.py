"""Networks as Keras models, of any backend, built from their plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.errors import BundleError
from napari_organelle.model.networks.layers import LEAK, Activation
from napari_organelle.model.networks.plan import NetworkPlan

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class KerasLayers:
    """Makes Keras layers.

    Parameters
    ----------
    precision : str
        Dtype policy of the convolutions, ``"float32"`` or ``"mixed_float16"``. What comes after them is in
        float32 with either: a sum of float16 activations over an image would overflow.
    """

    precision: str = "float32"

    def rescale(self, x: Any, scale: float, offsets: Sequence[float]) -> Any:
        from keras import layers

        return layers.Rescaling(scale, list(offsets), dtype=self.precision, name="rescale")(x)

    def convolution(self, x: Any, name: str, filters: int, size: int = 3, *, bgr: bool = False) -> Any:
        from keras import layers, ops

        return layers.Conv2D(
            filters,
            size,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            dtype=self.precision,
            name=name,
        )(ops.flip(x, axis=-1) if bgr else x)

    def max_pool(self, x: Any, name: str) -> Any:
        from keras import layers

        return layers.MaxPooling2D(2, dtype=self.precision, name=name)(x)

    def mean_and_max(self, x: Any, name: str) -> tuple[Any, Any]:
        from keras import layers

        # float32 with any policy: a sum of float16 over an image overflows
        mean = layers.GlobalAveragePooling2D(dtype="float32", name=f"{name}_mean")(x)
        return mean, layers.GlobalMaxPooling2D(dtype="float32", name=f"{name}_max")(x)

    def flatten(self, x: Any, name: str) -> Any:
        from keras import layers

        return layers.Flatten(dtype="float32", name=name)(x)

    def concatenate(self, vectors: Sequence[Any], name: str) -> Any:
        from keras import layers

        return layers.Concatenate(dtype="float32", name=name)(list(vectors))

    def standardise(self, x: Any, name: str) -> Any:
        from keras import layers

        return layers.BatchNormalization(
            center=False, scale=False, trainable=False, dtype="float32", name=name
        )(x)

    def dropout(self, x: Any, name: str, rate: float) -> Any:
        from keras import layers

        return layers.Dropout(rate, dtype="float32", name=name)(x)

    def dense(self, x: Any, name: str, units: int, activation: Activation = "") -> Any:
        from keras import layers

        if activation == "leaky_relu":
            x = layers.Dense(units, dtype="float32", name=name)(x)
            return layers.LeakyReLU(LEAK, dtype="float32", name=f"{name}_leaky")(x)
        return layers.Dense(units, activation=activation or None, dtype="float32", name=name)(x)


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
        Side of the input in pixels, at least ``plan.min_input_size``; None leaves it free (not for the head
        ``"notebook2019"``).
    precision : str
        Keras dtype policy, ``"float32"`` or ``"mixed_float16"``; the logits are float32 with either.

    Returns
    -------
    keras.Model
        (B, input_size, input_size, 3) float32 RGB in [0, 1] to (B, classes) float32 logits.
    """
    import keras

    image, _, logits = _whole(plan, classes, input_size, precision)
    return keras.Model(image, logits, name="organelle")


def build_with_features(
    plan: NetworkPlan, classes: int, input_size: int, precision: str = "float32"
) -> keras.Model:
    """As `build_network`, with two outputs: the logits, and the (B, features) float32 that they stand on."""
    import keras

    image, features, logits = _whole(plan, classes, input_size, precision)
    return keras.Model(image, [logits, features], name="organelle")


def _whole(plan: NetworkPlan, classes: int, input_size: int | None, precision: str) -> tuple[Any, Any, Any]:
    layers, image = KerasLayers(precision), _image_input(plan, input_size)
    features = plan.features(layers, plan.maps(layers, image))
    return image, features, plan.logits(layers, features, classes)


def build_feature_extractor(plan: NetworkPlan, input_size: int, precision: str = "float32") -> keras.Model:
    """The part of `build_network` before the head: images to (B, ``plan.feature_count(...)``) features."""
    import keras

    layers, image = KerasLayers(precision), _image_input(plan, input_size)
    return keras.Model(image, plan.features(layers, plan.maps(layers, image)), name="features")


def build_head(plan: NetworkPlan, features: int, classes: int) -> keras.Model:
    """The part of `build_network` after the features: (B, features) float32 to (B, classes) float32 logits.

    The pooled head begins with the layer ``standardise``, whose ``moving_mean`` and ``moving_variance`` are
    the training features' own: set them once, gradients leave them alone.
    """
    import keras

    vector = keras.Input((features,), name="features")
    return keras.Model(vector, plan.logits(KerasLayers(), vector, classes), name="head")


def build_backbone(
    plan: NetworkPlan, input_size: int | None = None, precision: str = "float32"
) -> keras.Model:
    """The convolution layers alone.

    Returns
    -------
    keras.Model
        (B, H, W, 3) float32 RGB in [0, 1] to an array (B, H / stride, W / stride, filters) for each block:
        its last convolution. Without `input_size` H and W are free.
    """
    import keras

    image = _image_input(plan, input_size)
    return keras.Model(image, plan.maps(KerasLayers(precision), image), name="backbone")


def _image_input(plan: NetworkPlan, input_size: int | None) -> Any:
    import keras

    if input_size is not None and input_size < plan.min_input_size:
        raise ValueError(f"input_size must be at least {plan.min_input_size} pixels, not {input_size}")
    return keras.Input((input_size, input_size, 3), name="image")


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
