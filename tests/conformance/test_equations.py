"""Each documented equation, for each activation or loss, in each dtype: judged on its own inputs."""

from typing import Any

import pytest

from .conftest import ACTIVATION_NAMES, DTYPE_NAMES, LOSS_NAMES, Judged, by_verdict, require_offered, table

OF_LAYERS = ("F2", "F3", "F4", "B1", "B1a", "B3", "B4", "B5", "U1", "U2")
OF_LOSSES = ("F5", "B4")


def _require(backproof: Any, judged: Judged, equation: str, kind: str, name: str, dtype: str) -> None:
    judgements = judged(kind, name, dtype)
    checks = [
        (judgement.case, check)
        for judgement in judgements
        for check in judgement.checks
        if check.left == backproof.name and check.scope == "local" and check.equation in {equation, ""}
    ]
    backproof.require(checks)
    own = [(case, check) for case, check in checks if check.equation]
    require_offered(backproof, judgements, own)
    # What is declared may have the equation in few cases only: then all of them.
    least = 10 if backproof.plugged is None else min(10, len(own))
    counts = by_verdict(judgements, "local", equation)
    conforming = sum(counts.values()) - counts["not judged"]
    assert conforming >= least, f"only {conforming} checks of {equation} were judged: {dict(counts)}"


@pytest.mark.parametrize(("equation", "activation", "dtype"), table(OF_LAYERS, ACTIVATION_NAMES, DTYPE_NAMES))
def test_equation_holds(backproof: Any, judged: Judged, equation: str, activation: str, dtype: str):
    _require(backproof, judged, equation, "activation", activation, dtype)


@pytest.mark.parametrize(("equation", "loss", "dtype"), table(OF_LOSSES, LOSS_NAMES, DTYPE_NAMES))
def test_equation_holds_for_loss(backproof: Any, judged: Judged, equation: str, loss: str, dtype: str):
    _require(backproof, judged, equation, "loss", loss, dtype)
