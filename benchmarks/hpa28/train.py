"""Train `hpa-28` and its compact form on a CUDA card (or, tiny, on a CPU) with PyTorch.

    PYTHONPATH=src python benchmarks/hpa28/train.py hpa28_real.npz -o OUT --minutes 6 --seed 0

Worker processes paint composites while the network already learns from the first of them. A quarter of each
batch is real: cells of mosaics (their label, and half of the teacher's probabilities for other locations),
stains of microtubules, nucleus and ER as if they were a protein, and images of 2018. Mosaics and images of
fold ``--fold`` of 5, and all complete sets, are never trained on. Weights are written in 16 bits under the
names that the plugin's Keras network has; `finish.py` makes bundles of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from compose import NAMES, SIDE, decode, held_out, make_part
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
SIZE = 144
BGR_MEAN = (103.939, 116.779, 123.68)
TEACHER = {0: 12, 2: 25, 3: 6, 4: 7, 5: 11, 6: 14, 7: 23, 8: 1, 9: 2, 10: 0, 11: 21}
"""Classes of the teacher that are one of the 28, or nearly."""

STAIN_OF = {0: 14, 2: 0, 3: 6}
"""Location that a stain is a true image of: red microtubules, blue nucleoplasm, yellow ER."""


class Vgg(nn.Module):
    """VGG16 of some width with the plugin's pooled head; `normed` normalises batches after convolutions."""

    def __init__(
        self, width: float = 1.0, normed: bool = False, units: int = 256, dropout: float = 0.3
    ) -> None:
        super().__init__()
        channels, self.normed = 3, normed
        for block, filters in enumerate(BLOCKS, start=1):
            for index, count in enumerate(filters, start=1):
                out = max(1, round(count * width))
                conv = nn.Conv2d(channels, out, 3, padding=1)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                nn.init.zeros_(conv.bias)
                self.add_module(f"block{block}_conv{index}", conv)
                if normed:
                    self.add_module(f"norm{block}_{index}", nn.BatchNorm2d(out, eps=1e-3))
                channels = out
        pooled = 2 * sum(max(1, round(BLOCKS[b - 1][-1] * width)) for b in (3, 4, 5))
        self.standardise = nn.BatchNorm1d(pooled, eps=1e-3, affine=False, momentum=0.02)
        self.dense_1, self.logits = nn.Linear(pooled, units), nn.Linear(units, len(NAMES))
        self.drop = nn.Dropout(dropout)
        self.register_buffer("mean", torch.tensor(BGR_MEAN)[None, :, None, None])

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] to (B, 28) logits."""
        x, parts = (rgb.flip(1) * 255 - self.mean).contiguous(memory_format=torch.channels_last), []
        with torch.autocast(rgb.device.type, torch.bfloat16, enabled=rgb.device.type == "cuda"):
            for block, filters in enumerate(BLOCKS, start=1):
                x = F.max_pool2d(x, 2) if block > 1 else x
                for index in range(1, len(filters) + 1):
                    x = getattr(self, f"block{block}_conv{index}")(x)
                    x = F.relu(getattr(self, f"norm{block}_{index}")(x) if self.normed else x)
                if block > 2:
                    parts += [x.float().mean((2, 3)), x.amax((2, 3)).float()]
        x = self.standardise(torch.cat(parts, 1))
        return self.logits(self.drop(F.relu(self.dense_1(self.drop(x)))))

    def load_imagenet(self, path: Path) -> None:
        """Take the convolutions of the package's own file."""
        with np.load(path) as stored:
            for name, module in self.named_children():
                if isinstance(module, nn.Conv2d):
                    kernel = stored[f"{name}/kernel"].astype(np.float32).transpose(3, 2, 0, 1)
                    module.weight.data.copy_(torch.from_numpy(kernel.copy()))
                    module.bias.data.copy_(torch.from_numpy(stored[f"{name}/bias"].astype(np.float32)))

    @torch.no_grad()
    def export(self) -> dict[str, np.ndarray]:
        """Weights as the plugin names and lays them, batch normalisation folded away; kernels in 16 bits."""
        stored = {}
        for name, module in self.named_children():
            if isinstance(module, nn.Conv2d):
                weight, bias = module.weight, module.bias
                if self.normed:
                    norm = getattr(self, "norm" + name[5:].replace("_conv", "_"))
                    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                    weight, bias = (
                        weight * factor[:, None, None, None],
                        (bias - norm.running_mean) * factor + norm.bias,
                    )
                stored |= {f"{name}/kernel": weight.permute(2, 3, 1, 0), f"{name}/bias": bias}
            elif isinstance(module, nn.Linear):
                stored |= {f"{name}/kernel": module.weight.T, f"{name}/bias": module.bias}
        stored["standardise/moving_mean"] = self.standardise.running_mean
        stored["standardise/moving_variance"] = self.standardise.running_var
        arrays = {name: np.ascontiguousarray(value.float().cpu().numpy()) for name, value in stored.items()}
        return {name: a.astype(np.float16) if name.endswith("kernel") else a for name, a in arrays.items()}


