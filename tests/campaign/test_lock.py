"""One writer: the lock is the system's, and goes with the process that has it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backproof.campaign import lock
from backproof.campaign.lock import WriterLock, is_held
from backproof.errors import CampaignError

from .conftest import ROOT

_HOLDER = """
import sys, time
from pathlib import Path
from backproof.campaign.lock import WriterLock
with WriterLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_a_killed_one_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "held\n"
        assert is_held(tmp_path)
        refused = pytest.raises(CampaignError, match=r"another process is writing the campaign in .*; wait")
        with refused, WriterLock(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert not is_held(tmp_path)
        with WriterLock(tmp_path):
            assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_to_look_does_not_refuse_a_writer(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with WriterLock(tmp_path):
        pass
    assert not is_held(tmp_path)
    with WriterLock(tmp_path):
        pass
