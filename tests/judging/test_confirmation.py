"""A mismatch that hangs on one framework is confirmed on its plain path, or is a fault of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from judge_cases import changed, checks_of, drawn_case

from backproof.judging.panel import CONFIRMED_AT_MOST, Panel
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import Backprop, Case, Trace

CASE = drawn_case(["tanh", "identity"], dtype="float64")


class _WrongFastPath(JaxOracle):
    """Its traces have a wrong ∂L/∂X; its plain path is JAX's own."""

    asked = 0

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> list[Trace]:
        return [replace(trace, dX=trace.dX * 1.001) for trace in super().traces(cases, dtype)]

    def plain(self) -> Any:
        self.asked += 1
        return super().plain()


class _WrongEverywhere(_WrongFastPath):
    """The plain path is as wrong: as if the framework itself were."""

    def plain(self) -> Any:
        self.asked += 1
        return _WrongFastPath()


def _wrong(judgement: Any) -> set[tuple[str, str, str]]:
    return {(c.left, c.right, c.verdict) for c in judgement.checks if c.verdict in ("mismatch", "fault")}


@pytest.mark.long
def test_a_mismatch_that_the_plain_path_does_not_confirm_is_a_fault_of_the_oracle() -> None:
    judgement = Panel(Backprop(), [TorchOracle(), _WrongFastPath()]).judge([CASE])[0]
    assert judgement.verdict == "fault"
    assert _wrong(judgement) == {("jax", "its plain path", "fault")}
    (fault,) = (check for check in judgement.checks if check.verdict == "fault")
    assert fault.reason == "jax's fast path answers otherwise than its plain path: a defect of backproof"
    assert {check.verdict for check in checks_of(judgement)} == {"conforms"}


def test_a_mismatch_that_the_plain_path_has_too_stays_one() -> None:
    judgement = Panel(Backprop(), [TorchOracle(), _WrongEverywhere()]).judge([CASE])[0]
    assert judgement.verdict == "mismatch"
    assert _wrong(judgement) == {
        (left, right, "mismatch")
        for left, right in (("jax", "arithmetic"), ("jax", "torch"), ("torch", "jax"), ("reference", "jax"))
    }


def test_what_another_oracle_says_too_needs_no_confirmation() -> None:
    oracle = _WrongFastPath()
    wrong = changed(dX=lambda dX: 1.5 * dX)
    assert Panel(wrong, [TorchOracle(), oracle]).judge([CASE])[0].verdict == "mismatch"
    assert oracle.asked == 0


def test_a_panel_confirms_only_so_many_findings() -> None:
    oracle = _WrongEverywhere()
    judgements = Panel(Backprop(), [TorchOracle(), oracle]).judge([CASE] * (CONFIRMED_AT_MOST + 3))
    assert {judgement.verdict for judgement in judgements} == {"mismatch"}
    assert oracle.asked == CONFIRMED_AT_MOST
