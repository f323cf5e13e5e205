"""``python -m fuzz COUNT [--seed N]``: try broken inputs and print what came of them."""

import argparse
import sys
import time

from fuzz.run import fuzz


def main() -> int:
    """1 where an input ended in anything else than a result or one of our errors."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("count", type=int, help="how many inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first; to repeat one, with COUNT 1"
    )
    args = parser.parse_args()
    start = time.perf_counter()
    report = fuzz(args.count, args.seed, args.first)
    print(report)
    print(f"seed {args.seed}, {time.perf_counter() - start:.0f} s")
    for failure in report.failures:
        print(failure)
    return int(bool(report.failures))


if __name__ == "__main__":
    sys.exit(main())
