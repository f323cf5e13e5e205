from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_organelle.errors import TrainingError
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.prediction import BatchDone
from napari_organelle.model.scoring.scores import Answers
from napari_organelle.prepare.channels import bind_channels
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.tables.label_table import HPA_2018, HPA_2021
from napari_organelle.train.evaluate import BY_2021, Evaluation, evaluate, match_classes, roll_up
from napari_organelle.train.examples import examples_of_items
from napari_organelle.train.run import train


def run(bundle: ModelBundle, images: ImageSet, group_by: str = "field") -> Evaluation:
    channels = bind_channels(bundle.spec.slots, images.channels)
    batches = evaluate(bundle, examples_of_items(images, group_by), channels, device="cpu")
    while True:
        try:
            next(batches)
        except StopIteration as end:
            return end.value


def test_names_match_without_regard_to_case_spaces_and_underscores():
    labels = np.array(["Nuclear_Periphery", "nuclear periphery|ER", "Lysosome", ""])
    targets, unknown = match_classes(labels, ("er", "nuclear periphery"))
    assert targets.tolist() == [[False, True], [True, True], [False, False], [False, False]]
    assert unknown == {"Lysosome": 1}


def test_a_saved_model_is_judged_on_a_set(stripes_and_spots: ImageSet, make_plan: Callable[..., Any], finish):
    bundle = finish(train(make_plan(), stripes_and_spots))[1].bundle
    labels = stripes_and_spots.items["label"].str.upper()
    labels[:3] = "vacuole"
    labels[3] = ""
    stripes_and_spots.items["label"] = labels
    told = run(bundle, stripes_and_spots)
    assert told.scores.n == 68
    assert told.left_out == 4
    assert told.unknown == {"vacuole": 3}
    assert told.scores.macro_f1 > 0.95
    assert told.scores.roll_up["by"] == "field"
    assert told.scores.roll_up["n"] == 12
    assert told.scores.roll_up["accuracy"] == 1
    assert {
        "n",
        "classes",
        "macro_f1",
        "accuracy",
        "trivial",
        "ci95",
        "per_class",
        "confusion",
        "verdict",
    } <= set(told.to_dict())


def test_labels_that_no_class_has_are_an_error(stripes_and_spots: ImageSet, tiny_bundle: ModelBundle):
    with pytest.raises(TrainingError, match=r"knows er, nucleus, vacuole; the labels are stripes, spots"):
        run(tiny_bundle, stripes_and_spots)


def test_a_group_is_called_by_the_mean_of_its_cells():
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0], [0.9, 0.1]], np.float32)
    groups = np.array(["w1", "w1", "w1", "w2"])
    answers = Answers(
        np.eye(2, dtype=bool)[[1, 1, 1, 0]], probabilities, ("a", "b"), "single", np.array([0.5]), groups
    )
    table = roll_up(answers).set_index("group")
    assert table.loc["w1", "called"] == "b"
    assert table.loc["w1", "p_b"] == pytest.approx(0.6)
    assert table.loc["w1", "agreement"] == pytest.approx(1 / 3)
    assert table.loc["w2", "n"] == 1


def test_labels_of_2021_judge_a_model_of_the_28_locations_by_the_19(monkeypatch: pytest.MonkeyPatch):
    pixels = np.zeros((2, 1, 64, 64), np.uint8)
    images = ImageSet.from_array(pixels, (Channel("protein", "green"),))
    images.items["label"] = ["Vesicles and punctate cytosolic patterns|Nucleoli", "Negative"]
    probabilities = np.full((2, 28), 0.001, np.float32)
    probabilities[0, [HPA_2018.index("Lysosomes"), HPA_2018.index("Nucleoli")]] = 0.999
    monkeypatch.setattr(
        "napari_organelle.train.evaluate.predict", lambda *_, **__: [BatchDone(0, 2, probabilities, 2)]
    )
    told = run(open_bundle("hpa-28-compact"), images, "item")
    assert told.scores.classes == HPA_2021
    assert told.scores.macro_f1 == told.scores.accuracy == 1
    assert told.unknown == {}
    assert BY_2021 in told.scores.notes
