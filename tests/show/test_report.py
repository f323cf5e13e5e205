from pathlib import Path

import numpy as np
import pytest

from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.show.report import draw_confusion, draw_curves, draw_examples, write_report
from napari_organelle.train.recipes import DEFAULT
from napari_organelle.train.run import TrainingPlan, TrainingResult, train


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A run on noise: 40 images of two made-up classes."""
    from dataclasses import replace

    from napari_organelle.model.networks.plan import NetworkPlan
    from napari_organelle.train.recipes import FitPlan

    folder = tmp_path_factory.mktemp("report")
    images = ImageSet.from_array(
        np.random.default_rng(0).random((40, 1, 32, 32), np.float32), (Channel("protein"),)
    )
    images.items["label"] = ["left", "right"] * 20
    network = NetworkPlan(width=1 / 16, blocks=(1,), units=())
    recipe = replace(DEFAULT, network=network, head=FitPlan(epochs=3), copies=0, input_size=32)
    plan = TrainingPlan(output=folder / "noise.organelle", recipe=recipe, device="cpu", cache=folder)
    reports = train(plan, images)
    while True:
        try:
            next(reports)
        except StopIteration as end:
            return end.value


def test_the_page_shouts_that_nothing_was_learned(result: TrainingResult, tmp_path: Path):
    page = write_report(result, tmp_path / "new").read_text()
    assert 'class="bad">This model learned nothing better than guessing.' in page
    assert page.count("data:image/png") == 3
    assert f"macro F1 {result.scores.macro_f1:.3f}" in page
    assert "trivial answer (guess by frequency): 0.500" in page
    assert "left 20, right 20" in page


def test_the_matrix_shows_the_counts(result: TrainingResult):
    axis = draw_confusion(result).axes[0]
    told = {text.get_position()[::-1]: int(text.get_text()) for text in axis.texts}
    assert sum(told.values()) == 40
    assert told[(0, 0)] == result.scores.confusion[0][0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["left", "right"]


def test_curves_have_a_point_for_each_epoch(result: TrainingResult):
    lines = draw_curves(result).axes[0].get_lines()
    assert all(len(line.get_xdata()) == 3 for line in lines)
    assert {line.get_label() for line in lines} == {"training", "held-out fold"}


def test_wrong_examples_are_red(result: TrainingResult):
    (axis,) = draw_examples(result).axes
    assert len(axis.texts) == 24
    assert all(("→" in text.get_text()) == (text.get_color() != "white") for text in axis.texts)
    assert any("→" in text.get_text() for text in axis.texts)
