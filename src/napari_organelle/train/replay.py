"""Features of examples that a model brings along, so that what it is taught later does not push them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_organelle.errors import BundleError
from napari_organelle.model.bundle import ModelBundle

REPLAY_FILE = "replay.npz"
PER_CLASS = 40
"""Examples of a class that are kept."""

OWN_ALONG = 10
"""Labelled cells of a class that a training adds."""

FLOAT16_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Replay:
    """Examples that a model was trained on, as the vectors that its head takes.

    Parameters
    ----------
    features : (N, F) float16
        Not standardised.
    labels : (N,) array of str
        The class of each; several are joined by ``"|"``.
    """

    features: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    def arrays(self) -> dict[str, np.ndarray]:
        """As `save_bundle` keeps them; nothing where there are no examples."""
        return {"features": self.features, "labels": self.labels} if len(self) else {}

    def take(self, rows: np.ndarray) -> Replay:
        """Some of the examples."""
        return Replay(self.features[rows], self.labels[rows])

    def with_examples(self, features: np.ndarray, labels: np.ndarray) -> Replay:
        """With others before them; at most `PER_CLASS` of each label stay, the first ones."""
        joined = np.concatenate([np.minimum(features, FLOAT16_MAX).astype(np.float16), self.features])
        names = np.concatenate([labels.astype(str), self.labels.astype(str)])
        rows = first_of_each(names, PER_CLASS)
        return Replay(joined[rows], names[rows])


def no_replay(length: int) -> Replay:
    """No examples, for features of `length` numbers."""
    return Replay(np.zeros((0, length), np.float16), np.zeros(0, "U1"))


def first_of_each(labels: np.ndarray, per_label: int) -> np.ndarray:
    """(n,) int64: the first `per_label` rows of each of (N,) labels."""
    rows = [np.flatnonzero(labels == label)[:per_label] for label in np.unique(labels)]
    return np.concatenate([np.zeros(0, np.int64), *rows])


def read_replay(bundle: ModelBundle) -> Replay:
    """What a model brings; no examples where it brings none.

    Raises
    ------
    BundleError
        If they are not features of its network.
    """
    length = bundle.spec.plan.feature_count(bundle.spec.pixels.input_size)
    arrays = bundle.extra(REPLAY_FILE)
    if not arrays:
        return no_replay(length)
    features, labels = arrays.get("features"), arrays.get("labels")
    if (
        features is None
        or labels is None
        or features.dtype != np.float16
        or features.shape != (len(labels), length)
        or labels.dtype.kind != "U"
        or not np.isfinite(features).all()
    ):
        raise BundleError(
            f"{bundle.path}: {REPLAY_FILE} must hold finite float16 'features' of {length} numbers and as "
            "many 'labels'."
        )
    return Replay(features, labels)
