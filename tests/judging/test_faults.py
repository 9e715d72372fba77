"""What an implementation can get wrong before any number is compared, and traces that offer only parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from judge_cases import Changed, changed, checks_of, drawn_case

from backproof.judging.panel import Panel
from backproof.judging.verdicts import Judgement
from oracles import Oracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import QUANTITIES, Backprop, Case, Trace


@pytest.fixture(scope="module")
def oracles() -> list[Oracle]:
    return [TorchOracle(), JaxOracle()]


CASE = drawn_case(["tanh", "identity"])
"""Two layers of three units, two samples, float32."""


def _judged(implementation: Any, oracles: list[Oracle], case: Case = CASE) -> Judgement:
    return Panel(implementation, oracles).judge([case])[0]


class _Gives:
    """An implementation that always gives the same."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def run(self, _case: Case) -> Any:
        return self.given


# ---------------------------------------------------------------- exceptions


class _Raises(Backprop):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def run(self, case: Case) -> Trace:
        super().run(case)
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("shapes do not fit"),
        ZeroDivisionError("by zero"),
        RecursionError("too deep"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_is_a_fault_that_names_it(error: Exception, oracles: list[Oracle]) -> None:
    judgement = _judged(_Raises(error), oracles)
    (fault,) = checks_of(judgement)
    assert judgement.verdict == fault.verdict == "fault"
    assert fault.reason == f"raised {type(error).__name__}: {error}"


def test_writing_into_the_case_is_a_fault_and_leaves_the_case_as_it_was(oracles: list[Oracle]) -> None:
    class Writes(Backprop):
        def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
            W -= learning_rate * dW
            return W

    before = CASE.content_hash
    (fault,) = checks_of(_judged(Writes(), oracles))
    assert fault.reason.startswith("raised ValueError: ")
    assert "read-only" in fault.reason
    assert drawn_case(["tanh", "identity"]).content_hash == before


def test_after_one_case_crashed_the_oracles_and_the_other_cases_are_judged(oracles: list[Oracle]) -> None:
    class RaisesOnSoftplus(Backprop):
        def activation(self, Z: Any, spec: Any) -> Any:
            if spec.name == "softplus":
                raise KeyError("softplus")
            return super().activation(Z, spec)

    cases = [CASE, drawn_case(["softplus", "identity"]), drawn_case(["sigmoid", "identity"])]
    judgements = Panel(RaisesOnSoftplus(), oracles).judge(cases)
    assert [judgement.verdict for judgement in judgements] == ["conforms", "fault", "conforms"]
    others = {(c.left, c.verdict) for c in judgements[1].checks if c.left != "reference"}
    assert others == {("torch", "conforms"), ("jax", "conforms")}


def test_an_interrupt_is_not_a_finding(oracles: list[Oracle]) -> None:
    with pytest.raises(KeyboardInterrupt):
        _judged(_Raises(KeyboardInterrupt()), oracles)


@pytest.mark.parametrize("given", [None, {}, [], "a trace", np.zeros(3)], ids=lambda g: type(g).__name__)
def test_what_is_no_trace_is_a_fault(given: Any, oracles: list[Oracle]) -> None:
    judgement = _judged(_Gives(given), oracles)
    (fault,) = checks_of(judgement)
    assert fault.verdict == "fault"
    assert type(given).__name__ in fault.reason


# ---------------------------------------------------------------- wrong number, shape, dtype

LAYERS = "must be one array for each of the 2 layers"


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The change made to every layer's array."""
    return lambda arrays: tuple(change(array) for array in arrays)


def _second(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda arrays: (arrays[0], change(arrays[1]))


@pytest.mark.parametrize(
    ("quantity", "change", "layer", "reason"),
    [
        ("delta", _each(lambda d: d.T), 1, "delta has shape (2, 3), expected (3, 2)"),
        ("db", _second(lambda b: b[:, 0]), 2, "db has shape (3,), expected (3, 1)"),
        ("dX", np.ravel, None, "dX has shape (6,), expected (3, 2)"),
        pytest.param("loss", np.atleast_1d, None, "loss has shape (1,), expected ()"),
        ("Z", lambda Z: (*Z, Z[-1]), None, f"Z {LAYERS}"),
        ("A", lambda A: A[1:], None, f"A {LAYERS}"),
        ("dW", np.stack, None, f"dW {LAYERS}"),
        ("dW", iter, None, f"dW {LAYERS}"),
        ("Z", _each(lambda z: z.astype(np.float64)), 1, "Z has dtype float64, the case float32"),
        ("A", _second(lambda a: a.astype(np.complex64)), 2, "A has dtype complex64, the case float32"),
        ("dW", _each(lambda w: w.astype(object)), 1, "dW has dtype object, the case float32"),
        ("db", _each(lambda b: b.astype(np.int32)), 1, "db has dtype int32, the case float32"),
        ("W_updated", _each(np.ndarray.tolist), 1, "W_updated is list, not a NumPy array"),
        ("b_updated", lambda b: (b[0], None), 2, "b_updated is NoneType, not a NumPy array"),
        pytest.param("loss", float, None, "loss is float, not a NumPy array"),
    ],
)
def test_a_malformed_quantity_is_a_fault_and_the_others_are_judged(
    quantity: str, change: Any, layer: int | None, reason: str, oracles: list[Oracle]
) -> None:
    judgement = _judged(changed(**{quantity: change}), oracles)
    assert judgement.verdict == "fault"
    (fault,) = checks_of(judgement, quantity)
    assert (fault.verdict, fault.layer, fault.reason) == ("fault", layer, reason)
    others = [check for check in checks_of(judgement) if check is not fault]
    assert {check.verdict for check in others} == {"conforms"}
    judged = {check.quantity for check in others if check.scope == "end to end"}
    assert judged == set(QUANTITIES) - {quantity}


def test_several_malformed_quantities_are_a_fault_each(oracles: list[Oracle]) -> None:
    judgement = _judged(changed(dW=np.stack, dX=np.ravel, db=iter), oracles)
    faults = [check.quantity for check in checks_of(judgement) if check.verdict == "fault"]
    assert sorted(faults) == ["dW", "dX", "db"]
    assert {c.verdict for c in checks_of(judgement) if c.quantity not in faults} == {"conforms"}


def test_a_list_of_layers_is_as_good_as_a_tuple(oracles: list[Oracle]) -> None:
    assert _judged(changed(dW=list, Z=list, b_updated=list), oracles).verdict == "conforms"


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("quantity", [name for name in QUANTITIES if QUANTITIES[name]])
def test_an_entry_that_is_not_finite_on_ordinary_numbers_is_a_mismatch(
    quantity: str, value: float, oracles: list[Oracle]
) -> None:
    def poisoned(array: Any) -> Any:
        array = array.copy()
        array[2, 0] = value
        return array

    judgement = _judged(changed(**{quantity: _second(poisoned)}), oracles)
    assert judgement.verdict == "mismatch"
    wrong = [check for check in checks_of(judgement, quantity) if check.verdict == "mismatch"]
    assert {(check.layer, check.entry, check.reason) for check in wrong} == {
        (2, (2, 0), "not finite on ordinary numbers")
    }


# ---------------------------------------------------------------- traces that offer only parts


def _only(*quantities: str) -> Changed:
    return Changed(lambda trace: Trace(**{name: getattr(trace, name) for name in quantities}))


def _offered(judgement: Judgement, scope: str) -> set[str]:
    return {check.quantity for check in checks_of(judgement, scope=scope)}


@pytest.mark.parametrize(
    ("quantities", "local"),
    [
        (("loss", "dW", "db"), set()),
        (("dW", "db"), set()),
        (("dX",), set()),
        (("Z",), {"Z"}),  # of the first layer, whose input is X
        (("Z", "A"), {"Z"}),
        (("delta",), set()),
        (("delta", "db", "dX"), {"db", "dX"}),
        (("delta", "A", "dW"), {"dW"}),
        (("Z", "A", "delta", "loss"), {"Z", "A", "loss", "delta"}),
        pytest.param(("Z", "A", "delta"), {"Z", "A", "delta"}),
        (("dW", "W_updated"), {"W_updated"}),
        (("b_updated",), set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_partial_trace_is_judged_end_to_end_and_where_a_steps_inputs_are_there(
    quantities: tuple[str, ...], local: set[str], oracles: list[Oracle]
) -> None:
    judgement = _judged(_only(*quantities), oracles)
    assert judgement.verdict == "conforms"
    assert _offered(judgement, "end to end") == set(quantities)
    assert {c.right for c in checks_of(judgement, scope="end to end")} == {"torch", "jax"}
    assert _offered(judgement, "local") == local


def test_without_its_activations_only_the_first_layers_z_is_judged_on_its_own_inputs(
    oracles: list[Oracle],
) -> None:
    judgement = _judged(_only("Z"), oracles)
    assert [check.layer for check in checks_of(judgement, "Z", "local")] == [1]
    assert {check.layer for check in checks_of(judgement, "Z", "end to end")} == {1, 2}


@pytest.mark.parametrize("quantity", ["dW", "db"])
def test_a_mistake_in_a_trace_of_gradients_alone_is_caught(quantity: str, oracles: list[Oracle]) -> None:
    def only_gradients(trace: Trace) -> Trace:
        gradients = {"dW": trace.dW, "db": trace.db}
        gradients[quantity] = tuple(array * np.float32(1.001) for array in getattr(trace, quantity))
        return Trace(**gradients)

    judgement = _judged(Changed(only_gradients), oracles)
    assert {check.quantity for check in judgement.checks if check.verdict == "mismatch"} == {quantity}


def test_an_implementation_that_offers_nothing_is_not_said_to_conform(oracles: list[Oracle]) -> None:
    assert _judged(_Gives(Trace()), oracles).verdict not in ("conforms", "known deviation")
