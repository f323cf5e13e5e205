"""Where OpenVINO is the only engine: no Keras, TensorFlow or PyTorch can be imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_organelle.model.bundle import ModelBundle

pytest.importorskip("openvino")

BLOCKED = (
    "import sys\nfor name in ('keras', 'tensorflow', 'torch', 'jax', 'h5py'):\n    sys.modules[name] = None\n"
)


def run(code: str) -> str:
    """What a new Python without any of them prints."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    command = [sys.executable, "-c", BLOCKED + code]
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_openvino_is_the_one_device_also_beside_a_card():
    code = """
import json
from napari_organelle.errors import DeviceError
from napari_organelle.model.engine import device
device.may_have_card = lambda: True
told = [[each.name for each in device.available_devices()], device.choose_device().name]
for name, keras in (("cpu", False), ("auto", True), ("gpu:0", False)):
    try:
        device.choose_device(name, keras=keras)
    except DeviceError as error:
        told.append(str(error))
print(json.dumps(told))
"""
    devices, chosen, cpu, training, card = json.loads(run(code))
    assert (devices, chosen) == (["openvino"], "openvino")
    assert cpu == training
    assert "pip install tensorflow, or torch" in training
    assert "this machine has openvino (CPU, " in card


def test_the_command_line_classifies(tiny_bundle: ModelBundle, tmp_path: Path):
    rng = np.random.default_rng(0)
    for name in ("er", "golgi"):
        (tmp_path / "crops" / name).mkdir(parents=True)
        crop = rng.integers(0, 200, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(crop).save(tmp_path / "crops" / name / "000001000-6-1-1.png")
    table = tmp_path / "table.csv"
    words = ["classify", str(tmp_path / "crops"), "--model", str(tiny_bundle.path), "--output", str(table)]
    code = f"from napari_organelle.cli import main\ncode = main({words!r})\nassert not code, code\n"
    run(code + "assert 'openvino' in sys.modules\n")
    frame = pd.read_csv(table)
    assert len(frame) == 2
    told = frame[[name for name in frame if name.startswith("p_")]].to_numpy()
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize(("installed", "backend"), [({"torch"}, "torch"), ({"torch", "tensorflow"}, "None")])
def test_keras_starts_on_pytorch_where_that_is_what_is_installed(installed: set[str], backend: str):
    code = f"""
import os
import sys
from napari_organelle.model.engine import startup
del sys.modules['keras']
startup._is_found = lambda package: package in {installed!r}
startup._load_tensorflow_library = lambda: None
try:
    startup.import_keras()
except ImportError:
    print(os.environ.get("KERAS_BACKEND"))
"""
    assert run(code).strip() == backend
