"""Features of images, computed once for each window and kept on disk under the hash of its pixels."""

from __future__ import annotations

import hashlib
import json
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import platformdirs

from napari_organelle.errors import TrainingError
from napari_organelle.files import whole_file
from napari_organelle.model.engine.compiled import compile_network
from napari_organelle.model.engine.device import Device
from napari_organelle.model.networks.keras_models import assign_weights, build_feature_extractor
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.predict import AHEAD, answer, fitting_batch, read_ahead
from napari_organelle.prepare.augment import Augmentation, augment
from napari_organelle.prepare.cut import cut, iter_windows, raise_errors
from napari_organelle.prepare.pixels import PixelPlan, network_input
from napari_organelle.train.examples import Examples

RECORD = np.dtype([("key", "S15"), ("crc", "<u4")])
"""Of a segment: the hash that a row is kept under, and the CRC-32 of the row's bytes."""

SEGMENT_ROWS = 256
CACHE_BYTES = 8 * 2**30
"""The least recently used features beyond this much are deleted, unless a plan says otherwise."""


def cache_folder() -> Path:
    """Where features are kept unless another folder is named."""
    return Path(platformdirs.user_cache_dir("napari-organelle", appauthor=False)) / "features"


class ComputeFeatures(Protocol):
    """What `compute_features` does, here or on workers."""

    def __call__(
        self, job: FeatureJob, cache: FeatureCache, weights: Mapping[str, np.ndarray], device: Device
    ) -> Iterator[tuple[int, int]]: ...


@dataclass(frozen=True)
class FeatureKey:
    """What features depend on besides the pixels.

    Parameters
    ----------
    network : NetworkPlan
        Its backbone and pooling.
    pixels : PixelPlan
        How windows become network input.
    weights : str
        Hash of the backbone's weights.
    """

    network: NetworkPlan
    pixels: PixelPlan
    weights: str

    def folder(self) -> str:
        """Name under which features of this kind are kept."""
        network = {name: asdict(self.network)[name] for name in ("architecture", "width", "head", "blocks")}
        pixels = [self.pixels.input_size, self.pixels.scaling, *self.pixels.mixing]
        text = json.dumps([RECORD.descr, network, *pixels, self.weights])
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def weights_hash(weights: Mapping[str, np.ndarray]) -> str:
    """Hash of a backbone's weights, as float32."""
    digest = hashlib.blake2b(digest_size=12)
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weights[name], np.float32).data)
    return digest.hexdigest()


