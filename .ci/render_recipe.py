"""Render the conda recipe as rattler-build would, for every Python that it is made for; nothing is built."""

from __future__ import annotations

import sys
from pathlib import Path

from rattler_build import RattlerBuildError, Stage0Recipe, VariantConfig

RECIPE = Path(__file__).parents[1] / "recipe" / "recipe.yaml"


def main() -> int:
    try:
        variants = Stage0Recipe.from_file(RECIPE).render(VariantConfig())
    except RattlerBuildError as error:
        print(error, file=sys.stderr)
        return 1
    for variant in variants:
        package = variant.recipe.package
        print(f"{package.name} {package.version}: {len(variant.recipe.requirements.run)} requirements")
    return int(not variants)


if __name__ == "__main__":
    sys.exit(main())
