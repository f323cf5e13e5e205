"""Changes to sound bytes: as a disk, a network, a hand or somebody with a purpose makes them."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import Any

from fuzz.inputs import Input, rewrapped, with_checksums

NUMBERS = (0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)
"""Numbers at which formats turn over."""

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 3.5, 10**9, 10**30, -(2**63), float("inf"), float("nan"), "", "x", "../..",
    "/etc/passwd", "a" * 5000, [], {}, [[]], [1], {"a": 1}, "\0", "\ud800", ["0"] * 9,
)  # fmt: skip
"""What stands in the place of a JSON value."""

DEEP = b"[" * 50_000


def mutated(source: Input, rng: random.Random) -> dict[str, bytes]:
    """The files of an input with one of them changed, and sometimes another missing."""
    files = dict(source.files)
    names = [name for name in sorted(files) if not name.startswith(("set/a", "set/z"))]
    name = rng.choice(names)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        files[name] = _changed(name, files[name], rng)
    if len(names) > 1 and rng.random() < 0.05:
        del files[rng.choice(names)]
    return files


def _changed(name: str, data: bytes, rng: random.Random) -> bytes:
    if name.endswith((".organelle", ".npz")) and rng.random() < 0.7:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                inside = rng.choice(archive.namelist())
            return rewrapped(
                data, lambda member, raw: _changed(member, raw, rng) if member == inside else raw
            )
        except Exception:  # noqa: BLE001 - it is no archive any more
            return _bytes_changed(data, rng)
    if name.endswith(".png") and rng.random() < 0.7:
        return with_checksums(_bytes_changed(data, rng))
    if name.endswith((".json", ".zattrs", ".zgroup", ".zarray")) and rng.random() < 0.7:
        return _json_changed(data, rng)
    if name.endswith(".jsonl") and rng.random() < 0.5:
        lines = data.splitlines(keepends=True) or [b""]
        place = rng.randrange(len(lines))
        lines[place] = _json_changed(lines[place], rng) + b"\n"
        return b"".join(lines)
    return _bytes_changed(data, rng)


def _json_changed(data: bytes, rng: random.Random) -> bytes:
    """A JSON value with one of its parts replaced, gone or buried."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes_changed(data, rng)
    places = list(_places(values))
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    parent, key = rng.choice(places)
    choice = rng.random()
    if choice < 0.15:
        del parent[key]
    elif choice < 0.3 and type(parent[key]) in (int, float):
        parent[key] = parent[key] * rng.choice((-1, 2, 1000, 10**6, 10**12, 1e-9)) + rng.choice((0, 1, -1))
    else:
        parent[key] = rng.choice(VALUES)
    text = json.dumps(values).encode()
    return text.replace(b'"x"', DEEP, 1) if rng.random() < 0.02 else text


def _places(values: Any) -> Any:
    """Every place in nested lists and objects: the container and the key."""
    items = (
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    )
    for key, value in list(items):
        yield values, key
        yield from _places(value)


def _bytes_changed(data: bytes, rng: random.Random) -> bytes:
    """Bytes with one change, often among the first, where headers are."""
    made = bytearray(data or b"\0")
    place = rng.randrange(len(made)) if rng.random() < 0.6 else rng.randrange(min(len(made), 300))
    rng.choice(CHANGES)(made, place, rng)
    return bytes(made)


def _flip(made: bytearray, place: int, rng: random.Random) -> None:
    made[place] ^= 1 << rng.randrange(8)


def _scramble(made: bytearray, place: int, rng: random.Random) -> None:
    length = min(rng.choice(LENGTHS), len(made) - place)
    made[place : place + length] = rng.randbytes(length)


def _renumber(made: bytearray, place: int, rng: random.Random) -> None:
    size = rng.choice((1, 2, 4, 8))
    number = rng.choice(NUMBERS) % 256**size
    made[place : place + size] = number.to_bytes(size, rng.choice(("little", "big")))


def _cut(made: bytearray, place: int, rng: random.Random) -> None:
    del made[place:]


def _remove(made: bytearray, place: int, rng: random.Random) -> None:
    del made[place : place + rng.choice(LENGTHS)]


def _insert(made: bytearray, place: int, rng: random.Random) -> None:
    made[place:place] = rng.randbytes(rng.choice(LENGTHS))


def _repeat(made: bytearray, place: int, rng: random.Random) -> None:
    made[place:place] = made[place : place + rng.randrange(1, 200)]


def _digit(made: bytearray, place: int, rng: random.Random) -> None:
    digits = [at for at, value in enumerate(made) if chr(value).isdigit()]
    at = rng.choice(digits) if digits else place
    made[at : at + 1] = rng.choice(DIGITS)


LENGTHS = (1, 2, 4, 8, 30)
DIGITS = (b"0", b"-1", b"99999999999", b"1e999", b"nan", b"", b"9" * 5000)
CHANGES = (_flip, _scramble, _renumber, _renumber, _cut, _remove, _insert, _repeat, _digit)
