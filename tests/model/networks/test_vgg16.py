from pathlib import Path

import keras
import numpy as np
import pytest

from napari_organelle.errors import BundleError
from napari_organelle.model.networks import vgg16
from napari_organelle.model.networks.keras_models import (
    assign_weights,
    build_backbone,
    build_feature_extractor,
    build_head,
    build_network,
    read_weights,
)
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.networks.vgg16 import imagenet_weights

SMALL = NetworkPlan(width=1 / 16, units=(8,))
PLANS = [
    SMALL,
    NetworkPlan(width=1 / 16, head="notebook2019"),
    NetworkPlan(width=1 / 32, blocks=(5,), units=()),
]


def images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, size, size, 3), np.float32)


def run(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(inputs, training=False))


def test_it_is_vgg16():
    shapes = NetworkPlan().weight_shapes(12, 64)
    convolutions = {name: shape for name, shape in shapes.items() if name.startswith("block")}
    assert len(convolutions) == 26
    assert sum(np.prod(shape) for shape in convolutions.values()) == 14_714_688
    assert convolutions["block3_conv1/kernel"] == (3, 3, 128, 256)


@pytest.mark.parametrize("plan", PLANS)
def test_the_shapes_that_bundles_are_checked_by_are_the_networks(plan: NetworkPlan):
    network = build_network(plan, 3, 64)
    assert {name: array.shape for name, array in read_weights(network).items()} == plan.weight_shapes(3, 64)
    assert run(network, images(2, 64)).shape == (2, 3)


@pytest.mark.parametrize("plan", PLANS)
def test_features_and_head_compose_to_the_network(plan: NetworkPlan):
    network = build_network(plan, 3, 32)
    features, head = build_feature_extractor(plan, 32), build_head(plan, plan.feature_count(32), 3)
    assert features.output_shape == (None, plan.feature_count(32))
    weights = read_weights(network)
    assign_weights(features, weights)
    assign_weights(head, weights)
    inputs = images(2, 32)
    composed = keras.ops.convert_to_numpy(head(features(inputs), training=False))
    np.testing.assert_allclose(composed, run(network, inputs), rtol=1e-4, atol=1e-4)


def test_the_pooled_head_standardises_by_the_training_features():
    head = build_head(SMALL, 4, 2)
    mean, variance = np.array([1, 2, 3, 4], np.float32), np.array([4, 4, 9, 9], np.float32)
    assign_weights(head, {"standardise/moving_mean": mean, "standardise/moving_variance": variance})
    layer = head.get_layer("standardise")
    out = keras.ops.convert_to_numpy(layer(np.array([[3, 4, 6, 7]], np.float32), training=True))
    np.testing.assert_allclose(out, 1, atol=1e-3)
    assert not layer.trainable_weights


def test_the_backbone_takes_any_size_and_takes_imagenets_mean_off():
    backbone = build_backbone(SMALL)
    shapes = [tuple(block.shape) for block in backbone(images(1, 96), training=False)]
    assert shapes == [(1, 96, 96, 4), (1, 48, 48, 8), (1, 24, 24, 16), (1, 12, 12, 32), (1, 6, 6, 32)]
    prepared = keras.Model(backbone.input, backbone.get_layer("rescale").output)
    pixel = run(
        prepared, np.array([1, 0.5, 0], np.float32).reshape(1, 1, 1, 3) * np.ones((1, 32, 32, 1), np.float32)
    )
    np.testing.assert_allclose(pixel[0, 0, 0], [255 - 123.68, 127.5 - 116.779, 0 - 103.939], atol=1e-3)


def test_sixteen_bit_networks_answer_in_float32_and_leave_no_global_policy():
    before = keras.config.dtype_policy().name
    network = build_network(SMALL, 3, 32, "mixed_float16")
    assert network.get_layer("block3_conv2").compute_dtype == "float16"
    assert network.output.dtype == "float32"
    assert keras.config.dtype_policy().name == before
    exact = build_network(SMALL, 3, 32)
    assign_weights(exact, read_weights(network))
    np.testing.assert_allclose(run(network, images(2, 32)), run(exact, images(2, 32)), rtol=0.05, atol=0.5)


def test_inputs_below_32_pixels_are_refused():
    with pytest.raises(ValueError, match="at least 32"):
        build_network(SMALL, 3, 31)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0}, "width"),
        ({"head": "magic"}, "head"),
        ({"blocks": (5, 3)}, "rising order"),
        ({"blocks": ()}, "blocks"),
        ({"units": (0,)}, "units"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(values: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        NetworkPlan(**values)


def test_weights_of_another_shape_are_not_assigned():
    with pytest.raises(BundleError, match=r"block1_conv1/kernel needs shape \(3, 3, 3, 4\)"):
        assign_weights(build_backbone(SMALL), imagenet_weights())


def test_imagenet_layers_come_with_the_package():
    weights = imagenet_weights()
    assert set(weights) == {name for name in NetworkPlan().weight_shapes(2, 32) if name.startswith("block")}
    assert weights["block1_conv1/kernel"].ravel()[0] == np.float16(0.42947057)
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float16)}


def test_imagenet_layers_that_were_altered_or_lack_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own = tmp_path / "own.npz"
    np.savez(
        own, **{name: array for name, array in imagenet_weights().items() if name != "block4_conv2/bias"}
    )
    with pytest.raises(BundleError, match="block4_conv2/bias"):
        imagenet_weights(own)
    monkeypatch.setattr(vgg16, "IMAGENET_FILE", own)
    imagenet_weights.cache_clear()
    with pytest.raises(BundleError, match="was altered"):
        imagenet_weights()
    with pytest.raises(BundleError, match="no such file"):
        imagenet_weights(tmp_path / "none.npz")


@pytest.mark.slow
@pytest.mark.real_data
def test_float16_storage_moves_the_features_by_less_than_a_thousandth(real_data: Path):
    import imagecodecs

    exact = imagenet_weights(real_data / "vgg16" / "vgg16_imagenet_notop_f32.npz")
    files = sorted((real_data / "hpa2018" / "train").glob("*.png"))[:4]
    pixels = (
        np.stack([imagecodecs.png_decode(f.read_bytes())[::4, ::4] for f in files]).astype(np.float32) / 255
    )
    inputs = np.repeat(pixels.reshape(4, 128, 128, 1), 3, axis=3)
    extractor = build_feature_extractor(NetworkPlan(), 128)
    answers = []
    for weights in (exact, imagenet_weights()):
        assign_weights(extractor, weights)
        answers.append(run(extractor, inputs))
    error = np.linalg.norm(answers[1] - answers[0], axis=1) / np.linalg.norm(answers[0], axis=1)
    assert error.max() < 1e-3
