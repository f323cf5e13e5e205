"""VGG16: 13 convolution layers.

Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition" (2015).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_organelle.errors import BundleError
from napari_organelle.model.networks.backbone import Backbone, scaled
from napari_organelle.model.networks.layers import Layers, Traced, TraceLayers
from napari_organelle.outside import load_arrays, opening

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Filters of each 3x3 convolution, a row a block; each block ends in 2x2 max pooling."""

IMAGENET_RGB_MEAN = (123.68, 116.779, 103.939)
"""Mean red, green and blue of ImageNet, which the published weights expect to be taken off."""

IMAGENET_FILE = Path(__file__).parents[2] / "bundled" / "vgg16_imagenet_f16.npz"
IMAGENET_SHA256 = "e8b3b94f7af9a79d598b51ecca6c0c7d8e2f4f33d3da94141a97be45ea09b99d"


class VGG16(Backbone):
    """Five blocks of 3x3 convolutions.

    It does ImageNet's preprocessing itself, so that pixels are prepared in one way only.
    """

    name = "vgg16"
    title = "VGG16"
    block_count = len(BLOCKS)
    min_input_size = 32  # five poolings leave one pixel of it
    pretrained_sha256 = IMAGENET_SHA256

    def begin(self, layers: Layers, image: Any) -> Any:
        return layers.rescale(image, 255.0, [-mean for mean in IMAGENET_RGB_MEAN])

    def block(self, layers: Layers, x: Any, number: int, width: float) -> Any:
        if number > 1:
            x = layers.max_pool(x, f"block{number - 1}_pool")
        for index, filters in enumerate(BLOCKS[number - 1], start=1):
            name = f"block{number}_conv{index}"
            x = layers.convolution(x, name, scaled(filters, width), bgr=name == "block1_conv1")
        return x

    def pretrained(self) -> Mapping[str, np.ndarray]:
        return imagenet_weights()


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
    with opening(file, BundleError):
        raw = file.read_bytes()
        weights = load_arrays(io.BytesIO(raw))
    if path is None and hashlib.sha256(raw).hexdigest() != IMAGENET_SHA256:
        raise BundleError(f"{file} was altered: install napari-organelle again.")
    for name, shape in _imagenet_shapes().items():
        if name not in weights or weights[name].shape != shape:
            raise BundleError(
                f"{file} must be an .npz with kernel and bias of 13 layers; {name} {shape} is not in it."
            )
    return weights


def _imagenet_shapes() -> dict[str, tuple[int, ...]]:
    layers, backbone = TraceLayers(), VGG16()
    x: Any = Traced(backbone.min_input_size, 3)
    for number in range(1, backbone.block_count + 1):
        x = backbone.block(layers, x, number, 1.0)
    return layers.shapes
