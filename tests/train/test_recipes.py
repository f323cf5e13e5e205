import numpy as np
import pytest

from napari_organelle.train.recipes import DEFAULT, RECIPES, FitPlan, with_changes


def test_cosine_falls_from_the_whole_rate_to_nearly_nothing():
    plan = FitPlan(epochs=10, learning_rate=0.1, schedule="cosine")
    rates = [plan.rate(epoch, []) for epoch in range(10)]
    assert rates[0] == 0.1
    assert rates == sorted(rates, reverse=True)
    assert rates[5] == pytest.approx(0.05)
    assert rates[9] < 0.01


def test_plateau_halves_after_four_epochs_without_a_lower_loss():
    plan = FitPlan(epochs=99, learning_rate=0.8, schedule="plateau")
    losses = [5, 4, 3, 3.1, 3.2, 3.3]
    assert plan.rate(6, losses) == 0.8
    assert plan.rate(7, [*losses, 3.4]) == 0.4
    assert plan.rate(11, [*losses, 3.4, 3.5, 3.5, 3.5, 3.5]) == 0.2
    assert plan.rate(8, [np.nan] * 8) == 0.8


def test_the_seeds_recipes_are_as_written():
    yeast, hpa = RECIPES["notebook2019-yeast"], RECIPES["notebook2019-hpa"]
    for recipe in (yeast, hpa):
        assert recipe.network.head == "notebook2019"
        assert recipe.input_size == 224
        assert recipe.head.batch_size == 500
    assert (yeast.head.optimizer, yeast.head.learning_rate, yeast.head.momentum) == ("sgd", 0.01, 0.8)
    assert (yeast.head.epochs, hpa.head.epochs) == (20, 15)
    assert hpa.head.optimizer == "adam"
    assert hpa.balance == "resample"
    assert hpa.drawn_per_class == 500
    assert 2 * hpa.share == 0.35
    assert yeast.augmentation.rotation == 90
    assert hpa.augmentation.zoom == (0.9, 1.25)


def test_changes_reach_the_last_stage():
    assert with_changes(DEFAULT, None, None, None) == DEFAULT
    assert with_changes(DEFAULT, 7, None, None).head.epochs == 7
    tuned = with_changes(DEFAULT, 7, 2, None)
    assert (tuned.tuning.epochs, tuned.tuned_blocks, tuned.head) == (7, 2, DEFAULT.head)
    compact = with_changes(DEFAULT, None, None, 0.25)
    assert (compact.network.width, compact.tuned_blocks) == (0.25, 5)


@pytest.mark.parametrize(("window", "side"), [(10, 64), (64, 96), (100, 128), (512, 224)])
def test_the_input_suits_the_window(window: int, side: int):
    assert DEFAULT.input_size_for(window) == side
