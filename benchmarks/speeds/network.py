"""The network alone, beside the machine's float32 matrix product and beside OpenVINO."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tifffile
from PIL import Image

from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.engine.device import backend_name, choose_device, describe
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.predict import collect, fitting_batch, predict
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.channels import ChannelMap, bind_channels
from napari_organelle.prepare.regions import Regions, slice_regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.open import open_image_set
from speeds.measure import Rate, Row, Setting, Work, compared, interleave
from speeds.synthetic import random_bundle

PRODUCT_SIDES = (1024, 1536, 2048)
SIDES = (64, 224)
OPERATIONS_OF_WORK = 6e10
"""Of each work in a round: a fraction of a second."""


def network_rows(setting: Setting) -> Iterator[Row]:
    """The network's arithmetic beside the best of NumPy's and the backend's matrix products."""
    products = matrix_products()
    works = dict(products)
    for device in setting.devices:
        works |= {f"{device} {side}": network_work(setting, side, device) for side in SIDES}
    rates = interleave(works, setting.rounds)
    best = [Rate(*np.max(each, axis=0)) for each in zip(*(rates[name] for name in products), strict=True)]
    yield Row("float32 matrix product", float(np.median([each.wall for each in best])) / 1e9, "GFLOP/s")
    for side in SIDES:
        yield compared(
            f"VGG16 at {side} px, float32, against the matrix product",
            rates[f"cpu {side}"],
            best,
            "GFLOP/s",
            ">= 0.95",
            scale=1e-9,
        )
    for device in setting.devices[1:]:
        for side in SIDES:
            yield compared(
                f"{describe(choose_device(device))}, at {side} px, against float32",
                rates[f"{device} {side}"],
                rates[f"cpu {side}"],
                "GFLOP/s",
                ">= 1.8",
                scale=1e-9,
            )


def matrix_products() -> dict[str, Work]:
    """NumPy's and the backend's, of several sizes; they do operations."""
    multiply = _tensorflow_product if backend_name() == "tensorflow" else _torch_product
    works: dict[str, Work] = {}
    for side in PRODUCT_SIDES:
        matrix = np.random.default_rng(0).random((side, side), np.float32)
        for name, product in (("numpy", lambda matrix=matrix: matrix @ matrix), ("keras", multiply(matrix))):
            works[f"{name} {side}"] = _repeated(product, 2 * side**3)
    return works


def _tensorflow_product(matrix: np.ndarray) -> Callable[[], object]:
    import tensorflow as tf

    constant = tf.constant(matrix)
    product = tf.function(lambda x: x @ x).get_concrete_function(constant)
    return lambda: product(constant)[0, 0].numpy()


def _torch_product(matrix: np.ndarray) -> Callable[[], object]:
    import torch

    tensor = torch.from_numpy(matrix)
    return lambda: tensor @ tensor


def network_work(setting: Setting, side: int, device: str) -> Work:
    """Whole batches through the whole network; it does operations of convolutions and head."""
    model = load(random_bundle(setting.folder, 1.0, side), device)
    size = fitting_batch(side, model.device)
    batch = np.random.default_rng(0).random((size, side, side, 3), np.float32)
    return _repeated(
        lambda: model.probabilities(batch), size * 2 * model.bundle.spec.network.multiplications(12, side)
    )


def _repeated(run: Callable[[], object], each: int) -> Work:
    times = max(1, round(OPERATIONS_OF_WORK / each))

    def work() -> float:
        for _ in range(times):
            run()
        return float(times * each)

    return work


def agreement_rows(setting: Setting) -> Iterator[Row]:
    """Calls of other devices on real images, beside those of the plain float32 network."""
    if setting.data is None:
        return
    for name, (bundle, images, regions, channels) in real_sets(setting).items():
        exact = _answers(bundle, images, regions, channels, "cpu")
        for device in setting.devices[1:]:
            given = _answers(bundle, images, regions, channels, device)
            thresholds = np.array(bundle.spec.thresholds)
            same = np.mean(np.array(given.called(thresholds)) == np.array(exact.called(thresholds)))
            first = np.mean(given.probabilities.argmax(axis=1) == exact.probabilities.argmax(axis=1))
            off = float(np.abs(given.probabilities - exact.probabilities).mean())
            about = f"{device} on {len(regions)} {name} ({bundle.spec.name})"
            yield Row(f"{about}: calls unchanged", 100 * float(same), "%", wanted=">= 99")
            yield Row(f"{about}: likeliest class unchanged", 100 * float(first), "%", wanted=">= 99")
            yield Row(f"{about}: mean difference of a probability", off, "")


def _answers(
    bundle: ModelBundle, images: ImageSet, regions: Regions, channels: ChannelMap, device: str
) -> Prediction:
    return collect(predict(bundle, images, regions, channels, device=device), regions, bundle)


def real_sets(setting: Setting) -> dict[str, tuple[ModelBundle, ImageSet, Regions, ChannelMap]]:
    """CyCLoPS crops, tiles of the yeast fields, and windows of the Atlas, by one view of each."""
    assert setting.data is not None
    yeast, stain = open_bundle("yeast-12").with_views(1), open_bundle("hpa-stain")
    crops = open_image_set(setting.data / "yeast_cyclops")
    fields = [
        [tifffile.imread(setting.data / f"yeast_fields/r01c01f{field:02d}p01-ch{channel}sk1fk1fl1.tiff")]
        for field in (1, 2)
        for channel in (3, 1)
    ]
    field = np.array(fields).reshape(2, 2, *fields[0][0].shape)
    fields_set = ImageSet.from_array(field, (Channel("cytosol"), Channel("protein")))
    stains = np.array([[_grey(path)] for path in sorted((setting.data / "hpa2018" / "train").glob("*.png"))])
    stains_set = ImageSet.from_array(stains, (Channel("stain"),))
    found = {
        "CyCLoPS crops": (yeast, crops, slice_regions(crops)),
        "tiles of yeast fields": (yeast, fields_set, _tiles(fields_set, 64)),
        "windows of HPA stains": (stain, stains_set, _tiles(stains_set, 256)),
    }
    return {
        name: (bundle, images, regions, bind_channels(bundle.spec.slots, images.channels))
        for name, (bundle, images, regions) in found.items()
    }


def _tiles(images: ImageSet, tile: int) -> Regions:
    return tile_regions(images.items[["height", "width"]], tile)


def _grey(path: object) -> np.ndarray:
    with Image.open(str(path)) as picture:
        pixels = np.asarray(picture)
    return pixels if pixels.ndim == 2 else pixels.max(axis=-1)
