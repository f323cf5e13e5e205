"""``napari-organelle info PATH``: what a set holds, and what is missing."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

import pandas as pd

from napari_organelle.cli.say import answer, json_text
from napari_organelle.model.bundle import find_bundles
from napari_organelle.model.suggest import suggest_model
from napari_organelle.read.image_set import LABEL_SEPARATOR, ImageSet, NoImagesError
from napari_organelle.read.open import open_image_set

SHOWN = 20
"""Most problems that are printed without ``--json``."""


def run(args: argparse.Namespace) -> int:
    """Print the description of a set; labels are counted even where no image is found.

    Raises
    ------
    ReadError
        If the path can't be read.
    """
    try:
        facts = describe(open_image_set(args.path))
    except NoImagesError as error:
        facts = _facts(error.kind, error.items, [str(error), *error.problems])
    if args.json:
        print(json_text(facts))
    else:
        _print(facts)
    return 0


def describe(images: ImageSet) -> dict[str, Any]:
    """Facts of a set, ready for JSON.

    Returns
    -------
    dict
        ``kind, items, channels, shape`` (N, C, Y, X), ``dtype, pixel_size_um, labels`` (count by class, most
        frequent first), ``unlabelled, missing`` (items without each channel), ``masks, problems``.
    """
    facts = _facts(images.kind, images.items, list(images.problems))
    missing = Counter(name for text in images.items["missing"] for name in text.split(", ") if name)
    facts.update(
        channels=list(images.channel_names),
        shape=[int(length) for length in images.data.shape],
        dtype=str(images.data.dtype),
        pixel_size_um=images.pixel_size_um,
        missing=dict(missing.most_common()),
        masks=images.masks is not None,
    )
    return facts


def _facts(kind: str, items: pd.DataFrame, problems: list[str]) -> dict[str, Any]:
    """What is known without an image."""
    labels = Counter(label for text in items["label"] for label in text.split(LABEL_SEPARATOR) if label)
    return {
        "kind": kind,
        "items": len(items),
        "channels": [],
        "shape": None,
        "dtype": None,
        "pixel_size_um": None,
        "labels": dict(labels.most_common()),
        "unlabelled": int((items["label"] == "").sum()),
        "missing": {},
        "masks": False,
        "problems": problems,
    }


def _print(facts: dict[str, Any]) -> None:
    size = f"{facts['pixel_size_um']:.4g} um a pixel" if facts["pixel_size_um"] else "unknown"
    shape = " x ".join(map(str, facts["shape"])) if facts["shape"] else "no image"
    rows = {
        "kind": facts["kind"],
        "items": f"{facts['items']:,}",
        "channels": ", ".join(facts["channels"]) or "none",
        "shape": f"{shape} (items, channels, y, x)" if facts["shape"] else shape,
        "dtype": facts["dtype"] or "unknown",
        "pixel size": size,
        "masks": "yes" if facts["masks"] else "no",
        "model": suggest_model(facts["kind"], list(find_bundles())).reason,
    }
    for name, value in rows.items():
        answer(f"{name + ':':12} {value}")
    _print_counts("labels", {**facts["labels"], "(none)": facts["unlabelled"]})
    _print_counts("items without a channel", facts["missing"])
    if problems := facts["problems"]:
        answer("problems:")
        for problem in problems[:SHOWN]:
            answer(f"  {problem}")
        if len(problems) > SHOWN:
            answer(f"  and {len(problems) - SHOWN:,} more (--json lists them)")


def _print_counts(title: str, counts: dict[str, int]) -> None:
    if present := {name: count for name, count in counts.items() if count}:
        answer(f"{title}:")
        for name, count in present.items():
            answer(f"  {count:8,}  {name}")
