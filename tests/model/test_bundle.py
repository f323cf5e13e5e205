import hashlib
import io
import json
import pickle
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import BundleError
from napari_organelle.model.bundle import ModelBundle, ModelSpec, find_bundles, open_bundle, save_bundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.networks.vgg16 import imagenet_weights

MakeWeights = Callable[[ModelSpec], dict[str, np.ndarray]]


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def with_weights(contents: dict[str, bytes], arrays: dict[str, np.ndarray], **how: bool) -> dict[str, bytes]:
    """The same bundle with other weights, their hash set right."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, **how)
    spec = json.loads(contents["model.json"]) | {
        "weights_sha256": hashlib.sha256(buffer.getvalue()).hexdigest()
    }
    return {"model.json": json.dumps(spec).encode(), "weights.npz": buffer.getvalue()}


def test_a_saved_bundle_comes_back_with_its_spec_and_weights(
    tiny_bundle: ModelBundle, random_weights: MakeWeights
):
    opened = ModelBundle.open(tiny_bundle.path)
    assert opened == tiny_bundle
    assert opened.id == f"tiny@{tiny_bundle.sha256[:12]}"
    stored, expected = opened.weights(), random_weights(tiny_bundle.spec)
    assert stored.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(stored[name], array)


def test_the_same_model_gives_the_same_bytes(tiny_bundle: ModelBundle, tmp_path: Path):
    save_bundle(tmp_path / "again.organelle", tiny_bundle.spec, tiny_bundle.weights())
    assert (tmp_path / "again.organelle").read_bytes() == tiny_bundle.path.read_bytes()


def test_a_folder_is_a_bundle_too(tiny_bundle: ModelBundle, tmp_path: Path):
    for name, content in members(tiny_bundle.path).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".DS_Store").write_bytes(b"")
    assert ModelBundle.open(tmp_path).spec == tiny_bundle.spec
    (tmp_path / "run.py").write_text("print()")
    with pytest.raises(BundleError, match="nothing else"):
        ModelBundle.open(tmp_path)
    (tmp_path / "run.py").unlink()
    (tmp_path / "weights.npz").rename(tmp_path.parent / "elsewhere.npz")
    (tmp_path / "weights.npz").symlink_to(tmp_path.parent / "elsewhere.npz")
    with pytest.raises(BundleError, match="and links"):
        ModelBundle.open(tmp_path)


def test_a_pickled_bundle_is_its_path(tiny_bundle: ModelBundle):
    pickled = pickle.dumps(tiny_bundle)
    assert len(pickled) < 500
    assert pickle.loads(pickled) == tiny_bundle  # noqa: S301


def test_another_number_of_views_is_kept_by_a_pickle(tiny_bundle: ModelBundle):
    turned = tiny_bundle.with_views(8)
    assert (tiny_bundle.spec.views, turned.spec.views) == (1, 8)
    assert pickle.loads(pickle.dumps(turned)) == turned  # noqa: S301


def test_untouched_imagenet_layers_are_not_stored_again(
    tiny_bundle: ModelBundle, random_weights: MakeWeights, tmp_path: Path
):
    spec = replace(tiny_bundle.spec, network=NetworkPlan(units=(8,)))
    weights = random_weights(spec) | imagenet_weights()
    weights["block5_conv3/bias"] = weights["block5_conv3/bias"].astype(np.float32) + 1
    bundle = save_bundle(tmp_path / "frozen.organelle", spec, weights)
    assert bundle.path.stat().st_size < 200_000
    loaded = bundle.weights()
    for name, array in weights.items():
        np.testing.assert_array_equal(loaded[name], array)
    content = members(bundle.path)
    other = json.loads(content["model.json"]) | {"imagenet_sha256": "0" * 64}
    write(tmp_path / "other.organelle", content | {"model.json": json.dumps(other).encode()})
    with pytest.raises(BundleError, match="other ImageNet layers"):
        ModelBundle.open(tmp_path / "other.organelle")


def test_an_existing_file_stays_unless_it_is_to_be_replaced(tiny_bundle: ModelBundle, tmp_path: Path):
    path = tmp_path / "mine.organelle"
    path.write_text("precious")
    with pytest.raises(BundleError, match="exists already"):
        save_bundle(path, tiny_bundle.spec, tiny_bundle.weights())
    assert path.read_text() == "precious"
    save_bundle(path, tiny_bundle.spec, tiny_bundle.weights(), overwrite=True)
    assert ModelBundle.open(path).spec == tiny_bundle.spec


def test_a_failed_save_leaves_the_old_file_and_no_other(
    tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "mine.organelle"
    path.write_text("precious")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(BundleError, match="No space left"):
        save_bundle(path, tiny_bundle.spec, tiny_bundle.weights(), overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.organelle"]
    assert path.read_text() == "precious"


def test_altered_weights_are_refused(tiny_bundle: ModelBundle, tmp_path: Path):
    content = members(tiny_bundle.path)
    altered = bytearray(content["weights.npz"])
    altered[len(altered) // 2] ^= 1
    path = write(tmp_path / "altered.organelle", content | {"weights.npz": bytes(altered)})
    with pytest.raises(BundleError, match="weights were altered"):
        ModelBundle.open(path).weights()


@pytest.mark.parametrize("name", ["../../evil.py", "/etc/evil", "code.py", "sub/model.json", "weights.pkl"])
def test_any_other_member_is_refused(tiny_bundle: ModelBundle, tmp_path: Path, name: str):
    path = write(tmp_path / "more.organelle", {**members(tiny_bundle.path), name: b"x"})
    with pytest.raises(BundleError, match="nothing else"):
        ModelBundle.open(path)


def test_links_and_doubles_in_a_zip_are_refused(tiny_bundle: ModelBundle, tmp_path: Path):
    content = members(tiny_bundle.path)
    with zipfile.ZipFile(tmp_path / "link.organelle", "w") as archive:
        archive.writestr("model.json", content["model.json"])
        link = zipfile.ZipInfo("weights.npz")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BundleError, match="and links"):
        ModelBundle.open(tmp_path / "link.organelle")
    twice = zipfile.ZipFile(write(tmp_path / "twice.organelle", content), "a")
    with twice, pytest.warns(UserWarning, match="Duplicate"):
        twice.writestr("model.json", content["model.json"])
    with pytest.raises(BundleError, match="nothing else"):
        ModelBundle.open(tmp_path / "twice.organelle")


def test_pickles_in_the_weights_are_refused_unread(tiny_bundle: ModelBundle, tmp_path: Path):
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("a pickle was run",))

    arrays = tiny_bundle.weights() | {"logits/bias": np.array([Trap()] * 3, object)}
    path = write(tmp_path / "trap.organelle", with_weights(members(tiny_bundle.path), arrays))
    with pytest.raises(BundleError, match=r"no plain .npz of numbers"):
        ModelBundle.open(path).weights()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"logits/bias": np.zeros(5, np.float32)},
            r"logits/bias must be .* of shape \(3,\); it is float32 of \(5,\)",
        ),
        ({"logits/bias": np.zeros(3, np.float64)}, "logits/bias must be finite float16 or float32"),
        ({"logits/bias": np.full(3, np.nan, np.float32)}, "logits/bias must be finite"),
        ({"lambda/code": np.zeros(3, np.float32)}, "have an unknown lambda/code"),
        ({"logits/bias": None}, "lack logits/bias"),
    ],
)
def test_weights_that_are_not_the_networks_are_refused(
    tiny_bundle: ModelBundle, tmp_path: Path, change: dict[str, np.ndarray | None], message: str
):
    arrays = {name: array for name, array in (tiny_bundle.weights() | change).items() if array is not None}
    path = write(tmp_path / "odd.organelle", with_weights(members(tiny_bundle.path), arrays))
    with pytest.raises(BundleError, match=message):
        ModelBundle.open(path).weights()
    with pytest.raises(BundleError, match=message):
        save_bundle(tmp_path / "new.organelle", tiny_bundle.spec, arrays)
    assert not (tmp_path / "new.organelle").exists()


def test_what_is_no_bundle_is_refused(tiny_bundle: ModelBundle, tmp_path: Path):
    (tmp_path / "text.organelle").write_text("hello")
    with pytest.raises(BundleError, match="can't be read as a model bundle"):
        ModelBundle.open(tmp_path / "text.organelle")
    content = members(tiny_bundle.path)
    for text, message in ((b"{", "no JSON"), (b"[]", "must be a JSON object"), (b"[" * 10**5, "no JSON")):
        path = write(tmp_path / "bad.organelle", content | {"model.json": text})
        with pytest.raises(BundleError, match=message):
            ModelBundle.open(path)
    newer = json.loads(content["model.json"]) | {"format_version": 99, "weights": "elsewhere"}
    path = write(tmp_path / "newer.organelle", content | {"model.json": json.dumps(newer).encode()})
    with pytest.raises(BundleError, match=r"newer.organelle: The model has format version 99"):
        ModelBundle.open(path)


def test_a_zip_bomb_is_not_unpacked(tiny_bundle: ModelBundle, tmp_path: Path):
    content = members(tiny_bundle.path)
    with zipfile.ZipFile(tmp_path / "bomb.organelle", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.json", b" " * 2**23)
        archive.writestr("weights.npz", content["weights.npz"])
    with pytest.raises(BundleError, match=r"model.json is larger than"):
        ModelBundle.open(tmp_path / "bomb.organelle")


def test_bundles_are_found_by_name_in_the_users_folder(
    tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NAPARI_ORGANELLE_MODELS", str(tmp_path))
    save_bundle(tmp_path / "mine.organelle", tiny_bundle.spec, tiny_bundle.weights())
    assert find_bundles()["mine"] == tmp_path / "mine.organelle"
    assert open_bundle("mine").spec == tiny_bundle.spec
    assert open_bundle(str(tiny_bundle.path)).spec == tiny_bundle.spec
    with pytest.raises(BundleError, match=r"There is no model 'yours': .* mine"):
        open_bundle("yours")


def npy(shape: str, data: bytes = b"", dtype: str = "<f4") -> bytes:
    """An array file whose header says `shape`."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("x.npy", npy("(10000000000000,)")),
        ("x.npy", npy("(2, 2)", b"0000")),
        ("x.npy", npy("(-2, 2)", b"0000")),
        ("x.npy", npy("((((((((")),
        ("x.npy", npy("(1,)", b"\x80\x04N.", "|O")),
        ("x.npy", b"\x93NUMPY\x02\0\xff\xff\xff\xff"),
        ("x.npy", b"\x93NUMPY\x09\0"),
        ("x", b"no array"),
        ("x.npy", b""),
    ],
)
def test_weights_that_are_not_what_they_say_are_refused(
    tiny_bundle: ModelBundle, tmp_path: Path, name: str, member: bytes
) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(name, member)
    path = tmp_path / "odd.organelle"
    values = tiny_bundle.spec.to_json() | {"weights_sha256": hashlib.sha256(raw.getvalue()).hexdigest()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", json.dumps(values))
        archive.writestr("weights.npz", raw.getvalue())
    with pytest.raises(BundleError, match=r"odd\.organelle"):
        ModelBundle.open(path).weights()


@pytest.mark.parametrize("key", ["temperature", "format_version"])
def test_numbers_of_hundreds_of_digits_are_refused(
    tiny_bundle: ModelBundle, tmp_path: Path, key: str
) -> None:
    path = tmp_path / "long.organelle"
    text = json.dumps(tiny_bundle.spec.to_json() | {"weights_sha256": "0", key: 10**400})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", text)
        archive.writestr("weights.npz", b"")
    with pytest.raises(BundleError, match=r"long\.organelle"):
        ModelBundle.open(path)


def test_arrays_beside_the_weights_come_back_and_are_checked(tiny_bundle: ModelBundle, tmp_path: Path):
    assert tiny_bundle.extra("replay.npz") == {}
    features = np.arange(6, dtype=np.float16).reshape(2, 3)
    extras = {"replay.npz": {"features": features, "labels": np.array(["a", "b"])}}
    made = save_bundle(tmp_path / "with.organelle", tiny_bundle.spec, tiny_bundle.weights(), extras=extras)
    assert made.sha256 == tiny_bundle.sha256
    np.testing.assert_array_equal(made.extra("replay.npz")["features"], features)
    content = members(made.path)
    other = {"replay.npz": content["replay.npz"][:-1] + b"?"}
    altered = ModelBundle.open(write(tmp_path / "altered.organelle", content | other))
    with pytest.raises(BundleError, match=r"replay\.npz was altered"):
        altered.extra("replay.npz")
    with pytest.raises(BundleError, match="nothing else"):
        ModelBundle.open(write(tmp_path / "more.organelle", content | {"run.npz": b""}))
