"""Results lie where the pixels that they speak of are."""

import numpy as np
import pytest

from napari_organelle.show.placement import Placement


def world(options: dict, index: np.ndarray, shear: np.ndarray) -> np.ndarray:
    """Position of a result's index under the formula of Placement, without the affine that both share."""
    return options["rotate"] @ shear @ np.diag(options["scale"]) @ index + options["translate"]


def turned(shape: tuple[int, ...], leading: tuple) -> Placement:
    count = len(shape)
    plain = Placement.plain(shape, leading)
    angle = np.deg2rad(30)
    rotate = np.eye(count)
    rotate[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return Placement(
        **{
            **vars(plain),
            "rotate": rotate,
            "shear": np.linspace(0.1, 0.3, len(plain.shear)),
            "scale": tuple(np.linspace(0.2, 0.7, count)),
            "translate": tuple(np.linspace(5, 9, count)),
        }
    )


def shear_matrix(placement: Placement) -> np.ndarray:
    matrix = np.eye(len(placement.shape))
    matrix[np.triu_indices(len(matrix), 1)] = placement.shear
    return matrix


@pytest.mark.parametrize(
    ("shape", "leading", "index", "pixel"),
    [
        ((100, 90), (), (2, 3), (2 * 32 + 31.5, 3 * 32 + 31.5)),
        ((7, 100, 90), (4,), (0, 2, 3), (4, 95.5, 127.5)),
        ((7, 100, 90), ("items",), (6, 2, 3), (6, 95.5, 127.5)),
        ((5, 100, 90), ("all",), (0, 2, 3), (2, 95.5, 127.5)),
        ((7, 2, 100, 90), ("items", "all"), (6, 0, 2, 3), (6, 0.5, 95.5, 127.5)),
    ],
)
def test_index_lies_over_its_pixel_under_a_full_transform(
    shape: tuple, leading: tuple, index: tuple, pixel: tuple
) -> None:
    placement = turned(shape, leading)
    options = placement.options((32, 32), (31.5, 31.5))
    shear = shear_matrix(placement)
    expected = placement.rotate @ shear @ np.diag(placement.scale) @ pixel + placement.translate
    assert world(options, np.array(index), shear) == pytest.approx(expected)
    assert options["units"] == placement.units


def test_whole_axis_is_covered_by_one_index() -> None:
    options = Placement.plain((5, 10, 10), ("all",)).options()
    covered = (np.arange(5) - options["translate"][0]) / options["scale"][0]
    assert np.abs(covered).max() < 0.5


def test_items_run_in_c_order() -> None:
    placement = Placement.plain((2, 3, 4, 10, 10), ("items", 1, "items"))
    assert placement.result_shape == (2, 1, 4)
    assert placement.leading_index(np.array([0, 3, 4, 7])).tolist() == [
        [0, 0, 0],
        [0, 0, 3],
        [1, 0, 0],
        [1, 0, 3],
    ]
