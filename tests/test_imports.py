"""Imports run one way, and nothing heavy is loaded before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_organelle

ROOT = Path(napari_organelle.__file__).parent
COMMON = {"errors", "files", "locks", "outside"}
ROOMS = {
    "simulate": set(),
    "read": {"simulate"},
    "prepare": {"read"},
    "model": {"read", "prepare"},
    "train": {"read", "prepare", "model"},
    "show": {"read", "prepare", "model", "train"},
    "distribute": {"read", "prepare", "model", "train", "show"},
    "gui": {"read", "prepare", "model", "train", "show", "distribute", "simulate"},
    "api": {"read", "prepare", "model", "train"},
    "cli": {"read", "prepare", "model", "train", "show", "distribute", "simulate", "gui"},
}
MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "locks": {"errors", "files"},
    "outside": {"errors"},
    **{room: COMMON | others for room, others in ROOMS.items()},
}
MODULES = sorted(
    ".".join(("napari_organelle", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
)
CORE = [module for module in MODULES if ".gui" not in module]
HEAVY = ("tensorflow", "keras", "torch", "onnx", "openvino", "sklearn", "matplotlib", "distributed")
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


def imported_modules(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere: in functions, for typing, by ``import_module``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} imports relatively"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole | ({node.module} if whole - set(MODULES) else set())
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= named_modules(node.args[0])
    return found & set(MODULES)


def named_modules(name: ast.expr) -> set[str]:
    """Modules that a text may name: itself, or all that begin as an f-string does."""
    if isinstance(name, ast.JoinedStr):
        begin = ast.literal_eval(name.values[0])
        return {module for module in MODULES if module.startswith(begin) and "__main__" not in module}
    return {ast.literal_eval(name)}


def test_every_way_of_importing_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from importlib import import_module\n"
        "if TYPE_CHECKING:\n    from napari_organelle import api, errors\n"
        "def lazy(name):\n"
        "    import napari_organelle.files\n"
        "    from napari_organelle.read.image_set import ImageSet\n"
        "    import_module('napari_organelle.locks')\n"
        "    import_module(f'napari_organelle.show.exports.{name}')\n"
    )
    found = {module.removeprefix("napari_organelle.") for module in imported_modules(tmp_path / "a.py")}
    assert found >= {"api", "errors", "files", "read.image_set", "locks", "show.exports.h5ad"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Not even lazily or for typing: what is left when modules that import nothing more are taken away."""
    imports = {
        ".".join(("napari_organelle", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): imported_modules(path)
        for path in ROOT.rglob("*.py")
    }
    while done := {module for module, needed in imports.items() if not needed}:
        imports = {module: needed - done for module, needed in imports.items() if module not in done}
    assert imports == {}


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
