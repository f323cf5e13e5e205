"""How well tiles that share their work agree with single ones, counted so that parts add up."""

from __future__ import annotations

from dataclasses import dataclass

ENOUGH = 0.98
"""Share of equal calls below which the exact way is advised."""


@dataclass(frozen=True)
class Agreement:
    """Of a part or of a whole run; parts are added.

    Parameters
    ----------
    sampled : int
        Tiles that were answered both ways.
    equal : int
        Those that are called the same.
    sure, sure_equal : int
        Those that the exact way does not call unsure, and those of them that are called the same.
    apart : float
        Sum over the sampled tiles of the mean difference of probabilities.
    placement : str
        What to know of the stride; ``""`` where it fits.
    """

    sampled: int = 0
    equal: int = 0
    sure: int = 0
    sure_equal: int = 0
    apart: float = 0.0
    placement: str = ""

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.sampled + other.sampled,
            self.equal + other.equal,
            self.sure + other.sure,
            self.sure_equal + other.sure_equal,
            self.apart + other.apart,
            self.placement or other.placement,
        )

    def note(self) -> str:
        """Sentences for the user; ``""`` where there is nothing to tell."""
        return " ".join(filter(None, (self.placement, self._agreement())))

    def _agreement(self) -> str:
        if not self.sampled:
            return ""
        note = (
            f"Dense: {self.equal} of {self.sampled} sampled tiles called as exactly, "
            f"{self.sure_equal} of the {self.sure} that are not unsure; "
            f"mean difference of probabilities {self.apart / self.sampled:.3f}."
        )
        if self.equal < ENOUGH * self.sampled:
            note += f" That is below {ENOUGH:.0%}: for these images use the exact way."
        return note
