"""OpenVINO answers what Keras does, for every kind of network, and without Keras."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from napari_organelle.errors import DeviceError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine import device as devices
from napari_organelle.model.engine.device import (
    available_devices,
    choose_device,
    describe,
    out_of_memory_errors,
)
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.engine.openvino import compile_openvino
from napari_organelle.model.networks.plan import NetworkPlan

pytest.importorskip("openvino")

PLANS = [
    NetworkPlan(width=1 / 16, units=(16,)),
    NetworkPlan(width=1 / 8, blocks=(1, 4), units=()),
    NetworkPlan(width=1 / 16, blocks=(5,), units=(8, 6)),
    NetworkPlan(width=1 / 16, head="notebook2019"),
]


def images(side: int) -> np.ndarray:
    return np.random.default_rng(0).random((3, side, side, 3), np.float32)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("task", ["single", "multi"])
def test_every_network_answers_as_with_keras(
    make_bundle: Callable[..., ModelBundle], plan: NetworkPlan, task: str
):
    thresholds = (0.5,) * (1 if task == "single" else 3)
    bundle = make_bundle(
        network=plan, task=task, thresholds=thresholds, temperature=40 if plan.head == "notebook2019" else 1.7
    )
    expected = load(bundle, "cpu").probabilities(images(32))
    assert expected.std(axis=0).max() > 1e-3
    given = compile_openvino(bundle.spec, bundle.weights(), "float32")(images(32), False)[0]
    np.testing.assert_allclose(given, expected, atol=2e-5)


def test_sixteen_bits_change_probabilities_a_little(tiny_bundle: ModelBundle):
    exact = load(tiny_bundle, "cpu").probabilities(images(32))
    rough = compile_openvino(tiny_bundle.spec, tiny_bundle.weights(), "bfloat16")(images(32), False)[0]
    np.testing.assert_allclose(rough, exact, atol=0.02)


def test_a_bundle_answers_without_keras(tiny_bundle: ModelBundle):
    code = (
        "import sys, numpy as np\n"
        "from napari_organelle.model.bundle import open_bundle\n"
        "from napari_organelle.model.engine.device import describe\n"
        "from napari_organelle.model.engine.loaded import load\n"
        f"model = load(open_bundle({str(tiny_bundle.path)!r}), 'openvino')\n"
        "inputs = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)\n"
        "print(describe(model.device))\n"
        "print(model.probabilities(inputs).sum(axis=1).round(3).tolist())\n"
        "print([name for name in ('keras', 'tensorflow', 'torch') if name in sys.modules])\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, sums, loaded = process.stdout.splitlines()
    assert text.startswith("CPU, ")
    assert text.endswith("OpenVINO")
    assert (sums, loaded) == ("[1.0, 1.0, 1.0]", "[]")


def test_it_is_a_device_before_the_plain_cpu_but_not_for_training():
    openvino = choose_device("openvino")
    assert openvino == available_devices()[-2]
    assert not openvino.is_gpu
    bits = "" if openvino.precision == "float32" else ", 16-bit"
    assert describe(openvino) == f"CPU, {openvino.label}{bits}, OpenVINO"
    assert choose_device("auto", keras=True).runs_keras
    with pytest.raises(DeviceError, match=r"no device for training 'openvino'; this machine has .*cpu"):
        choose_device("openvino", keras=True)


def test_where_it_is_missing_the_line_to_type_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "is_installed", lambda: False)
    available_devices.cache_clear()
    assert "openvino" not in [device.name for device in available_devices()]
    with pytest.raises(DeviceError, match=r'pip install "napari-organelle\[openvino\]"'):
        choose_device("openvino")
    available_devices.cache_clear()


@pytest.mark.parametrize(
    ("message", "full"),
    [
        ("Failed to allocate 536870912 bytes of memory", True),
        ("allocator.cpp:79:\nstd::bad_alloc", True),
        ("unsupported operation", False),
    ],
)
def test_a_full_memory_is_told_from_other_errors(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch, message: str, full: bool
):
    import openvino as ov

    def fail(*_: object) -> None:
        raise RuntimeError(message)

    answer = compile_openvino(tiny_bundle.spec, tiny_bundle.weights(), "float32")
    monkeypatch.setattr(ov.Core, "compile_model", fail)
    with pytest.raises((RuntimeError, MemoryError), match=message) as raised:
        answer(images(32), False)
    assert isinstance(raised.value, out_of_memory_errors()) == full
