"""What the Classify widget says of a model."""

from napari_organelle.gui.classify.model_form import score_line
from napari_organelle.model.bundle import open_bundle


def test_a_score_on_simulated_cells_is_not_passed_off_as_one_on_real_cells() -> None:
    spec = open_bundle("yeast-12").spec
    score, trivial = spec.scores["macro_f1"], spec.scores["trivial"]["macro_f1"]
    expected = f"Macro F1 {score:.2f} on 2400 simulated crops, seed 999 (guess by frequency: {trivial:.2f})."
    assert score_line(spec) == expected
