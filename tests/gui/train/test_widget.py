"""From labelled crops to a model in Classify, through the widget; with a tiny network."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler

from napari_organelle.errors import TrainingError
from napari_organelle.gui.annotate.widget import AnnotateWidget
from napari_organelle.gui.classify.model_form import ModelForm
from napari_organelle.gui.classify.request import RunStage
from napari_organelle.gui.readers import image_set_layers
from napari_organelle.gui.status import progress_text
from napari_organelle.gui.train import form
from napari_organelle.gui.train import widget as train_widget
from napari_organelle.gui.train.request import Outcome, TrainingRequest
from napari_organelle.gui.train.widget import TrainWidget
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.recipes import DEFAULT, FitPlan

TINY = replace(
    DEFAULT,
    network=NetworkPlan(width=1 / 16, blocks=(1, 2, 3), units=(), dropout=0.1),
    head=FitPlan(epochs=4, batch_size=16, learning_rate=3e-3),
    input_size=32,
)
TRAINED_MS = 240_000


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELS", "LABELS"):
        monkeypatch.setenv(f"NAPARI_ORGANELLE_{name}", str(tmp_path / name.lower()))
    monkeypatch.setattr(form, "RECIPES", {"default": TINY})
    monkeypatch.setattr(
        train_widget, "ask_devices", lambda: iter([[("openvino", "CPU, faster"), ("cpu", "CPU, here")]])
    )


def pattern(kind: str, rng: np.random.Generator) -> np.ndarray:
    """(32, 32): stripes, or spots."""
    image = rng.normal(100, 10, (32, 32))
    if kind == "stripes":
        image[:, rng.integers(4) :: 4] += 150
    else:
        image[tuple(rng.integers(2, 30, (2, 12)))] += 400
    return image


def labelled_set(number: int = 72) -> ImageSet:
    """Stripes and spots in fields of six."""
    rng = np.random.default_rng(0)
    labels = np.where(np.arange(number) // 6 % 2, "spots", "stripes")
    data = np.stack([[rng.normal(100, 10, (32, 32)), pattern(label, rng)] for label in labels])
    channels = (Channel("cytosol", "red"), Channel("protein", "green"))
    images = ImageSet.from_array(data.astype(np.uint16), channels)
    return replace(images, items=images.items.assign(label=labels, field=np.arange(number) // 6))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def open_widget(viewer: ViewerModel, qtbot: Any) -> Iterator[Callable[[], TrainWidget]]:
    """Open the widget once the layers are there; it is closed, and its jobs with it, after the test."""
    made: list[TrainWidget] = []

    def make() -> TrainWidget:
        made.append(TrainWidget(viewer))
        qtbot.addWidget(made[-1])
        qtbot.waitUntil(lambda: not made[-1]._jobs)
        return made[-1]

    yield make
    for widget in made:
        widget.close()


def add_set(viewer: ViewerModel, images: ImageSet) -> None:
    for data, options, kind in image_set_layers(images):
        getattr(viewer, f"add_{'image' if kind == 'image' else kind}")(data, **options)


def test_an_open_set_is_offered_with_its_counts(viewer: ViewerModel, open_widget: Any) -> None:
    add_set(viewer, replace(labelled_set(), problems=("a.png is no image",)))
    widget = open_widget()
    assert widget.form.bars.counts == {"stripes": 36, "spots": 36}
    assert "72 crops of 32 px a side. a.png is no image." in widget.form.facts.text()
    assert [slot.name for _, slot in widget.form.channels.chosen()] == ["cytosol", "protein"]
    assert [widget.form.group_by.itemText(row) for row in range(4)][:2] == ["automatic", "field"]
    assert widget.run_button.isEnabled()
    assert "72 crops of 2 classes (cytosol, protein; recipe default)" in widget.status.text()
    assert "Device: automatic: CPU, here" in widget.status.text()
    request, _ = widget.form.request()
    assert request is not None
    assert request.plan.recipe.head.epochs == 4
    assert not widget.pages.isTabEnabled(2)


def test_without_labels_there_is_nothing_to_train(viewer: ViewerModel, open_widget: Any) -> None:
    add_set(viewer, replace(labelled_set(), items=labelled_set().items.assign(label="")))
    widget = open_widget()
    assert not widget.run_button.isEnabled()
    assert "label cells by hand" in widget.status.text()
    viewer.add_points([[0, 5, 5]], features={"class": ["spots"]}, name="mine")
    widget.refresh()
    assert "one class only, spots" in widget.status.text()


def test_a_folder_is_opened_beside_the_window(
    viewer: ViewerModel, open_widget: Any, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def opened(path: Path) -> ImageSet:
        threads.append(threading.current_thread())
        return labelled_set()

    monkeypatch.setattr("napari_organelle.read.open.open_image_set", opened)
    widget = open_widget()
    widget.open_set(tmp_path)
    qtbot.waitUntil(lambda: widget.form.bars.counts == {"stripes": 36, "spots": 36})
    assert threads != [threading.main_thread()]
    widget.open_set(tmp_path / "missing")
    qtbot.waitUntil(lambda: not widget._jobs)


def test_reports_reach_the_curves_and_the_bar(
    viewer: ViewerModel, open_widget: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_set(viewer, labelled_set())
    widget = open_widget()
    go_on, requests = threading.Event(), []

    def fake(request: TrainingRequest, is_stopped: Callable[[], bool]) -> Iterator[Any]:
        requests.append(request)
        yield RunStage("starting Keras…")
        for epoch in (1, 2, 3):
            yield EpochReport("head", epoch, 9, 1 / epoch, 2 / epoch, 0.5, 0.4, seconds_left=60)
        go_on.wait(20)
        yield Outcome(None) if is_stopped() else EpochReport("head", 4, 9, 0.1, 0.1, 1, 1)
        if not is_stopped():
            raise TrainingError("The loss is NaN; the best epoch is kept.")

    monkeypatch.setattr(train_widget, "run", fake)
    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.progress.value() == 3)
    assert widget.progress.format() == "Training: 3 of 9 · 60 s left"
    assert widget.curves.history.curve("head", "val_loss")[:, 1].tolist() == [2, 1, 2 / 3]
    assert widget.pages.currentIndex() == 1
    assert not widget.form.isEnabled()
    assert requests[0].plan.slots[1].name == "protein"
    go_on.set()
    qtbot.waitUntil(lambda: widget.run_button.isEnabled())
    assert "The loss is NaN" in widget.message.text()
    go_on.clear()
    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.progress.value() == 3)
    widget.stop_button.click()
    assert not widget.stop_button.isEnabled()
    go_on.set()
    qtbot.waitUntil(lambda: widget.run_button.isEnabled())
    assert "no model yet" in widget.message.text()


@pytest.mark.slow
def test_a_model_is_trained_judged_shown_and_offered_to_classify(
    viewer: ViewerModel, open_widget: Any, qtbot: Any, tmp_path: Path
) -> None:
    add_set(viewer, labelled_set())
    widget, models = open_widget(), ModelForm()
    qtbot.addWidget(models)
    widget.form.name.setText("patterns")
    widget.form.group_by.choose("field")
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=TRAINED_MS)
    path = tmp_path / "models" / "patterns.organelle"
    spec = ModelBundle.open(path).spec
    assert spec.class_names == ("spots", "stripes")
    assert spec.provenance["split"]["by"] == "field"
    assert "This model learned" in widget.results.verdict.text()
    assert f"{spec.scores['macro_f1']:.3f}" in widget.results.summary.text()
    assert f"{spec.scores['trivial']['macro_f1']:.3f}" in widget.results.summary.text()
    assert "patterns" in [models.combo.itemText(row) for row in range(models.combo.count())]
    assert set(widget.curves.history.stages) >= {"head", "fold 1 of 5"}
    counts = np.asarray(spec.scores["confusion"])
    assert widget.results.matrix.item(1, 1).text() == str(counts[1, 1])
    assert widget.form.name.text() == "patterns-2"
    widget.results.matrix.cellClicked.emit(1, 1)
    qtbot.waitUntil(lambda: "patterns: stripes called stripes" in viewer.layers)
    frames = viewer.layers["patterns: stripes called stripes (truth)"]
    assert frames.features["truth"].unique().tolist() == ["stripes"]
    assert len(frames.data) == counts[1, 1]
    assert not viewer.layers["protein"].visible
    middle = viewer.layers["patterns: stripes called stripes"].extent.world.mean(axis=0)
    assert np.allclose(getattr(viewer, "scene", viewer).camera.center[1:], middle)
    widget.results.examples.click()
    qtbot.waitUntil(lambda: "patterns: examples" in viewer.layers)
    assert "patterns: stripes called stripes" not in viewer.layers
    assert set(viewer.layers["patterns: examples (truth)"].features["truth"]) == {"spots", "stripes"}


@pytest.mark.slow
def test_a_newcomer_labels_24_cells_by_hand_and_trains(
    viewer: ViewerModel, open_widget: Any, qtbot: Any
) -> None:
    rng, kinds = np.random.default_rng(1), ("stripes", "spots")
    pixels, masks = rng.normal(100, 10, (6 * 40, 8 * 40)), np.zeros((6 * 40, 8 * 40), np.uint16)
    truth = {}
    for number in range(1, 49):
        y, x = 4 + 40 * ((number - 1) // 8), 4 + 40 * ((number - 1) % 8)
        truth[number] = kinds[rng.integers(2)]
        pixels[y : y + 32, x : x + 32] = pattern(truth[number], rng)
        masks[y : y + 32, x : x + 32] = number
    viewer.add_image(pixels.astype(np.uint16), name="protein")
    layer = viewer.add_labels(masks, name="cells")
    by_hand = AnnotateWidget(viewer)
    qtbot.addWidget(by_hand)
    by_hand.form.start.click()
    assert by_hand.annotator is not None
    by_hand.annotator.set_colours({"stripes": "#ff0000", "spots": "#00ff00"})
    handler = KeymapHandler()
    handler.keymap_providers = [viewer.layers.selection.active, viewer]
    for _ in range(24):
        handler.press_key("1" if truth[layer.selected_label] == "stripes" else "2")
    by_hand.close()
    widget = open_widget()
    assert sum(widget.form.bars.counts.values()) == 24
    widget.form.window.setValue(32)
    widget.refresh()
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=TRAINED_MS)
    assert widget.result is not None
    spec = widget.result.bundle.spec
    assert spec.pixels.window_px == 32
    assert spec.provenance["examples"] == widget.form.bars.counts
    assert [slot.name for slot in spec.slots] == ["protein"]
    assert widget.result.scores is not None
    assert widget.result.scores.macro_f1 > 0.7


@pytest.mark.slow
def test_stop_keeps_and_judges_the_best_epoch(
    viewer: ViewerModel, open_widget: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = replace(TINY, head=replace(TINY.head, epochs=500))
    monkeypatch.setattr(form, "RECIPES", {"default": long})
    add_set(viewer, labelled_set(900))
    widget = open_widget()
    widget.run_button.click()
    qtbot.waitUntil(lambda: len(widget.curves.history.stages.get("head", [])) >= 3, timeout=TRAINED_MS)
    widget.stop_button.click()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=TRAINED_MS)
    assert widget.result is not None
    assert widget.result.scores is not None
    assert len(widget.result.history["head"]) < 100
    assert "Stopped by the user." in widget.results.notes.text()
    assert widget.results.matrix.rowCount() == 2
    first = widget.result.bundle
    assert widget.form.name.text() == first.spec.name
    assert not widget.run_button.isEnabled()
    assert "“Go on with it” to train on" in widget.status.text()
    done = len(widget.result.history["head"])
    widget.form.resume.setChecked(True)
    widget.refresh()
    assert widget.run_button.isEnabled(), widget.status.text()
    widget.run_button.click()
    qtbot.waitUntil(lambda: len(widget.curves.history.stages.get("head", [])) >= 2, timeout=TRAINED_MS)
    assert widget.curves.history.stages["head"][0].epoch == done + 1
    widget.stop_button.click()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=TRAINED_MS)
    assert len(widget.result.history["head"]) > done + 1
    assert widget.result.bundle.path == first.path
    assert widget.result.bundle.sha256 != first.sha256


def test_a_model_that_learned_nothing_is_called_that(open_widget: Any) -> None:
    from napari_organelle.gui.train.results import BAD, GOOD, verdict_words
    from napari_organelle.model.scoring.scores import Answers, score

    rng = np.random.default_rng(0)
    targets = np.eye(2, dtype=bool)[rng.integers(2, size=200)]
    names, limits = ("er", "golgi"), np.array([0.5])
    guess = score(Answers(targets, rng.random((200, 2)).astype(np.float32), names, "single", limits))
    right = score(Answers(targets, targets.astype(np.float32), names, "single", limits))
    assert verdict_words(guess) == ("This model learned nothing better than guessing.", BAD)
    assert verdict_words(right)[1] == GOOD
    assert verdict_words(None)[1] == BAD


def test_a_score_on_known_genes_is_not_called_more_than_that() -> None:
    from napari_organelle.gui.train.results import CAUTION, verdict_words
    from napari_organelle.model.scoring.scores import Answers, score

    targets = np.eye(2, dtype=bool)[np.arange(100) % 2]
    told = targets.astype(np.float32)
    right = score(Answers(targets, told, ("er", "golgi"), "single", np.array([0.5])))
    words, colour = verdict_words(right, {"gene": 1.0})
    assert "new crops of the same genes" in words
    assert "was not measured" in words
    assert colour == CAUTION


def test_groups_are_shown_before_training_and_the_impossible_is_refused(
    viewer: ViewerModel, open_widget: Any
) -> None:
    images = labelled_set()
    genes = np.where(images.items["label"] == "spots", "VPH1", "SEC63")
    add_set(viewer, replace(images, items=images.items.assign(gene=genes)))
    widget = open_widget()
    assert "holding out each field whole; fields in each class: spots 6, stripes 6." in widget.status.text()
    widget.form.group_by.choose("gene")
    widget.refresh()
    assert not widget.run_button.isEnabled()
    assert "one group only: spots (VPH1), stripes (SEC63)" in widget.status.text()


def test_a_set_of_one_class_starts_no_worker(
    viewer: ViewerModel, open_widget: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(train_widget, "run", lambda *given: started.append(given))
    add_set(viewer, replace(labelled_set(), items=labelled_set().items.assign(label="er")))
    widget = open_widget()
    widget.start()
    assert started == []
    assert "one class only, er" in widget.status.text()


def test_closing_the_dock_ends_its_jobs(make_napari_viewer: Callable[[], Any], qtbot: Any) -> None:
    viewer = make_napari_viewer()
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget)
    qtbot.waitUntil(lambda: not widget._jobs)
    viewer.window.remove_dock_widget(widget)
    viewer.add_image(np.zeros((4, 4)))
    assert widget.form.image.value is None


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (EpochReport("features", 30, 400, seconds_left=120), "Computing features: 30 of 400 · 2 min left"),
        (EpochReport("fold 2 of 5", 3, 40), "Fold 2 of 5: 3 of 40"),
    ],
)
def test_progress_is_told_in_words(report: EpochReport, text: str) -> None:
    assert progress_text(report) == text
