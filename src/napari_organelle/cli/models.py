"""``napari-organelle models``: the models that come with the package and those in the user's folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_organelle.cli.say import answer, json_text
from napari_organelle.errors import BundleError
from napari_organelle.model.bundle import ModelBundle, find_bundles, user_folder


def run(args: argparse.Namespace) -> int:
    """Print every model that is found, and why one can't be used."""
    facts = {name: _describe(path) for name, path in find_bundles().items()}
    if args.json:
        print(json_text(facts))
        return 0
    for name, model in facts.items():
        answer(name)
        for key, value in model.items():
            answer(f"  {key + ':':10} {', '.join(map(str, value)) if isinstance(value, list) else value}")
    answer(f"{len(facts) or 'no'} models; your own go into {user_folder()}")
    return 0


def _describe(path: Path) -> dict[str, Any]:
    """Facts of one bundle, ready for JSON."""
    try:
        bundle = ModelBundle.open(path)
    except BundleError as error:
        return {"problem": str(error), "path": str(path)}
    spec = bundle.spec
    size = f", {spec.pixels.pixel_size_um:g} um a pixel" if spec.pixels.pixel_size_um else ""
    return {
        "id": bundle.id,
        "about": spec.description,
        "task": f"{spec.task} label",
        "classes": list(spec.class_names),
        "channels": [slot.name if slot.required else f"{slot.name} (optional)" for slot in spec.slots],
        "window": f"{spec.pixels.window_px} px{size}",
        "verdict": spec.verdict,
        "path": str(path),
    }
