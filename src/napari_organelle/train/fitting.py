"""Fitting weights, an epoch at a time, with checkpoints from which a killed run goes on unchanged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.errors import TrainingError
from napari_organelle.model.engine.device import DataParallel, Device
from napari_organelle.model.scoring.calibrate import Task, cross_entropy
from napari_organelle.model.scoring.scores import macro_f1
from napari_organelle.train.checkpoint import (
    Progress,
    merit,
    read_variables,
    restore_checkpoint,
    save_checkpoint,
)
from napari_organelle.train.recipes import FitPlan

if TYPE_CHECKING:
    import keras

MAX_WATCHED = 2000
"""Training examples at most whose F1 is measured after each epoch."""


@dataclass(frozen=True)
class EpochReport:
    """What a training run yields.

    Parameters
    ----------
    stage : str
        ``"reading"``, ``"features"``, ``"head"``, ``"fold 1 of 5"``..., ``"fine-tuning"`` or ``"done"``.
    epoch, total : int
        Epochs that are done and that the stage has at most; windows while reading and computing features.
    train_loss, val_loss : float
        Mean cross-entropy in nats, the training one with dropout. NaN where there is none.
    train_macro_f1, val_macro_f1 : float
        In [0, 1]; the training one on at most 2,000 examples. NaN where there is none.
    seconds_left : float
        Estimate for the stage; NaN where unknown.
    note : str
        Something to tell the user; empty otherwise.
    """

    stage: str
    epoch: int
    total: int
    train_loss: float = float("nan")
    val_loss: float = float("nan")
    train_macro_f1: float = float("nan")
    val_macro_f1: float = float("nan")
    seconds_left: float = float("nan")
    note: str = ""


@dataclass(frozen=True)
class FittingData:
    """What a stage is fitted on.

    Parameters
    ----------
    train, val : (n,) int64
        Rows; `val` may be empty.
    targets : (R, K) bool or float32
        Classes of every row, or how likely each is, in [0, 1].
    weights : (R,) float32
        Weight of each row in the loss.
    draw : callable
        ``draw(rng)``: the rows of one epoch in training order.
    train_input : callable
        ``train_input(rows, rng)``: network input of training rows, augmented where the stage is to augment.
    plain_input : callable
        ``plain_input(rows)``: network input of any rows, unchanged.
    task : {"single", "multi"}
        Softmax, or sigmoid.
    """

    train: np.ndarray
    val: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    draw: Callable[[np.random.Generator], np.ndarray]
    train_input: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    plain_input: Callable[[np.ndarray], np.ndarray]
    task: Task


@dataclass(frozen=True)
class Fit:
    """One fit.

    Parameters
    ----------
    name : str
        As in EpochReport.
    network : keras.Model
        Compiled; changed in place. Its variables after the best epoch are in the Progress.
    plan : FitPlan
        How.
    data : FittingData
        On what.
    seed : int
        Of order and augmentation.
    checkpoint : Path
        File to write after each epoch and to go on from.
    device : Device
        Where the network was built.
    parallel : DataParallel, optional
        Devices that share each batch, where the network was built for several.
    selects : bool
        Whether the validation rows choose the best epoch; if not, the last one is kept and they are only
        watched.
    """

    name: str
    network: keras.Model
    plan: FitPlan
    data: FittingData
    seed: int
    checkpoint: Path
    device: Device
    parallel: DataParallel | None = None
    selects: bool = True


def compile_for(network: keras.Model, plan: FitPlan, task: Task) -> None:
    """Give a network its optimizer and loss."""
    import keras

    if plan.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            plan.learning_rate, momentum=plan.momentum, global_clipnorm=plan.clip_norm
        )
    else:
        optimizer = keras.optimizers.AdamW(plan.learning_rate, weight_decay=plan.weight_decay)
    kind = keras.losses.CategoricalCrossentropy if task == "single" else keras.losses.BinaryCrossentropy
    network.compile(optimizer=optimizer, loss=kind(from_logits=True), jit_compile=False)
    optimizer.build(network.trainable_variables)


def initialise(network: keras.Model, seed: int) -> None:
    """Draw kernels (He et al. 2015), zero the last layer and biases, seed dropout: alike on every backend."""
    for layer in network.layers:
        for variable in layer.variables:
            key = [seed, *f"{layer.name}/{variable.name}".encode()]
            rng = np.random.default_rng(key)
            if variable.name == "bias" or layer.name == "logits":
                variable.assign(np.zeros(variable.shape, np.float32))
            elif variable.name == "kernel":
                fan_in = int(np.prod(variable.shape[:-1]))
                variable.assign(
                    (rng.standard_normal(variable.shape) * np.sqrt(2 / fan_in)).astype(np.float32)
                )
            elif variable.name == "seed_generator_state":
                variable.assign(rng.integers(2**31, size=variable.shape).astype(variable.dtype))


def reset_optimizer(network: keras.Model) -> None:
    """Forget all momenta and the step count."""
    for variable in network.optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))


def fit(stage: Fit, progress: Progress) -> Iterator[EpochReport]:
    """Run a stage, or what is left of it after its checkpoint.

    Parameters
    ----------
    stage : Fit
        What to run.
    progress : Progress
        Filled as the run goes; what it holds when the generator is closed is the best epoch so far.

    Yields
    ------
    EpochReport
        One an epoch.

    Raises
    ------
    TrainingError
        If the loss is NaN in the first epoch already.
    """
    import keras

    anew = restore_checkpoint(stage.checkpoint, stage.network, progress)
    started, first = time.monotonic(), len(progress.history)
    while not progress.finished:
        epoch = len(progress.history)
        with nullcontext() if stage.parallel else keras.device(stage.device.name):
            row = _run_epoch(stage, epoch, progress.history)
        note = _judge(stage, progress, row)
        note = save_checkpoint(stage.checkpoint, stage.network, progress) or note
        note, anew = " ".join(filter(None, (anew, note))), ""
        seconds = (time.monotonic() - started) / (epoch + 1 - first) * (stage.plan.epochs - epoch - 1)
        yield EpochReport(stage.name, epoch + 1, stage.plan.epochs, **row, seconds_left=seconds, note=note)


def logits(
    network: keras.Model, inputs: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, batch: int
) -> np.ndarray:
    """(n, K) float32 answers to some rows, a batch at a time; where several devices answer, the first's."""
    parts = [
        np.asarray(network.predict_on_batch(_filled(inputs, rows[start : start + batch], batch)))[:batch]
        for start in range(0, len(rows), batch)
    ]
    return (
        np.concatenate(parts)[: len(rows)] if parts else np.zeros((0, network.output_shape[-1]), np.float32)
    )


