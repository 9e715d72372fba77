"""Exactly on every kink: the choice of each side, pinned as triples (ours, torch, jax)."""

from typing import Any

import pytest

from backproof.kink_table import kink_table
from backproof.reporting.model import KinkRow
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS

# (function, kink) → the derivatives that ours, torch and jax give there.
DERIVATIVES = {
    ("relu", 0.0): (0.0, 0.0, 0.0),
    ("leaky_relu", 0.0): (0.01, 0.01, 1.0),
    ("selu", 0.0): (1.7580993408473766,) * 3,  # λα; the right side has λ
    ("relu6", 0.0): (0.0, 0.0, 0.0),
    ("relu6", 6.0): (0.0, 0.0, 0.0),
    ("hardtanh", -1.0): (0.0, 0.0, 1.0),
    ("hardtanh", 1.0): (0.0, 0.0, 1.0),
    ("hardsigmoid", -3.0): (0.0, 0.0, 0.0),
    ("hardsigmoid", 3.0): (0.0, 0.0, 0.0),
    ("hardswish", -3.0): (0.0, 0.0, 0.0),
    ("hardswish", 3.0): (1.0, 1.0, 1.0),
    ("softshrink", -0.5): (0.0, 0.0, 0.0),
    ("softshrink", 0.5): (0.0, 0.0, 0.0),
    ("hardshrink", -0.5): (0.0, 0.0, 0.0),
    ("hardshrink", 0.5): (0.0, 0.0, 0.0),
    ("threshold", 0.0): (0.0, 0.0, 0.0),
    ("sparse_sigmoid", -1.0): (0.0, 0.0, 0.25),  # jax splits a tie of its clip in half
    ("sparse_sigmoid", 1.0): (0.0, 0.0, 0.25),
}


@pytest.fixture(scope="module")
def rows() -> tuple[KinkRow, ...]:
    return kink_table([TorchOracle(), JaxOracle()])


def test_every_kink_has_its_pinned_triple(rows: Any):
    assert {(row.function, row.at) for row in rows} == set(DERIVATIVES)
    for row in rows:
        triple = (row.ours.derivative, row.torch.derivative, row.jax.derivative)
        assert triple == pytest.approx(DERIVATIVES[row.function, row.at], rel=1e-7), row.function


def test_ours_is_torchs_choice(rows: Any):
    for row in rows:
        assert row.ours == row.torch, row.function


def test_every_choice_lies_between_the_two_sides(rows: Any):
    for row in rows:
        kinks = ACTIVATIONS[row.function].kinks(row.parameters)
        kink = next(kink for kink in kinks if kink.at == row.at)
        for answer in (row.ours, row.torch, row.jax):
            assert min(kink.left, kink.right) <= answer.derivative <= max(kink.left, kink.right)
