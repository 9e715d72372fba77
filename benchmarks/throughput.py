"""Judged cases a second: ours beside the obvious test, gradcheck, check_grads and the bare gradients.

    python benchmarks/throughput.py [--write] [--seed N] [--processes N] [--cases N] [--workers 1|2]
    python benchmarks/throughput.py --memory [--sizes small|full] [--write]
    python benchmarks/throughput.py --tables --write

Each number is measured in several processes of its own (`throughput_part.py`), one after the other, those of
the tools in turn; what is in it `throughput_tables.py` says. Prints the report; --write puts it, the numbers
and the plots into benchmarks/results and the short table into the README. --memory measures only how much
memory 10,000 and 200,000 cases take, which stays in the results until it is measured again. With --tables
nothing is run: all is made of throughput.json again.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.judge_tables import in_readme
from benchmarks.machine import THREADS, cores, processor, started_now, undisturbed, versions
from benchmarks.throughput_tables import FULL, OURS, OURS_BY_TWO, PLACE, SMALL, readme_table, report

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
NUMBERS = "throughput.json"
_PACKAGES = ("backproof", "numpy", "torch", "jax", "jaxlib", "optax", "hypothesis")
_MOST_CASES = (10_000, 200_000)
LEAST_PROCESSES = 5
_GROWTHS = 3
"""In so many processes the growth with sizes is measured: it takes minutes, for the programs of 13 sizes."""


class Peer(NamedTuple):
    """How many cases a tool gets in a process, and for how many seconds at most."""

    cases: int
    budget: float


# As many as a process judges in a few seconds: in all processes, some tens at least of the small ones.
PEERS = {
    SMALL: {
        "obvious test, jax.jit": Peer(25, 10),
        "obvious test, eager jax.grad": Peer(6, 12),
        "gradcheck": Peer(30, 8),
        "gradcheck, fast mode": Peer(100, 5),
        "check_grads": Peer(50, 5),
        "check_grads of JAX's own network": Peer(6, 12),
    },
    FULL: {
        "obvious test, jax.jit": Peer(10, 5),
        "gradcheck": Peer(10, 5),
        "gradcheck, fast mode": Peer(50, 3),
    },
}


class Processes:
    """Runs parts, each in a process of its own, with a folder for ours where JAX keeps its programs."""

    def __init__(self, cache: str) -> None:
        self._cache = cache
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the first was started."""
        return time.perf_counter() - self._began

    def run(self, part: str, arguments: Mapping[str, Any], cores: int = 1) -> Any:
        """What a part gives. subprocess.CalledProcessError if it fails, after what it said itself."""
        environment = undisturbed()
        # A test of networks that are all new finds nothing in a cache; and ours shall not find the user's.
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        if part != "measured":
            environment["JAX_COMPILATION_CACHE_DIR"] = self._cache
            environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"  # as the command has it
        asked = json.dumps({"part": part, "cores": cores, "arguments": arguments})
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.throughput_part", asked],
            cwd=ROOT,
            env=started_now(environment),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        told = ", ".join(map(str, arguments.values()))
        print(f"{self.seconds:6.0f} s  {part}: {told}", file=sys.stderr, flush=True)
        return json.loads(done.stdout.splitlines()[-1])


