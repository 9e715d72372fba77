"""What benchmarks say of the machine and of their own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_TOLD = "from benchmarks.machine import peak_memory; {} print(peak_memory())"


def _told(first: str) -> float:
    root = Path(__file__).parents[2]
    return float(subprocess.check_output([sys.executable, "-c", _TOLD.format(first)], cwd=root, text=True))


@pytest.mark.skipif(sys.platform == "win32", reason="has no peak of memory to be asked for")
def test_peak_memory_is_that_of_the_process_and_not_of_the_one_that_started_it():
    mine = bytearray(b"x" * 300_000_000)
    little = _told("")
    much = _told("gone = b'x' * 200_000_000; del gone;")
    assert len(mine) > 2 * 1e6 * little
    assert 190 < much - little < 230
