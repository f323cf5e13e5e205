"""Train the small network that finds yeast in one plane, on simulated scenes.

``python benchmarks/cells/train.py SCENES.npz -o cells.npz``, of scenes by `scenes.py` with its defaults, gave
``src/napari_organelle/bundled/cells.npz``.

Each step mixes pictures anew from a scene's parts: a protein over more or less haze, a cytosol marker, or
transmitted light, with their own noise, gradients of light and size of cells.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
from scipy import ndimage

from napari_organelle.prepare.cell_network import visible

CROP, BATCH = 128, 12
WIDTHS = (16, 24, 32, 48)
TRANSMITTED = 0.4
"""Share of pictures."""

BORDER_REACH, DEPTH_UNIT = 3, 10.0


def mixed(rng: np.random.Generator, parts: np.ndarray) -> np.ndarray:
    """One picture (Y, X) of a scene's parts (P, Y, X)."""
    side = parts.shape[-1]
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    slope = 1 + rng.normal(0, 0.15, 2) @ np.stack([y, x]).reshape(2, -1)
    lamp = slope.reshape(side, side) - abs(rng.normal(0, 0.15)) * (y**2 + x**2)
    if rng.random() < TRANSMITTED:
        light = parts[rng.integers(2, len(parts))]
        light = (1 + rng.uniform(0.4, 1.0) * (light - 1)) * (1 + rng.uniform(0, 0.3) * (lamp - 1))
        return light + rng.normal(0, 10 ** rng.uniform(-2.6, -1.2) * max(light.std(), 0.05) * 4, light.shape)
    haze = 10 ** rng.uniform(-2.0, 0.0)
    protein = 0.0 if rng.random() < 0.25 else rng.choice((0.3, 1.0))
    light = protein * parts[1] + (haze if protein else 1.0) * parts[0]
    weakest = haze if protein else 1.0
    background = weakest * 10 ** rng.uniform(-1.5, 0.7)
    light = (light + background) * lamp.clip(0.2) if rng.random() < 0.5 else light + background * lamp
    noise = weakest * 10 ** rng.uniform(-1.7, -0.2)
    seen = rng.normal(light, noise * np.sqrt(light.clip(0) / (background + weakest)))
    return ndimage.gaussian_filter(seen, rng.uniform(0.2, 0.8))


def targets(masks: np.ndarray) -> np.ndarray:
    """Cell, border and depth (3, Y, X) of a label image."""
    largest = ndimage.maximum_filter(masks, BORDER_REACH)
    smallest = ndimage.minimum_filter(np.where(masks > 0, masks, masks.max() + 1), BORDER_REACH)
    border = (masks > 0) & (largest != smallest)
    inner = (masks > 0) & (ndimage.maximum_filter(masks, 3) == ndimage.minimum_filter(masks, 3))
    depth = ndimage.distance_transform_edt(inner) / DEPTH_UNIT
    return np.stack([masks > 0, border, depth]).astype(np.float32)


