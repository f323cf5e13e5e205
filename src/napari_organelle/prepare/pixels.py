"""The one path from raw windows to network input; training and prediction both walk it.

A window is cut (`cut`), resampled to the network's side, scaled to [0, 1] slot by slot, and its slots are
laid onto red, green and blue (`network_input`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from napari_organelle.errors import ChannelError, ReadError

if TYPE_CHECKING:
    from scipy import sparse

Scaling = Literal["window", "dtype"]

PERCENTILES = (0.5, 99.8)
"""What "window" scaling sets to 0 and 1. In 64 x 64 pixels 8 are brighter than the upper one, so that a
punctum as small as a spindle pole stays bright and a single hot pixel does not count."""

MAX_SLOTS = 4
MAX_FIELD_PARTS = 8
"""Parts of a whole image along a side; a larger field is answered by larger parts."""

COLOURS = 3
"""Red, green, blue."""


@dataclass(frozen=True)
class PixelPlan:
    """How windows become network input; saved with a model.

    Parameters
    ----------
    input_size : int
        Side of the network's input in pixels.
    window_px : int
        Side in image pixels of a window around an object or a point, at `pixel_size_um`.
    pixel_size_um : float, optional
        Micrometres per pixel of the images that the model was trained on; None where unknown.
    scaling : {"window", "dtype"}
        ``"window"``: each slot of each window by its own percentiles (`PERCENTILES`), so that dim and bright
        cells look alike. ``"dtype"``: by the range of the dtype, floats taken to be in [0, 1], so that
        brightness counts.
    mixing : tuple of 3 tuples of S floats
        Share of each slot in red, green and blue, so that a slot can have a colour of its own; empty for
        `usual_mixing`. From 1 to 4 rows for other people's networks, one for each channel of their input.
    field_parts : int
        How many parts along a side a whole image is divided into where it is larger than a window and its
        pixel size is not known; 1 where fields are never divided. See `prepare.fields`.
    """

    input_size: int
    window_px: int
    pixel_size_um: float | None = None
    scaling: Scaling = "window"
    mixing: tuple[tuple[float, ...], ...] = ()
    field_parts: int = 1

    def __post_init__(self) -> None:
        if self.input_size < 1 or self.window_px < 1:
            raise ValueError(
                f"sizes must be positive; input_size is {self.input_size}, window_px {self.window_px}"
            )
        if self.pixel_size_um is not None and not 0 < self.pixel_size_um < np.inf:
            raise ValueError(f"pixel_size_um must be positive, not {self.pixel_size_um}")
        if self.scaling not in get_args(Scaling):
            raise ValueError(f"scaling must be one of {get_args(Scaling)}, not {self.scaling!r}")
        if not 1 <= self.field_parts <= MAX_FIELD_PARTS:
            raise ValueError(f"field_parts must be from 1 to {MAX_FIELD_PARTS}, not {self.field_parts}")
        if self.mixing and (len(self.mixing) > MAX_SLOTS or len({len(row) for row in self.mixing}) != 1):
            raise ValueError(
                f"mixing must be rows of one number a slot, {COLOURS} as a rule, not {self.mixing}"
            )

    @property
    def channel_count(self) -> int:
        """Channels of the network's input, C: 3 unless the mixing says otherwise."""
        return len(self.mixing) or COLOURS

    def window_for(self, pixel_size_um: float | None) -> int:
        """Side in pixels that a window should have in an image of another pixel size.

        Parameters
        ----------
        pixel_size_um : float or None
            Micrometres per pixel of the image; where it, or the model's own, is unknown, pixels are taken as
            equal.
        """
        if pixel_size_um is None or self.pixel_size_um is None:
            return self.window_px
        return max(1, round(self.window_px * self.pixel_size_um / pixel_size_um))


def network_input(windows: Sequence[np.ndarray] | np.ndarray, plan: PixelPlan) -> np.ndarray:
    """Raw windows to what the network takes.

    Parameters
    ----------
    windows : B arrays (S, height, width) of any sizes, or one array (B, S, height, width)
        Raw pixels of S slots, 1 to 4: integers or floats.
    plan : PixelPlan
        The model's.

    Returns
    -------
    (B, input_size, input_size, 3) float32
        RGB in [0, 1], or as many channels as the plan's mixing has rows. Without one, one slot is shown grey;
        two are red and green; three are red, green and blue; the fourth is yellow: (s1 / 2 + s4 / 2,
        s2 / 2 + s4 / 2, s3). A slot without contrast is 0 with ``"window"`` scaling. A window with a NaN or
        infinite pixel is NaN throughout.

    Raises
    ------
    ReadError
        If the pixels are bool or complex.
    ChannelError
        If there are more than 4 slots.
    """
    output = np.empty((len(windows), plan.input_size, plan.input_size, plan.channel_count), np.float32)
    # windows of one shape are prepared together, which takes fewer calls of NumPy
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, window in enumerate(windows):
        rows.setdefault(window.shape, []).append(row)
    for same in rows.values():
        output[same] = _same_shape_input(np.stack([windows[row] for row in same]), plan)
    return output


