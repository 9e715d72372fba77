"""Requests are sent ahead of replies: who dies or hangs did so over the one that it was at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.plugging.isolation import Isolated
from backproof.plugging.links import Request
from backproof.plugging.processes import Child

SOURCE = """
import os, time

asked = 0

def counts(case):
    global asked
    asked += 1
    if asked == 3:
        ACT
    return {"loss": 0.0}

counts.backproof = {"depth": 1, "activations": ["relu"], "losses": ["mse"]}
"""
MANY = 10


def _requests(inputs: int) -> list[Request]:
    arrays = {"W": [np.zeros((1, inputs))], "b": [np.zeros((1, 1))], "X": np.zeros((inputs, 1))}
    fields: dict[str, Any] = {
        **arrays, "Y": np.zeros((1, 1)), "activations": ["relu"], "loss": "mse", "widths": [inputs, 1]
    }  # fmt: skip
    return [Request(fields)] * MANY


def _faults(folder: Path, act: str, inputs: int = 3, limit: float = 1.0) -> list[str]:
    """What each reply's fault is; "" where there are values, and no fault."""
    source = folder / "counts.py"
    source.write_text(SOURCE.replace("ACT", act))
    link = Isolated(f"{source}:counts", time_limit=limit)
    link.start()
    link._limit = link.time_limit  # the first request has it, too
    try:
        replies = list(link.ask(_requests(inputs)))
    finally:
        link.close()
    assert [bool(reply.values) for reply in replies] == [not reply.faults for reply in replies]
    return ["; ".join(reply.faults) for reply in replies]


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sixth request is sent when the worker has had the time to answer two, and to die over the third."""
    sent: dict[int, int] = {}
    send = Child.send

    def sends_late(self: Child, data: bytes, deadline: float | None = None) -> None:
        sent[self.pid] = sent.get(self.pid, 0) + 1
        if sent[self.pid] == 7:  # the first is the order to load it
            self.wait(time.monotonic() + 1.0)
        send(self, data, deadline)

    monkeypatch.setattr(Child, "send", sends_late)


@pytest.mark.usefixtures("late")
def test_who_dies_while_more_is_sent_did_so_over_the_request_without_a_reply(tmp_path: Path) -> None:
    faults = _faults(tmp_path, "os._exit(7)")
    ended = "ended its process with status 7"
    # The one that takes its place has answered none: its third request is the sixth.
    assert faults == ["", "", ended, "", "", ended, "", "", ended, ""]


@pytest.mark.long
def test_who_takes_no_more_while_more_is_sent_hangs_over_the_request_without_a_reply(tmp_path: Path) -> None:
    """Requests of 800 KB: the pipe is full while the third is under way."""
    faults = _faults(tmp_path, "time.sleep(3600)", inputs=100_000)
    hangs = "gave no answer within 1 s"
    assert faults == ["", "", hangs, "", "", hangs, "", "", hangs, ""]


def test_who_is_slow_is_asked_what_it_did_not_get_whole(tmp_path: Path) -> None:
    """Each takes less than the limit, but the pipe is full for longer: nobody is to blame."""
    assert _faults(tmp_path, "pass\n    time.sleep(0.3)", inputs=100_000, limit=2.0) == [""] * MANY
