"""Every command starts at once, tells what was asked for, and ends with one line when it is stopped."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from napari_organelle.cli import demo, main
from napari_organelle.cli.parser import COMMANDS, build_parser
from napari_organelle.cli.say import json_text, shown
from napari_organelle.model.bundle import ModelBundle

HEAVY = (
    "numpy",
    "pandas",
    "tifffile",
    "zarr",
    "dask",
    "skimage",
    "tensorflow",
    "keras",
    "openvino",
    "napari",
)
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background ignore it
from napari_organelle.cli import program, stopping
stopping.install()
print("begun", flush=True)
program()
"""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command: str) -> None:
    code = f"""
import sys
from napari_organelle.cli import demo, main
try:
    main({[*command.split(), "--help"]!r})
except SystemExit as end:
    assert not end.code
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"
    assert "usage: napari-organelle" in told
    assert not command or f"example:\n  napari-organelle {command}" in told


def test_the_parser_knows_every_command() -> None:
    groups = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    assert list(groups[0].choices) == list(COMMANDS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_shells_complete_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    told = capsys.readouterr().out
    assert "roll-up" in told
    assert "write-labels" in told


def test_nothing_that_is_told_steers_the_terminal() -> None:
    name = "\x1b[2Jbad\x07\x9b31m\u202e\udcb5\n.png"
    assert shown(name) == "\\x1b[2Jbad\\x07\\x9b31m\\u202e\\udcb5\\n.png"
    assert shown("µ-Zelle 細胞\t1") == "µ-Zelle 細胞\t1"
    text = json_text({"a": name, "b": "µ"})
    assert json.loads(text) == {"a": name, "b": "µ"}
    assert not set(text) & set("\x1b\x9b\u202e\udcb5")


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    folder = tmp_path / "crops"
    folder.mkdir()
    for name in ("a", "b\x1b[2J"):
        planes = [Image.effect_noise((40, 40), 50) for _ in range(3)]
        Image.merge("RGB", planes).save(folder / f"{name}.png")
    (folder / "c\x1b]0;title.png").write_text("no image")
    return folder


def test_quiet_json_and_names_that_would_steer(
    crops: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["classify", str(crops), "--model", str(tiny_bundle.path), "--device", "cpu"]
    command += ["--channels", "cytosol=0,protein=1", "--json", "-o"]
    assert main([*command, str(tmp_path / "loud.csv")]) == 1
    told = capsys.readouterr()
    assert "\x1b" not in told.err + told.out
    assert "c\\x1b]0;title.png" in told.err
    assert main([*command, str(tmp_path / "quiet.csv"), "--quiet"]) == 1
    told = capsys.readouterr()
    assert told.err == ""
    outcome = json.loads(told.out)
    assert outcome["output"] == str(tmp_path / "quiet.csv")
    assert outcome["rows"] == 2
    assert outcome["skipped"]["count"] == 1


@pytest.mark.parametrize("command", ["classify", "evaluate", "roll-up", "train"])
def test_a_missing_target_folder_is_told_at_the_start(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "none" / "out")
    given = {
        "classify": ["nowhere", "--model", "nothing", "-o", target],
        "evaluate": ["nothing", "nowhere", "--json", target],
        "roll-up": ["nowhere", "--by", "gene", "-o", target],
        "train": ["nowhere", "-o", target],
    }
    assert main([command, *given[command]]) == 2
    assert "no folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("seconds", [0, 0.3, 0.8, 1.5])
def test_ctrl_c_ends_with_one_line_and_130(
    seconds: float, crops: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        "classify",
        str(crops),
        "--model",
        str(tiny_bundle.path),
        "--device",
        "cpu",
    ]
    command += ["-q", "--channels", "cytosol=0,protein=1", "-o", str(tmp_path / "out.csv")]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **streams, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        told = process.communicate()[1]
    assert process.returncode == 130, told
    assert [line.partition(":")[0] for line in told.splitlines()] == ["stopped"]


def test_the_demo_says_what_to_install_where_there_is_no_window_toolkit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    assert main(["demo"]) != 0
    assert 'pip install "napari-organelle[all]"' in capsys.readouterr().err
