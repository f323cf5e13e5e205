"""Make ``bundled/vgg16_imagenet_f16.npz`` from float32 layers; print the hash that ``model/vgg16.py`` checks.

Run ``python benchmarks/make_backbone.py vgg16_imagenet_notop_f32.npz``: a file with ``blockB_convC/kernel``
(3, 3, in, out) and ``/bias`` for each of the 13 convolution layers, from the weights of K. Simonyan and A.
Zisserman, VGG16, University of Oxford, CC BY 4.0. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

from napari_organelle.model.networks.vgg16 import IMAGENET_FILE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=IMAGENET_FILE)
    args = parser.parse_args()
    with np.load(args.source, allow_pickle=False) as stored:
        np.savez(args.output, **{name: stored[name].astype(np.float16) for name in sorted(stored.files)})
    print(args.output, hashlib.sha256(args.output.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
