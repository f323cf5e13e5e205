import numpy as np

from napari_organelle.model.scoring.hpa_2021 import FINER, THRESHOLD, scores_of_2021
from napari_organelle.read.tables.label_table import HPA_2018, HPA_2021


def called(probable: dict[str, float], thresholds: np.ndarray) -> set[str]:
    probabilities = np.full((1, 28), 0.01)
    for name, value in probable.items():
        probabilities[0, HPA_2018.index(name)] = value
    scores = scores_of_2021(probabilities, thresholds, HPA_2018)
    assert scores.shape == (1, 19)
    assert ((scores >= 0) & (scores <= 1)).all()
    return {name for name, score in zip(HPA_2021, scores[0], strict=True) if score >= THRESHOLD}


def test_every_location_of_2018_has_one_of_2021():
    held = [finer for name in HPA_2021[:-1] for finer in FINER.get(name, (name,))]
    assert sorted(held) == sorted(HPA_2018)


def test_a_location_is_called_where_one_of_its_finer_ones_is():
    thresholds = np.full(28, 0.4)
    thresholds[HPA_2018.index("Peroxisomes")] = 0.9
    vesicles = HPA_2021[-2]
    assert called({"Lysosomes": 0.5, "Nucleoli": 0.4}, thresholds) == {vesicles, "Nucleoli"}
    assert called({"Peroxisomes": 0.8}, thresholds) == {"Negative"}
    assert called({"Peroxisomes": 0.9}, thresholds) == {vesicles}
    assert called({}, thresholds) == {"Negative"}
