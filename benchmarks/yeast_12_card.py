"""Judge a yeast model on real and simulated cells: the tables and figures of its model card.

    python benchmarks/yeast_12_card.py yeast-12 DATA -o docs/images

DATA holds `yeast_cyclops`, `yeast_fields`, `hpa2018/complete` and `hpa2021/train`. The 24 cells of
`deepyeast/figure_cells` are trained on: `assemble_yeast_12.py` scores them by cross-validation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from distractors import make_distractors
from matplotlib.figure import Figure
from scipy.stats import binomtest
from training.starve import PHOTONS, as_uint8, starved

from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.engine.device import available_devices
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.predict import collect, fitting_batch, predict
from napari_organelle.prepare.channels import YEAST_SLOTS, ChannelMap
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.regions import image_regions, object_regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM, YEAST_CLASSES, simulate_crops

PAIR = (Channel("mCherry", "red"), Channel("GFP", "green"))
GENES = {"AAC1": "mitochondrion", "AAH1": "cytoplasm", "AAP1": "cytoplasm"}
HEADER = """\
| cells | n | top-1 (95 %) | top-2 | called | right, of those | majority class |
|---|---|---|---|---|---|---|"""

FIELD_WINDOW = 40
"""Pixels of `yeast_fields` that show as much as 64 of the model's: cells measure 21 there, 34 here."""

HELD_OUT, FEWER = (999, 1_200), 300
"""Seed and number of simulated crops, which no model was trained on, and number at other pixel sizes."""


class Judge:
    """A bundle with its threshold."""

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self.threshold = bundle.spec.thresholds[0]

    def probabilities(self, pixels: np.ndarray, *, cytosol: bool = True, device: str = "auto") -> np.ndarray:
        """(N, 12) of crops (N, 2, Y, X)."""
        images = ImageSet.from_array(pixels, PAIR)
        used = {"protein": 1, "cytosol": 0 if cytosol else None}
        channels = ChannelMap(
            YEAST_SLOTS, tuple(used[slot.name] for slot in YEAST_SLOTS), images.channel_names
        )
        regions = image_regions(images)
        batches = predict(self.bundle, images, regions, channels, device=device)
        return collect(batches, regions, self.bundle).probabilities

    def row(self, name: str, predicted: np.ndarray, truth: np.ndarray) -> str:
        """A line of the card's table."""
        order = np.argsort(-predicted, axis=1)
        right = order[:, 0] == truth
        second = right | (order[:, 1] == truth)
        sure = predicted.max(axis=1) >= self.threshold
        low, high = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
        trivial = np.bincount(truth).max() / len(truth)
        return (
            f"| {name} | {len(truth)} | {right.mean():.3f} ({low:.2f} to {high:.2f}) | {second.mean():.3f} "
            f"| {sure.mean():.3f} | {right[sure].mean():.3f} | {trivial:.3f} |"
        )

    def unsure(self, name: str, predicted: np.ndarray) -> str:
        share = (predicted.max(axis=1) < self.threshold).mean()
        return f"| {name} | {len(predicted)} | {share:.3f} |"


