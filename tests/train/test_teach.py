"""A model is taught: what it learns, what it keeps, what it brings along, and what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import BundleError, TrainingError
from napari_organelle.model.bundle import ModelBundle, save_bundle
from napari_organelle.model.domain import DOMAIN_FILE, Domain, read_domain
from napari_organelle.model.predict import collect, predict
from napari_organelle.prepare.channels import Slot, bind_channels
from napari_organelle.prepare.regions import slice_regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.train.class_plan import plan_classes
from napari_organelle.train.replay import PER_CLASS, REPLAY_FILE, Replay, read_replay
from napari_organelle.train.run import TrainingPlan, train
from napari_organelle.train.teach import near_temperature, row_chances

Plan = Callable[..., TrainingPlan]


@pytest.fixture
def teacher(stripes_and_spots: ImageSet, make_plan: Plan, finish, tmp_path: Path) -> ModelBundle:
    """A model that tells stripes from spots."""
    plan = make_plan(output=tmp_path / "teacher.organelle", judge="holdout")
    return finish(train(plan, stripes_and_spots))[1].bundle


def some(images: ImageSet, rows: np.ndarray, names: dict[str, str]) -> ImageSet:
    """The set with labels for some rows only, under other names."""
    items = images.items.copy()
    items["label"] = np.where(np.isin(np.arange(len(items)), rows), items["label"].replace(names), "")
    return replace(images, items=items)


def rings(images: ImageSet, rows: np.ndarray) -> ImageSet:
    """The set with bright squares in place of the protein in some rows, labelled ``ring``."""
    data, items = np.array(images.data), images.items.copy()
    data[rows, 1] = 100
    data[rows, 1, 8:24, 8:24] = 400
    items["label"] = np.where(np.isin(np.arange(len(items)), rows), "ring", "")
    return replace(images, data=data, items=items)


def calls(bundle: ModelBundle, images: ImageSet) -> np.ndarray:
    regions = slice_regions(images)
    channels = bind_channels(bundle.spec.slots, images.channels)
    told = collect(predict(bundle, images, regions, channels, device="cpu"), regions, bundle)
    return np.array(bundle.spec.class_names)[told.probabilities.argmax(axis=1)]


def test_a_new_class_is_learned_and_the_others_are_kept(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish
):
    shown = np.arange(0, 72, 12)
    images = rings(stripes_and_spots, np.arange(0, 72, 6))
    labels = images.items["label"].to_numpy().copy()
    lesson = some(images, shown, {})
    plan = make_plan(teacher=str(teacher.path), classes=("spots", "stripes", "ring"), group_by="item")
    _, result = finish(train(plan, lesson))
    told = calls(result.bundle, images)
    unseen = (labels == "ring") & ~np.isin(np.arange(72), shown)
    assert (told[unseen] == "ring").all()
    others = labels != "ring"
    assert (told == stripes_and_spots.items["label"].to_numpy())[others].mean() > 0.9


def test_the_spec_says_where_a_taught_model_comes_from(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish
):
    rows = np.arange(0, 72, 5)
    images = some(stripes_and_spots, rows, {"spots": "dots"})
    plan = make_plan(teacher=str(teacher.path), renamed={"Spots": "dots"}, group_by="item")
    reports, result = finish(train(plan, images))
    spec = ModelBundle.open(result.bundle.path).spec
    assert spec.class_names == ("dots", "stripes")
    assert [each.colour for each in spec.classes] == [each.colour for each in teacher.spec.classes]
    assert (spec.pixels, spec.slots, spec.network) == (
        teacher.spec.pixels,
        teacher.spec.slots,
        teacher.spec.network,
    )
    assert spec.provenance["lineage"] == [
        {"model": teacher.id, "cells": len(rows), "data": spec.provenance["data"]}
    ]
    assert f"Taught from {teacher.id} with {len(rows)} labelled cells." in spec.description
    assert spec.thresholds == teacher.spec.thresholds, "few cells choose no threshold"
    assert result.scores is not None
    assert result.scores.n == len(rows)
    taught = result.taught
    assert taught is not None
    assert taught.teacher == teacher.id
    assert taught.replayed == 20
    assert len(taught.calls_before) == len(taught.calls_after) == len(rows)
    last = reports[-1].note
    assert "Before it was taught" in last


def test_a_taught_model_brings_its_cells_along_and_teaches_on(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish, tmp_path: Path
):
    images = some(stripes_and_spots, np.arange(0, 72, 5), {})
    first = finish(train(make_plan(teacher=str(teacher.path), group_by="item"), images))[1].bundle
    kept = read_replay(first)
    assert sorted(np.unique(kept.labels)) == ["spots", "stripes"]
    assert len(kept) == 35
    again = make_plan(output=tmp_path / "again.organelle", teacher=str(first.path), group_by="item")
    result = finish(train(again, some(stripes_and_spots, np.arange(1, 72, 9), {})))[1]
    assert result.taught is not None
    assert result.taught.replayed == 35
    assert len(result.bundle.spec.provenance["lineage"]) == 2
    assert len(read_replay(result.bundle)) == 35 + 8


def test_cells_that_the_teacher_was_taught_before_are_told_of(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish, tmp_path: Path
):
    lesson = some(stripes_and_spots, np.arange(0, 72, 5), {})
    first = finish(train(make_plan(teacher=str(teacher.path), group_by="item"), lesson))[1]
    assert first.taught.known < 15
    again = make_plan(output=tmp_path / "again.organelle", teacher=str(first.bundle.path), group_by="item")
    result = finish(train(again, lesson))[1]
    assert result.taught.known == 15
    assert "at least 15 of these cells before, so both scores flatter" in " ".join(result.taught.notes())


def test_a_taught_model_takes_the_taught_cells_for_its_own(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish, tmp_path: Path
):
    weights = np.random.default_rng(0).normal(size=teacher.spec.plan.feature_count(32)).astype(np.float32)

    def taught_from(offset: float) -> tuple[Domain, ModelBundle]:
        extras = {DOMAIN_FILE: Domain(weights, offset).arrays()}
        strict = save_bundle(
            tmp_path / "strict.organelle", teacher.spec, teacher.weights(), extras=extras, overwrite=True
        )
        plan = make_plan(teacher=str(strict.path), group_by="item", overwrite=True)
        bundle = finish(train(plan, some(stripes_and_spots, np.arange(0, 72, 5), {})))[1].bundle
        domain = read_domain(bundle)
        assert domain is not None
        return domain, bundle

    moved, bundle = taught_from(1e6)
    assert np.array_equal(moved.weights, weights)
    assert moved.offset < 1e6
    own = moved.excess(read_replay(bundle).features.astype(np.float32)[:15])
    assert (own <= 0).mean() > 0.9
    assert taught_from(-1e6)[0].offset == -1e6, "a domain that has them already stays"


def test_what_a_model_brings_along_keeps_classes_that_are_not_shown(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish
):
    """Only spots are labelled: stripes are kept all the same."""
    spots = np.flatnonzero(stripes_and_spots.items["label"] == "spots")[:4]
    plan = make_plan(teacher=str(teacher.path), group_by="item")
    result = finish(train(plan, some(stripes_and_spots, spots, {})))[1]
    told = calls(result.bundle, stripes_and_spots)
    assert (told == stripes_and_spots.items["label"].to_numpy()).mean() > 0.9
    assert result.scores is None, "four cells of one class judge no model"


def test_it_refuses_what_can_not_be_taught(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish
):
    def problem(images: ImageSet, **changes: object) -> str:
        with pytest.raises(TrainingError) as caught:
            finish(train(make_plan(teacher=str(teacher.path), **changes), images))
        return str(caught.value)

    four = np.array([0, 1, 6, 7])
    unknown = problem(some(stripes_and_spots, four, {"spots": "spot"}))
    assert "does not know the labels 'spot' (2)" in unknown
    assert "Is it 'spots'?" in unknown
    assert "1 labelled cells" in problem(some(stripes_and_spots, four[:1], {}))
    new = problem(
        some(stripes_and_spots, four[1:], {"stripes": "bars"}), classes=("spots", "stripes", "bars")
    )
    assert "a new class needs 2" in new
    assert "has no class 'er' to rename" in problem(stripes_and_spots, renamed={"er": "ER"})
    slots = problem(stripes_and_spots, slots=(Slot("DNA"),), indices=(0,))
    assert "takes the channels cytosol, protein" in slots
    assert "gives one class a cell" in problem(some(stripes_and_spots, four, {"spots": "spots|stripes"}))


def test_labels_match_without_case_and_underscores(teacher: ModelBundle):
    plan = plan_classes(teacher.spec, np.array(["SPOTS", "stri pes"]))
    assert plan.names == ("spots", "stripes")
    assert plan.sources == (0, 1)
    assert plan.new == ()
    values = plan_classes(teacher.spec, np.array(["x", "x"]), ("x", "spots")).columns(
        np.array([[1.0, 2.0]]), 9
    )
    assert values.tolist() == [[9, 1]]


def test_every_class_weighs_the_same_whether_taught_or_replayed():
    targets = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], bool)
    chances = row_chances(targets, 8)
    assert chances.sum() == pytest.approx(1)
    assert chances[0] + chances[1] == pytest.approx(chances[2])
    assert chances[:3].sum() == pytest.approx(1 / 3), "half of the classes: half as often as the replayed"


def test_few_cells_move_the_temperature_little():
    targets = np.eye(2, dtype=bool)[np.zeros(2, int)]
    sure, surer = np.array([[9.0, 0.0]] * 2), np.array([[9.0, 0.0]] * 400)
    few = near_temperature(sure, targets, "single", 2.0)
    many = near_temperature(-surer, np.eye(2, dtype=bool)[np.zeros(400, int)], "single", 2.0)
    assert 1.5 < few <= 2.05
    assert many > 5


def test_a_replay_holds_the_newest_of_each_class(tmp_path: Path, teacher: ModelBundle):
    length = teacher.spec.plan.feature_count(32)
    old = Replay(np.zeros((0, length), np.float16), np.zeros(0, str))
    replay = old.with_examples(np.full((50, length), 1e6), np.array(["spots"] * 45 + ["stripes"] * 5))
    assert len(replay) == PER_CLASS + 5
    assert np.isfinite(replay.features).all()
    path = tmp_path / "with.organelle"
    made = save_bundle(path, teacher.spec, teacher.weights(), extras={REPLAY_FILE: replay.arrays()})
    assert np.array_equal(read_replay(made).features, replay.features)
    short = {"features": replay.features[:, 1:], "labels": replay.labels}
    wrong = save_bundle(
        tmp_path / "wrong.organelle", teacher.spec, teacher.weights(), extras={REPLAY_FILE: short}
    )
    with pytest.raises(BundleError, match=f"of {length} numbers"):
        read_replay(wrong)


def test_a_model_that_brings_nothing_along_says_so(
    stripes_and_spots: ImageSet, teacher: ModelBundle, make_plan: Plan, finish, tmp_path: Path
):
    bare = save_bundle(tmp_path / "bare.organelle", teacher.spec, teacher.weights())
    images = some(stripes_and_spots, np.arange(0, 72, 5), {})
    plan = make_plan(teacher=str(bare.path), group_by="item")
    reports, result = finish(train(plan, images))
    assert result.taught.replayed == 0
    assert "brings no examples along" in reports[-1].note
    assert (calls(result.bundle, stripes_and_spots) == stripes_and_spots.items["label"]).mean() > 0.9
