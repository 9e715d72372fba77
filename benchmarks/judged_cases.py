"""Judged cases a second on one core: random architectures, the reference against torch and jax.

    python benchmarks/judged_cases.py [--cases N] [--seed N]

Depth up to 5, width up to 32, batch up to 16, every case a new architecture; drawing, the reference, both
oracles, judging and counting included, compiling not. Prints the rate and where the time went.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def on_one_core() -> None:
    """Starts the program again on one core, with one thread and NumPy's own choice of kernels."""
    if os.environ.get("BACKPROOF_BENCHMARK"):
        return
    environment = {name: value for name, value in os.environ.items() if name not in SLOWING}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.execve(
        sys.executable, [sys.executable, *sys.argv], environment | THREADS | {"BACKPROOF_BENCHMARK": "1"}
    )


class Clock:
    """Adds up the time spent in functions, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Has `owner.method` counted under `name` from now on."""
        original: Callable[..., Any] = getattr(owner, method)

        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return original(*arguments, **keywords)
            finally:
                self.seconds[name] += time.perf_counter() - start

        setattr(owner, method, timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2048, help="cases in each dtype (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    options = parser.parse_args()
    on_one_core()

    from backproof.cases import DrawOptions, draw_case
    from backproof.cli import _keep_compiled_programs
    from backproof.run import CHUNK, make_panel
    from backproof.tally import Origin, Tally

    _keep_compiled_programs()
    sizes = DrawOptions(max_depth=5, max_width=32, max_batch=16)
    panel = make_panel(("torch", "jax"), None)
    clock = Clock()

    def judged(dtype: str, first: int, last: int) -> Tally:
        tally = Tally("reference")
        for start in range(first, last, CHUNK):
            began = time.perf_counter()
            drawn = [draw_case(options.seed, i, dtype, sizes) for i in range(start, min(start + CHUNK, last))]
            clock.seconds["drawing"] += time.perf_counter() - began
            judgements = panel.judge([each.case for each in drawn])
            began = time.perf_counter()
            for each, judgement in zip(drawn, judgements, strict=True):
                tally.add(judgement, Origin(each.regime, each.seed, each.index))
            clock.seconds["counting"] += time.perf_counter() - began
        return tally

    dtypes = ("float32", "float64")
    for dtype in dtypes:  # compiles, or reads what is compiled
        judged(dtype, options.cases, options.cases + CHUNK)
    gc.freeze()
    for oracle in panel.oracles:
        for method in ("traces", "steps"):
            clock.watch(oracle, method, f"{oracle.name}: {method}")
    clock.watch(panel, "_run", "reference")
    for dtype in dtypes:
        clock.seconds.clear()
        began = time.perf_counter()
        tally = judged(dtype, 0, options.cases)
        seconds = time.perf_counter() - began
        each = {name: 1e3 * spent / options.cases for name, spent in clock.seconds.items()}
        each["judging"] = 1e3 * seconds / options.cases - sum(each.values())
        parts = ", ".join(f"{name} {spent:.2f}" for name, spent in each.items())
        print(f"{dtype}: {options.cases / seconds:.0f} judged cases a second; ms a case: {parts}")
        print(f"  verdicts: {dict(tally.cases.verdicts)}")


if __name__ == "__main__":
    main()