def example(rng: np.random.Generator, parts: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture (Y, X, 2) and its maps (Y, X, 3), cut from a scene at a random size."""
    zoom = float(np.exp(rng.uniform(np.log(0.4), np.log(0.85))))
    side = int(np.ceil(CROP / zoom))
    y, x = (int(rng.integers(0, parts.shape[-1] - side + 1)) for _ in range(2))
    picture = mixed(rng, parts[:, y : y + side, x : x + side].astype(np.float32))
    picture = ndimage.gaussian_filter(picture, 0.4 / zoom)
    points = (np.arange(CROP) + 0.5) / zoom - 0.5
    small = ndimage.map_coordinates(
        picture, np.meshgrid(points, points, indexing="ij"), order=1, mode="nearest"
    )
    near = np.minimum(np.rint(points).astype(int), side - 1)
    shown, maps = visible(small), targets(masks[y : y + side, x : x + side][np.ix_(near, near)])
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    both = np.rot90(np.concatenate([shown, maps]), turns, (1, 2))
    both = both[:, :, ::-1] if mirror else both
    return both[:2].transpose(1, 2, 0), both[2:].transpose(1, 2, 0)


def batches(scenes: dict[str, np.ndarray], seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches, made in threads."""
    ready: Queue[Any] = Queue(6)

    def make(number: int) -> None:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        while True:
            rows = rng.integers(len(scenes["masks"]), size=BATCH)
            made = [example(rng, scenes["parts"][row], scenes["masks"][row]) for row in rows]
            ready.put((np.stack([m[0] for m in made]), np.stack([m[1] for m in made])))

    for number in range(2):
        Thread(target=make, args=(number,), daemon=True).start()
    while True:
        yield ready.get()


def network() -> Any:
    """The Keras twin of `napari_organelle.prepare.cell_network`."""
    from keras import Input, Model, layers, ops

    def convolved(x: Any, width: int, name: str) -> Any:
        return layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(x)

    start = Input((None, None, 2))
    x, skips = layers.Lambda(lambda t: _to_depth(ops, t))(start), []
    for level, width in enumerate(WIDTHS):
        if level:
            skips.append(x)
            x = layers.MaxPooling2D()(x)
        x = convolved(convolved(x, width, f"down{level}a"), width, f"down{level}b")
    for level in reversed(range(len(WIDTHS) - 1)):
        narrow = layers.Conv2D(WIDTHS[level], 1, use_bias=False, name=f"narrow{level}")(x)
        x = layers.Add()([skips[level], layers.UpSampling2D()(narrow)])
        x = convolved(x, WIDTHS[level], f"up{level}")
    x = layers.Conv2D(12, 1, name="maps")(x)
    return Model(start, layers.Lambda(lambda t: _to_space(ops, t))(x))


def _to_depth(ops: Any, x: Any) -> Any:
    shape = ops.shape(x)
    x = ops.reshape(x, (shape[0], shape[1] // 2, 2, shape[2] // 2, 2, 2))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 5, 2, 4)), (shape[0], shape[1] // 2, shape[2] // 2, 8))


def _to_space(ops: Any, x: Any) -> Any:
    shape = ops.shape(x)
    x = ops.reshape(x, (shape[0], shape[1], shape[2], 3, 2, 2))
    return ops.reshape(ops.transpose(x, (0, 1, 4, 2, 5, 3)), (shape[0], shape[1] * 2, shape[2] * 2, 3))


def loss(true: Any, raw: Any) -> Any:
    from keras import ops

    cell, border = (ops.binary_crossentropy(true[..., k], raw[..., k], from_logits=True) for k in (0, 1))
    depth = ops.abs(true[..., 2] - raw[..., 2]) * (0.3 + true[..., 0])
    return ops.mean(cell) + ops.mean(border * (1 + 9 * true[..., 1])) + 2 * ops.mean(depth)


def save(model: Any, output: Path) -> None:
    """Weights as `cell_network` takes them: (K, 9 C) float16."""
    arrays = {}
    for layer in model.layers:
        if not layer.get_weights():
            continue
        kernel, *bias = layer.get_weights()
        size, channels, count = kernel.shape[0], kernel.shape[2], kernel.shape[3]
        arrays[f"{layer.name}/w"] = kernel.transpose(3, 2, 0, 1).reshape(count, channels * size * size)
        if bias:
            arrays[f"{layer.name}/b"] = bias[0]
    np.savez_compressed(output, **{name: array.astype(np.float16) for name, array in arrays.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    import keras

    keras.utils.set_random_seed(args.seed)
    with np.load(args.scenes) as arrays:
        scenes = {name: arrays[name] for name in arrays.files}
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(0.0, args.steps, warmup_target=3e-3, warmup_steps=100)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss)
    start, losses = time.perf_counter(), []
    for step, (shown, maps) in enumerate(batches(scenes, args.seed), start=1):
        losses.append(float(model.train_on_batch(shown, maps)))
        if step % 100 == 0 or step == args.steps:
            print(f"{step}: {losses[-1]:.4f}, {time.perf_counter() - start:.0f} s", flush=True)
            save(model, args.output)
        if step == args.steps:
            break


if __name__ == "__main__":
    main()
