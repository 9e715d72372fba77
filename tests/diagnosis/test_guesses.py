"""Simple relations of wrong numbers to right ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from diagnosed import answer, changed, network

from backproof.diagnosis.agreement import Observation, Place
from backproof.diagnosis.guesses import common_relations, relations_of
from refimpl import Case, Trace

CASE = network()  # widths 2, 3, 3, 2; m = 3; η = 1/8


def found(place: Place, change: Callable[[Any], Any], case: Case = CASE) -> list[str]:
    return [relation.said for relation in relations_of(changed(case, place, change), place)]


def common(wrong: dict[tuple[int, Place], Observation]) -> list[str]:
    return [relation.said for relation in common_relations(wrong)]


@pytest.mark.parametrize(
    ("place", "change", "sentence"),
    [
        (("dW", 2), lambda v: -v, "minus the right one"),
        (("dW", 2), lambda v: 2 * v, "twice the right one"),
        (("delta", 3), lambda v: v / 2, "half the right one"),
        (("dW", 1), lambda v: v * 3, "m (the samples) times the right one"),
        (("dX", 0), lambda v: v / 3, "1/m (the samples) times the right one"),
        (("dW", 1), lambda v: v * 2, "n_{l-1} (its inputs) times the right one"),
        (("db", 3), lambda v: v * 0.125, "η times the right one"),
        (("db", 2), lambda v: v * 1.7, "1.7 times the right one"),
        (("dW", 3), lambda v: 0 * v, "all zeros, as if it were never computed"),
        (("dW", 2), lambda v: v.T.copy(), "the right one transposed"),
        (("delta", 2), lambda v: v[::-1].copy(), "the right one with its rows in reverse order"),
        (("dW", 2), lambda v: v[:, ::-1].copy(), "the right one with its columns in reverse order"),
        (("dW", 2), lambda v: np.roll(v, 1, 0), "the right one with its entries in another order"),
        (("dW", 2), lambda v: np.clip(v, -0.01, 0.01), "the right one clipped at 0.01"),
        (("dW", 2), lambda v: v.astype(np.float16).astype(v.dtype), "the right one rounded to float16"),
        (("dW", 2), lambda v: v.astype(np.float32).astype(v.dtype), "the right one rounded to float32"),
    ],
)  # fmt: skip
def test_a_relation_is_found(place: Place, change: Callable[[Any], Any], sentence: str) -> None:
    assert sentence in found(place, change)


def test_a_penalty_left_on() -> None:
    W = CASE.network.layers[1].W
    assert "the right one + 0.01 W[l], as a penalty on the parameters gives" in found(
        ("dW", 2), lambda v: v + 0.01 * W
    )


def test_another_quantity_or_layer() -> None:
    trace = answer(CASE)
    assert trace.delta is not None
    assert trace.db is not None
    assert trace.Z is not None
    assert "that of layer l + 1" in found(("db", 1), lambda _: trace.db[1].copy())  # type: ignore[index]
    assert "that of layer l - 1" in found(("delta", 2), lambda _: trace.delta[0].copy())  # type: ignore[index]
    assert "equal to Z[l]" in found(("delta", 2), lambda _: trace.Z[1].copy())  # type: ignore[index]
    assert "equal to Y" in found(("delta", 3), lambda _: CASE.Y.copy())


def test_a_step_that_is_wrong() -> None:
    W, b = CASE.network.layers[1].W, CASE.network.layers[1].b
    assert "W[l] after twice the right step" in found(("W_updated", 2), lambda v: W + 2 * (v - W))
    assert "W[l] after minus the right step" in found(("W_updated", 2), lambda v: W - (v - W))
    assert "equal to b[l], as if nothing were updated" in found(("b_updated", 2), lambda _: b.copy())


def test_what_is_only_as_precise_as_float32() -> None:
    random = np.random.Generator(np.random.Philox(key=9))
    sentences = found(("dW", 2), lambda v: v * (1 + 2.0**-24 * random.standard_normal(v.shape)))
    assert sentences == ["right to the precision of float32 only, as where something is computed in it"]


@pytest.mark.parametrize("seed", range(5))
def test_numbers_without_any_relation_have_none(seed: int) -> None:
    random = np.random.Generator(np.random.Philox(key=seed))
    for place in (("dW", 2), ("delta", 2), ("db", 1), ("dX", 0), ("W_updated", 3)):
        assert found(place, lambda v: v + 0.1 * random.standard_normal(v.shape)) == []


def test_a_small_error_is_no_factor() -> None:
    assert found(("dW", 2), lambda v: v * (1 + 1e-4)) == []


def test_only_what_all_wrong_arrays_have_is_told() -> None:
    one = changed(CASE, ("dW", 1), lambda v: 3 * v)  # m = 3, and so is n_l
    other = changed(network(samples=5), ("dW", 1), lambda v: 5 * v)
    wrong = {(0, ("dW", 1)): one, (1, ("dW", 1)): other}
    assert common({(0, ("dW", 1)): one})[0] == "m (the samples) times the right one"
    assert common(wrong) == ["m (the samples) times the right one"]
    assert common({**wrong, (2, ("dW", 2)): changed(CASE, ("dW", 2), lambda v: v + 1)}) == []
    assert common({}) == []


def test_what_overflows_has_no_relation() -> None:
    assert found(("dW", 2), lambda v: v * np.inf) == []


def test_a_missing_part_of_the_trace_is_no_obstacle() -> None:
    trace = answer(CASE, quantities=("loss", "dW", "db"))
    assert trace.dW is not None
    observed = Observation(CASE, Trace(loss=trace.loss, dW=tuple(-v for v in trace.dW), db=trace.db))
    assert "minus the right one" in [relation.said for relation in relations_of(observed, ("dW", 1))]
