"""What the teacher says to painted proteins: a table of the 28 locations.

    PYTHONPATH=src python benchmarks/hpa28/agreement.py DATA hpa28_real.npz

Composites of one cell and one location each, enlarged to the teacher's scale; a minute on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from compose import NAMES, photograph, references, stain
from teacher import IN_2018, TEACHER_CLASSES, load_teacher, teach


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--cells", type=int, default=10, help="of each location")
    args = parser.parse_args()
    teacher = load_teacher(args.data / "gapnet_pl" / "weights.npz")
    rng, cells = np.random.default_rng(3), references(args.pack, 0)
    for location, name in enumerate(NAMES):
        pictures = []
        for _ in range(args.cells):
            picture = photograph(rng, stain(rng, cells[rng.integers(len(cells))], [location])[0])
            pictures.append(picture.repeat(2, axis=1).repeat(2, axis=2)[[2, 1, 0, 3]])
        answers = teach(teacher, pictures)
        own = [place for place, covered in enumerate(IN_2018) if location in covered]
        first = np.isin(answers.argmax(axis=1), own).mean() if own else np.nan
        top = [
            f"{TEACHER_CLASSES[k]} {answers[:, k].mean():.2f}" for k in np.argsort(-answers.mean(axis=0))[:3]
        ]
        print(f"| {name} | {first:.2f} | {', '.join(top)} |", flush=True)


if __name__ == "__main__":
    main()