class Real:
    """The pack on the device; `told` (N, 28) are soft truths."""

    def __init__(self, pack: Path, fold: int, device: str) -> None:
        with np.load(pack) as real:
            cells = np.stack(
                [decode(real[f"cell{row:04d}"]).reshape(4, SIDE, SIDE) for row in range(len(real["target"]))]
            )
            teacher, self.target = real["teacher"].astype(np.float32), real["target"].astype(int)
            held = held_out(real["mosaic"], real["target"], fold)
            listed, fields = real["fields"].tolist(), []
            for row in range(len(listed)):
                names = [f"field{row:04d}_{stain}" for stain in range(4)]
                planes = [
                    decode(real[n]) if n in real.files else np.zeros((512, 512), np.uint8) for n in names
                ]
                fields.append(np.stack(planes))
        answers = np.zeros((len(cells), len(NAMES)), np.float32)
        for column, location in TEACHER.items():
            answers[:, location] = 0.5 * teacher[:, column]
        answers[np.arange(len(cells)), self.target] = 0.95
        self.cells, self.answers = torch.from_numpy(cells).to(device), torch.from_numpy(answers).to(device)
        self.train, self.held = np.flatnonzero(~held), np.flatnonzero(held)
        self._split_fields(np.stack(fields), listed, fold, device)

    def _split_fields(self, fields: np.ndarray, listed: list[str], fold: int, device: str) -> None:
        """Every stain of a field becomes a picture of its own, in the protein's slot."""
        pictures, answers, held, kind = [], [], [], []
        seen = [0] * 4
        for planes, line in zip(fields, listed, strict=True):
            there = [stain for stain in range(4) if planes[stain].any()]
            for stain in there:
                picture, truth = planes.copy(), np.zeros(len(NAMES), np.float32)
                if stain == 1:
                    truth[[int(t) for t in line.split()[1:]]] = 1
                else:
                    truth[STAIN_OF[stain]] = 1
                    picture[1], picture[stain] = planes[stain], 0
                pictures.append(picture)
                answers.append(truth)
                held.append(len(there) == 4 or seen[stain] % 5 == fold)
                kind.append(stain)
                seen[stain] += len(there) < 4
        self.fields, self.field_answers = (
            torch.from_numpy(np.stack(pictures)).to(device),
            torch.from_numpy(np.stack(answers)).to(device),
        )
        self.field_kind = np.array(kind)
        self.field_train, self.field_held = np.flatnonzero(~np.array(held)), np.flatnonzero(held)


