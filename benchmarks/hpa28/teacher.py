"""gapnet_pl, a published network for Atlas images, as a teacher and a yardstick; it is not shipped.

Rumetshofer et al., "Human-level Protein Localization with Convolutional Neural Networks", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

TEACHER_CLASSES = (
    "Actin filaments", "Centrosome", "Cytosol", "Endoplasmic reticulum", "Golgi apparatus",
    "Intermediate filaments", "Microtubules", "Mitochondria", "Nuclear membrane", "Nucleoli", "Nucleus",
    "Plasma membrane", "Vesicles",
)  # fmt: skip

IN_2018 = (
    (12,), (19, 18), (25,), (6,), (7,), (11,), (14,), (23,), (1,), (2, 3), (0, 4, 5), (21,), (8, 9, 10, 20),
)  # fmt: skip
"""Indices of the 28 locations that each of the teacher's classes covers."""

FILTERS = (32, 64, 64, 64, 64, 128, 128, 128)
STRIDES = (2, 2, 1, 1, 1, 1, 1, 1)


def build_teacher() -> keras.Model:
    """(B, Y, X, 4) standardised nucleus, protein, microtubules and ER to (B, 13) probabilities."""
    x = image = keras.Input((None, None, 4))
    means = []
    for number, (filters, stride) in enumerate(zip(FILTERS, STRIDES, strict=True), start=1):
        x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(filters, 3, stride, activation="selu", name=f"ConvLayer-{number}")(x)
        if number in (1, 5):
            x = layers.MaxPooling2D(2)(x)
        if number in (1, 5, 8):
            means.append(layers.GlobalAveragePooling2D()(x))
    x = layers.Concatenate()(means)
    for number, (units, how) in enumerate(((256, "selu"), (256, "selu"), (13, "sigmoid")), start=1):
        x = layers.Dense(units, activation=how, name=f"FC-{number}")(x)
    return keras.Model(image, x)


def load_teacher(path: Path) -> keras.Model:
    """The network with the weights of ``gapnet_pl/weights.npz``."""
    model = build_teacher()
    with np.load(path) as stored:
        for layer in model.layers:
            if layer.weights:
                kind = "conv" if layer.name.startswith("Conv") else "dense"
                layer.set_weights([stored[f"{layer.name}.{part}_{kind}"] for part in "Wb"])
    return model


def teach(model: keras.Model, images: Iterable[Sequence[np.ndarray]], batch: int = 8) -> np.ndarray:
    """(N, 13) probabilities of images (nucleus, protein, microtubules, ER), each (Y, X), all of one size."""
    answers, waiting = [], []
    for stains in images:
        pixels = np.stack(stains, axis=-1).astype(np.float32)
        waiting.append((pixels - pixels.mean((0, 1))) / (pixels.std((0, 1)) + 1e-7))
        if len(waiting) == batch:
            answers.append(np.asarray(model(np.stack(waiting))))
            waiting = []
    if waiting:
        answers.append(np.asarray(model(np.stack(waiting))))
    return np.concatenate(answers)
