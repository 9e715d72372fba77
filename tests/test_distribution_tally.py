"""Which class of error/bound a check is counted in."""

import math

import pytest

from backproof.distribution_tally import EDGES, DistributionTally
from backproof.judging.verdicts import Check


def _check(quantity: str = "dW", scope: str = "local", right: str = "torch") -> Check:
    return Check(quantity, 1, scope, "mine", right, "B1", "conforms")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ratio", "place"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (0.5, 6), (0.99, 7), (1.0, 7), (1.01, 8), (2e6, 11), (math.inf, 11)],
)
def test_a_check_is_in_the_class_up_to_whose_edge_it_reaches(ratio, place):
    tally = DistributionTally()
    tally.add(_check(), ratio)
    [row] = tally.section().rows
    assert row.checks == tuple(int(k == place) for k in range(len(EDGES) + 1))
    assert EDGES[7] == 1.0  # whatever lies beyond this place is beyond its bound


def test_what_has_no_ratio_is_not_counted():
    tally = DistributionTally()
    tally.add(_check(), None)
    tally.add(_check(), math.nan)
    assert tally.section() is None


def test_rows_go_by_sides_then_in_the_order_of_a_pass_local_first():
    tally = DistributionTally()
    for check in (
        _check("db"),
        _check("Z", "end to end"),
        _check("Z"),
        _check("Z", right="jax"),
        _check("db"),
    ):
        tally.add(check, 0.2)
    rows = [(row.right, row.quantity, row.scope, sum(row.checks)) for row in tally.section().rows]
    assert rows == [
        ("jax", "Z", "local", 1),
        ("torch", "Z", "local", 1),
        ("torch", "Z", "end to end", 1),
        ("torch", "db", "local", 2),
    ]
