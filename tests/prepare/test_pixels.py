import time

import numpy as np
import pytest

from napari_organelle.errors import ChannelError, ReadError
from napari_organelle.prepare.pixels import PixelPlan, network_input, resample

PLAN = PixelPlan(input_size=32, window_px=64, pixel_size_um=0.2)
RAW_RANGE = PixelPlan(input_size=32, window_px=32, scaling="dtype")


def test_slots_are_laid_onto_red_green_and_blue():
    levels = np.array([51, 102, 204, 255], np.uint8)
    windows = np.broadcast_to(levels[:, None, None], (4, 32, 32))
    expected = {
        1: (0.2, 0.2, 0.2),
        2: (0.2, 0.4, 0.0),
        3: (0.2, 0.4, 0.8),
        4: (0.6, 0.7, 0.8),
    }
    for slots, rgb in expected.items():
        output = network_input(windows[None, :slots], RAW_RANGE)
        assert output.shape == (1, 32, 32, 3)
        assert output.dtype == np.float32
        np.testing.assert_allclose(output[0, 5, 7], rgb, atol=1e-6)
    with pytest.raises(ChannelError, match="1 to 4 channel slots, not 5"):
        network_input(np.zeros((1, 5, 32, 32)), RAW_RANGE)


def test_window_scaling_forgets_gain_and_offset_and_dtype():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 200, (1, 2, 64, 64)).astype(np.uint8)
    reference = network_input(base, PLAN)
    for changed in (base.astype(np.uint16) * 7 + 300, base / 1e4, -5 + base.astype(np.float32)):
        np.testing.assert_allclose(network_input(changed, PLAN), reference, atol=2e-5)
    assert reference.min() == 0
    assert reference.max() == 1


def test_window_scaling_takes_each_slot_and_window_for_itself_and_ignores_a_hot_pixel():
    ramp = np.tile(np.arange(64, dtype=np.float32), (64, 1))
    windows = np.stack([np.stack([ramp, ramp * 1000]), np.stack([ramp * 10, ramp + 5])])
    windows[0, 0, 3, 3] = 1e6
    output = network_input(windows, PLAN)
    assert np.abs(output[0, 20:, :, 0] - output[0, 20:, :, 1]).max() < 1e-3
    assert np.abs(output[1, ..., 0] - output[1, ..., 1]).max() < 1e-3


def test_dtype_scaling_keeps_brightness():
    dim, bright = np.full((1, 32, 32), 6553, np.uint16), np.full((1, 32, 32), 65535, np.uint16)
    output = network_input([dim, bright], RAW_RANGE)
    np.testing.assert_allclose(output[:, 0, 0, 0], [0.1, 1.0], atol=1e-4)
    floats = np.array([-1, 0.25, 3], np.float32)[:, None, None, None] * np.ones((1, 1, 32, 32), np.float32)
    np.testing.assert_allclose(network_input(floats, RAW_RANGE)[:, 0, 0, 0], [0, 0.25, 1])


def test_a_window_without_contrast_is_black_and_one_with_a_nan_is_nan_alone():
    windows = np.random.default_rng(1).random((4, 2, 48, 48), np.float32)
    windows[1] = 7
    windows[2, 1, 40, 3] = np.nan
    windows[3, 0, 0, 0] = np.inf
    output = network_input(windows, PLAN)
    assert np.isfinite(output[0]).all()
    assert (output[1] == 0).all()
    assert np.isnan(output[2:]).all()


@pytest.mark.parametrize("dtype", [bool, complex])
def test_bool_and_complex_pixels_are_refused(dtype: type):
    with pytest.raises(ReadError, match=f"not {np.dtype(dtype)}"):
        network_input(np.zeros((1, 1, 32, 32), dtype), PLAN)


def test_windows_of_several_sizes_keep_their_places():
    windows = [np.full((1, side, side), side, np.uint8) for side in (40, 64, 32, 40)]
    output = network_input(windows, RAW_RANGE)
    np.testing.assert_allclose(output[:, 0, 0, 0] * 255, [40, 64, 32, 40], rtol=1e-5)


@pytest.mark.parametrize("height", [8, 32, 45, 64, 100])
def test_resampling_keeps_the_mean_a_ramp_and_the_orientation(height: int):
    y, x = np.mgrid[:height, :64].astype(np.float32)
    image = ((y + 0.5) / height + 2 * (x + 0.5) / 64)[None, None]
    small = resample(image, 32, 32)[0, 0]
    centers = (np.arange(32) + 0.5) / 32
    expected = centers[:, None] + 2 * centers
    whole = height in (8, 32, 64)
    assert np.abs(small - expected)[4:-4, 4:-4].max() < (1e-5 if whole else 0.5 / height)
    assert small.mean() == pytest.approx(image.mean(), rel=1e-3)


def test_shrinking_averages_areas_exactly():
    image = np.random.default_rng(2).random((2, 3, 96, 64), np.float32)
    np.testing.assert_allclose(
        resample(image, 32, 32), image.reshape(2, 3, 32, 3, 32, 2).mean(axis=(3, 5)), rtol=1e-5
    )


def test_windows_follow_the_pixel_size():
    assert PLAN.window_for(None) == PLAN.window_for(0.2) == 64
    assert PLAN.window_for(0.1) == 128
    assert PixelPlan(32, 64).window_for(0.1) == 64


@pytest.mark.parametrize(
    "values", [{"input_size": 0}, {"window_px": -1}, {"pixel_size_um": 0.0}, {"scaling": "magic"}]
)
def test_a_plan_that_makes_no_sense_is_refused(values: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(values)).split("_")[0]):
        PixelPlan(**({"input_size": 32, "window_px": 32} | values))


def test_preparing_is_fast_beside_any_network():
    """VGG16 takes about 10 ms for one 64 px crop on a fast core; preparing must stay far below."""
    windows = np.random.default_rng(0).integers(0, 9999, (128, 2, 64, 64)).astype(np.uint16)
    plan = PixelPlan(64, 64)
    network_input(windows, plan)
    start = time.perf_counter()
    network_input(windows, plan)
    assert (time.perf_counter() - start) / len(windows) < 2e-3


def test_a_mixing_gives_a_slot_a_colour_of_its_own():
    plan = PixelPlan(
        input_size=4,
        window_px=4,
        scaling="dtype",
        mixing=((0.5, 0, 0, 0.5), (0, 1, 0, 0), (0, 0, 1, 0)),
    )
    window = np.stack([np.full((4, 4), level, np.uint8) for level in (51, 102, 153, 204)])
    assert network_input(window[None], plan)[0, 0, 0] == pytest.approx((0.5, 0.4, 0.6))
    window[3] = 0
    assert network_input(window[None], plan)[0, 0, 0] == pytest.approx((0.1, 0.4, 0.6))


def test_a_mixing_has_rows_of_one_length():
    with pytest.raises(ValueError, match="rows of one number a slot"):
        PixelPlan(input_size=4, window_px=4, mixing=((1.0,),) * 5)
    with pytest.raises(ValueError, match="rows of one number a slot"):
        PixelPlan(input_size=4, window_px=4, mixing=((1.0,), (0.0,), (1.0, 0.0)))


def test_a_mixing_of_two_rows_gives_two_channels():
    plan = PixelPlan(input_size=4, window_px=4, scaling="dtype", mixing=((0.0, 1.0), (1.0, 0.0)))
    window = np.stack([np.full((4, 4), level, np.uint8) for level in (51, 102)])
    assert network_input(window[None], plan)[0, 0, 0] == pytest.approx((0.4, 0.2))
