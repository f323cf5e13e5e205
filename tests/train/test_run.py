import errno
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from napari_organelle.errors import DeviceError, TrainingError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.predict import collect, predict
from napari_organelle.prepare.channels import bind_channels
from napari_organelle.prepare.regions import point_regions, slice_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.train.examples import examples_of_regions
from napari_organelle.train.features import FeatureCache
from napari_organelle.train.recipes import FitPlan, Recipe
from napari_organelle.train.run import TrainingPlan, train

Plan = Callable[..., TrainingPlan]

ON_TORCH = os.environ.get("KERAS_BACKEND") == "torch"
repeatable = pytest.mark.skipif(
    ON_TORCH, reason="Keras on torch draws dropout from the global generator of torch"
)
data_parallel = pytest.mark.skipif(ON_TORCH, reason="several devices at once need Keras on tensorflow")


def test_a_learnable_set_is_learned_and_the_bundle_says_so(
    stripes_and_spots: ImageSet, make_plan: Plan, finish
):
    reports, result = finish(train(make_plan(judge="holdout"), stripes_and_spots))
    assert result.scores.verdict == "ok"
    assert result.scores.macro_f1 > 0.9
    spec = ModelBundle.open(result.bundle.path).spec
    assert spec.class_names == ("spots", "stripes")
    assert [slot.name for slot in spec.slots] == ["cytosol", "protein"]
    assert spec.scores["macro_f1"] == result.scores.macro_f1
    assert spec.scores["trivial"]["macro_f1"] == pytest.approx(0.5, abs=0.01)
    assert spec.provenance["seed"] == 0
    assert spec.provenance["split"]["by"] == "field"
    assert spec.provenance["examples"] == {"spots": 36, "stripes": 36}
    assert len(spec.provenance["data_hash"]) == 32
    assert spec.versions["keras"]
    head = [report for report in reports if report.stage == "head"]
    assert [report.epoch for report in head] == [1, 2, 3, 4, 5, 6]
    assert head[-1].train_loss < head[0].train_loss
    assert head[-1].val_macro_f1 > 0.9
    assert not make_plan().folder.exists()