class FeatureCache:
    """Feature vectors in a folder, found by the hash of what they were computed from.

    Rows are written in segments that never change: a file of hashes and checksums, and a file of float32
    rows, complete once the first is there. Any number of processes may read and add.

    Parameters
    ----------
    folder : Path
        One for each FeatureKey.
    length : int
        Of a vector.
    """

    def __init__(self, folder: Path, length: int) -> None:
        self.folder = folder
        self.length = length
        self._places: dict[bytes, tuple[Path, int, int]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(
                f"Features can't be kept in {folder}: {error}. Name another cache folder (--cache)."
            ) from error
        self.refresh()

    def refresh(self) -> None:
        """See what other processes have added."""
        for hashes in sorted(self.folder.glob("*.hashes")):
            self._open(hashes)

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def _open(self, path: Path) -> None:
        table = np.fromfile(path, RECORD)
        rows = path.with_suffix(".rows")
        if rows.exists() and rows.stat().st_size == len(table) * self.length * 4:
            rows.touch()
            self._places |= {key: (rows, index, crc) for index, (key, crc) in enumerate(table.tolist())}

    def drop_damaged(self, keys: Sequence[bytes]) -> None:
        """Forget, and delete, the segments of `keys` in which a row is not what was written."""
        segments: dict[Path, list[bytes]] = {}
        for key in keys:
            if key in self._places:
                segments.setdefault(self._places[key][0], []).append(key)
        for path, inside in segments.items():
            if self._is_whole(path, inside):
                continue
            self._places = {key: place for key, place in self._places.items() if place[0] != path}
            with suppress(OSError):
                path.with_suffix(".hashes").unlink(missing_ok=True)
                path.unlink(missing_ok=True)

    def _is_whole(self, path: Path, keys: Sequence[bytes]) -> bool:
        """Whether a segment still has the rows of `keys` as they were written."""
        try:
            with path.open("rb") as file:
                for key in keys:
                    _, index, crc = self._places[key]
                    file.seek(index * self.length * 4)
                    if zlib.crc32(file.read(self.length * 4)) != crc:
                        return False
        except OSError:
            return False
        return True

    def add(self, hashes: Sequence[bytes], features: np.ndarray) -> None:
        """Keep (n, length) float32 `features`.

        Raises
        ------
        TrainingError
            If the disk refuses.
        """
        path = self.folder / f"{uuid.uuid4().hex}.hashes"
        try:
            np.ascontiguousarray(features, np.float32).tofile(path.with_suffix(".rows"))
            crcs = [zlib.crc32(row.tobytes()) for row in np.asarray(features, np.float32)]
            with whole_file(path) as part:
                np.array(list(zip(hashes, crcs, strict=True)), RECORD).tofile(part)
        except OSError as error:
            path.with_suffix(".rows").unlink(missing_ok=True)
            raise TrainingError(
                f"Features can't be kept in {self.folder}: {error}. "
                "Free some space, or name another cache folder."
            ) from error
        self._open(path)

    def read(self, hashes: Sequence[bytes]) -> np.ndarray:
        """(n, length) float32 features; every hash must have been added."""
        features = np.empty((len(hashes), self.length), np.float32)
        places: dict[Path, list[tuple[int, int]]] = {}
        for row, key in enumerate(hashes):
            path, index, _ = self._places[key]
            places.setdefault(path, []).append((index, row))
        for path, pairs in places.items():
            with path.open("rb", buffering=0) as file:
                for index, row in sorted(pairs):
                    file.seek(index * self.length * 4)
                    file.readinto(memoryview(features[row]).cast("B"))
        return features


def prune_cache(folder: Path, limit: int) -> None:
    """Delete the least recently used segments beyond `limit` bytes."""
    rows = sorted(folder.glob("*/*.rows"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in rows:
        total += path.stat().st_size
        if total > limit:
            path.with_suffix(".hashes").unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def copy_hash(key: bytes, copy: int, ranges: Augmentation, seed: int) -> bytes:
    """Hash that stands for an augmented copy of a window; copy 0 is the window itself."""
    if copy == 0:
        return key
    text = f"{copy}{ranges}{seed}".encode()
    return bytes(byte or 1 for byte in hashlib.blake2b(key + text, digest_size=15).digest())


@dataclass(frozen=True)
class FeatureJob:
    """Which features are wanted.

    Parameters
    ----------
    examples : Examples
        R windows.
    hashes : (R,) array of bytes
        Of their pixels.
    copies : (R,) int
        Number of the augmented copy of each, 0 for the window as it is.
    indices : sequence of int or None
        Channel of each slot.
    key : FeatureKey
        How they are computed.
    augmentation : Augmentation
        Of the copies.
    seed : int
        Of the copies.
    """

    examples: Examples
    hashes: np.ndarray
    copies: np.ndarray
    indices: Sequence[int | None]
    key: FeatureKey
    augmentation: Augmentation
    seed: int

    def keys(self) -> list[bytes]:
        """Hash under which each feature vector is kept."""
        pairs = zip(self.hashes.tolist(), self.copies.tolist(), strict=True)
        return [copy_hash(key, copy, self.augmentation, self.seed) for key, copy in pairs]

    def missing(self, cache: FeatureCache) -> np.ndarray:
        """(M,) int64: a row for each feature vector that the cache lacks, or has damaged, in order."""
        keys = self.keys()
        cache.drop_damaged(keys)
        rows = {key: row for row, key in enumerate(keys) if key not in cache}
        return np.asarray(sorted(rows.values()), np.int64)


def compute_features(
    job: FeatureJob, cache: FeatureCache, weights: Mapping[str, np.ndarray], device: Device
) -> Iterator[tuple[int, int]]:
    """Add what the cache lacks; a stopped run goes on where it was.

    Parameters
    ----------
    job : FeatureJob
        What is wanted.
    cache : FeatureCache
        Where it is kept.
    weights : mapping of str to array
        Of the convolution layers.
    device : Device
        Where it is computed.

    Yields
    ------
    (int, int)
        How many of the missing vectors are computed, and how many there are.
    """
    keys, missing = job.keys(), job.missing(cache)
    if not len(missing):
        return
    run = compile_extractor(job.key, weights, device)
    size = fitting_batch(job.key.pixels.input_size, device)
    done = 0
    parts: list[np.ndarray] = []
    with closing(read_ahead(_job_batches(job, missing, size), AHEAD)) as batches:
        for images in batches:
            features, size = answer(run, device, images, size)
            parts.append(features)
            done += len(features)
            yield done, len(missing)
            rows = missing[done - sum(map(len, parts)) : done]
            if len(rows) >= SEGMENT_ROWS or done == len(missing):
                cache.add([keys[row] for row in rows], np.concatenate(parts))
                parts = []


def _job_batches(job: FeatureJob, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """`job_input` of `size` rows at a time; what they have in common is read once."""
    windows = iter_windows(job.examples.image_set, job.examples.windows[rows], job.indices)
    for start in range(0, len(rows), size):
        yield _augmented(job, rows[start : start + size], raise_errors(islice(windows, size)))


def job_input(job: FeatureJob, rows: np.ndarray) -> np.ndarray:
    """(n, side, side, 3) float32 network input of some of a job's windows, copies augmented."""
    return _augmented(job, rows, cut(job.examples.image_set, job.examples.windows[rows], job.indices))


def _augmented(job: FeatureJob, rows: np.ndarray, windows: list[np.ndarray]) -> np.ndarray:
    images = network_input(windows, job.key.pixels)
    for image, row in zip(images, rows.tolist(), strict=True):
        if copy := int(job.copies[row]):
            rng = np.random.default_rng([job.seed, copy, *job.hashes[row]])
            image[:] = augment(image[None], job.augmentation, rng)[0]
    return images


def compile_extractor(
    key: FeatureKey, weights: Mapping[str, np.ndarray], device: Device
) -> Callable[[np.ndarray], np.ndarray]:
    """The network before its head: (B, n, n, 3) float32 in [0, 1] to (B, features) float32."""
    import keras

    with keras.device(device.name):
        network = build_feature_extractor(key.network, key.pixels.input_size)
        assign_weights(network, weights)

    def as_float32(features: Any) -> Any:
        return keras.ops.cast(features, "float32")

    return compile_network(network, device, as_float32)
