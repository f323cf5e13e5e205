"""What the Classify widget says of a model."""

from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

from napari_organelle.gui.classify.model_form import ModelForm, score_line
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.spec import ModelSpec


def test_a_score_on_simulated_cells_is_not_passed_off_as_one_on_real_cells() -> None:
    spec = open_bundle("yeast-12").spec
    score, trivial = spec.scores["macro_f1"], spec.scores["trivial"]["macro_f1"]
    expected = f"Macro F1 {score:.2f} on 480 simulated crops, seed 999 (guess by frequency: {trivial:.2f})."
    assert score_line(spec) == expected


def test_one_view_is_offered_for_a_model_that_averages_over_eight(
    qtbot: Any, models: Path, make_bundle: Callable[..., ModelBundle]
) -> None:
    form = ModelForm()
    for widget in (form, form.fast, form.info):
        qtbot.addWidget(widget)
    assert not form.has_views
    form.open(make_bundle(name="turned", views=8).path)
    assert form.bundle is not None
    assert (form.has_views, form.bundle.spec.views) == (True, 8)
    form.fast.setChecked(True)
    assert (form.has_views, form.bundle.spec.views) == (True, 1)
    form.fast.setChecked(False)
    assert form.bundle.spec.views == 8


def test_the_reader_of_a_set_decides_which_model_is_suggested_and_a_pick_stays(
    qtbot: Any, models: Path, make_bundle: Callable[..., ModelBundle]
) -> None:
    for name in ("hpa-28", "hpa-stain", "yeast-12"):
        copy(make_bundle(name=name).path, models)
    form = ModelForm()
    for widget in (form, form.fast, form.info):
        qtbot.addWidget(widget)

    def fit(spec: ModelSpec) -> int:
        return int(spec.name == "tiny")

    chosen, unknown = [], []
    for kind in ("hpa", "deepyeast", "image", None):
        form.suggest(kind, fit)
        chosen.append(form.combo.value[0])
        unknown.append(form.info.text().startswith("Nothing says what cells these are"))
    assert chosen == ["hpa-28", "yeast-12", "tiny", "tiny"]
    assert unknown == [False, False, True, True]
    form.suggest(None, lambda spec: int(spec.name == "hpa-stain"))
    assert form.combo.value[0] != "hpa-stain"
    form.open(make_bundle(name="own").path)
    form.suggest("hpa", fit)
    assert not form.info.text().startswith("Nothing says")
    assert form.combo.value[0] == "own"
