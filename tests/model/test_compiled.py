"""Networks as fast functions."""

import keras
import numpy as np
import pytest

from napari_organelle.model.compiled import _tensorflow_function


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA is TensorFlow's")
def test_xla_gives_the_same_answers_and_is_left_where_it_fails():
    import tensorflow as tf

    images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    traced = []

    def forward(batch):
        traced.append(1)
        return tf.reduce_mean(batch, axis=(1, 2)) * 2

    def cannot(batch):
        return tf.strings.length(tf.strings.as_string(batch))

    expected = images.mean(axis=(1, 2)) * 2
    assert _tensorflow_function(forward, xla=True)(images) == pytest.approx(expected, abs=1e-6)
    assert len(traced) == 1
    lengths = _tensorflow_function(cannot, xla=True)(images)
    np.testing.assert_array_equal(lengths, _tensorflow_function(cannot, xla=False)(images))
