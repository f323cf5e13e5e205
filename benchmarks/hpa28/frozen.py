"""Train the head of `hpa-28` alone, on ImageNet's layers as they are: what two cores can do in minutes.

    PYTHONPATH=src python benchmarks/hpa28/frozen.py hpa28_real.npz -o OUT --minutes 8 --seed 0

The pictures are those of `train.py`. The convolutions look at each once; a fifth of the time is left to the
head, which sees the pooled features many times. Writes what `finish.py` takes.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from train import BLOCKS, Composites, Real, Vgg, batch

IMAGENET = Path(__file__).parents[2] / "src/napari_organelle/bundled/vgg16_imagenet_f16.npz"
SIZE, STEPS = 64, 4000


@torch.no_grad()
def pool(network: Vgg, rgb: Tensor) -> Tensor:
    """(B, 2560) means and maxima of blocks 3 to 5."""
    x, parts = (rgb.flip(1) * 255 - network.mean).contiguous(memory_format=torch.channels_last), []
    with torch.autocast("cpu", torch.bfloat16):
        for block, filters in enumerate(BLOCKS, start=1):
            x = F.max_pool2d(x, 2) if block > 1 else x
            for index in range(1, len(filters) + 1):
                x = F.relu(getattr(network, f"block{block}_conv{index}")(x))
            if block > 2:
                parts += [x.float().mean((2, 3)), x.amax((2, 3)).float()]
    return torch.cat(parts, 1)


def fit_head(network: Vgg, features: Tensor, truth: Tensor, end: float) -> int:
    """Train the two dense layers until `end`; the number of steps."""
    mean, variance = features.mean(0), features.var(0)
    network.standardise.running_mean.copy_(mean)
    network.standardise.running_var.copy_(variance)
    x = (features - mean) / torch.sqrt(variance + network.standardise.eps)
    head = [network.dense_1, network.logits]
    optimizer = torch.optim.AdamW(
        [p for layer in head for p in layer.parameters()], lr=1e-3, weight_decay=0.02
    )
    drop, began = nn.Dropout(0.4), time.perf_counter()
    for step in range(STEPS):
        done = max(step / STEPS, (time.perf_counter() - began) / (end - began))
        if done >= 1:
            return step
        optimizer.param_groups[0]["lr"] = 1e-3 * (0.5 + 0.5 * np.cos(np.pi * done)) + 1e-6
        rows = torch.randint(len(x), (256,))
        answers = network.logits(drop(F.relu(network.dense_1(drop(x[rows])))))
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(answers, truth[rows]).backward()
        optimizer.step()
    return STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--composites", type=int, default=6_000)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    end = time.perf_counter() + 60 * args.minutes
    args.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    made = Composites(args.pack, args.fold, args.seed, args.composites, args.workers, "cpu")
    real, network = Real(args.pack, args.fold, "cpu"), Vgg().to(memory_format=torch.channels_last)
    network.load_imagenet(IMAGENET)
    made.take(wait=True)
    rng, pick = torch.Generator().manual_seed(args.seed), np.random.default_rng(args.seed)
    features, truths, began = [], [], time.perf_counter()
    while time.perf_counter() < began + 0.82 * (end - began):
        made.take(wait=False)
        images, truth = batch(made, real, SIZE, rng, pick)
        features.append(pool(network, images))
        truths.append(truth)
        if len(features) % 20 == 0:
            speed = SIZE * len(features) / (time.perf_counter() - began)
            print(f"{SIZE * len(features)} pictures, {made.filled} composites, {speed:.0f}/s", flush=True)
    made.pool.terminate()
    steps = fit_head(network, torch.cat(features), torch.cat(truths), end)
    log = {"steps": steps, "samples": SIZE * len(features), "composites": made.filled}
    weights = network.export()
    with np.load(IMAGENET) as stored:
        weights |= dict(stored)
    for block in ("block5", "block4"):
        np.savez(args.output / f"{block}.npz", **{n: w for n, w in weights.items() if n.startswith(block)})
    rest = {n: w for n, w in weights.items() if not n.startswith(("block5", "block4"))}
    np.savez(args.output / "rest.npz", **rest)
    settings = {name: str(value) for name, value in vars(args).items()} | {"frozen": "yes"}
    (args.output / "log.json").write_text(json.dumps({"settings": settings, "log": [log]}, indent=1))
    print(log)


if __name__ == "__main__":
    main()
