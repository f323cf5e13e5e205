import subprocess
import sys
from collections.abc import Callable

import keras
import numpy as np
import pytest

from napari_organelle.errors import DeviceError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine import device as devices
from napari_organelle.model.engine.device import (
    Device,
    available_devices,
    choose_device,
    describe,
    out_of_memory_errors,
)
from napari_organelle.model.engine.loaded import MAX_LOADED, load

BACKEND = keras.backend.backend()


def test_the_cpu_is_always_there_and_described_with_its_backend():
    cpu = available_devices()[-1]
    assert (cpu.name, cpu.backend, cpu.precision) == ("cpu", BACKEND, "float32")
    assert describe(cpu) == f"CPU, {cpu.label}, Keras on {BACKEND}"
    assert int(cpu.label.split()[0]) >= 1
    assert choose_device("cpu") == cpu
    assert choose_device() == available_devices()[0]


def test_a_gpu_is_described_with_its_number_and_precision():
    gpu = Device("gpu:1", "torch", "NVIDIA L4", "mixed_float16")
    assert describe(gpu) == "GPU 1: NVIDIA L4, 16-bit, Keras on torch"


def test_a_device_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(DeviceError, match=r"no device 'gpu:9'; this machine has .*cpu"):
        choose_device("gpu:9")


def test_a_backend_that_cannot_run_the_models_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(DeviceError, match=r"Keras runs on jax; .* Set KERAS_BACKEND=tensorflow"):
        devices.backend_name()


def test_a_backend_that_is_not_installed_is_refused_with_what_to_do():
    code = (
        "from napari_organelle.model.engine.device import available_devices\n"
        "from napari_organelle.errors import DeviceError\n"
        "import sys; sys.modules['jax'] = None\n"
        "try: available_devices()\n"
        "except DeviceError as error: print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], env={"KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=True
    )
    assert "Set KERAS_BACKEND=tensorflow" in process.stdout


def test_only_a_full_memory_counts_as_out_of_memory():
    kinds = out_of_memory_errors()
    assert isinstance(out_of_memory_error(), kinds)
    assert not isinstance(RuntimeError("out of memory"), kinds)
    assert not isinstance(ValueError("shape"), kinds)


def test_an_apple_gpu_is_described():
    apple = Device("mps", "torch", "Apple")
    assert apple.is_gpu
    assert describe(apple) == "GPU: Apple, Keras on torch"


def out_of_memory_error() -> Exception:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    import torch

    return torch.cuda.OutOfMemoryError("CUDA out of memory")


def test_a_loaded_model_answers_what_the_network_does(make_bundle: Callable[..., ModelBundle]):
    inputs = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    for task, temperature in (("single", 2.0), ("multi", 0.5)):
        thresholds = (0.5,) * (1 if task == "single" else 3)
        model = load(make_bundle(task=task, temperature=temperature, thresholds=thresholds), "cpu")
        logits = keras.ops.convert_to_numpy(model.network(inputs, training=False)) / temperature
        power = np.exp(logits)
        expected = power / power.sum(axis=1, keepdims=True) if task == "single" else power / (1 + power)
        np.testing.assert_allclose(model.probabilities(inputs), expected, atol=1e-5)


def test_a_model_is_loaded_once_and_the_oldest_makes_room(make_bundle: Callable[..., ModelBundle]):
    first = make_bundle(name="first")
    loaded = load(first, "cpu")
    assert load(first, "cpu") is loaded
    assert load(ModelBundle.open(first.path), "cpu") is loaded
    for index in range(MAX_LOADED):
        load(make_bundle(name=f"other{index}"), "cpu")
    assert load(first, "cpu") is not loaded


@pytest.mark.parametrize(("output", "expected"), [("24564\n8192\n", 8192 * 2**20), ("[N/A]\n", 0)])
def test_the_smallest_cards_memory_counts(monkeypatch: pytest.MonkeyPatch, output: str, expected: int):
    monkeypatch.setattr(subprocess, "run", lambda *args, **_: subprocess.CompletedProcess(args, 0, output))
    assert devices.smallest_nvidia_memory() == expected


def test_without_the_driver_no_memory_is_known(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert devices.smallest_nvidia_memory() == 0
