"""The reference's training step beside torch eager, jax.jit, HIPS autograd, MyGrad and bare matrix products.

    python benchmarks/reference.py [--write] [--processes N] [--busy]

Forward, loss, backward and update of four networks, in float32: benchmarks/training_steps.py has the code
of each. A process measures all of them in turns, round by round; the fastest round counts, and each table
has the median over the processes, with the least and the largest. --write keeps the results in
benchmarks/results, as reference.md, .json and .svg; with --tables, only the page and the plot are made
again.

With --busy, the processor's time is taken instead of the clock's: that of all threads of a process, which
other programs do not lengthen. Two threads are then left out: waiting for each other is part of their time.
Each process starts without OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE, so that NumPy's BLAS chooses its own
kernels.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RESULTS = Path(__file__).parent / "results"
SIZES = (((4, 8, 3), 16), ((32, 64, 64, 10), 64), ((784, 128, 10), 128), ((784, 512, 512, 10), 256))
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "autograd", "mygrad", "scipy")
ROUNDS, ROUND_SECONDS, FEWEST_STEPS = 9, 0.01, 5
Clock = Callable[[], float]
CLOCKS: dict[bool, Clock] = {False: time.perf_counter, True: time.process_time}
"""Whether other programs run as well → what to measure by."""


@dataclass(frozen=True)
class Setting:
    """Under which conditions a table is measured."""

    title: str
    threads: int
    cores: int | None = None
    """How many cores the process may run on; None for all."""
    contenders: tuple[str, ...] = ()
    """Those that are measured; all if empty."""

    def environment(self) -> dict[str, str]:
        """That of a process."""
        kept = {name: value for name, value in os.environ.items() if name not in SLOWING}
        kept |= dict.fromkeys(THREAD_VARIABLES, str(self.threads))
        if self.threads == 1:
            one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
            kept["XLA_FLAGS"] = f"{kept.get('XLA_FLAGS', '')} {one}".strip()
        return kept


SETTINGS = {
    "one": Setting("One thread each", 1),
    "two": Setting("Two threads each", 2),
    "pinned": Setting(
        "One thread each, on one core", 1, 1, ("reference", "torch eager", "jax.jit", "bare matrix products")
    ),
}

# ---------------------------------------------------------------- a process


def measured(setting: Setting, clock: Clock) -> dict[str, dict[str, float]]:
    """Network → contender → seconds a step, of the fastest round."""
    if setting.cores is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: setting.cores]))
    import torch

    from benchmarks import training_steps

    torch.set_num_threads(setting.threads)
    names = setting.contenders or tuple(training_steps.CONTENDERS)
    contenders = {name: training_steps.CONTENDERS[name] for name in names}
    found = {}
    for widths, batch in SIZES:
        given = training_steps.problem(widths, batch)
        if wrong := training_steps.disagreements(given, contenders):
            raise SystemExit(f"not the same training of {given.name}: {'; '.join(wrong)}")
        runs = {name: make(given) for name, make in contenders.items()}
        found[given.name] = fastest(runs, clock)
    return found


def fastest(runs: Mapping[str, Any], clock: Clock) -> dict[str, float]:
    """Name → seconds a step in the fastest round; a round has so many steps that it takes long enough."""
    steps = {}
    for name, run in runs.items():
        run(FEWEST_STEPS)
        steps[name] = max(FEWEST_STEPS, round(ROUND_SECONDS / _seconds_a_step(run, FEWEST_STEPS, clock)))
    gc.collect()
    gc.freeze()
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            best[name] = min(best[name], _seconds_a_step(run, steps[name], clock))
    return best


def _seconds_a_step(run: Any, steps: int, clock: Clock) -> float:
    start = clock()
    run(steps)
    return (clock() - start) / steps


# ---------------------------------------------------------------- all processes


def gathered(processes: int, *, busy: bool) -> dict[str, Any]:
    """What every process measured, setting by setting in turns, and on what."""
    before = os.getloadavg()[0]
    settings = {name: setting for name, setting in SETTINGS.items() if setting.threads == 1 or not busy}
    times: dict[str, list[Any]] = {name: [] for name in settings}
    for number in range(processes):
        for name, setting in settings.items():
            done = subprocess.run(
                [sys.executable, __file__, "--measure", name, *(["--busy"] if busy else [])],
                env=setting.environment(),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            times[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(
                f"process {number + 1} of {processes}: {setting.title.lower()}", file=sys.stderr, flush=True
            )
    return {
        "times": times,
        "machine": machine() | {"load before": round(before, 1), "clock": CLOCKS[busy].__name__},
    }


def machine() -> dict[str, Any]:
    """Where and when, and with which versions."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[call-overload]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "rounds": ROUNDS,
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "blas": f"{blas['name']} {blas['version']}",
    }


def _processor() -> str:
    """As /proc/cpuinfo names it; a virtual machine may leave out which, so its family and model, too."""
    fields: dict[str, str] = {}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    known = (f"{key} {fields[key]}" for key in ("cpu family", "model") if key in fields)
    return ", ".join([fields.get("model name", platform.machine()), *known])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=5, help="of each setting (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="keep the results in benchmarks/results")
    parser.add_argument("--tables", action="store_true", help="measure nothing; write page and plot again")
    parser.add_argument("--busy", action="store_true", help="take the processor's time, not the clock's")
    parser.add_argument("--measure", choices=SETTINGS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        print(json.dumps(measured(SETTINGS[options.measure], CLOCKS[options.busy])))
        return
    from benchmarks.reference_tables import page, plot

    file = RESULTS / "reference.json"
    data = json.loads(file.read_text()) if options.tables else gathered(options.processes, busy=options.busy)
    text = page(data, {name: setting.title for name, setting in SETTINGS.items()})
    print(text)
    if options.write or options.tables:
        file.write_text(json.dumps(data, indent=1) + "\n")
        (RESULTS / "reference.md").write_text(text)
        plot(data["times"]["one"], RESULTS / "reference.svg")


if __name__ == "__main__":
    main()