def _filled(inputs: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, batch: int) -> np.ndarray:
    """Input of `rows`, with zeros up to a whole batch, so that the network is traced for one shape only."""
    values = inputs(rows)
    if len(values) == batch:
        return values
    return np.concatenate([values, np.zeros((batch - len(values), *values.shape[1:]), values.dtype)])


def _run_epoch(stage: Fit, epoch: int, history: list[dict[str, float]]) -> dict[str, float]:
    """Train once over the drawn rows, then measure."""
    data, network = stage.data, stage.network
    network.optimizer.learning_rate.assign(stage.plan.rate(epoch, [row["val_loss"] for row in history]))
    rng = np.random.default_rng([stage.seed, epoch])
    order = data.draw(rng)
    shares = stage.parallel.count if stage.parallel else 1
    batch = max(1, min(stage.plan.batch_size, len(order)) // shares) * shares
    order = np.resize(order, -(-len(order) // batch) * batch)
    losses = []
    for rows, images in _inputs(data, order.reshape(-1, batch), rng):
        targets = data.targets[rows].astype(np.float32)
        losses.append(_step(stage, images, targets, data.weights[rows]))
        if not np.isfinite(losses[-1]):
            break
    watched = data.train[:: -(-len(data.train) // MAX_WATCHED)]
    train_f1, plain_loss = _measure(stage, watched, batch)
    val_f1, val_loss = _measure(stage, data.val, batch)
    return {
        "train_loss": float(np.mean(losses)) if np.isfinite(plain_loss) else float("nan"),
        "val_loss": val_loss,
        "train_macro_f1": train_f1,
        "val_macro_f1": val_f1,
    }


def _step(stage: Fit, images: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Train on one batch; its loss."""
    if stage.parallel:
        return stage.parallel.train_on_batch(stage.network, images, targets, weights)
    return float(stage.network.train_on_batch(images, targets, sample_weight=weights))


def _inputs(
    data: FittingData, batches: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and network input of each batch; the next one is prepared while the network trains on this one."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(data.train_input, batches[0], rng)
        for index, rows in enumerate(batches):
            images = waiting.result()
            if index + 1 < len(batches):
                waiting = pool.submit(data.train_input, batches[index + 1], rng)
            yield rows, images


def _measure(stage: Fit, rows: np.ndarray, batch: int) -> tuple[float, float]:
    """Macro F1 and cross-entropy; NaN where there are no rows."""
    if not len(rows):
        return float("nan"), float("nan")
    answers, targets = (
        logits(stage.network, stage.data.plain_input, rows, batch),
        stage.data.targets[rows] > 0.5,
    )
    if stage.data.task == "single":
        called = np.eye(targets.shape[1], dtype=bool)[answers.argmax(axis=1)]
    else:
        called = answers >= 0
    return macro_f1(targets, called), cross_entropy(answers, targets, stage.data.task)


def _judge(stage: Fit, progress: Progress, row: dict[str, float]) -> str:
    """Keep the epoch if it is the best so far, and decide whether it was the last."""
    epoch = len(progress.history) + 1
    if not np.isfinite(row["train_loss"]):
        if not progress.best:
            raise TrainingError(
                "The loss is not a number in the first epoch already: choose a lower learning rate."
            )
        progress.history.append(row)
        progress.finished = True
        return f"The loss became NaN in epoch {epoch}: training stopped, epoch {progress.best_epoch} is kept."
    progress.history.append(row)
    chooses = stage.selects and len(stage.data.val) > 0
    if epoch == 1 or not chooses or merit(row) > progress.merit():
        progress.best = read_variables(stage.network)
        progress.best_epoch = epoch
    stalled = stage.plan.patience and epoch - progress.best_epoch >= stage.plan.patience
    progress.finished = epoch == stage.plan.epochs or bool(stalled)
    return (
        f"No better for {stage.plan.patience} epochs: epoch {progress.best_epoch} is kept." if stalled else ""
    )
