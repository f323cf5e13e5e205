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

HUMAN_SLOTS = (
    Slot("microtubules", ("microtubule", "tubulin", "red"), required=False),
    Slot("protein", ("GFP", "antibody", "green")),
    Slot("nucleus", ("nuclei", "DNA", "DAPI", "Hoechst", "blue"), required=False),
    Slot("ER", ("endoplasmic reticulum", "calreticulin", "yellow"), required=False),
)
"""As `HPA_SLOTS`, where only the protein is needed."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


DYES = {
    "blue": _set("dapi hoechst bfp ebfp tagbfp mtagbfp 405"),
    "green": _set(
        "gfp egfp sfgfp avgfp yegfp mgfp envy mneon mneongreen neongreen mng fitc alexa488 af488 atto488 cy2 "
        "mclover clover mstaygold staygold yfp eyfp venus mvenus citrine mcitrine 488 473"
    ),
    "red": _set(
        "rfp tagrfp mrfp mcherry cherry tdtomato tomato mscarlet scarlet mruby mkate mapple dsred tritc "
        "texasred txred rhodamine cy3 alexa546 alexa555 alexa561 alexa568 alexa594 af546 af555 af568 af594 "
        "546 555 561 568 594"
    ),
    "farred": _set("cy5 alexa633 alexa647 af633 af647 atto647 sir irfp 633 640 647"),
}
"""Names of dyes, fluorescent proteins and lines of lasers in nm that are seen in one colour."""

TRANSMITTED = _set(
    "bf brightfield dic dia phase phasecontrast nomarski trans transmitted transmission transmittedlight td "
    "tl tpmt esid pc ph hoffmanmodulation obliqueillumination"
)
"""Names of pictures in transmitted light."""

KNOWN = _set(
    "yellow cyan magenta alpha protein antibody nucleus nuclei dna microtubules microtubule tubulin er "
    "calreticulin cytosol cytoplasm membrane actin mitochondria"
).union(TRANSMITTED, DYES, *DYES.values())
"""Words that say what a channel shows; one that has such a name is not taken for something else."""


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
        missing = [s.name for s, i in zip(self.slots, self.indices, strict=True) if i is None and s.required]
        if not missing and any(index is not None for index in self.indices):
            return ""
        names = " and ".join(repr(name) for name in missing or [self.slots[0].name])
        there = ", ".join(f"{index} {name!r}" for index, name in enumerate(self.channel_names))
        shown = f" among its channels {there}" if there else ""
        return (
            f"The model needs {names}; the file does not say which it is{shown}. Pick a channel for {names}."
        )

    def line(self) -> str:
        """An option of the command line that would fill the slots, for the user to correct and type."""
        free = (c for c in range(len(self.channel_names)) if c not in self.indices)
        chosen = [
            (slot.name, next(free, None) if index is None else index)
            for slot, index in zip(self.slots, self.indices, strict=True)
        ]
        return "--channels " + ",".join(
            f"{name}={'none' if index is None else _address(index, self.channel_names)}"
            for name, index in chosen
        )

    def require(self) -> None:
        """Raise ChannelError with `problem` and a line to type, if there is one."""
        if problem := self.problem():
            raise ChannelError(f"{problem} On the command line, if they are in this order: {self.line()}")


def bind_channels(slots: Sequence[Slot], channels: Sequence[Channel], text: str = "") -> ChannelMap:
    """Fill a model's slots with the channels that the user chose, or that the file gives evidence for.

    A channel fills a slot if it is called as the slot, else as one of its aliases, else if such a word is in
    its name, else by its `Channel.evidence`. Names of dyes and lines of lasers stand for each other
    (`DYES`). The surest match is taken first. Two channels that match a slot alike, or a channel that
    matches two, are no evidence. A channel whose name says what it shows is never taken for something else.
    If all other channels are taken, the last one fills the one required slot that is left, unless its name
    or evidence says something else. Otherwise a slot stays empty; nothing goes by position.

    Parameters
    ----------
    slots : sequence of Slot
        The model's.
    channels : sequence of Channel
        The image's.
    text : str
        The user's choice, such as ``"protein=GFP,cytosol=1"``: ``slot=channel`` pairs joined by commas; a
        channel is a name (without regard to case) or an index from 0, and nothing or ``none`` leaves an
        optional slot empty.

    Raises
    ------
    ChannelError
        If a pair is malformed, names a slot or channel that isn't there, or a slot that another pair names.
    """
    names = tuple(channel.name for channel in channels)
    chosen = _choice(text, slots, names)
    taken = {index for index in chosen.values() if index is not None}
    free = [index for index in range(len(channels)) if index not in taken]
    for level in (4, 3, 2, 1):
        pairs = [
            (s, c)
            for s, slot in enumerate(slots)
            for c in free
            if s not in chosen and c not in chosen.values() and _likeness(slot, channels[c]) == level
        ]
        for s, c in pairs:
            if sum(pair[0] == s for pair in pairs) == sum(pair[1] == c for pair in pairs) == 1:
                chosen[s] = c
    left = [c for c in free if c not in chosen.values()]
    empty = [s for s, slot in enumerate(slots) if s not in chosen and slot.required]
    if len(empty) == len(left) == 1 and not _says_something(channels[left[0]]):
        chosen[empty[0]] = left[0]
    return ChannelMap(tuple(slots), tuple(chosen.get(index) for index in range(len(slots))), names)


def _choice(text: str, slots: Sequence[Slot], channel_names: Sequence[str]) -> dict[int, int | None]:
    """Slot index to channel index, of the slots that the user names."""
    fixed: dict[int, int | None] = {}
    given: dict[int | None, str] = {}
    slot_names = [slot.name.casefold() for slot in slots]
    for pair in filter(None, (part.strip() for part in text.split(","))):
        slot, equals, channel = (part.strip() for part in pair.partition("="))
        if not equals:
            raise ChannelError(f"Channels are given as slot=channel, such as protein=GFP; {pair!r} is not.")
        if slot.casefold() not in slot_names:
            raise ChannelError(f"The model has no slot {slot!r}; it has {[slot.name for slot in slots]}.")
        index = slot_names.index(slot.casefold())
        if index in fixed:
            raise ChannelError(f"The slot {slots[index].name!r} is given twice: name one channel for it.")
        fixed[index] = found = _find_channel(channel, channel_names)
        given.setdefault(found, channel)
        if found is not None and given[found].casefold() != channel.casefold():
            name = channel_names[found]
            raise ChannelError(
                f"{given[found]!r} and {channel!r} are one channel: {found}, called {name!r}. "
                "Where channels are called by numbers, give their names."
            )
    return fixed


def _find_channel(text: str, names: Sequence[str]) -> int | None:
    if text.casefold() in ("", "none"):
        return None
    called = [index for index, name in enumerate(names) if name.casefold() == text.casefold()]
    if len(called) == 1:
        return called[0]
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    if called:
        numbers = " or ".join(map(str, called))
        raise ChannelError(f"{len(called)} channels are called {text!r}: give the number, {numbers}.")
    raise ChannelError(f"The image has no channel {text!r}; it has {list(names)}, or 0 to {len(names) - 1}.")


def _address(index: int, names: Sequence[str]) -> str:
    """What `_find_channel` takes for a channel: its number, or its name where another is called so."""
    return str(index) if _find_channel(str(index), names) == index else names[index]


def _likeness(slot: Slot, channel: Channel) -> int:
    """4 for the slot's name, 3 for an alias, 2 for a word of the name, 1 for other evidence, 0 for none."""
    name = _plain(channel.name)
    if name == _plain(slot.name):
        return 4
    wanted = _with_dyes({_plain(alias) for alias in (slot.name, *slot.aliases)})
    if name in wanted:
        return 3
    words = _words(channel.name)
    if wanted & words:
        return 2
    return int(not words & KNOWN and bool(wanted & _words(channel.evidence)))


