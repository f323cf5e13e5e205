"""A few faults of each kind; ``python -m faults 50`` does as many as there is time for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="forks")]

TESTS = Path(__file__).parents[1]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("job", ["classify", "labels", "train"])
def test_nothing_is_lost_or_doubled(job: str) -> None:
    # A process of its own, since a fork of one in which a network ran waits for threads that it lacks.
    command = [sys.executable, "-m", "faults", "1", "--job", job]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=170)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 faults, 0 failures" in done.stdout
