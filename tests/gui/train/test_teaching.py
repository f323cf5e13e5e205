"""A training that starts from a model: what the form asks of its teacher."""

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_organelle.errors import TrainingError
from napari_organelle.gui.train.request import TrainingRequest
from napari_organelle.gui.train.sources import SetSource
from napari_organelle.gui.train.teaching import starts, taught_plan, teaching_problem
from napari_organelle.gui.train.widget import TrainWidget, intention
from napari_organelle.model.bundle import ModelBundle, save_bundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import YEAST_SLOTS, Slot
from napari_organelle.prepare.pixels import PixelPlan
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.train.trainset import TrainingPlan


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelBundle:
    """A model in the user's folder that knows stripes and spots."""
    monkeypatch.setenv("NAPARI_ORGANELLE_MODELS", str(tmp_path))
    network = NetworkPlan(width=1 / 16, blocks=(1, 2, 3), units=())
    spec = ModelSpec(
        name="known", classes=colour_classes(("stripes", "spots")), task="single", slots=YEAST_SLOTS,
        pixels=PixelPlan(32, 32), network=network, thresholds=(0.5,),
    )  # fmt: skip
    weights = {name: np.ones(shape, np.float32) for name, shape in network.weight_shapes(2, 32).items()}
    return save_bundle(tmp_path / "known.organelle", spec, weights)


def labelled(labels: list[str]) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 255, (len(labels), 2, 32, 32), np.uint8)
    images = ImageSet.from_array(pixels, (Channel("mCherry", "red"), Channel("GFP", "green")))
    images.items["label"] = labels
    return images


def plan_with(tmp_path: Path, *names: str) -> TrainingPlan:
    slots = tuple(Slot(name) for name in names)
    return TrainingPlan(
        output=tmp_path / "new.organelle", slots=slots, indices=tuple(range(len(slots))), teacher="known"
    )


def test_models_are_offered_and_ticked_channels_fill_their_slots(teacher: ModelBundle, tmp_path: Path):
    assert starts()[0] == ""
    assert {"known", "yeast-12"} <= set(starts())
    labels = np.array(["Spots", "stripes"])
    plan = taught_plan(plan_with(tmp_path, "GFP", "mCherry"), labels)
    assert plan.slots == YEAST_SLOTS
    assert plan.indices == (1, 0)
    assert plan.classes == ()
    assert taught_plan(plan_with(tmp_path, "protein"), labels).indices == (None, 0)
    with pytest.raises(TrainingError, match=r"known takes the channels “cytosol” .or none. and “protein”"):
        taught_plan(plan_with(tmp_path, "GFP", "DAPI"), labels)


def test_a_new_class_is_said_to_be_new_and_needs_two_cells(teacher: ModelBundle, tmp_path: Path):
    labels = np.array(["stripes", "rings"])
    plan = taught_plan(plan_with(tmp_path, "protein"), labels)
    assert plan.classes == ("stripes", "spots", "rings")
    assert "a new class needs 2" in teaching_problem(plan, labels)
    assert "Label at least 2 cells" in teaching_problem(plan, np.array(["rings", ""]))
    images = labelled(["stripes", "rings", "rings"])
    request = TrainingRequest(SetSource("set", images).crops(), plan)
    assert request.problem() == ""
    told = intention(request, "CPU")
    assert "Will teach known 3 crops (rings 2, stripes 1)" in told
    assert "New to it, or a typo: rings." in told


def test_the_form_teaches_the_chosen_model(qtbot, teacher: ModelBundle):
    widget = TrainWidget(ViewerModel())
    qtbot.addWidget(widget)
    form = widget.form
    form.add_set(labelled(["stripes", "spots", "spots"]))
    form.name.setText("new")
    request, problem = form.request()
    assert request is None, "one crop of a class is too few for a new model"
    form.start.choose("known")
    form.start.activated.emit(form.start.currentIndex())
    request, problem = form.request()
    assert problem == ""
    assert request.plan.teacher == "known"
    assert request.plan.slots == YEAST_SLOTS
    assert form.recipe.isHidden()
    assert form.epochs.isHidden()
