import numpy as np
import pytest

from napari_organelle.prepare.augment import (
    DEFAULT,
    NONE,
    NOTEBOOK_HPA,
    NOTEBOOK_YEAST,
    Augmentation,
    augment,
)


def spot(y: int, x: int, side: int = 33) -> np.ndarray:
    image = np.zeros((1, side, side, 3), np.float32)
    image[0, y - 1 : y + 2, x - 1 : x + 2] = 1
    return image


def centre(image: np.ndarray) -> np.ndarray:
    weights = image[0, ..., 0]
    return np.array([(grid * weights).sum() / weights.sum() for grid in np.indices(weights.shape)])


def test_nothing_is_changed_by_default():
    image = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    assert np.array_equal(augment(image, NONE, np.random.default_rng(0)), image)


def test_rotation_is_about_the_centre():
    turned = augment(spot(16, 26), Augmentation(rotation=180), np.random.default_rng(3))
    assert np.linalg.norm(centre(turned) - 16) == pytest.approx(10, abs=0.3)
    assert not np.allclose(centre(turned), (16, 26), atol=1)


def test_zoom_moves_away_from_the_centre():
    zoomed = augment(spot(16, 20), Augmentation(zoom=(2, 2)), np.random.default_rng(0))
    assert np.allclose(centre(zoomed), (16, 24), atol=0.3)


def test_shift_is_a_share_of_the_side():
    shifts = [
        centre(augment(spot(16, 16), Augmentation(shift=0.25), np.random.default_rng(seed))) - 16
        for seed in range(40)
    ]
    assert 5 < np.abs(shifts).max() <= 0.25 * 33 + 0.3


def test_flips_are_of_half_of_the_images():
    images = np.repeat(spot(16, 5), 200, axis=0)
    flipped = augment(images, Augmentation(flip_x=True), np.random.default_rng(0))[:, 16, 27, 0] == 1
    assert 70 < flipped.sum() < 130


def test_gain_and_noise_stay_in_range():
    images = np.random.default_rng(0).random((20, 16, 16, 3), np.float32)
    changed = augment(images, Augmentation(gain=0.5, noise=0.2), np.random.default_rng(0))
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert changed.dtype == np.float32
    assert changed[..., 0].mean() != pytest.approx(images[..., 0].mean(), abs=1e-3)


@pytest.mark.parametrize("ranges", [DEFAULT, NOTEBOOK_YEAST, NOTEBOOK_HPA])
def test_the_same_seed_gives_the_same_images(ranges: Augmentation):
    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    first, again = (augment(images, ranges, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, images)
