"""``python -m faults COUNT [--seed N] [--job NAME] [--kind KIND]``: do faults and print what came of them."""

import argparse
import sys
import time

from faults.jobs import JOBS
from faults.run import KINDS, faults


def main() -> int:
    """1 where a fault lost, doubled or changed something."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("count", type=int, help="faults of each kind to each job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--job", choices=JOBS, action="append", help="only this one")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this one")
    args = parser.parse_args()
    start = time.perf_counter()
    report = faults(args.count, args.seed, args.job or tuple(JOBS), args.kind or KINDS)
    print(report)
    print(f"seed {args.seed}, {time.perf_counter() - start:.0f} s")
    for failure in report.failures:
        print(failure)
    return int(bool(report.failures))


if __name__ == "__main__":
    sys.exit(main())
