"""The Python in the documentation runs."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M))
]


def is_installed(code: str) -> bool:
    modules = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(code))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    return all(find_spec(name) for name in modules)


def test_menus_are_those_that_napari_shows() -> None:
    manifest = yaml.safe_load((ROOT / "src/napari_organelle/napari.yaml").read_text("utf-8"))["contributions"]
    titles = {widget["command"]: widget["display_name"] for widget in manifest["widgets"]}
    shown = {f"Plugins > {manifest_name()} > {title}" for title in titles.values()}
    for place, entries in manifest["menus"].items():
        above = " > ".join(word.capitalize() for word in place.split("/")[1:])
        shown |= {f"{above} > {titles[each['command']]}" for each in entries if each.get("command") in titles}
    for page in PAGES:
        told = re.findall(r"\*((?:Plugins|Layers) > [^*]+)\*", page.read_text("utf-8"))
        assert {" ".join(path.split()) for path in told if "Install" not in path} <= shown, page.name


def manifest_name() -> str:
    text = (ROOT / "src/napari_organelle/napari.yaml").read_text("utf-8")
    return str(yaml.safe_load(text)["display_name"])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the documentation names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rng = np.random.default_rng(0)
    pixels = rng.integers(90, 110, (2, 128, 128)).astype(np.uint16)
    y, x = np.ogrid[:128, :128]
    for centre in ((40, 40), (80, 90)):
        pixels[0][(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 170] = 3000
    metadata = {"axes": "CYX", "Channel": {"Name": ["mCherry", "GFP"]}}
    tifffile.imwrite("field.ome.tif", pixels, metadata=metadata)
    for index, name in enumerate(("er", "nucleus")):
        folder = Path("crops", name)
        folder.mkdir(parents=True)
        for number in range(12):
            crop = rng.integers(0, 50 + 100 * index, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(crop).save(folder / f"{number}.png")


@pytest.mark.usefixtures("files")
@pytest.mark.filterwarnings("ignore:.* unlike the images that yeast-12 was trained on")
@pytest.mark.parametrize("code", BLOCKS)
def test_a_block_of_the_documentation_runs(code: str) -> None:
    program = compile(code, "documentation", "exec")
    if is_installed(code):
        exec(program, {"__name__": "documentation"})
