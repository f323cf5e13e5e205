"""Crops a second of VGG16 at 64 px on the first device, whole and with a quarter of the filters.

python benchmarks/graphics_card.py      # KERAS_BACKEND=torch for PyTorch
"""

from __future__ import annotations

import time

import keras
import numpy as np

from napari_organelle.model.engine.compiled import compile_network
from napari_organelle.model.engine.device import choose_device, describe
from napari_organelle.model.networks.keras_models import build_network
from napari_organelle.model.networks.plan import NetworkPlan

SIDE, ROUNDS = 64, 5
BATCHES = (256, 1024, 4096)


def main() -> None:
    device = choose_device(keras=True)
    print(describe(device))
    for width in (1.0, 0.25):
        with keras.device(device.name):
            network = build_network(NetworkPlan(width=width), 12, SIDE, device.precision)
        run = compile_network(network, device, keras.ops.softmax)
        for batch in BATCHES:
            crops = np.random.default_rng(0).random((batch, SIDE, SIDE, 3), np.float32)
            run(crops)
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                run(crops)
                times.append(time.perf_counter() - began)
            print(f"width {width}, batch {batch}: {batch / np.median(times):,.0f} crops/s")


if __name__ == "__main__":
    main()