def is_transmitted(channel: Channel) -> bool:
    """Whether a channel's name, or what its file says of it, is brightfield, phase contrast or DIC."""
    words = _words(channel.name)
    if words & (KNOWN - TRANSMITTED):
        return False
    joined = re.sub(
        r"(bright|phase|t|transmitted)[\W_]+(field|contrast|pmt|light)", r"\1\2", channel.name.casefold()
    )
    return bool((words | _words(joined) | _words(channel.evidence)) & TRANSMITTED)


def _says_something(channel: Channel) -> bool:
    """Whether a name or other evidence says what a channel shows."""
    return bool((_words(channel.name) | _words(channel.evidence)) & KNOWN)


def _with_dyes(names: set[str]) -> set[str]:
    """Names, with all dyes of a colour, and the colour, where one of its dyes is among them."""
    return names.union(*({colour, *dyes} for colour, dyes in DYES.items() if names & dyes))


def _words(text: str) -> set[str]:
    """Words of a name, each also without a number at its end and without what makes ``AF488`` of 488."""
    joined = re.sub(r"far[\W_]*red", "farred", text, flags=re.IGNORECASE)
    words = {_plain(word) for word in re.split(r"[\W_]+", joined)}
    parts = {part for word in words for part in re.findall(r"[a-z]+|\d+", word)}
    return words | {part for part in parts if part in KNOWN}


def _plain(name: str) -> str:
    """Lower case, letters and digits only."""
    return re.sub(r"[\W_]+", "", name).casefold()