def test_training_and_prediction_give_one_answer(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    """What the run measured on its test side is what the saved bundle says of the same images."""
    _, result = finish(train(make_plan(judge="holdout"), stripes_and_spots))
    rows = result.held_out.rows
    regions = slice_regions(stripes_and_spots, rows.tolist())
    channels = bind_channels(result.bundle.spec.slots, stripes_and_spots.channels)
    told = collect(
        predict(result.bundle, stripes_and_spots, regions, channels, device="cpu"), regions, result.bundle
    ).probabilities
    assert np.abs(told - result.probabilities).max() < 1e-4


@repeatable
def test_the_same_seed_gives_the_same_weights_to_the_bit(
    stripes_and_spots: ImageSet, make_plan: Plan, finish, tmp_path
):
    first, again, other = (
        finish(train(make_plan(output=tmp_path / f"{name}.organelle", seed=seed), stripes_and_spots))[
            1
        ].bundle
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first.sha256 == again.sha256
    assert first.spec.scores == again.spec.scores
    assert first.sha256 != other.sha256


def test_shuffled_labels_have_learned_nothing(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    labels = np.random.default_rng(0).permutation(stripes_and_spots.items["label"].to_numpy())
    stripes_and_spots.items["label"] = labels
    _, result = finish(train(make_plan(), stripes_and_spots))
    assert result.scores.verdict == "learned nothing"
    assert ModelBundle.open(result.bundle.path).spec.verdict == "learned nothing"


def test_few_examples_are_each_held_out_once(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    reports, result = finish(train(make_plan(), stripes_and_spots))
    assert {report.stage for report in reports} >= {"head", "fold 1 of 5", "fold 5 of 5"}
    assert np.array_equal(np.sort(result.held_out.rows), np.arange(72))
    assert result.scores.n == 72
    assert result.scores.groups == 12
    assert result.scores.verdict == "ok"
    groups = stripes_and_spots.items["field"].to_numpy()
    for part in range(1, 6):
        inside = groups[result.held_out.rows[result.held_out.part == part]]
        outside = groups[result.held_out.rows[result.held_out.part != part]]
        assert not set(inside) & set(outside)


def test_several_labels(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    stripes_and_spots.items.loc[::3, "label"] += "|dim"
    stripes_and_spots.data[::3] //= 2
    _, result = finish(train(make_plan(judge="holdout"), stripes_and_spots))
    spec = result.bundle.spec
    assert spec.task == "multi"
    assert spec.class_names == ("dim", "spots", "stripes")
    assert len(spec.thresholds) == 3
    assert result.scores.per_class["spots"]["f1"] > 0.8
    assert result.scores.trivial["answer"] == "every label"


def test_labelled_points_of_one_field_train_a_model(make_plan: Plan, finish):
    rng = np.random.default_rng(0)
    field = rng.normal(100, 10, (1, 1, 200, 200))
    points = np.stack(np.meshgrid(np.arange(20, 190, 32), np.arange(20, 190, 32)), -1).reshape(-1, 2)
    labels = np.where(np.arange(len(points)) % 2, "spots", "stripes")
    for (y, x), label in zip(points, labels, strict=True):
        window = field[0, 0, y - 12 : y + 12, x - 12 : x + 12]
        if label == "stripes":
            window[:, ::4] += 150
        else:
            window[tuple(rng.integers(0, 24, (2, 9)))] += 400
    images = ImageSet.from_array(field.astype(np.uint16), (Channel("protein"),))
    examples = examples_of_regions(images, point_regions(points, 24, (200, 200)), labels.tolist())
    _, result = finish(train(make_plan(), examples))
    assert result.scores.verdict == "ok"
    assert result.bundle.spec.pixels.window_px == 24
    assert any("both sides of the split" in note for note in result.training_set.notes)


def test_the_lists_own_split_is_used(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    side = np.repeat(["train"] * 6 + ["val"] * 2 + ["train"] * 2 + ["test"] * 2, 6)
    stripes_and_spots.items["split"] = side
    _, result = finish(train(make_plan(), stripes_and_spots))
    assert result.held_out.rows.tolist() == np.flatnonzero(side == "test").tolist()
    assert result.bundle.spec.provenance["split"]["by"] == "the list"


def test_a_list_that_leaks_is_refused(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    stripes_and_spots.items["split"] = (["train"] * 4 + ["val", "test"]) * 12
    with pytest.raises(TrainingError, match="group '0' is on two sides"):
        finish(train(make_plan(), stripes_and_spots))


def test_the_same_pixels_twice_are_refused(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    stripes_and_spots.data[70] = stripes_and_spots.data[3]
    with pytest.raises(TrainingError, match=r"image\[3\].*image\[70\].*same pixels"):
        finish(train(make_plan(), stripes_and_spots))


def test_unfit_examples_are_listed_and_left_out(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    data = stripes_and_spots.data.astype(np.float32)
    data[5, 0, 3, 3] = np.nan
    data[6] = 7
    images = replace(stripes_and_spots, data=data)
    images.items.loc[7, "missing"] = "protein"
    images.items.loc[8, "label"] = ""
    images.items.loc[9, "label"] = "rare"
    reports, result = finish(train(make_plan(), images))
    notes = " ".join(report.note for report in reports)
    assert "1 left out, pixels that are NaN or infinite: image[5]." in notes
    assert "1 left out, every pixel the same: image[6]." in notes
    assert "1 left out, no protein channel: image[7]." in notes
    assert "1 without a label" in notes
    assert "rare (1)" in notes
    assert result.scores.n == 67


def test_one_class_only_is_refused(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    stripes_and_spots.items["label"] = "spots"
    with pytest.raises(TrainingError, match=r"two classes .* spots \(72\)"):
        finish(train(make_plan(), stripes_and_spots))


def test_one_group_only_is_refused(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    stripes_and_spots.items["field"] = "1"
    with pytest.raises(TrainingError, match="classes with one group only: spots"):
        finish(train(make_plan(), stripes_and_spots))


def test_an_existing_model_is_never_overwritten(stripes_and_spots: ImageSet, make_plan: Plan, finish):
    plan = make_plan()
    plan.output.write_text("precious")
    with pytest.raises(TrainingError, match="exists already"):
        finish(train(plan, stripes_and_spots))
    assert plan.output.read_text() == "precious"


def test_a_name_that_no_model_may_have_is_refused_at_once(
    stripes_and_spots: ImageSet, make_plan: Plan, tmp_path: Path
):
    with pytest.raises(TrainingError, match="'my model'"):
        next(train(make_plan(output=tmp_path / "my model.organelle"), stripes_and_spots))


def test_stop_keeps_the_best_epoch(stripes_and_spots: ImageSet, make_plan: Plan):
    reports = train(make_plan(judge="holdout"), stripes_and_spots)
    for report in reports:
        if report.stage == "head" and report.epoch == 3:
            break
    reports.close()
    spec = ModelBundle.open(make_plan().output).spec
    assert "Stopped by the user." in spec.provenance["notes"]
    assert len(spec.provenance["history"]["head"]) == 3
    assert spec.scores["macro_f1"] > 0.5


def test_a_small_set_that_is_stopped_is_judged_all_the_same(stripes_and_spots: ImageSet, make_plan: Plan):
    reports, result = train(make_plan(judge="cross"), stripes_and_spots), None
    for report in reports:
        if report.stage == "head" and report.epoch == 2:
            break
    stages = [reports.throw(KeyboardInterrupt).stage]
    try:
        while True:
            stages.append(next(reports).stage)
    except StopIteration as end:
        result = end.value
    assert result is not None
    assert result.scores is not None
    assert len(result.held_out.rows) == len(stripes_and_spots)
    assert {len(rows) for stage, rows in result.history.items() if stage != "head"} == {2}
    assert "Stopped by the user after 2 epochs" in " ".join(result.bundle.spec.provenance["notes"])


def test_a_stopped_run_is_trained_on_and_replaces_only_its_own_model(
    stripes_and_spots: ImageSet, make_plan: Plan, finish
):
    reports = train(make_plan(judge="cross"), stripes_and_spots)
    for report in reports:
        if report.stage == "head" and report.epoch == 2:
            break
    reports.close()
    plan = make_plan(judge="cross", resume=True)
    stopped = ModelBundle.open(plan.output)
    assert plan.has_stopped()
    later, result = finish(train(plan, stripes_and_spots))
    assert next(report.epoch for report in later if report.stage == "head") == 3
    assert result.bundle.sha256 != stopped.sha256
    assert not plan.folder.exists()
    straight = finish(train(make_plan(judge="cross", overwrite=True), stripes_and_spots))[1]
    if keras.backend.backend() == "tensorflow":  # on PyTorch two trainings from the start differ as well
        assert straight.bundle.sha256 == result.bundle.sha256
    with pytest.raises(TrainingError, match="exists already"):
        next(train(plan, stripes_and_spots))


def test_stop_before_the_first_epoch_saves_nothing(stripes_and_spots: ImageSet, make_plan: Plan):
    reports = train(make_plan(), stripes_and_spots)
    next(reports)
    reports.close()
    assert not make_plan().output.exists()


def test_features_are_computed_once(stripes_and_spots: ImageSet, make_plan: Plan, finish, tmp_path: Path):
    first, _ = finish(train(make_plan(), stripes_and_spots))
    again, _ = finish(train(make_plan(output=tmp_path / "again.organelle"), stripes_and_spots))
    assert [report.epoch for report in first if report.stage == "features"][-1] == 144
    assert not [report for report in again if report.stage == "features"]


def test_a_cut_off_cache_file_is_not_read(tmp_path: Path):
    cache = FeatureCache(tmp_path, 3)
    cache.add([b"one", b"two"], np.arange(6).reshape(2, 3))
    assert FeatureCache(tmp_path, 3).read([b"two"]).tolist() == [[3, 4, 5]]
    rows = next(tmp_path.glob("*.rows"))
    rows.write_bytes(rows.read_bytes()[:-1])
    assert b"one" not in FeatureCache(tmp_path, 3)


def test_a_full_disk_at_a_checkpoint_is_told_and_training_goes_on(
    stripes_and_spots: ImageSet, make_plan: Plan, finish, monkeypatch: pytest.MonkeyPatch
):
    savez = np.savez

    def full(file, **arrays):
        if "progress" in arrays:
            raise OSError(errno.ENOSPC, "No space left on device")
        return savez(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    reports, result = finish(train(make_plan(judge="holdout"), stripes_and_spots))
    assert "No space left on device" in next(report.note for report in reports if report.stage == "head")
    assert result.scores.verdict == "ok"


def test_a_loss_that_is_no_number_ends_the_run(
    stripes_and_spots: ImageSet, make_plan: Plan, tiny_recipe: Recipe, finish
):
    wild = replace(tiny_recipe, head=replace(tiny_recipe.head, optimizer="sgd", learning_rate=3e38))
    with pytest.raises(TrainingError, match="lower learning rate"):
        finish(train(make_plan(recipe=wild), stripes_and_spots))
    assert not make_plan().output.exists()


def test_a_run_that_breaks_keeps_the_last_good_epoch(
    stripes_and_spots: ImageSet, make_plan: Plan, tiny_recipe: Recipe, finish, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(FitPlan, "rate", lambda plan, epoch, losses: 3e-3 if epoch < 2 else 3e38)
    recipe = replace(tiny_recipe, head=replace(tiny_recipe.head, optimizer="sgd"))
    reports, result = finish(train(make_plan(recipe=recipe), stripes_and_spots))
    notes = [report.note for report in reports if report.stage == "head"]
    assert notes == ["", "", "The loss became NaN in epoch 3: training stopped, epoch 2 is kept."]
    assert np.isfinite(result.bundle.weights()["logits/kernel"]).all()
    assert result.scores.verdict == "ok"


def test_fine_tuning_trains_the_last_blocks_only(
    stripes_and_spots: ImageSet, make_plan: Plan, tiny_recipe: Recipe, finish
):
    head_only = finish(train(make_plan(judge="holdout"), stripes_and_spots))[1].bundle.weights()
    plan = make_plan(recipe=replace(tiny_recipe, tuned_blocks=3), overwrite=True)
    reports, result = finish(train(plan, stripes_and_spots))
    tuned = result.bundle.weights()
    assert [report.epoch for report in reports if report.stage == "fine-tuning"] == [1, 2]
    if "no better" not in " ".join(result.bundle.spec.provenance["notes"]):
        assert not np.array_equal(tuned["block3_conv1/kernel"], head_only["block3_conv1/kernel"])
    assert np.array_equal(tuned["block2_conv1/kernel"], head_only["block2_conv1/kernel"])


def test_training_may_start_from_another_model(
    stripes_and_spots: ImageSet, make_plan: Plan, finish, tmp_path: Path
):
    first = finish(train(make_plan(seed=3), stripes_and_spots))[1].bundle
    second = finish(
        train(make_plan(output=tmp_path / "b.organelle", start=str(first.path)), stripes_and_spots)
    )[1].bundle
    assert np.array_equal(first.weights()["block1_conv1/kernel"], second.weights()["block1_conv1/kernel"])
    assert second.spec.provenance["start"] == str(first.path)


@pytest.mark.parametrize("cut", [0, 0.5])
def test_a_cut_checkpoint_begins_its_stage_anew(
    stripes_and_spots: ImageSet, make_plan: Plan, finish, cut: float
):
    reports = train(make_plan(judge="cross"), stripes_and_spots)
    for report in reports:
        if report.stage == "head" and report.epoch == 2:
            break
    reports.close()
    plan = make_plan(judge="cross", resume=True)
    checkpoint = plan.folder / "head.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[: int(cut * checkpoint.stat().st_size)])
    later, _ = finish(train(plan, stripes_and_spots))
    first = next(report for report in later if report.stage == "head")
    assert first.epoch == 1
    assert "head.npz can't be read" in first.note
    assert not plan.folder.exists()


RESUMED = """
import os, pickle, signal, sys
from pathlib import Path
from dataclasses import replace
from napari_organelle.train.run import train
plan, images = pickle.loads(Path(sys.argv[1]).read_bytes())
kill_at = eval(sys.argv[2])
for report in train(replace(plan, resume=True), images):
    if (report.stage, report.epoch) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@repeatable
@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [("head", 3), ("fold 2 of 5", 2), ("fine-tuning", 1)])
def test_a_killed_run_goes_on_to_the_same_weights(
    stripes_and_spots: ImageSet, make_plan: Plan, tiny_recipe: Recipe, finish, tmp_path: Path, kill_at
):
    recipe = replace(tiny_recipe, tuned_blocks=2 if kill_at[0] == "fine-tuning" else 0)
    plan = make_plan(recipe=recipe)
    told = tmp_path / "told"
    told.write_bytes(pickle.dumps((plan, stripes_and_spots)))
    command = [sys.executable, "-c", RESUMED, str(told)]
    killed = subprocess.run([*command, repr(kill_at)], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not plan.output.exists()
    with pytest.raises(TrainingError, match="unfinished run"):
        finish(train(plan, stripes_and_spots))
    with pytest.raises(TrainingError, match="other data, labels, seed"):
        finish(train(replace(plan, resume=True, seed=9), stripes_and_spots))
    reports, result = finish(train(replace(plan, resume=True), stripes_and_spots))
    first = next(report for report in reports if report.stage == kill_at[0])
    assert first.epoch == kill_at[1] + 1
    whole = finish(train(replace(plan, output=tmp_path / "whole.organelle"), stripes_and_spots))[1]
    assert result.bundle.sha256 == whole.bundle.sha256
    assert result.scores.to_dict() == whole.scores.to_dict()
    assert not plan.folder.exists()


TWO_DEVICES = """
import pickle, sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from napari_organelle.train.run import train
plan, images = pickle.loads(Path(sys.argv[1]).read_bytes())
for report in train(plan, images):
    print(report.stage, report.train_loss)
"""


@data_parallel
@pytest.mark.slow
def test_two_devices_give_what_one_gives(
    stripes_and_spots: ImageSet, make_plan: Plan, tiny_recipe: Recipe, tmp_path: Path, finish
):
    """Gradients of two halves of a batch are summed: with plain descent the losses are the same."""
    tuning = replace(tiny_recipe.tuning, optimizer="sgd", learning_rate=0.01)
    network = replace(tiny_recipe.network, dropout=0.0)
    plan = make_plan(recipe=replace(tiny_recipe, network=network, tuning=tuning, tuned_blocks=5))
    one = finish(train(plan, stripes_and_spots))[1].bundle
    told = tmp_path / "told"
    both = replace(plan, output=tmp_path / "both.organelle", device="cpu:0,cpu:1")
    told.write_bytes(pickle.dumps((both, stripes_and_spots)))
    done = subprocess.run([sys.executable, "-c", TWO_DEVICES, str(told)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    alone, shared = (
        bundle.spec.provenance["history"]["fine-tuning"] for bundle in (one, ModelBundle.open(both.output))
    )
    assert len(alone) == len(shared) == 2
    for first, second in zip(alone, shared, strict=True):
        assert second == pytest.approx(first, rel=1e-3)
    assert alone[0]["val_loss"] != pytest.approx(alone[1]["val_loss"], rel=1e-2)


@data_parallel
def test_a_second_device_that_is_not_there_is_named(
    stripes_and_spots: ImageSet, make_plan: Plan, tiny_recipe: Recipe, finish
):
    with pytest.raises(DeviceError, match="'gpu:7'"):
        finish(
            train(
                make_plan(recipe=replace(tiny_recipe, tuned_blocks=1), device="cpu:0,gpu:7"),
                stripes_and_spots,
            )
        )
