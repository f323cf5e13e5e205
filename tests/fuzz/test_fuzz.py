"""Two thousand broken inputs of every kind; ``python -m fuzz`` tries as many as there is time for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz.child import attempt
from fuzz.corpus import CORPUS
from fuzz.inputs import Files, sound_inputs
from fuzz.run import fuzz


def test_sound_inputs_open() -> None:
    for kind, inputs in sound_inputs().items():
        for number, source in enumerate(inputs):
            assert (kind, number, attempt(source, source.files)) == (kind, number, "opened")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_broken_inputs_end_in_a_result_or_one_of_our_errors() -> None:
    report = fuzz(2000)
    print(report)
    assert report.failures == []
    assert sum(counts.total() for counts in report.counts.values()) == 2000


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", CORPUS)
def test_what_once_failed_stays_right(name: str, tmp_path: Path) -> None:
    kind, change = CORPUS[name]
    changed: Callable[[Files], Files] = change
    for source in sound_inputs()[kind]:
        assert attempt(source, changed(dict(source.files))) in ("opened", "refused")
