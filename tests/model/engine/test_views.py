"""The 8 views of an image, and answers averaged over them."""

import numpy as np
import pytest

from napari_organelle.model.engine.views import over_views, turned

IMAGES = np.random.default_rng(1).random((4, 8, 8, 3), np.float32)


def mean_of_upper_left(images: np.ndarray) -> np.ndarray:
    return images[:, :3, :2].mean(axis=(1, 2))


def test_the_views_are_all_quarter_turns_and_their_mirrorings():
    views = [view[0] for view in turned(IMAGES)]
    assert len({view.tobytes() for view in views}) == 8
    assert all(np.array_equal(np.sort(view, axis=None), np.sort(IMAGES[0], axis=None)) for view in views)
    assert np.array_equal(views[0], IMAGES[0])


def test_a_turned_or_mirrored_image_gets_the_same_answer():
    answer = over_views(mean_of_upper_left, 8)
    assert np.abs(mean_of_upper_left(IMAGES) - answer(IMAGES)).max() > 0.05
    for view in turned(IMAGES):
        assert answer(view) == pytest.approx(answer(IMAGES), abs=1e-6)


def test_one_view_is_the_image_alone():
    assert over_views(mean_of_upper_left, 1) is mean_of_upper_left
