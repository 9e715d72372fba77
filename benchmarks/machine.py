"""Where and under what a benchmark runs: one core, one thread, NumPy's own kernels; and what to say of it."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""They have OpenBLAS use other kernels than it would choose for the processor."""
_STARTED = "BACKPROOF_BENCHMARK"
_SINCE = "BACKPROOF_BENCHMARK_SINCE"


def undisturbed() -> dict[str, str]:
    """The environment for a measurement: one thread, and nothing that slows matrix products down."""
    return {name: value for name, value in os.environ.items() if name not in SLOWING} | THREADS


def pin(cores: int = 1) -> None:
    """Keeps this process, and what it starts from now on, on so many cores; where that is possible."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def on_one_core() -> None:
    """Starts the program again on one core, with one thread and NumPy's own choice of kernels."""
    if os.environ.get(_STARTED):
        return
    pin()
    os.execve(sys.executable, [sys.executable, *sys.argv], undisturbed() | {_STARTED: "1"})


def started_now(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is started now, for it to know since when it is running."""
    return {**environment, _SINCE: repr(time.time())}


def running() -> float:
    """The seconds since this process was started, with `started_now`."""
    return time.time() - float(os.environ[_SINCE])


def processor() -> str:
    """The processor's name."""
    information = Path("/proc/cpuinfo")
    lines: Iterable[str] = (
        information.read_text(encoding="utf-8").splitlines() if information.exists() else ()
    )
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory() -> float:
    """The most memory that this program has had in use so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux that is handed down from the process that started this one.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    unit = 1e6 if sys.platform == "darwin" else 1e3  # in bytes there, in kB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Package → its installed version."""
    return {name: metadata.version(name) for name in packages}
