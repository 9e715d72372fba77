"""Loss and gradients of whole networks against autograd of the whole network, under carried bounds."""

from typing import Any

import pytest

from .conftest import ACTIVATION_NAMES, DTYPE_NAMES, LOSS_NAMES, Judged, require_offered, table

ORACLES = ("torch", "jax")


def _require(backproof: Any, judgements: Any, left: str, right: str) -> None:
    checks = [
        (judgement.case, check)
        for judgement in judgements
        for check in judgement.checks
        if check.scope == "end to end" and check.left == left and check.right == right
    ]
    backproof.require(checks)
    if left == backproof.name:
        require_offered(backproof, judgements, checks)
    assert sum(check.verdict == "conforms" for _, check in checks) >= len(checks) / 4 > 0


@pytest.mark.parametrize(("oracle", "activation", "dtype"), table(ORACLES, ACTIVATION_NAMES, DTYPE_NAMES))
def test_reference_agrees_with_autograd(
    backproof: Any, judged: Judged, oracle: str, activation: str, dtype: str
):
    _require(backproof, judged("activation", activation, dtype), backproof.name, oracle)


@pytest.mark.parametrize(("oracle", "loss", "dtype"), table(ORACLES, LOSS_NAMES, DTYPE_NAMES))
def test_reference_agrees_with_autograd_on_loss(
    backproof: Any, judged: Judged, oracle: str, loss: str, dtype: str
):
    _require(backproof, judged("loss", loss, dtype), backproof.name, oracle)


@pytest.mark.parametrize(("loss", "dtype"), table(LOSS_NAMES, DTYPE_NAMES))
def test_frameworks_agree_with_each_other(backproof: Any, judged: Judged, loss: str, dtype: str):
    for left, right in (("torch", "jax"), ("jax", "torch")):
        _require(backproof, judged("loss", loss, dtype), left, right)
