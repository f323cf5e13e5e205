"""What tells pictures of other kinds from those that a model was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_organelle.errors import BundleError
from napari_organelle.model.bundle import ModelBundle

DOMAIN_FILE = "domain.npz"


@dataclass(frozen=True)
class Domain:
    """A linear boundary around the training pictures, in the features that a model's head takes.

    Parameters
    ----------
    weights : (F,) float32
        Of the features.
    offset : float
        Added to their sum.
    """

    weights: np.ndarray
    offset: float

    def excess(self, features: np.ndarray) -> np.ndarray:
        """(B,) float32 of (B, F) features: how far each is beyond the boundary, where it is unlike."""
        return np.asarray(features @ self.weights + self.offset, np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """As `save_bundle` keeps them."""
        return {"weights": self.weights, "offset": np.array([self.offset], np.float32)}


def read_domain(bundle: ModelBundle) -> Domain | None:
    """A model's own; None where it brings none.

    Raises
    ------
    BundleError
        If it was altered, or isn't one number a feature.
    """
    arrays = bundle.extra(DOMAIN_FILE)
    if not arrays:
        return None
    length = bundle.spec.plan.feature_count(bundle.spec.pixels.input_size)
    shapes = {name: array.shape for name, array in arrays.items()}
    expected = {"weights": (length,), "offset": (1,)}
    if shapes != expected or not all(np.isfinite(array).all() for array in arrays.values()):
        raise BundleError(f"{bundle.path}: {DOMAIN_FILE} must hold finite arrays {expected}, not {shapes}.")
    return Domain(arrays["weights"].astype(np.float32), float(arrays["offset"][0]))


def with_excess(
    answers: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], domain: Domain
) -> Callable[[np.ndarray], np.ndarray]:
    """A network's answers with the domain's excess as a last column, from the same pass.

    Parameters
    ----------
    answers : callable
        (B, n, n, C) float32 to (B, K) probabilities and (B, F) features.
    domain : Domain
        Of the network's model.
    """

    def run(images: np.ndarray) -> np.ndarray:
        probabilities, features = answers(images)
        excess = domain.excess(np.asarray(features, np.float32))
        return np.concatenate([np.asarray(probabilities), excess[:, None]], axis=1)

    return run


def unlike_note(count: int, regions: int, model: str) -> str:
    """A sentence on how many regions are unlike the pictures that a model was trained on; ``""`` for none."""
    if not count:
        return ""
    are = "is" if count == 1 else "are"
    return (
        f"{count:,} of {regions:,} regions {are} unlike the images that {model} was trained on: nothing is "
        "called there (column unlike_training)."
    )
