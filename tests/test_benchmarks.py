"""What the benchmarks import from the package is there, so that their figures can be measured again."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize(
    "path", sorted(BENCHMARKS.rglob("*.py")), ids=lambda path: str(path.relative_to(BENCHMARKS))
)
def test_a_benchmark_imports_what_there_is(path: Path) -> None:
    imports = [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_organelle")
    ]
    lacking = [
        f"{node.module}.{alias.name}"
        for node in imports
        for alias in node.names
        if not is_there(str(node.module), alias.name)
    ]
    assert lacking == []


def is_there(module: str, name: str) -> bool:
    try:
        if hasattr(import_module(module), name):
            return True
        import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True
