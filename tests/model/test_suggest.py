import pytest

from napari_organelle.model.suggest import suggest_model

NAMES = ("hpa-28", "hpa-stain", "yeast-12")


@pytest.mark.parametrize(
    ("kind", "model"),
    [("hpa", "hpa-28"), ("deepyeast", "yeast-12"), ("yeast", "yeast-12"), ("image", None), (None, None)],
)
def test_the_reader_says_which_model_suits(kind: str | None, model: str | None):
    assert suggest_model(kind, NAMES).model == model


def test_an_unknown_set_says_what_there_is_to_pick():
    assert "hpa-28 for human cells, yeast-12 for budding yeast" in suggest_model("array", NAMES).reason


def test_a_model_that_is_not_there_is_not_suggested():
    suggestion = suggest_model("hpa", ("yeast-12",))
    assert suggestion.model is None
    assert "hpa-28, is not installed" in suggestion.reason
