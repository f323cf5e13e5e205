"""Ask uv which versions a user would get, without installing anything: anywhere, or beside other plugins.

``python .ci/resolve.py`` prints a table of systems by Pythons, with the engine that a plain install brings;
``python .ci/resolve.py --beside cellpose napari-convpaint`` one of what each would share an environment with.
Leaves with 1 where something does not resolve that should. Needs uv and a package index.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_35",
    "Windows": "x86_64-pc-windows-msvc",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ENGINES = ("tensorflow", "torch", "openvino")
BESIDE = ("napari", "numpy", *ENGINES)
AT_ONCE = 8
SHOWN = 400
"""Characters of a reason; uv's can run to pages."""


def resolve(requirements: list[str], system: str, python: str) -> dict[str, str] | str:
    """Names and versions that uv chooses for this project and others, wheels only; or why there are none.

    Parameters
    ----------
    requirements : list of str
        Others, such as ``"cellpose"``; words like ``"[all]"`` are extras of this project.
    system, python : str
        uv's platform, and such as ``"3.12"``.
    """
    extras = [word.strip("[]") for word in requirements if word.startswith("[")]
    others = [word for word in requirements if not word.startswith("[")]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.in")
        wanted.write_text("\n".join(others), "utf-8")
        command = [
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--only-binary",
            ":all:",
        ]
        command += ["--python-platform", system, "--python-version", python]
        command += [f"--extra={extra}" for extra in extras]
        sources = [str(ROOT / "pyproject.toml"), *([str(wanted)] if others else [])]
        answer = subprocess.run([*command, *sources], capture_output=True, text=True, check=False)
    if answer.returncode:
        return " ".join(re.sub(r"[×│╰├─▶]", " ", answer.stderr).split())[:SHOWN]
    return dict(re.findall(r"^([\w.-]+)(?:\[\S+\])?==(\S+)", answer.stdout, re.M))


def resolve_all(questions: list[tuple[list[str], str, str]]) -> list[dict[str, str] | str]:
    """As `resolve`, of many at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda each: resolve(*each), questions))


def print_table(heads: list[str], rows: list[list[str]]) -> None:
    """As Markdown."""
    for row in (heads, ["---"] * len(heads), *rows):
        print("|", " | ".join(row), "|")


def told(found: dict[str, str] | str, names: tuple[str, ...]) -> str:
    """Versions of some packages, or that there are none."""
    if isinstance(found, str):
        return "**no**"
    return ", ".join(f"{name} {found[name]}" for name in names if name in found)


def over_systems(extras: list[str]) -> list[str]:
    """Print a table of systems by Pythons; what does not resolve."""
    cells = [(name, python) for name in SYSTEMS for python in PYTHONS]
    answers = resolve_all([(extras, SYSTEMS[name], python) for name, python in cells])
    found = dict(zip(cells, answers, strict=True))
    rows = [[name, *(told(found[name, python], ENGINES) for python in PYTHONS)] for name in SYSTEMS]
    print_table(["system", *PYTHONS], rows)
    return [f"{name}, {python}: {why}" for (name, python), why in found.items() if isinstance(why, str)]


def beside(packages: list[str], python: str) -> list[str]:
    """Print a table of other packages in one environment with ours, on Linux; what does not resolve."""
    system = SYSTEMS["Linux x86-64"]
    answers = resolve_all([(["[all]", name], system, python) for name in packages])
    found = dict(zip(packages, answers, strict=True))
    rows = [
        [f"{name} {versions.get(name, '')}" if isinstance(versions, dict) else name, told(versions, BESIDE)]
        for name, versions in found.items()
    ]
    print_table(["beside", f"chosen for Python {python}"], rows)
    return [f"{name}: {why}" for name, why in found.items() if isinstance(why, str)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extra", action="append", default=[], help="an extra of this project, such as all")
    parser.add_argument(
        "--beside", nargs="+", metavar="PACKAGE", help="packages to share an environment with"
    )
    parser.add_argument("--python", default="3.12", help="for --beside (default: 3.12)")
    args = parser.parse_args()
    if args.beside:
        problems = beside(args.beside, args.python)
    else:
        problems = over_systems([f"[{extra}]" for extra in args.extra])
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
