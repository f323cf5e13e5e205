"""Opens broken inputs one after the other and tells of each, so that a hang or a crash can be told apart."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

from fuzz.inputs import Input, sound_inputs
from fuzz.mutate import mutated
from napari_organelle.errors import OrganelleError

MEMORY = 8 * 2**30
"""Bytes of address space; more is refused to the process, as a full computer does."""


def attempt(source: Input, files: dict[str, bytes]) -> str:
    """``"opened"``, ``"refused"``, or what else was raised and where."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    try:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        source.open(folder / source.name)
    except OrganelleError:
        return "refused"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        ours = [
            one for one in traceback.extract_tb(error.__traceback__) if "napari_organelle" in one.filename
        ]
        where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
        told = " ".join(str(error).split())[:160]
        return f"{type(error).__name__} at {where} < {Path(place.filename).name}: {told}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return "opened"


def chosen(kinds: dict[str, list[Input]], seed: int, number: int) -> tuple[str, Input, dict[str, bytes]]:
    """The kind, the sound input and the broken files of a number."""
    rng = random.Random(f"{seed} {number}")
    names = sorted(kinds)
    kind = names[number % len(names)]
    source = rng.choice(kinds[kind])
    return kind, source, mutated(source, rng)


def main(seed: int, start: int, stop: int) -> None:
    """Tell ``number kind`` before and the outcome after each input."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    kinds = sound_inputs()
    tell = sys.stdout
    sys.stdout = sys.stderr
    for number in range(start, stop):
        kind, source, files = chosen(kinds, seed, number)
        print(f"{number} {kind}", file=tell, flush=True)
        print(attempt(source, files), file=tell, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