def cyclops(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops (N, 2, 64, 64), their classes and their genes."""
    images = open_image_set(data / "yeast_cyclops")
    genes = images.items["label"].to_numpy()
    return np.asarray(images.data), np.array([YEAST_CLASSES.index(GENES[gene]) for gene in genes]), genes


def marked_cells(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Cells (N, 2, 40, 40) of two fields by their outlines: cytosol marker, and nucleus marker as protein."""
    nuclei = []
    for outlines in sorted((data / "yeast_fields").glob("*_labeled.tiff")):
        stem = str(outlines).removesuffix("_labeled.tiff")
        field = np.stack([tifffile.imread(f"{stem}-ch{channel}sk1fk1fl1.tiff") for channel in (3, 2)])
        masks = tifffile.imread(outlines).astype(np.int64)
        windows = object_regions(masks, FIELD_WINDOW).windows
        inside = (windows[:, 1:3] >= 0).all(1) & (windows[:, 1:3] + FIELD_WINDOW <= masks.shape).all(1)
        images = ImageSet.from_array(field[None], PAIR)
        nuclei += cut(images, windows[inside], (0, 1))
    return np.stack(nuclei), np.full(len(nuclei), YEAST_CLASSES.index("nucleus"))


def figure_cells(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """The 24 cells and their classes."""
    files = sorted((data / "deepyeast" / "figure_cells").glob("*/*.png"))
    cells = np.stack([imagecodecs.png_decode(file.read_bytes())[..., :2] for file in files])
    truth = [YEAST_CLASSES.index(file.parent.name.replace("_", " ")) for file in files]
    return cells.transpose(0, 3, 1, 2), np.array(truth)


def human_tiles(judge: Judge, data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Real human cells by tiles, the protein as protein and the microtubules as cytosol."""
    for folder in ("hpa2018/complete", "hpa2021/train"):
        images = open_image_set(data / folder)
        names = images.channel_names
        guessed = {"protein": names.index("protein"), "cytosol": names.index("microtubules")}
        channels = ChannelMap(YEAST_SLOTS, tuple(guessed[slot.name] for slot in YEAST_SLOTS), names)
        sizes = images.items[["height", "width"]].to_numpy()
        regions = tile_regions(sizes, judge.bundle.spec.pixels.window_px, 128)
        predicted = collect(predict(judge.bundle, images, regions, channels), regions, judge.bundle)
        yield folder, predicted.probabilities[predicted.answered()]


def coverage(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of cells that are called, and of these that are right, from the surest call on."""
    order = np.argsort(-predicted.max(axis=1))
    right = (predicted.argmax(axis=1) == truth)[order]
    count = np.arange(1, len(right) + 1)
    return count / len(right), np.cumsum(right) / count


def draw_coverage(sets: dict[str, tuple[np.ndarray, np.ndarray]], threshold: float, file: Path) -> None:
    figure = Figure(figsize=(5.5, 4), layout="constrained", dpi=110)
    axes = figure.subplots()
    for name, (predicted, truth) in sets.items():
        share, right = coverage(predicted, truth)
        first = max(1, len(share) // 50)
        (line,) = axes.plot(share[first:], right[first:], label=name)
        called = float((predicted.max(axis=1) >= threshold).mean())
        axes.plot(called, np.interp(called, share, right), "o", color=line.get_color())
    axes.set(
        xlabel="share of cells that are called", ylabel="share of these that are right", ylim=(0.4, 1.01)
    )
    axes.legend(frameon=False, fontsize=8, title="dot: the model's threshold", title_fontsize=8)
    figure.savefig(file)


def draw_confusion(predicted: np.ndarray, truth: np.ndarray, title: str, file: Path) -> None:
    """Rows: truth; columns: calls; each row sums to 1."""
    shares = np.zeros((len(YEAST_CLASSES),) * 2)
    np.add.at(shares, (truth, predicted.argmax(axis=1)), 1)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.5, 5.8), layout="constrained", dpi=110)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(shares >= 0.005):
        share = shares[row, column]
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7,
                  color="white" if share > 0.55 else "black")  # fmt: skip
    axes.set_xticks(range(12), YEAST_CLASSES, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(12), YEAST_CLASSES, fontsize=8)
    axes.set(xlabel="called", ylabel="truth", title=title)
    figure.savefig(file)


def speed(judge: Judge, device: str, count: int = 512) -> tuple[float, float]:
    """Crops a second from pixels to answer, and views a second through the bare network; medians of 3."""
    model = load(judge.bundle, device)
    size = judge.bundle.spec.pixels.input_size
    batch = np.random.default_rng(0).random((fitting_batch(size, model.device), size, size, 3), np.float32)
    pixels = simulate_crops(256, seed=1).pixels[np.arange(count) % 256]
    model.probabilities(batch)
    whole, bare = [], []
    for _ in range(3):
        began = time.perf_counter()
        judge.probabilities(pixels, device=device)
        whole.append(count / (time.perf_counter() - began))
        began = time.perf_counter()
        for _ in range(count // len(batch)):
            model.probabilities(batch)
        bare.append(count / (time.perf_counter() - began))
    return float(np.median(whole)), float(np.median(bare))


Told = tuple[np.ndarray, np.ndarray]
"""Probabilities (N, 12) and truth (N,)."""


def print_simulated(judge: Judge) -> Told:
    """Rows on simulated cells; what is told of those as trained on."""
    began = time.perf_counter()
    held = simulate_crops(HELD_OUT[1], seed=HELD_OUT[0])
    print(f"({HELD_OUT[1] / (time.perf_counter() - began):.0f} crops/s simulated by one core)\n\n{HEADER}")
    predicted = judge.probabilities(held.pixels)
    print(judge.row("simulated", predicted, held.labels))
    alone = judge.probabilities(held.pixels, cytosol=False)
    print(judge.row("simulated, protein alone", alone, held.labels))
    bright = np.clip(held.pixels.astype(float) * 3, 0, 255).astype(np.uint8)
    print(judge.row("simulated, 3 times brighter and saturated", judge.probabilities(bright), held.labels))
    for factor in (0.5, 2.0):
        other = simulate_crops(
            FEWER, seed=HELD_OUT[0], size=round(64 / factor), pixel_size_um=PIXEL_SIZE_UM * factor
        )
        name = f"simulated, {PIXEL_SIZE_UM * factor:.2f} µm a pixel"
        print(judge.row(name, judge.probabilities(other.pixels), other.labels))
    return predicted, held.labels


def print_real(judge: Judge, data: Path) -> Told:
    """Rows on real cells of two or three classes; what is told of the CyCLoPS crops."""
    pixels, truth, genes = cyclops(data)
    real = judge.probabilities(pixels)
    print(judge.row("real CyCLoPS", real, truth))
    for gene in GENES:
        print(judge.row(gene, real[genes == gene], truth[genes == gene]))
    for photons in PHOTONS:
        name = f"real CyCLoPS, starved to {photons} photons"
        print(judge.row(name, judge.probabilities(starved(as_uint8(pixels), photons)), truth))
    print(judge.row("real CyCLoPS, protein alone", judge.probabilities(pixels, cytosol=False), truth))
    cells, nucleus = marked_cells(data)
    print(judge.row("real fields, nucleus marker as protein", judge.probabilities(cells), nucleus))
    alone = judge.probabilities(cells[:, ::-1], cytosol=False)
    cytoplasm = np.full(len(cells), YEAST_CLASSES.index("cytoplasm"))
    print(judge.row("real fields, cytosol marker as protein, alone", alone, cytoplasm))
    return real, truth


def print_unsure(judge: Judge, data: Path) -> None:
    """Rows on what is no yeast."""
    print("\n| no yeast | n | unsure |\n|---|---|---|")
    strange = make_distractors(400, seed=2)[..., 4:68, 4:68]
    print(judge.unsure("simulated human cells, noise, rings, shapes", judge.probabilities(strange)))
    for folder, answers in human_tiles(judge, data):
        print(judge.unsure(f"real human cells, {folder}", answers))
    print(judge.unsure("empty crops", judge.probabilities(np.zeros((4, 2, 64, 64), np.uint8))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the figures")
    args = parser.parse_args()
    judge = Judge(open_bundle(args.model))
    print(f"{judge.bundle.id}, threshold {judge.threshold}")
    simulated = print_simulated(judge)
    real = print_real(judge, args.data)
    print_unsure(judge, args.data)
    for device in (device.name for device in available_devices()):
        whole, bare = speed(judge, device)
        print(f"{device}: {whole:.0f} cells/s; bare network {bare:.0f} views/s")
    sets = {"simulated": simulated, "real CyCLoPS": real}
    draw_coverage(sets, judge.threshold, args.output / f"{judge.bundle.spec.name}-coverage.png")
    title = f"{HELD_OUT[1]:,} simulated cells"
    draw_confusion(*simulated, title, args.output / f"{judge.bundle.spec.name}-confusion.png")


if __name__ == "__main__":
    main()
