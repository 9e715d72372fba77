"""On a kink of a loss no slope between those of its sides is a mismatch; one beyond them is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from judge_cases import case_of_z, changed, checks_of
from measuring import oracle_of, targets_in

from backproof.judging.panel import Panel
from refimpl import LOSSES, Case, LossSpec
from refimpl.functions import no_kinks

KINKED = pytest.mark.parametrize("name", [n for n, entry in LOSSES.items() if entry.kinks is not no_kinks])


def _on_a_kink(name: str) -> tuple[Case, float, float]:
    """One prediction exactly on a kink of the loss, and the slopes of both sides."""
    spec = LossSpec(name, "sum")
    y = np.array([targets_in(spec.entry.target_domain)])
    (kink, *_) = spec.entry.kinks(y, spec.arguments)
    k = int(np.argmax(np.isfinite(kink.at)))
    place = (0, k)
    case = case_of_z([[kink.at[place]]], "identity", spec, Y=y[place])
    return case, float(kink.left[place]), float(kink.right[place])


def _delta(implementation: Any, case: Case) -> set[str]:
    panel = Panel(implementation, [oracle_of("torch"), oracle_of("jax")])
    return {check.verdict for check in checks_of(panel.judge([case])[0], "delta", "local")}


@KINKED
@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 1.0])
def test_a_slope_between_those_of_its_sides_is_no_mismatch(name: str, part: float) -> None:
    case, left, right = _on_a_kink(name)
    slope = left + part * (right - left)
    verdicts = _delta(changed(delta=lambda delta: (np.full_like(delta[0], slope),)), case)
    assert verdicts <= {"conforms", "convention"}


@KINKED
@pytest.mark.parametrize("beyond", [-0.01, 1.01])
def test_a_slope_beyond_its_sides_is_a_mismatch(name: str, beyond: float) -> None:
    case, left, right = _on_a_kink(name)
    slope = left + beyond * (right - left)
    assert _delta(changed(delta=lambda delta: (np.full_like(delta[0], slope),)), case) == {"mismatch"}
