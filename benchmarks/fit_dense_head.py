"""Give a model a second head, for tiles that share their work, and say how well it then agrees.

    python benchmarks/fit_dense_head.py yeast-12 -o yeast-12.organelle [--images PATH...]

Fitted to simulated fields, one of each class for a model of yeast, and to `--images`, of which nothing need
be known but the channels. About 3 minutes on two cores for `yeast-12`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.prepare.channels import ChannelMap, guess_channels
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.simulate.hpa import simulate_hpa_field
from napari_organelle.simulate.yeast import YEAST_CHANNELS, YEAST_CLASSES, simulate_field
from napari_organelle.train.dense_head import Pairs, answer_both_ways, fit_dense_head

SIDE, CELLS, SEED = 512, 40, 7_000
TILES = 300
"""Of each field at most."""


def _yeast(number: int) -> np.ndarray:
    kind = YEAST_CLASSES[number % len(YEAST_CLASSES)]
    return simulate_field(seed=SEED + number, size=SIDE, cells=CELLS, classes=[kind]).pixels


def yeast(count: int) -> Iterator[ImageSet]:
    """Simulated fields, a strain each."""
    with Pool(2) as pool:
        for pixels in pool.imap(_yeast, range(count)):
            yield ImageSet.from_array(pixels[None], tuple(map(Channel, YEAST_CHANNELS)))


def human(count: int) -> Iterator[ImageSet]:
    """Simulated fields of human cells."""
    for number in range(count):
        field = simulate_hpa_field(seed=SEED + number)
        yield ImageSet.from_array(field.pixels[None], tuple(map(Channel, field.channels)))


def channel_maps(bundle: ModelBundle, images: ImageSet) -> Iterator[ChannelMap]:
    """The guessed one; for a model of one slot every channel in turn."""
    slots, names = bundle.spec.slots, images.channel_names
    if len(slots) > 1:
        yield guess_channels(slots, images.channels)
    else:
        yield from (ChannelMap(slots, (index,), names) for index in range(len(names)))


def pairs(bundle: ModelBundle, fields: int, paths: list[str]) -> Iterator[Pairs]:
    """Of simulated fields and of the user's images."""
    simulated = yeast if len(bundle.spec.slots) == 2 else human
    for images in (*simulated(fields), *map(open_image_set, paths)):
        for channels in channel_maps(bundle, images):
            yield answer_both_ways(bundle, images, channels, TILES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--fields", type=int, default=len(YEAST_CLASSES), help="simulated ones")
    parser.add_argument("--images", nargs="*", default=[], help="unlabelled ones to add")
    parser.add_argument("--force", action="store_true", help="replace the output")
    args = parser.parse_args()
    bundle = open_bundle(args.model)
    made = fit_dense_head(bundle, pairs(bundle, args.fields, args.images), args.output, overwrite=args.force)
    print(f"saved {made.id} with a second head to {made.path}")


if __name__ == "__main__":
    main()
