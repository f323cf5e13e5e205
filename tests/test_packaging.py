"""What pip, conda, GitHub and the napari hub read of the package."""

import re
import tomllib
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from PIL import Image

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENTS = [Requirement(each) for each in PROJECT["dependencies"]]
ENGINES = {"tensorflow", "torch", "openvino"}
CONDA_NAMES = {"dask": "dask-core", "matplotlib": "matplotlib-base"}
SYSTEMS = [
    ("linux", "x86_64"),
    ("linux", "aarch64"),
    ("win32", "AMD64"),
    ("darwin", "arm64"),
    ("darwin", "x86_64"),
]


@pytest.mark.parametrize(("system", "python"), product(SYSTEMS, ["3.11", "3.12", "3.13", "3.14"]))
def test_a_plain_install_brings_exactly_one_engine(system: tuple[str, str], python: str) -> None:
    place = {"sys_platform": system[0], "platform_machine": system[1], "python_version": python}
    brought = {
        each.name
        for each in REQUIREMENTS
        if each.name in ENGINES and (each.marker is None or each.marker.evaluate(place))
    }
    has_tensorflow = python != "3.14" and system != ("darwin", "x86_64")
    assert brought == ({"tensorflow"} if has_tensorflow else {"openvino"})


def test_every_requirement_has_a_lower_bound_that_an_environment_holds() -> None:
    assert [str(each) for each in REQUIREMENTS if not str(each.specifier).startswith(">=")] == []
    assert "--resolution lowest-direct" in (ROOT / "tox.ini").read_text("utf-8")


def test_the_conda_recipe_asks_for_the_same_versions() -> None:
    recipe = yaml.safe_load((ROOT / "recipe/recipe.yaml").read_text("utf-8"))
    words = (line.split(" ", 1) for line in recipe["requirements"]["run"])
    asked = {name: bound for name, bound in words if name not in {"python", "pytorch", "openvino"}}
    wanted = {
        CONDA_NAMES.get(each.name, each.name): str(each.specifier)
        for each in REQUIREMENTS
        if each.name not in ENGINES
    }
    assert asked == wanted


def test_the_hub_shows_the_icon_and_every_image_of_the_readme() -> None:
    manifest = yaml.safe_load((ROOT / "src/napari_organelle/napari.yaml").read_text("utf-8"))
    package, _, name = manifest["icon"].partition(":")
    with Image.open(str(files(package) / name)) as icon:
        assert icon.width == icon.height >= 256
    base = PROJECT["urls"]["Source Code"].replace("github.com", "raw.githubusercontent.com") + "/main/"
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert shown
    for address in shown:
        assert address.startswith(base)
        assert (ROOT / address.removeprefix(base)).is_file()
    assert re.findall(r"\]\((?!https://)[^)]+\)", (ROOT / "README.md").read_text("utf-8")) == []


def test_workflows_run_environments_that_tox_knows() -> None:
    configuration = (ROOT / "tox.ini").read_text("utf-8")
    named = {
        name
        for sections in re.findall(r"^\[testenv:(.+)\]$", configuration, re.M)
        for name in ([f"py3{each}" for each in (11, 12, 13)] if "{" in sections else [sections])
    }
    workflows = "\n".join(path.read_text("utf-8") for path in (ROOT / ".github/workflows").glob("*.yml"))
    lists = re.findall(r"\btox: \[(.+)\]", workflows)
    run = {*re.findall(r"tox -e ([\w-]+)", workflows), *re.findall(r"\btox: ([\w-]+)", workflows)}
    run |= {name.strip() for each in lists for name in each.split(",")}
    assert run <= named
    assert "notebooks" in run