def look(pictures: Tensor, share: Tensor, rng: torch.Generator | None, whole: bool = False) -> Tensor:
    """(B, 4, 144, 144) in [0, 1]: windows of `share` (B,) of the side of (B, 4, S, S) uint8, turned."""
    count, device = len(pictures), pictures.device
    matrix = torch.zeros(count, 2, 3, device=device)
    if whole:
        matrix[:, 0, 0] = matrix[:, 1, 1] = share
    else:
        angle = torch.rand(count, generator=rng, device=device) * 2 * np.pi
        flip = torch.where(torch.rand(count, generator=rng, device=device) < 0.5, -1.0, 1.0)
        matrix[:, 0, 0], matrix[:, 0, 1] = share * angle.cos() * flip, -share * angle.sin()
        matrix[:, 1, 0], matrix[:, 1, 1] = share * angle.sin() * flip, share * angle.cos()
        room = (1 - share).clamp(min=0) + 0.15
        matrix[:, :, 2] = (torch.rand(count, 2, generator=rng, device=device) * 2 - 1) * room[:, None]
    grid = F.affine_grid(matrix, [count, 4, 2 * SIZE, 2 * SIZE], align_corners=False)
    return F.avg_pool2d(F.grid_sample(pictures.float() / 255, grid, align_corners=False), 2)


def stretch(x: Tensor) -> Tensor:
    """Each slot by its own percentiles 0.5 and 99.8, as the plugin does."""
    last = SIZE * SIZE - 1
    ordered = x.flatten(2).sort(-1).values
    dark, bright = ordered[..., round(0.005 * last)], ordered[..., round(0.998 * last)]
    contrast = bright - dark
    scaled = (x - dark[..., None, None]) / contrast.clamp(min=1e-6)[..., None, None]
    return (scaled * (contrast > 1e-6)[..., None, None]).clamp(0, 1)


def to_rgb(x: Tensor) -> Tensor:
    """Microtubules and ER share red, the protein is green, the nucleus blue."""
    return torch.stack([(x[:, 0] + x[:, 3]) / 2, x[:, 1], x[:, 2]], 1)


def disturb(x: Tensor, rng: torch.Generator) -> Tensor:
    """Bleed-through, blur, light and noise, then missing stains; (B, 4, n, n) to the same."""
    count, device = len(x), x.device

    def chance(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=rng, device=device)

    bleed = (chance(1, 1) < 0.15) * chance(1, 1) * 0.25
    x[:, 1] = x[:, 1] + bleed * torch.where(chance(1, 1) < 0.5, x[:, 0], x[:, 2])
    blurred = F.avg_pool2d(F.avg_pool2d(x, 3, 1, 1), 3, 1, 1)
    x = torch.lerp(x, blurred, ((chance(1, 1, 1) < 0.4) * chance(1, 1, 1)))
    x = x.clamp(min=0) ** torch.exp((chance(4, 1, 1) - 0.5) * 0.7)
    x = (
        x * torch.where(chance(1, 1, 1) < 0.12, 1 + 2 * chance(4, 1, 1), torch.ones_like(chance(4, 1, 1)))
    ).clamp(max=1)
    noise = torch.randn(x.shape, generator=rng, device=device)
    peak = x.amax((2, 3), keepdim=True)
    x = x + noise * (0.08 * chance(4, 1, 1) ** 2 * (peak * x).sqrt() + 0.03 * peak * chance(4, 1, 1) ** 3)
    alone = chance(1, 1, 1) < 0.12
    lost = torch.cat([chance(1, 1, 1) < p for p in (0.3, -1.0, 0.15, 0.45)], 1)
    keep = (
        ~(lost | (alone & torch.tensor([True, False, True, True], device=device)[None, :, None, None]))
    ).float()
    return x * keep