def _same_shape_input(raw: np.ndarray, plan: PixelPlan) -> np.ndarray:
    """(B, S, h, w) raw to (B, n, n, 3)."""
    check_pixels(raw.dtype)
    pixels = raw.astype(np.float32)
    broken = ~np.isfinite(pixels).all(axis=(1, 2, 3)) if raw.dtype.kind == "f" else np.zeros(len(raw), bool)
    # else resampling would spread a NaN over its neighbours, with warnings; such windows are NaN in the end
    pixels[broken] = 0
    pixels = resample(pixels, plan.input_size, plan.input_size)
    if plan.scaling == "window":
        stretch(pixels, *(level[..., None, None] for level in percentile_levels(pixels)))
    else:
        scale_by_dtype(pixels, raw.dtype)
    np.clip(pixels, 0, 1, out=pixels)
    rgb = to_rgb(pixels, plan.mixing)
    rgb[broken] = np.nan
    return rgb


def check_pixels(dtype: np.dtype) -> None:
    """Raise ReadError unless `dtype` is integer or float."""
    if dtype.kind not in "uif":
        advice = "use a Labels or mask layer as regions" if dtype.kind == "b" else "take its modulus first"
        raise ReadError(f"Pixels must be integers or floats, not {dtype}: {advice}.")


def resample(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample the last two axes: area means where they shrink, linear where they grow.

    Parameters
    ----------
    pixels : (B, S, h, w) float32
    height, width : int
        New ones.

    Returns
    -------
    (B, S, height, width) float32
    """
    if pixels.shape[2:] == (height, width):
        return pixels
    output = np.empty((*pixels.shape[:2], height, width), np.float32)
    down, across = _weights(pixels.shape[2], height), _weights(pixels.shape[3], width)
    for index in np.ndindex(*pixels.shape[:2]):
        output[index] = (across @ np.ascontiguousarray((down @ pixels[index]).T)).T
    return output


@lru_cache(maxsize=64)
def _weights(source: int, target: int) -> sparse.csr_array:
    """(target, source) float32; rows sum to 1."""
    from scipy import sparse

    if target < source:
        edges = np.linspace(0, source, target + 1)
        first, last = edges[:-1, None], edges[1:, None]
        pixel = np.arange(source)
        overlap = np.clip(np.minimum(last, pixel + 1) - np.maximum(first, pixel), 0, None)
    else:
        center = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)[:, None]
        overlap = np.clip(1 - np.abs(np.arange(source) - center), 0, None)
    # each new pixel rests on a few old ones: as dense matrices nearly all products would be with 0
    return sparse.csr_array((overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32))


def percentile_levels(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values of `PERCENTILES` in each slot: what "window" scaling sets to 0, and what to 1.

    Parameters
    ----------
    pixels : (B, S, h, w) float32

    Returns
    -------
    (B, S) float32, (B, S) float32
    """
    flat = pixels.reshape(*pixels.shape[:2], -1)
    last = flat.shape[-1] - 1
    low, high = (round(percentile / 100 * last) for percentile in PERCENTILES)
    # one rank at a time: only then does NumPy use the processor's vector units, which is 7 times faster
    dark, bright = (np.partition(flat, rank, axis=-1)[..., rank] for rank in (low, high))
    return dark, bright


def stretch(pixels: np.ndarray, dark: np.ndarray, bright: np.ndarray) -> None:
    """Set `dark` to 0 and `bright` to 1, in place; where they are equal pixels become 0.

    Parameters
    ----------
    pixels : (B, S, h, w) float32
    dark, bright : float32 arrays
        That broadcast to `pixels`.
    """
    contrast = bright - dark
    pixels -= dark
    np.divide(pixels, contrast, out=pixels, where=contrast > 0)
    pixels *= contrast > 0


def scale_by_dtype(pixels: np.ndarray, dtype: np.dtype) -> None:
    """Divide by the largest value of an integer `dtype`, in place; floats stay."""
    if dtype.kind != "f":
        pixels /= np.float32(np.iinfo(dtype).max)


def to_rgb(slots: np.ndarray, mixing: tuple[tuple[float, ...], ...] = ()) -> np.ndarray:
    """(B, S, h, w) to (B, h, w, 3), or to as many channels as the mixing has rows."""
    count = slots.shape[1]
    if not 1 <= count <= MAX_SLOTS:
        raise ChannelError(f"A model takes 1 to {MAX_SLOTS} channel slots, not {count}.")
    rgb = np.zeros((len(slots), *slots.shape[2:], len(mixing) or COLOURS), np.float32)
    if mixing:
        for colour, shares in enumerate(mixing):
            for slot, share in enumerate(shares):
                if share:
                    rgb[..., colour] += np.float32(share) * slots[:, slot]
        return rgb
    if count == 1:
        rgb[:] = slots[:, 0, :, :, None]
        return rgb
    for slot in range(min(count, 3)):
        rgb[..., slot] = slots[:, slot]
    if count == MAX_SLOTS:
        rgb[..., :2] = (rgb[..., :2] + slots[:, 3, :, :, None]) / 2
    return rgb


def usual_mixing(slots: int) -> tuple[tuple[float, ...], ...]:
    """Shares of each slot in red, green and blue where a model does not say them, as in `network_input`."""
    pictures = np.eye(slots, dtype=np.float32)[:, :, None, None]
    return tuple(zip(*to_rgb(pictures)[:, 0, 0].tolist(), strict=True))
