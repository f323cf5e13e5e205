"""Devices and the Keras backend; with `compiled`, what touches tensorflow or torch themselves.

Every function here imports the backend (about 6 s for tensorflow, unless the device is ``"openvino"``) and
belongs in a worker, never on the window's thread.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_organelle.errors import DeviceError
from napari_organelle.model.engine.openvino import best_precision, is_installed
from napari_organelle.model.engine.startup import BACKENDS, has_keras, import_keras, without_chatter

if TYPE_CHECKING:
    import keras

Precision = Literal["float32", "mixed_float16", "bfloat16"]

OPENVINO = "openvino"
"""The CPU by OpenVINO instead of Keras: name and backend."""

NO_KERAS = (
    "Training, and overlapping tiles that share their work, need Keras on TensorFlow or PyTorch, "
    "and this Python has neither: pip install tensorflow, or torch. Where there is no build of them, such as "
    "on Macs with Intel processors, train on another computer: a model is a file, and runs here."
)

HALF_PRECISION_CAPABILITY = (7, 0)
"""NVIDIA compute capability from which 16-bit matrix units exist (Volta)."""


@dataclass(frozen=True)
class Device:
    """Where a network runs.

    Parameters
    ----------
    name : str
        ``"cpu"``, ``"openvino"`` (the CPU too), ``"gpu:0"``, ``"gpu:1"``..., or ``"mps"`` for an Apple GPU.
    backend : str
        Keras backend, ``"tensorflow"`` or ``"torch"``; or ``"openvino"``.
    label : str
        For people, such as ``"NVIDIA L4"`` or ``"2 threads"``.
    precision : {"float32", "mixed_float16", "bfloat16"}
        Keras dtype policy that networks are built with here; of OpenVINO, what it multiplies in.
    memory_bytes : int
        Of a GPU's own memory; 0 where it is not known, and for CPUs.
    """

    name: str
    backend: str
    label: str
    precision: Precision = "float32"
    memory_bytes: int = 0

    @property
    def is_gpu(self) -> bool:
        return self.name not in ("cpu", OPENVINO)

    @property
    def runs_keras(self) -> bool:
        """Whether networks can be trained here, and not only used."""
        return self.backend != OPENVINO


def backend_name() -> str:
    """The Keras backend of this process, which another plugin may have chosen.

    Raises
    ------
    DeviceError
        If it is not installed, can't be imported or is neither tensorflow nor torch.
    """
    if not has_keras():
        raise DeviceError(NO_KERAS)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    advice = "Set KERAS_BACKEND=tensorflow and start again."
    try:
        import_keras()
        import keras
    except ImportError as error:
        raise DeviceError(f"Keras can't start its backend: {error}. {advice}") from error
    name = str(keras.backend.backend())
    if name not in BACKENDS:
        raise DeviceError(f"Keras runs on {name}; napari-organelle needs {' or '.join(BACKENDS)}. {advice}")
    return name


@lru_cache(maxsize=1)
def available_devices() -> tuple[Device, ...]:
    """GPUs, best first, then OpenVINO where it is installed, then the CPU; OpenVINO alone where no Keras is.

    Raises
    ------
    DeviceError
        As for `backend_name`.
    """
    if not has_keras() and is_installed():
        return (openvino_device(),)
    backend = backend_name()
    gpus = _tensorflow_gpus() if backend == "tensorflow" else _torch_gpus()
    openvino = (openvino_device(),) if is_installed() else ()
    return (*gpus, *openvino, Device("cpu", backend, f"{_thread_count(backend)} threads"))


@lru_cache(maxsize=1)
def may_have_card() -> bool:
    """Whether this machine has a graphics card's driver, which is seen in a moment; no card is started."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if Path("/dev/kfd").exists():  # AMD
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True


def openvino_device() -> Device:
    """The CPU by OpenVINO; no Keras is started.

    Raises
    ------
    DeviceError
        If it is not installed.
    """
    if not is_installed():
        raise DeviceError(
            'OpenVINO is not installed, or does not start: pip install "napari-organelle[openvino]"'
        )
    return Device(OPENVINO, OPENVINO, f"{_cores()} threads", best_precision())


def choose_device(name: str = "auto", *, keras: bool = False) -> Device:
    """A device by its name; ``"auto"`` takes the first of `available_devices`.

    Where there is no driver of a graphics card and OpenVINO is installed, it is taken without starting Keras.

    Parameters
    ----------
    name : str
        ``"auto"``, or a device's.
    keras : bool
        Whether it has to run Keras, as training does.

    Raises
    ------
    DeviceError
        If there is none of that name; the message lists those that there are.
    """
    if not keras and (name == OPENVINO or (name == "auto" and is_installed() and not may_have_card())):
        return openvino_device()
    if (keras or name == "cpu") and not has_keras():
        raise DeviceError(NO_KERAS)
    devices = [device for device in available_devices() if device.runs_keras or not keras]
    if name == "auto":
        return devices[0]
    for device in devices:
        if name in (device.name, f"{device.name}:0"):
            return device
    there = ", ".join(device.name for device in devices)
    purpose = "device for training" if name == OPENVINO else "device"
    raise DeviceError(f"There is no {purpose} {name!r}; this machine has {there} ({describe(devices[-1])}).")