class Composites:
    """Pictures that workers paint, as they come in order; a ring on the device."""

    def __init__(self, pack: Path, fold: int, seed: int, count: int, workers: int, device: str) -> None:
        self.pool = multiprocessing.get_context("spawn").Pool(workers)
        self.pictures = torch.empty(count, 4, SIDE, SIDE, dtype=torch.uint8, device=device)
        self.answers = torch.empty(count, len(NAMES), device=device)
        tasks = ((pack, fold, seed, number) for number in range(count // 84 + 1))
        self.parts: Iterator = self.pool.imap(make_part, tasks)
        self.filled = 0

    def take(self, wait: bool) -> None:
        """Put finished parts on the device."""
        while self.filled < len(self.pictures):
            try:
                pictures, answers = self.parts.next(None if wait else 0.0)
            except (multiprocessing.TimeoutError, StopIteration):
                return
            number = min(len(pictures), len(self.pictures) - self.filled)
            there = slice(self.filled, self.filled + number)
            self.pictures[there] = torch.from_numpy(pictures[:number])
            self.answers[there] = torch.from_numpy(answers[:number].astype(np.float32))
            self.filled += number
            if wait and self.filled >= 84 * 6:
                return


def batch(
    made: Composites, real: Real, size: int, rng: torch.Generator, pick: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """(B, 3, 144, 144) and (B, 28)."""
    device = made.answers.device

    def shares(count: int, low: float, high: float) -> Tensor:
        return torch.exp(torch.rand(count, generator=rng, device=device) * np.log(high / low) + np.log(low))

    parts = [size * 68 // 100, size * 14 // 100, size * 7 // 100]
    parts.append(size - sum(parts))
    rows = torch.from_numpy(pick.integers(made.filled, size=parts[0])).to(device)
    looks = [look(made.pictures[rows], shares(parts[0], 0.5, 1.5), rng)]
    answers = [made.answers[rows] * 0.96 + 0.005]
    rows = torch.from_numpy(pick.choice(_even(real), parts[1])).to(device)
    looks.append(look(real.cells[rows], shares(parts[1], 0.5, 2.0), rng))
    answers.append(real.answers[rows])
    rows = torch.from_numpy(pick.choice(real.train, parts[2])).to(device)
    cells, truth = real.cells[rows].clone(), torch.zeros(parts[2], len(NAMES), device=device)
    for place, stain in enumerate(pick.choice([0, 2, 3], parts[2])):
        cells[place, 1] = cells[place, stain]
        truth[place, STAIN_OF[int(stain)]] = 0.97
        if pick.random() < 0.7:
            cells[place, int(stain)] = 0
    looks.append(look(cells, shares(parts[2], 0.5, 2.0), rng))
    answers.append(truth)
    rows = torch.from_numpy(pick.choice(real.field_train, parts[3])).to(device)
    looks.append(look(real.fields[rows], shares(parts[3], 0.3, 1.1), rng))
    answers.append(real.field_answers[rows] * 0.97)
    return to_rgb(stretch(disturb(torch.cat(looks), rng))), torch.cat(answers)


def _even(real: Real) -> np.ndarray:
    """Training cells, those of rarer locations repeated, up to fourfold."""
    targets = real.target[real.train]
    counts = np.bincount(targets, minlength=len(NAMES))
    return np.repeat(real.train, np.clip(counts.max() // counts[targets], 1, 4))


@torch.no_grad()
def answer(network: Vgg, pictures: Tensor, share: float = 1.0, lost: tuple[int, ...] = ()) -> np.ndarray:
    """(N, 28) probabilities."""
    network.eval()
    answers = []
    for some in pictures.split(64):
        x = look(some, torch.full((len(some),), share, device=some.device), None, whole=True)
        x[:, list(lost)] = 0
        answers.append(torch.sigmoid(network(to_rgb(stretch(x)))).cpu().numpy())
    network.train()
    return np.concatenate(answers)


def average_precision(answers: np.ndarray, truth: np.ndarray) -> float:
    """Area under precision against recall."""
    order = np.argsort(-answers, kind="stable")
    hits = truth[order].cumsum()
    return float((hits / np.arange(1, len(answers) + 1))[truth[order] > 0].mean())


def judge(network: Vgg, real: Real, made: Composites) -> dict[str, float]:
    """Figures on images that were not trained on."""
    five, held = np.unique(real.target), real.held
    cells, truth = real.cells[torch.from_numpy(held).to(real.cells.device)], real.target[held]
    figures = {}
    for name, share, lost in (
        ("cells", 1.0, ()), ("cells x2", 0.5, ()), ("cells /2", 2.0, ()), ("cells, no ER", 1.0, (3,)),
        ("cells, nucleus only", 1.0, (0, 3)), ("cells, protein alone", 1.0, (0, 2, 3)),
    ):  # fmt: skip
        answers = answer(network, cells, share, lost)
        figures[name] = float((five[answers[:, five].argmax(1)] == truth).mean())
        if name == "cells":
            figures["cells, all 28"] = float((answers.argmax(1) == truth).mean())
            figures["cells, mean AP of 5"] = float(
                np.mean([average_precision(answers[:, c], truth == c) for c in five])
            )
    rows = real.field_held
    answers = answer(network, real.fields[torch.from_numpy(rows).to(real.cells.device)])
    names = real.field_answers[torch.from_numpy(rows).to(real.cells.device)].cpu().numpy()
    for kind, title in ((1, "protein fields"), (0, "microtubules"), (2, "nuclei"), (3, "ER")):
        of = real.field_kind[rows] == kind
        figures[f"{title}, top-1 right"] = float(names[of, answers[of].argmax(1)].mean())
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:  # noqa: PLR0915
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fold", type=int, default=0, help="held out, 0 to 4; -1 for none")
    parser.add_argument("--composites", type=int, default=30_000)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-4)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    began, device = time.perf_counter(), "cuda" if torch.cuda.is_available() else "cpu"
    args.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = (
        torch.backends.cudnn.benchmark
    ) = True
    made = Composites(args.pack, args.fold, args.seed, args.composites, args.workers, device)
    real = Real(args.pack, args.fold, device)
    full, compact = Vgg(), Vgg(0.25, normed=True, dropout=0.1)
    full.load_imagenet(Path(__file__).parents[2] / "src/napari_organelle/bundled/vgg16_imagenet_f16.npz")
    full, compact = (n.to(device, memory_format=torch.channels_last).train() for n in (full, compact))
    groups = [
        {"params": full.parameters(), "top": args.rate},
        {"params": compact.parameters(), "top": 8 * args.rate},
    ]
    optimizer = torch.optim.AdamW(groups, lr=args.rate, weight_decay=2e-3)
    rng, pick = torch.Generator(device).manual_seed(args.seed), np.random.default_rng(args.seed)
    made.take(wait=True)
    print(
        f"{made.filled} composites, {len(real.train)} cells after {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    step, log, losses, started, end = 0, [], [], time.perf_counter(), began + 60 * args.minutes - 12
    next_look = started + (end - started) / 8
    while (now := time.perf_counter()) < end:
        done = (now - started) / (end - started)
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * min(1, (step + 1) / 150) * (0.5 + 0.5 * np.cos(np.pi * done) + 0.003)
        if step % 10 == 0:
            made.take(wait=False)
        images, truth = batch(made, real, args.batch, rng, pick)
        answers = full(images)
        own = F.binary_cross_entropy_with_logits(answers, truth)
        taught = 0.4 * truth + 0.6 * torch.sigmoid(answers.detach()) if done > 0.15 else truth
        other = F.binary_cross_entropy_with_logits(compact(images), taught)
        optimizer.zero_grad(set_to_none=True)
        (own + other).backward()
        for network in (full, compact):
            torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        step += 1
        losses.append(torch.stack([own.detach(), other.detach()]))
        if now > next_look:
            next_look += (end - started) / 8
            mean = torch.stack(losses[-100:]).mean(0).tolist()
            line = {
                "step": step,
                "seconds": round(now - began),
                "composites": made.filled,
                "loss": [round(v, 4) for v in mean],
            }
            log.append(line | {"full": judge(full, real, made)})
            print(json.dumps(log[-1]), flush=True)
    made.pool.terminate()
    log.append({"step": step, "composites": made.filled, "samples": step * args.batch} | {
        name: judge(network, real, made) for name, network in (("full", full), ("compact", compact))
    })  # fmt: skip
    print(json.dumps(log[-1], indent=1), flush=True)
    weights = full.export()
    rest = {f"compact/{name}": w for name, w in compact.export().items()}
    for block in ("block5", "block4"):
        np.savez(args.output / f"{block}.npz", **{n: w for n, w in weights.items() if n.startswith(block)})
    rest |= {n: w for n, w in weights.items() if not n.startswith(("block5", "block4"))}
    np.savez(args.output / "rest.npz", **rest)
    settings = {name: str(value) for name, value in vars(args).items()}
    (args.output / "log.json").write_text(json.dumps({"settings": settings, "log": log}, indent=1))


if __name__ == "__main__":
    main()
