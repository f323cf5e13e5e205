"""What the commands print: one way for all of it, so that no name can steer the terminal."""

from __future__ import annotations

import json
import re
import sys
from enum import IntEnum
from typing import Any

STEERING = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, those that turn the direction of writing, and bytes of names that are no text."""


class Level(IntEnum):
    """How much is told beside the answer itself."""

    QUIET = 0
    USUAL = 1
    VERBOSE = 2


_level = Level.USUAL


def set_level(level: Level) -> None:
    """Choose how much `say` tells from now on."""
    global _level
    _level = level


def tells(level: Level) -> bool:
    """Whether what is of a level is told."""
    return level <= _level


def say(*sentences: str, level: Level = Level.USUAL) -> None:
    """Print sentences to standard error, a line each."""
    if tells(level):
        for sentence in sentences:
            print(shown(sentence), file=sys.stderr)


def answer(text: str) -> None:
    """Print what was asked for to standard output."""
    for line in text.split("\n"):
        print(shown(line), flush=True)


def shown(text: str) -> str:
    r"""A text with ``\x1b`` and the like in the place of what would steer the terminal."""
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def json_text(values: Any) -> str:
    """JSON in which nothing steers the terminal and every name can be written as UTF-8."""
    text = json.dumps(values, ensure_ascii=False, indent=1)
    return STEERING.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def show_warnings() -> None:
    """Print our warnings as sentences from now on, and those of libraries only where all is told."""
    import warnings

    from napari_organelle.errors import OrganelleWarning

    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        ours = issubclass(category, OrganelleWarning)
        say(f"warning: {message}", level=Level.USUAL if ours else Level.VERBOSE)

    warnings.showwarning = show  # type: ignore[assignment]


def bar(total: int, unit: str, desc: str = "") -> Any:
    """A progress bar with rate and time left, on a terminal unless little is told."""
    from tqdm import tqdm

    hidden = None if tells(Level.USUAL) else True
    return tqdm(total=total, unit=unit, desc=desc, file=sys.stderr, disable=hidden)
