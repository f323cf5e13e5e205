"""The folder beside a model that holds a training's checkpoints until it is done."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_organelle.errors import OrganelleError, TrainingError
from napari_organelle.files import check_folder, whole_file
from napari_organelle.locks import RunLock

MARK_FILE = "fingerprint"
STOPPED_FILE = "stopped"
"""Holds the hash of the model that was saved when the run was stopped."""

LOCK_FILE = "lock"

OWN = re.compile(r"fingerprint|stopped|lock|(head|fold-\d+-of-\d+|fine-tuning)\.npz|\..*\.part")
"""Names that a training gives to files in its folder; no others are ever deleted."""


def require_cache(folder: Path) -> None:
    """Make the folder of features, or say why not, before anything else is made.

    Raises
    ------
    TrainingError
        If the disk refuses.
    """
    advice = "Name another folder for the cache of features (--cache)."
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"Features can't be kept in {folder}: {error}. {advice}") from error
    try:
        check_folder(folder, "No features", advice)
    except OrganelleError as error:
        raise TrainingError(str(error)) from error


def clear(folder: Path) -> None:
    """Delete what trainings wrote into a folder, and the folder where nothing else is in it."""
    for file in _files(folder):
        if OWN.fullmatch(file.name) and file.name != LOCK_FILE and not file.is_dir():
            file.unlink()
    with suppress(OSError):  # somebody else's file is there, or a lock
        folder.rmdir()


@contextmanager
def checkpoint_folder(folder: Path, mark: str, resume: bool) -> Generator[str]:
    """Keep a training's folder to oneself; it goes when no checkpoint is in it in the end.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    mark : str
        Hash of all that decides the result.
    resume : bool
        Whether checkpoints there are gone on from.

    Yields
    ------
    str
        For the user; ``""`` where all is as expected.

    Raises
    ------
    TrainingError
        If checkpoints of other data or settings, or of an unfinished run that is not to be resumed, are
        there, if a run that lives writes there, or the disk refuses.
    """
    _require_ours(folder)
    lock = RunLock(folder / LOCK_FILE)
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.take()
            note = _begin(folder, mark, resume)
        except OSError as error:
            raise TrainingError(f"Checkpoints can't be written to {folder}: {error}") from error
        yield " ".join(filter(None, (lock.note, note)))
    finally:
        if not lock.is_released and not has_checkpoints(folder):
            clear(folder)
        lock.release()
        if not _files(folder):
            with suppress(OSError):
                folder.rmdir()


def has_checkpoints(folder: Path) -> bool:
    """Whether a training can go on from what is there."""
    return any(file.suffix == ".npz" for file in _files(folder))


def _require_ours(folder: Path) -> None:
    if os.path.lexists(folder) and (
        folder.is_symlink() or not all(OWN.fullmatch(file.name) for file in _files(folder))
    ):
        raise TrainingError(
            f"{folder} holds more than a training's checkpoints: move it, or give another name."
        )


def _begin(folder: Path, mark: str, resume: bool) -> str:
    """Write the mark where there is none; what to tell the user."""
    file, note = folder / MARK_FILE, ""
    held = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if has_checkpoints(folder):
        if not resume:
            raise TrainingError(f"{folder} holds an unfinished run: resume it, or delete that folder.")
        if held and held != mark:
            raise TrainingError(
                f"{folder} belongs to other data, labels, seed or settings: "
                "resume with the same ones, or delete it."
            )
        if not held:
            note = f"The checkpoints in {folder} don't say what they belong to: training begins anew."
            for checkpoint in folder.glob("*.npz"):
                checkpoint.unlink()
    if held != mark:
        with whole_file(file) as part:
            part.write_text(mark, encoding="utf-8")
    return note


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
