"""What a process of its own costs: the reference judged as an implementation, isolated and in process.

    python benchmarks/isolation.py [--cases N] [--rounds N]

Each round runs the same cases both ways, one after the other, in turn first. Prints cases a second and the
share of throughput that isolation costs, median over the rounds with the spread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
EXAMPLE = Path(__file__).parents[1] / "examples" / "reference.py"


def _without_slowing() -> None:
    """Starts the program again with NumPy's own choice of kernels."""
    if any(name in os.environ for name in SLOWING):
        kept = {name: value for name, value in os.environ.items() if name not in SLOWING}
        os.execve(sys.executable, [sys.executable, *sys.argv], kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1024, help="cases in each dtype (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    options = parser.parse_args()
    _without_slowing()

    from backproof.cli import _keep_compiled_programs

    _keep_compiled_programs()
    from backproof.plugging.sources import Source
    from backproof.run import RunOptions, run

    def seconds(cases: int, *, isolated: bool) -> float:
        source = Source(f"{EXAMPLE}:network", isolated=isolated)
        report = run(RunOptions(cases, seed=5, source=source))
        assert report.passed
        assert report.times.seconds is not None
        return report.times.seconds

    for isolated in (True, False):
        seconds(64, isolated=isolated)
    costs, rates = [], {True: [], False: []}  # type: ignore[var-annotated]
    for number in range(options.rounds):
        taken = {}
        for isolated in (True, False) if number % 2 else (False, True):
            taken[isolated] = seconds(options.cases, isolated=isolated)
            rates[isolated].append(2 * options.cases / taken[isolated])
        costs.append(1 - taken[False] / taken[True])
        print(f"round {number + 1}: isolation costs {100 * costs[-1]:.1f} % of throughput", flush=True)
    for isolated, name in ((False, "in process"), (True, "isolated")):
        print(f"{name}: {statistics.median(rates[isolated]):.1f} cases a second")
    print(
        f"isolation costs {100 * statistics.median(costs):.1f} % of throughput "
        f"({100 * min(costs):.1f} to {100 * max(costs):.1f})"
    )


if __name__ == "__main__":
    main()
