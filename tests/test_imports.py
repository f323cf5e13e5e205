"""Imports run one way, and nothing heavy is loaded before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_organelle

ROOT = Path(napari_organelle.__file__).parent
MAY_IMPORT = {
    "errors": set(),
    "simulate": {"errors"},
    "read": {"errors", "simulate"},
    "prepare": {"errors", "read"},
    "model": {"errors", "read", "prepare"},
    "train": {"errors", "read", "prepare", "model"},
    "show": {"errors", "read", "prepare", "model", "train"},
    "distribute": {"errors", "read", "prepare", "model", "train", "show"},
    "gui": {"errors", "read", "prepare", "model", "train", "show", "distribute", "simulate"},
    "cli": {"errors", "read", "prepare", "model", "train", "show", "distribute", "simulate", "gui"},
}
MODULES = sorted(
    ".".join(("napari_organelle", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
)
CORE = [module for module in MODULES if ".gui" not in module]
HEAVY = ("tensorflow", "keras", "torch", "openvino", "sklearn", "matplotlib", "distributed")
WINDOWS = ("napari", "qtpy", "superqt", "magicgui")


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imported_rooms(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {room_of(module) for module in modules if module.startswith("napari_organelle.")}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_before_it(room: str) -> None:
    paths = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).with_suffix("").parts[0] == room]
    assert paths
    wrong = {path.name: imported_rooms(path) - MAY_IMPORT[room] - {room} for path in paths}
    assert {name: rooms for name, rooms in wrong.items() if rooms} == {}


def loaded_after(statements: str, unwanted: tuple[str, ...]) -> list[str]:
    code = f"import sys\n{statements}\nprint([name for name in {unwanted!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(answer.stdout.strip().splitlines()[-1])


def test_core_modules_load_nothing_heavy_and_no_window() -> None:
    imports = "\n".join(f"import {module}" for module in CORE)
    assert loaded_after(imports, HEAVY + WINDOWS) == []


def test_the_package_itself_costs_nothing() -> None:
    assert loaded_after("import napari_organelle", ("numpy", "pandas", "dask", *HEAVY, *WINDOWS)) == []


def test_gui_modules_load_nothing_heavy() -> None:
    imports = "\n".join(f"import {module}" for module in MODULES if ".gui" in module)
    assert loaded_after(imports, ("tensorflow", "keras", "torch", "sklearn")) == []
