"""Memory does not grow with the number of cases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_MEASURED = """
import json
from backproof.run import run
from benchmarks.machine import peak_memory
from benchmarks.throughput_ours import SizedRun, fixed

kept, peaks = [], {}

def progress(done, total, wrong):
    if LEAK:
        kept.append(b"x" * LEAK)  # written, since zeros that nobody wrote take no memory
    peaks[done] = peak_memory()

# All of one size: programs for others would be compiled late, and that takes as much memory as all the rest.
sizes = fixed(depth=3, width=16, batch=8)
run(SizedRun(CASES, dtypes=("float64",), oracles=ORACLES, sizes=sizes), progress)
print(json.dumps(sorted(peaks.items())))
"""


def _growth(cases: int, after: int, oracles: tuple[str, ...], leak: int = 0) -> float:
    """The peak of a run's memory over the peak after its first so many cases."""
    given = {"CASES": cases, "ORACLES": oracles, "LEAK": leak}
    head = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    root = Path(__file__).parents[1]
    done = subprocess.check_output([sys.executable, "-c", head + _MEASURED], cwd=root, text=True)
    peaks = dict(json.loads(done.splitlines()[-1]))
    early = max(peak for judged, peak in peaks.items() if judged <= after)
    return max(peaks.values()) / early


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="has no peak of memory to be asked for")
def test_the_peak_after_20_000_cases_is_that_after_5_000():
    assert _growth(20_000, 5_000, ("torch", "jax")) < 1.05


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="has no peak of memory to be asked for")
def test_what_is_kept_of_each_chunk_is_seen():
    assert _growth(3_000, 400, ("torch",), leak=2**27) > 1.2
