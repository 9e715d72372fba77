"""How much another process has computed, whatever else the machine does meanwhile."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


def processor_time(pid: int) -> float | None:
    """Seconds that a process and its children that have ended computed; None where that is not known."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, ValueError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        ticks = stat.rpartition(")")[2].split()[11:15]  # utime, stime, cutime, cstime
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return None
