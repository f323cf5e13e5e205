"""ChannelMap: which channel of an image fills each of a model's named slots."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from napari_organelle.errors import ChannelError
from napari_organelle.read.image_set import Channel


@dataclass(frozen=True)
class Slot:
    """One named channel input of a model.

    Parameters
    ----------
    name : str
        What the model expects to see there, such as ``"protein"``, ``"cytosol"``, ``"nucleus"``.
    aliases : tuple of str
        Other names, dyes and colours under which images have it, such as ``"GFP"``, ``"green"``.
    required : bool
        Whether the model can't work without it; an optional slot left empty is filled with zeros.
    """

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = True


YEAST_SLOTS = (
    Slot("cytosol", ("cytoplasm", "mCherry", "RFP", "tdTomato", "red"), required=False),
    Slot("protein", ("GFP", "EGFP", "mNeonGreen", "YFP", "green")),
)
"""DeepYeast: red is the cytosol marker, green the tagged protein."""

HPA_SLOTS = (
    Slot("microtubules", ("microtubule", "tubulin", "red")),
    Slot("protein", ("GFP", "antibody", "green")),
    Slot("nucleus", ("nuclei", "DNA", "DAPI", "Hoechst", "blue")),
    Slot("ER", ("endoplasmic reticulum", "calreticulin", "yellow"), required=False),
)
"""Human Protein Atlas, in the order red, green, blue, yellow."""


@dataclass(frozen=True)
class ChannelMap:
    """The channel index that fills each slot, in the slots' order; None leaves an optional slot empty."""

    slots: tuple[Slot, ...]
    indices: tuple[int | None, ...]
    channel_names: tuple[str, ...]

    def required_indices(self) -> list[int | None]:
        """Channels of the slots that the model can't work without."""
        return [i for slot, i in zip(self.slots, self.indices, strict=True) if slot.required]

    def problem(self) -> str:
        """What keeps the model from running, with what to do; ``""`` when fine."""
        there = list(self.channel_names)
        missing = [s.name for s, i in zip(self.slots, self.indices, strict=True) if i is None and s.required]
        if missing:
            names = " and ".join(repr(name) for name in missing)
            return f"The model needs {names}; the image has {there}. Pick a channel for {names}."
        if all(index is None for index in self.indices):
            return f"No channel is picked; the image has {there}. Pick one for {self.slots[0].name!r}."
        return ""

    def require(self) -> None:
        """Raise ChannelError with `problem`, if there is one."""
        if problem := self.problem():
            raise ChannelError(problem)


def guess_channels(slots: Sequence[Slot], channels: Sequence[Channel]) -> ChannelMap:
    """Fill slots by the channels' names, then by their colormaps, then by elimination.

    The surest match is taken first, and each channel once: a channel called as the slot or an alias, one with
    such a word in its name, one with such a colormap. One required slot and one channel that are left over go
    together; where nothing matches and there are as many channels as slots, they go in order.

    Parameters
    ----------
    slots : sequence of Slot
        The model's.
    channels : sequence of Channel
        The image's.
    """
    chosen = _match({}, slots, channels)
    names = tuple(channel.name for channel in channels)
    return ChannelMap(tuple(slots), tuple(chosen.get(index) for index in range(len(slots))), names)


def parse_channels(text: str, slots: Sequence[Slot], channel_names: Sequence[str]) -> ChannelMap:
    """Read a choice such as ``"protein=GFP,cytosol=1"``; slots that it doesn't name are guessed.

    Parameters
    ----------
    text : str
        ``slot=channel`` pairs joined by commas; a channel is a name (without regard to case) or an index from
        0, and nothing or ``none`` leaves an optional slot empty.
    slots : sequence of Slot
        The model's.
    channel_names : sequence of str
        The image's.

    Raises
    ------
    ChannelError
        If a pair is malformed, or names a slot or channel that isn't there.
    """
    fixed: dict[int, int | None] = {}
    slot_names = [slot.name.casefold() for slot in slots]
    for pair in filter(None, (part.strip() for part in text.split(","))):
        slot, equals, channel = (part.strip() for part in pair.partition("="))
        if not equals:
            raise ChannelError(f"Channels are given as slot=channel, such as protein=GFP; {pair!r} is not.")
        if slot.casefold() not in slot_names:
            raise ChannelError(f"The model has no slot {slot!r}; it has {[slot.name for slot in slots]}.")
        fixed[slot_names.index(slot.casefold())] = _find_channel(channel, channel_names)
    chosen = _match(fixed, slots, [Channel(name) for name in channel_names])
    return ChannelMap(
        tuple(slots), tuple(chosen.get(index) for index in range(len(slots))), tuple(channel_names)
    )


def _find_channel(text: str, names: Sequence[str]) -> int | None:
    if text.casefold() in ("", "none"):
        return None
    folded = [name.casefold() for name in names]
    if text.casefold() in folded:
        return folded.index(text.casefold())
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    raise ChannelError(f"The image has no channel {text!r}; it has {list(names)}, or 0 to {len(names) - 1}.")


def _match(
    fixed: dict[int, int | None], slots: Sequence[Slot], channels: Sequence[Channel]
) -> dict[int, int | None]:
    """Slot index to channel index; `fixed` ones stay."""
    chosen = dict(fixed)
    scores = [
        (-_likeness(slot, channel), s, c)
        for s, slot in enumerate(slots)
        for c, channel in enumerate(channels)
    ]
    for score, s, c in sorted(scores):
        if score < 0 and s not in chosen and c not in chosen.values():
            chosen[s] = c
    free = [c for c in range(len(channels)) if c not in chosen.values()]
    if not chosen and len(channels) == len(slots):
        return dict(enumerate(free))
    empty = [s for s, slot in enumerate(slots) if s not in chosen and slot.required]
    if len(empty) == len(free) == 1:
        chosen[empty[0]] = free[0]
    return chosen


def _likeness(slot: Slot, channel: Channel) -> int:
    """3 for the same name, 2 for a word of the name, 1 for the colormap, 0 for none."""
    wanted = {_plain(name) for name in (slot.name, *slot.aliases)}
    if _plain(channel.name) in wanted:
        return 3
    if wanted & {_plain(word) for word in re.split(r"[\W_]+", channel.name)}:
        return 2
    return int(_plain(channel.colormap) in wanted)


def _plain(name: str) -> str:
    """Lower case, letters and digits only."""
    return re.sub(r"[\W_]+", "", name).casefold()
