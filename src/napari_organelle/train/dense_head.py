"""A second head, so that tiles answered the dense way are called as the exact way calls them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.errors import TrainingError
from napari_organelle.model.bundle import DENSE_HEAD, ModelBundle, save_bundle
from napari_organelle.model.dense import dense_features
from napari_organelle.model.device import choose_device
from napari_organelle.model.predict import collect, predict
from napari_organelle.model.vgg16 import assign_weights, build_head, read_weights
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.regions import item_sizes, tile_regions
from napari_organelle.read.image_set import ImageSet

if TYPE_CHECKING:
    import keras

STRIDES_A_TILE = 4
EPOCHS, BATCH, RATE, WEIGHT_DECAY = 40, 64, 5e-4, 1e-3
LEAST_SPREAD = 0.1
"""Of a feature, relative to its mean, as in the first head."""

LEAST_TILES = 200


@dataclass(frozen=True)
class Pairs:
    """Tiles answered both ways.

    Parameters
    ----------
    features : (n, F) float32
        From maps that the tiles share.
    told : (n, K) float32
        Probabilities that the exact way gives them.
    """

    features: np.ndarray
    told: np.ndarray


def answer_both_ways(
    bundle: ModelBundle,
    images: ImageSet,
    channel_map: ChannelMap,
    tiles: int,
    *,
    seed: int = 0,
    device: str = "auto",
) -> Pairs:
    """Random tiles, of a stride of a quarter, of images of which nothing need be known.

    Parameters
    ----------
    bundle : ModelBundle
        Whose exact answers are the truth.
    images : ImageSet
        Larger than the model's window.
    channel_map : ChannelMap
        Slots of the model to channels.
    tiles : int
        How many at most.
    seed : int
        Of their places.
    device : str
        As for `predict`.
    """
    tile = bundle.spec.pixels.window_for(images.pixel_size_um)
    regions = tile_regions(item_sizes(images), tile, max(1, tile // STRIDES_A_TILE))
    rows = np.random.default_rng(seed).choice(len(regions), min(tiles, len(regions)), replace=False)
    rows.sort()
    few = replace(regions, windows=regions.windows[rows], ids=regions.ids[rows])
    told = collect(predict(bundle, images, few, channel_map, device=device), few, bundle)
    features = dense_features(bundle, images, regions, channel_map, device)[rows]
    fit = told.answered() & np.isfinite(features).all(axis=1)
    return Pairs(features[fit], told.probabilities[fit])


def fit_dense_head(
    bundle: ModelBundle, pairs: Iterable[Pairs], path: str | Path, *, seed: int = 0, overwrite: bool = False
) -> ModelBundle:
    """Save a bundle with a second head that answers, from shared features, as the exact way does.

    It starts from the first head, with the shared features' own mean and variance, and learns the exact way's
    probabilities (distillation: Hinton, Vinyals & Dean 2015, arXiv:1503.02531). Nothing else is changed.

    Parameters
    ----------
    bundle : ModelBundle
        Without a second head, or with one, which is replaced.
    pairs : iterable of Pairs
        As from `answer_both_ways`.
    path : str or Path
        File to write.
    seed : int
        Of the training order and dropout.
    overwrite : bool
        Whether a file of that name is replaced.

    Raises
    ------
    TrainingError
        If there are fewer than 200 tiles.
    BundleError
        As for `save_bundle`.
    """
    import keras

    parts = list(pairs)
    features, told = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "told")
    )
    if len(features) < LEAST_TILES:
        raise TrainingError(
            f"A head for dense tiles needs {LEAST_TILES} tiles, and there are {len(features)}: add images."
        )
    spec, weights = bundle.spec, bundle.weights()
    keras.utils.set_random_seed(seed)
    with keras.device(choose_device("cpu").name):
        head = build_head(spec.network, features.shape[1], len(spec.classes))
        assign_weights(head, weights | _statistics(features))
        _distil(head, features, told, spec.temperature, spec.task)
    fitted = {DENSE_HEAD + name: array for name, array in read_weights(head).items()}
    provenance = {**spec.provenance, "dense_head": {"tiles": len(features), "seed": seed}}
    return save_bundle(
        path, replace(spec, dense_head=True, provenance=provenance), weights | fitted, overwrite=overwrite
    )


def _statistics(features: np.ndarray) -> dict[str, np.ndarray]:
    mean = features.mean(axis=0)
    variance = np.maximum(features.var(axis=0), (LEAST_SPREAD * mean) ** 2)
    return {"standardise/moving_mean": mean, "standardise/moving_variance": variance}


def _distil(head: keras.Model, features: np.ndarray, told: np.ndarray, temperature: float, task: str) -> None:
    """Fit a head's calibrated probabilities to those told."""
    import keras

    kind = keras.losses.CategoricalCrossentropy if task == "single" else keras.losses.BinaryCrossentropy
    entropy = kind(from_logits=True)
    steps = EPOCHS * -(-len(features) // BATCH)
    head.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(RATE, steps), weight_decay=WEIGHT_DECAY
        ),
        lambda truth, logits: entropy(truth, logits / temperature),
    )
    head.fit(features, told, batch_size=BATCH, epochs=EPOCHS, verbose=0)
