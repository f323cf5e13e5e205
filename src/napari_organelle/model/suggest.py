"""Which bundled model suits what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ASIDE", "Suggestion", "suggest_model"]

SUITED = {"hpa": "hpa-28", "deepyeast": "yeast-12", "yeast": "yeast-12"}
"""Model for each kind of image set whose reader knows what was imaged."""


ASIDE = ("hpa-stain",)
"""Models that answer another question than where a protein is: they are never chosen unasked."""


@dataclass(frozen=True)
class Suggestion:
    """A model to begin with.

    Parameters
    ----------
    model : str or None
        Its name; None where nothing is known of the cells.
    reason : str
        A sentence for the user.
    """

    model: str | None
    reason: str


def suggest_model(kind: str | None, names: Sequence[str]) -> Suggestion:
    """The model for an image set, by the reader that made it and never by how the pixels look.

    Parameters
    ----------
    kind : str or None
        `ImageSet.kind`; None for a layer that no reader of this package made.
    names : sequence of str
        Models that are there.

    Returns
    -------
    Suggestion
    """
    model = SUITED.get(kind or "")
    if model is None:
        return Suggestion(
            None,
            "Nothing says what cells these are: pick hpa-28 for human cells, yeast-12 for budding yeast, "
            "or a model of your own.",
        )
    cells = "human cells of the Protein Atlas" if model == "hpa-28" else "budding yeast"
    if model not in names:
        return Suggestion(None, f"These are {cells}; the model for them, {model}, is not installed.")
    return Suggestion(model, f"{model}, because these are {cells}.")