class Part(NamedTuple):
    """A part to be run in each round, and where what it gives is added."""

    found: list[Any]
    name: str
    arguments: Mapping[str, Any]
    cores: int = 1


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Everything but memory."""
    rates: dict[str, dict[str, list[Any]]] = {sizes: {} for sizes in PEERS}
    growth: list[Any] = []
    seed, cases = {"seed": options.seed}, options.cases

    def parts_of(number: int) -> list[Part]:
        parts = [Part(growth, "growth", seed | {"cases": cases // 32})] if number < _GROWTHS else []
        for sizes, peers in PEERS.items():
            given = seed | {"sizes": sizes}
            own, two = (rates[sizes].setdefault(name, []) for name in (OURS, OURS_BY_TWO))
            parts.append(Part(own, "rates", given | {"cases": cases, "bare_cases": cases // 2}))
            if options.workers > 1:
                parts.append(Part(two, "several_workers", given | {"cases": 4 * cases, "workers": 2}, 2))
            for name, (most, budget) in peers.items():
                asked = {"tool": name, "first": number * most, "cases": most, "budget": budget}
                parts.append(Part(rates[sizes].setdefault(name, []), "measured", given | asked))
        first = number * len(parts) // options.processes  # so that nothing is always measured after the same
        return [*parts[first:], *parts[:first]]

    with tempfile.TemporaryDirectory() as empty:
        processes = Processes(options.cache or empty)
        start = processes.run("start", seed)
        for number in range(options.processes):
            for part in parts_of(number):
                part.found.append(processes.run(part.name, part.arguments, part.cores))
    return {
        "made": {**_made(options, processes.seconds), "processes": options.processes},
        "sizes": _sizes(),
        "rates": {sizes: {name: own for name, own in found.items() if own} for sizes, found in rates.items()},
        "growth": growth,
        "start": start,
    }


def run_memory(options: argparse.Namespace) -> dict[str, Any]:
    """The peak of processes that judge few and many cases."""
    given = {"seed": options.seed, "sizes": options.sizes}
    with tempfile.TemporaryDirectory() as empty:
        processes = Processes(options.cache or empty)
        processes.run("memory", given | {"cases": 1024})  # compiling needs memory, too
        runs = [processes.run("memory", given | {"cases": cases}) for cases in options.memory_cases]
    return {**_made(options, processes.seconds), "sizes": options.sizes, "runs": runs}


def _made(options: argparse.Namespace, seconds: float) -> dict[str, Any]:
    return {
        "command": (
            f"python -m benchmarks.throughput --seed {options.seed} --processes {options.processes} "
            f"--cases {options.cases}"
        ),
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds),
        "python": platform.python_version(),
        "versions": versions(_PACKAGES),
        "processor": processor(),
        "cores": cores(),
        "threads": THREADS,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _sizes() -> dict[str, dict[str, int]]:
    """The limits that a size's name stands for."""
    from benchmarks.throughput_ours import SIZES

    return {
        name: {axis: getattr(limits, f"max_{axis}") for axis in ("depth", "width", "batch")}
        for name, limits in SIZES.items()
    }


def write(results: Mapping[str, Any]) -> None:
    """The numbers, the report, the plots and the README's table to where they belong."""
    from benchmarks.throughput_plots import write_plots

    RESULTS.mkdir(exist_ok=True)
    (RESULTS / NUMBERS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if "rates" not in results:  # only memory has been measured yet
        return
    (RESULTS / "throughput.md").write_text(report(results), encoding="utf-8")
    write_plots(results, RESULTS)
    page = ROOT / "README.md"
    text = in_readme(page.read_text(encoding="utf-8"), readme_table(results), PLACE)
    page.write_text(text, encoding="utf-8")


def known() -> dict[str, Any]:
    """The numbers that are kept; none if there are none."""
    path = RESULTS / NUMBERS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--processes", type=int, default=LEAST_PROCESSES, help="for each number (default: %(default)s)"
    )
    parser.add_argument(
        "--cases", type=int, default=2048, help="of ours, in each dtype and process (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, choices=(1, 2), default=2, help="the most to measure (default: %(default)s)"
    )
    parser.add_argument(
        "--cache", help="a folder where JAX keeps its programs; for trials, as it need not be empty"
    )
    parser.add_argument("--write", action="store_true", help="into benchmarks/results and the README")
    parser.add_argument("--tables", action="store_true", help="make the tables of the numbers that are kept")
    parser.add_argument("--memory", action="store_true", help="measure memory, and nothing else")
    parser.add_argument("--sizes", choices=(SMALL, FULL), default=SMALL, help="of --memory")
    parser.add_argument(
        "--memory-cases", type=int, nargs=2, default=_MOST_CASES, help="(default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.write and not (options.memory or options.tables) and options.processes < LEAST_PROCESSES:
        parser.error(f"what is written is measured in at least {LEAST_PROCESSES} processes")
    return options


def main() -> None:
    options = parsed()
    results = known()
    if options.memory:
        results["memory"] = run_memory(options)
        print(json.dumps(results["memory"], indent=1))
    elif not options.tables:
        results = run(options) | {name: results[name] for name in ("memory",) if name in results}
    if "rates" in results:
        print(report(results))
    if options.write:
        write(results)


if __name__ == "__main__":
    main()
