"""A folder of images of any names: those that are alike are one set; what else is there is named."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from napari_organelle.errors import ReadError
from napari_organelle.read.files import image_file
from napari_organelle.read.files.decode import SUFFIXES
from napari_organelle.read.files.listing import ENOUGH, is_folder, scan
from napari_organelle.read.files.tiff_open import COMPANION, companion_files, is_tiff
from napari_organelle.read.folders.layouts import IMAGES, MASKS, PASSED_OVER, PROJECTIONS
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.labels.beside import with_masks

MAX_CHANNELS = 5

SHOWN = 3
"""Reasons that are given for images that are left out."""

NO_ENDING = ("", ".dat")

QUIET = re.compile(r"thumbs\.db|desktop\.ini", re.IGNORECASE)
"""Files that the system writes by itself."""


def matches(path: Path) -> bool:
    """Whether a folder holds images, or ``images`` beside ``masks``."""
    if not path.is_dir():
        return False
    return images_beside_masks(path) is not None or any(
        is_image(Path(entry.path)) for entry in scan(path, ENOUGH)
    )


def read(path: Path) -> ImageSet:
    """Open the largest number of images in a folder that are alike; the others are named.

    Raises
    ------
    ReadError
        If there is no image, or not one can be read.
    """
    if inner := images_beside_masks(path):
        images = read(inner)
        return replace(images, problems=(beside_sentence(path, inner), *images.problems))
    files, problems = pictures(path)
    problems += perhaps_channels(files)
    groups: dict[object, list[Path]] = {}
    errors = []
    for group in image_file.group_files(files):
        try:
            facts: object = image_file.picture_facts(group[0])
        except ReadError as error:
            errors.append((group[0], str(error)))
            facts = group[0]
        groups.setdefault(facts, []).extend(group)
    if not groups:
        raise ReadError(f"{path}: expected images; {'. '.join(problems) or 'there are none'}")
    sound = [group for facts, group in groups.items() if isinstance(facts, image_file.PictureFacts)]
    chosen = max(sound or list(groups.values()), key=len)
    images = image_file.read(chosen[0]) if len(chosen) == 1 else image_file.read_files(chosen)
    left = [file.name for group in groups.values() if group is not chosen for file in group]
    if left:
        problems.append(
            f"{path}: {len(left):,} images are unlike the others (stacks, other channels or sizes of pixels, "
            f"broken) and left out here; first: {left[0]}"
        )
    # the one that is opened is understood otherwise, as a stack
    problems += [error for path, error in errors if path not in chosen][:SHOWN]
    return with_masks(
        replace(
            images, source=path if len(chosen) > 1 else images.source, problems=(*problems, *images.problems)
        ),
        path,
    )


def images_beside_masks(path: Path) -> Path | None:
    """The folder of images where a folder has just that and one of label images or projections."""
    names = {entry.name.casefold(): entry.name for entry in scan(path, ENOUGH) if is_folder(entry)}
    found = [names[name] for name in IMAGES if name in names]
    beside = any(name in names for name in (*MASKS, *PROJECTIONS))
    return path / found[0] if len(found) == 1 and beside else None


def images_beside_projections(path: Path) -> Path | None:
    """The folder of images where a folder has just that and one of projections, and none of label images."""
    folders = {entry.name.casefold() for entry in scan(path, ENOUGH) if is_folder(entry)}
    return None if folders & set(MASKS) else images_beside_masks(path)


def beside_sentence(path: Path, inner: Path) -> str:
    names = [entry.name for entry in scan(path) if is_folder(entry)]
    beside = [name for name in names if name.casefold() in MASKS]
    if beside:
        what = "taken for images and label images, not for classes"
    else:
        beside = [name for name in names if name.casefold() in PROJECTIONS]
        what = "no classes; the projections are not opened"
    return f"{path}: {inner.name}/ beside {beside[0]}/ are {what}"


def pictures(folder: Path) -> tuple[list[Path], list[str]]:
    """Images of a folder by name, and sentences on what is passed over."""
    files, passed, others, companions = [], [], [], []
    for entry in sorted(scan(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if PASSED_OVER.fullmatch(entry.name) and not is_folder(entry):
            passed.append(entry.name)
        elif is_image(path):
            files.append(path)
        elif entry.name.lower().endswith(COMPANION):
            companions.append(path)
        elif not is_folder(entry) and not QUIET.fullmatch(entry.name):
            others.append(entry.name)
    if not files and any(name.lower().endswith(SUFFIXES) for name in passed):
        files, passed = [folder / name for name in passed if name.lower().endswith(SUFFIXES)], []
    files = _described(files, companions)
    problems = []
    if passed:
        problems.append(
            f"{folder}: {len(passed):,} files that look like masks, outlines or previews are passed over; "
            f"first: {passed[0]}"
        )
    if others:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in Counter(map(_kind, others)).most_common(4))
        advice = ": unpack them first" if all(name.endswith(".gz") for name in others) else ""
        problems.append(
            f"{folder}: {len(others):,} other files ({kinds}) are skipped; first: {others[0]}{advice}"
        )
    return files, problems


def _described(files: list[Path], companions: list[Path]) -> list[Path]:
    """Companion files in the place of the images that only they describe."""
    for companion in companions:
        if described := companion_files(companion):
            files = sorted([companion, *(file for file in files if file not in described)])
    return files


def perhaps_channels(files: list[Path]) -> list[str]:
    """A sentence where each of several pictures of a folder is there once for each of a few words."""
    stems = {file.stem for file in files}
    names = [re.split(r"[_\-. ]+", stem) for stem in stems]
    if not names or {len(words) for words in names} != {len(names[0])}:
        return []
    for place, _ in enumerate(names[0]):
        values = sorted({words[place] for words in names})
        count = len({(*words[:place], *words[place + 1 :]) for words in names})
        is_whole = len(files) == len(stems) == count * len(values)
        # words that end in a number count time points, sections or fields
        are_words = not any(value[-1:].isdecimal() for value in values)
        if count > 1 and 1 < len(values) <= MAX_CHANNELS and is_whole and are_words:
            return [
                f"{files[0].parent}: each of {count:,} pictures is there as {', '.join(values)}, and each "
                "file is taken for a picture of its own. If these are its channels, end their names in _ch1, "
                "_ch2, or put them into folders ch1, ch2"
            ]
    return []


def is_image(path: Path) -> bool:
    """Whether a file is named like an image, or without a telling ending begins as a TIFF; a Zarr is one."""
    if path.name.startswith("."):
        return False
    if path.name.lower().endswith(SUFFIXES):
        return not is_folder(path) or image_file.is_zarr(path)
    return image_file.is_zarr(path) or (path.suffix.lower() in NO_ENDING and is_tiff(path))


def _kind(name: str) -> str:
    return Path(name).suffix.lower() or "without ending"