def describe(device: Device) -> str:
    """One line for people: ``"CPU, 2 threads, Keras on tensorflow"``, ``"GPU 0: NVIDIA L4, 16-bit, …"``."""
    number = device.name.partition(":")[2]
    place = f"{f'GPU {number}'.strip()}: {device.label}" if device.is_gpu else f"CPU, {device.label}"
    bits = "" if device.precision == "float32" else ", 16-bit"
    engine = f"Keras on {device.backend}" if device.runs_keras else "OpenVINO"
    return f"{place}{bits}, {engine}"


@dataclass(frozen=True)
class DataParallel:
    """Devices that each train on an equal share of every batch; their gradients are summed. Tensorflow only.

    Parameters
    ----------
    strategy : tf.distribute.MirroredStrategy
        Networks are built and compiled in its ``scope()``.
    """

    strategy: Any

    @property
    def count(self) -> int:
        return int(self.strategy.num_replicas_in_sync)

    def train_on_batch(self, network: keras.Model, *arrays: np.ndarray) -> float:
        """One step of a compiled network; as its own ``train_on_batch``, for rows that `count` divides.

        Parameters
        ----------
        network : keras.Model
            Built and compiled in the strategy's scope.
        *arrays : (B, ...) float32
            Input, targets and weights.

        Returns
        -------
        float
            The loss.
        """
        network.make_train_function()
        network.reset_metrics()
        return float(network.train_function(iter([tuple(map(self._share, arrays))]))["loss"])

    def _share(self, array: np.ndarray) -> Any:
        import tensorflow as tf

        parts = np.split(array, self.count)
        return self.strategy.experimental_distribute_values_from_function(
            lambda replica: tf.constant(parts[replica.replica_id_in_sync_group])
        )


def device_names(text: str) -> list[str]:
    """Names in ``"gpu:0,gpu:1"``; one name otherwise."""
    return [name.strip() for name in text.split(",")]


def data_parallel(names: Sequence[str]) -> DataParallel:
    """Several devices, such as ``["gpu:0", "gpu:1"]``, as one.

    Raises
    ------
    DeviceError
        If Keras does not run on tensorflow, or a device isn't there.
    """
    if backend_name() != "tensorflow":
        raise DeviceError("Training on several devices needs Keras on tensorflow: name one device.")
    import tensorflow as tf

    there = [device.name.removeprefix("/device:").lower() for device in tf.config.list_logical_devices()]
    if missing := [name for name in names if name not in there]:
        raise DeviceError(f"There is no device {missing[0]!r}; this machine has {', '.join(there)}.")
    return DataParallel(tf.distribute.MirroredStrategy([f"/{name}" for name in names]))


def out_of_memory_errors() -> tuple[type[BaseException], ...]:
    """What the loaded backends raise when a device's memory is full; a smaller batch may then help."""
    kinds: tuple[type[BaseException], ...] = ()
    if tensorflow := sys.modules.get("tensorflow"):
        kinds += (tensorflow.errors.ResourceExhaustedError,)
    if torch := sys.modules.get("torch"):
        kinds += (torch.cuda.OutOfMemoryError,)
    return (*kinds, MemoryError)


def _thread_count(backend: str) -> int:
    if backend == "torch":
        import torch

        return int(torch.get_num_threads())
    import tensorflow as tf

    return int(tf.config.threading.get_intra_op_parallelism_threads() or _cores())


def _cores() -> int:
    """Those that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _tensorflow_gpus() -> list[Device]:
    import tensorflow as tf

    devices = []
    memory = smallest_nvidia_memory()
    with without_chatter():
        gpus = tf.config.list_physical_devices("GPU")
    for index, gpu in enumerate(gpus):
        _grow_memory(gpu)
        details = tf.config.experimental.get_device_details(gpu)
        half = details.get("compute_capability", (0, 0)) >= HALF_PRECISION_CAPABILITY
        devices.append(_gpu(index, "tensorflow", details.get("device_name", gpu.name), half, memory))
    return devices


def smallest_nvidia_memory() -> int:
    """Bytes of the smallest NVIDIA card, which TensorFlow does not tell; 0 where no driver answers."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
        return min(int(mebibytes) for mebibytes in output.split()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def _grow_memory(gpu: Any) -> None:
    """Take GPU memory as it is needed; left as it is where another plugin has started the GPU before."""
    import tensorflow as tf

    try:
        tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        return


def _torch_gpus() -> list[Device]:
    import torch

    if torch.backends.mps.is_available():
        return [Device("mps", "torch", "Apple")]
    return [
        _gpu(
            index,
            "torch",
            torch.cuda.get_device_name(index),
            torch.cuda.get_device_capability(index) >= HALF_PRECISION_CAPABILITY,
            torch.cuda.get_device_properties(index).total_memory,
        )
        for index in range(torch.cuda.device_count())
    ]


def _gpu(index: int, backend: str, label: str, half: bool, memory: int) -> Device:
    return Device(f"gpu:{index}", backend, label, "mixed_float16" if half else "float32", memory)
