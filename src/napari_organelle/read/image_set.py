"""ImageSet: lazy pixels, channels and a table of items; every reader returns one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.files import readable
from napari_organelle.outside import opening
from napari_organelle.read.channel import Channel as Channel

if TYPE_CHECKING:
    import dask.array as da

    from napari_organelle.read.files.item_files import ItemFiles
    from napari_organelle.read.item_masks import ItemMasks

LABEL_SEPARATOR = "|"


class NoImagesError(ReadError):
    """There are labels, but not one of the images that they belong to.

    Attributes
    ----------
    kind : str
        As in ImageSet.
    items : DataFrame
        As in ImageSet, with the labels and without sizes.
    problems : tuple of str
        As in ImageSet.
    """

    def __init__(self, message: str, *, kind: str, items: pd.DataFrame, problems: tuple[str, ...]) -> None:
        super().__init__(message)
        self.kind = kind
        self.items = items
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Images of one kind with their channels and a table of items.

    A set made from files pickles to its table and their paths.

    Parameters
    ----------
    kind : str
        Which reader made it, such as ``"deepyeast"`` or ``"hpa"``; ``"array"`` for pixels that are no file.
    source : Path or None
        The file or folder that was opened.
    data : (N, C, Y, X) numpy or dask array
        Raw pixels, one chunk an item and channel. Items smaller than (Y, X) are padded with zeros at the
        bottom and right; ``items`` has their true ``height`` and ``width``.
    channels : tuple of Channel
        One for each index of axis C.
    items : DataFrame
        One row for each index of axis N. Always has ``item`` (str, a unique name), ``path`` (str), ``label``
        (str; several are joined by ``"|"``, ``""`` where unknown), ``height`` and ``width`` (pixels),
        ``missing`` (str, names of channels without a file, joined by ``", "``) and ``problem`` (str, ``""``
        where fine). A reader adds what it knows: ``split``, ``plate``, ``row``, ``column``, ``field``,
        ``cell``, ``well``, ``gene``...
    class_names : tuple of str
        The classes that labels may take, in index order; empty where no labels are known.
    pixel_size_um : float or None
        Micrometres per pixel in y and x, where the files or their format say it.
    problems : tuple of str
        What was wrong and skipped, a sentence each, with the file's name.
    files : ItemFiles, optional
        Where `data` was made from files: what decodes them.
    masks : (N, Y, X) dask or numpy array of int, optional
        Instance masks that came with the images, 0 for background, padded like `data`.
    mask_files : ItemMasks, optional
        Where `masks` was made from files: what decodes them.
    """

    kind: str
    source: Path | None
    data: da.Array | np.ndarray
    channels: tuple[Channel, ...]
    items: pd.DataFrame
    class_names: tuple[str, ...] = ()
    pixel_size_um: float | None = None
    problems: tuple[str, ...] = field(default=())
    files: ItemFiles | None = None
    masks: da.Array | np.ndarray | None = None
    mask_files: ItemMasks | None = None

    def __post_init__(self) -> None:
        if self.data.ndim != 4:
            raise ValueError(f"data must have axes (N, C, Y, X); it has shape {self.data.shape}")
        if len(self.channels) != self.data.shape[1]:
            raise ValueError(f"{len(self.channels)} channels are named but data has {self.data.shape[1]}")
        if len(self.items) != self.data.shape[0]:
            raise ValueError(
                f"the item table has {len(self.items)} rows but data has {self.data.shape[0]} items"
            )

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        if self.files is not None:
            state["data"] = None
        if self.mask_files is not None:
            state["masks"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.files is not None:
            vars(self)["data"] = self.files.lazy()
        if self.mask_files is not None:
            vars(self)["masks"] = self.mask_files.lazy()

    def __len__(self) -> int:
        return int(self.data.shape[0])

    @property
    def channel_names(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.channels)

    def read(self, index: int, channels: Sequence[int] | None = None) -> np.ndarray:
        """Pixels of one item at its own size.

        Unlike `data`, which shows a broken file blank with a warning, this never makes pixels up.

        Parameters
        ----------
        index : int
            Row of ``items``.
        channels : sequence of int, optional
            Which channels, in this order; all where not given.

        Returns
        -------
        (C, height, width) array
            Raw pixels in the set's dtype, without padding; 0 for a channel in the item's ``missing``.

        Raises
        ------
        ReadError
            If a file of the item is damaged, gone, or not what the table says.
        """
        wanted = list(range(len(self.channels)) if channels is None else channels)
        if self.files is not None and any(self.files.paths[index]):
            return self.files.read(index, wanted)
        row = self.items.iloc[index]
        if self.files is not None:
            raise ReadError(f"{row['item']}: it has no file; {row['problem']}")
        with opening(str(row["item"])):
            return np.asarray(self.data[index, wanted, : int(row["height"]), : int(row["width"])])

    def span(self, start: int, stop: int) -> ImageSet:
        """Consecutive items as a set of their own, without the problems of the whole."""
        files = self.files and self.files.span(start, stop)
        mask_files = self.mask_files and self.mask_files.span(start, stop)
        masks = None if self.masks is None else self.masks[start:stop]
        return replace(
            self,
            data=files.lazy() if files else self.data[start:stop],
            items=self.items.iloc[start:stop].reset_index(drop=True),
            problems=(),
            files=files,
            masks=mask_files.lazy() if mask_files else masks,
            mask_files=mask_files,
        )

    def channel_data(self, channel: int) -> da.Array | np.ndarray:
        """One channel of all items, (N, Y, X): faster to step through than a slice of a long `data`."""
        return self.data[:, channel] if self.files is None else self.files.lazy(channel)

    @classmethod
    def from_array(
        cls,
        data: da.Array | np.ndarray,
        channels: tuple[Channel, ...],
        *,
        name: str = "image",
        source: Path | None = None,
        pixel_size_um: float | None = None,
    ) -> ImageSet:
        """Wrap pixels that are already at hand, such as the layers of a viewer.

        Parameters
        ----------
        data : (N, C, Y, X) numpy or dask array
            Raw pixels.
        channels : tuple of Channel
            One for each index of axis C.
        name : str
            Names the items: ``name`` where there is one, else ``name[0]``, ``name[1]``...
        source : Path, optional
            File that the pixels came from.
        pixel_size_um : float, optional
            Micrometres per pixel.

        Raises
        ------
        ReadError
            If there are other axes, or images without pixels.
        """
        if len(data.shape) != 4 or 0 in data.shape[1:]:
            raise ReadError(f"expected pixels with the axes item, channel, y, x; their shape is {data.shape}")
        count, _, height, width = data.shape
        names = [name] if count == 1 else [f"{name}[{index}]" for index in range(count)]
        items = pd.DataFrame(
            {
                "item": [readable(each) for each in names],
                "path": readable(source or ""),
                "label": "",
                "height": height,
                "width": width,
                "missing": "",
                "problem": "",
            }
        )
        return cls(
            kind="array",
            source=source,
            data=data,
            channels=channels,
            items=items,
            pixel_size_um=pixel_size_um,
        )
