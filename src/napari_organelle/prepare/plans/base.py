"""RegionPlan: what gets one answer each, decided before any pixel is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from napari_organelle.errors import OrganelleError

if TYPE_CHECKING:
    from napari_organelle.prepare.channels import ChannelMap
    from napari_organelle.prepare.regions import Regions
    from napari_organelle.read.image_set import ImageSet


class RegionPlan(ABC):
    """What gets one answer each; a frozen dataclass for every kind of region.

    Attributes
    ----------
    kind : str
        Its name on the command line and in `Regions`.
    noun : str
        What to call one region.
    is_found : bool
        Whether the regions are found in the pixels, so that nobody knows beforehand how many there are.
    part_size : int
        Regions in a part of a large run, or items where the regions are found: a multiple of every batch, so
        that a region's batch, and its numbers, are those of a run in one piece.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    is_found: ClassVar[bool] = False
    part_size: ClassVar[int] = 1024

    @property
    def is_dense(self) -> bool:
        """Whether overlapping regions share their convolutions."""
        return False

    @property
    def one_set(self) -> str:
        """The file that describes the regions of one image set alone; ``""`` where any set has its own."""
        return ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on a file of regions, for the user."""
        return ()

    def sized(self, window: int) -> Self:
        """The plan with files read, and with the model's window where no size was given.

        Parameters
        ----------
        window : int
            Side in pixels of what the model wants to see.
        """
        return self

    @abstractmethod
    def count(self, images: ImageSet) -> int | None:
        """Number of regions of a set; None where only the pixels say it.

        Raises
        ------
        RegionError
            If the regions don't fit the set.
        """

    @abstractmethod
    def make(
        self,
        images: ImageSet,
        *,
        start: int = 0,
        stop: int | None = None,
        first: int = 0,
        channels: ChannelMap | None = None,
    ) -> Regions:
        """The regions of a set, or some of them in their order.

        Parameters
        ----------
        images : ImageSet
            The set. The plan must be `sized`.
        start, stop : int
            Which of the regions; all where not given. Not used where they are found.
        first : int
            Items that came before this set, where it is a piece of a larger one.
        channels : ChannelMap, optional
            What the model sees; says where to find cells.

        Raises
        ------
        RegionError
            If the regions don't fit the set, or there are none.
        ReadError
            If a label image or a table can't be read.
        """

    def problem(self, images: ImageSet) -> str:
        """Why no regions can be made, as far as it shows at once; ``""`` when fine."""
        try:
            self.count(images)
        except OrganelleError as error:
            return str(error)
        return ""

    def part_ends(self, images: ImageSet, input_size: int) -> np.ndarray:
        """Where the regions may be cut into parts: past-the-last ones, increasing.

        Parameters
        ----------
        images : ImageSet
            The set.
        input_size : int
            Side in pixels of the network's input.
        """
        count = self.count(images) or 0
        return np.append(np.arange(self.part_size, count, self.part_size), count)
