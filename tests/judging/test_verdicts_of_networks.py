"""Every verdict, reached by a whole network through a panel: kinks, overflow, textbook formulas, mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from judge_cases import case_of_z, checks_of, drawn_case
from measuring import oracle_of

from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.panel import Panel
from backproof.judging.verdicts import SEVERITY, Check, Judgement
from refimpl import DTYPES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network, Trace

BOTH = pytest.mark.parametrize("dtype", DTYPES)


def _judged(implementation: Any, case: Case, oracles: tuple[str, ...] = ("torch", "jax")) -> Judgement:
    return Panel(implementation, [oracle_of(name) for name in oracles]).judge([case])[0]


def _found(judgement: Judgement, verdict: str) -> list[Check]:
    return [check for check in checks_of(judgement) if check.verdict == verdict]


# ---------------------------------------------------------------- the seven


class _Raises(Backprop):
    def run(self, case: Case) -> Trace:
        raise RuntimeError(f"{case.samples} samples are too many")


class _ReluSlope(Backprop):
    """relu whose derivative at 0 is the one given."""

    def __init__(self, at_kink: float) -> None:
        self.at_kink = at_kink

    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        slope = np.where(Z == 0, Z.dtype.type(self.at_kink), (Z > 0).astype(Z.dtype))
        return slope * dA if spec.name == "relu" else super().hidden_error(dA, Z, A, spec)


def _on_kinks(dtype: str = "float64") -> Case:
    """relu at exactly 0 in two entries and beyond ±1 in the others, then a layer of weights 1 and 2."""
    eye, zeros = np.eye(2, dtype=dtype), np.zeros((2, 1), dtype)
    W = np.array([[1, 2], [2, -1]], dtype)
    layers = (Layer(eye, zeros, ActivationSpec("relu")), Layer(W, zeros, ActivationSpec("identity")))
    X = np.array([[0, 1, -2], [-1, 3, 0]], dtype)
    return Case(Network(layers, LossSpec("half_squared_error", "sum")), X, np.ones((2, 3), dtype))


def _overflowing() -> Case:
    """Everything is infinite in exact arithmetic rounded to float64 from Z on."""
    layer = Layer(np.full((1, 1), 1e200), np.full((1, 1), 1e200), ActivationSpec("identity"))
    return Case(Network((layer,), LossSpec("mse", "sum")), np.full((1, 1), 1e200), np.zeros((1, 1)), 0.25)


LOGITS = case_of_z([[800.0, 1.0], [790.0, 2.0]], "softmax", "half_squared_error")
NAIVE_SOFTMAX = MISTAKES["softmax-without-maximum"].implementation()
ONE_OF_EACH = {
    "conforms": (Backprop(), drawn_case(["tanh", "sigmoid"], "bce")),
    "known deviation": (Backprop(), case_of_z([[25.0, 1.0]], "softplus")),
    "convention": (_ReluSlope(1.0), _on_kinks()),
    "unstable": (NAIVE_SOFTMAX, LOGITS),
    "mismatch": (MISTAKES["derivative-forgotten"].implementation(), drawn_case(["tanh", "sigmoid"])),
    "fault": (_Raises(), drawn_case(["tanh"])),
    "not judged": (Backprop(), _overflowing()),
}


def test_there_is_an_example_of_every_verdict() -> None:
    assert set(ONE_OF_EACH) == set(SEVERITY)


@pytest.mark.parametrize("verdict", ONE_OF_EACH)
def test_every_verdict_can_be_reached_by_a_network(verdict: str) -> None:
    judgement = _judged(*ONE_OF_EACH[verdict])
    assert judgement.verdict == verdict


def test_cases_of_one_panel_get_each_its_own_verdict_whatever_stands_beside_it() -> None:
    cases = [_overflowing(), drawn_case(["tanh", "sigmoid"], "bce"), case_of_z([[25.0, 1.0]], "softplus")]
    cases += [drawn_case(["relu", "identity"], "mse", "float64"), LOGITS]
    panel = Panel(Backprop(), [oracle_of("torch"), oracle_of("jax")])
    verdicts = [judgement.verdict for judgement in panel.judge(cases)]
    assert verdicts == ["not judged", "conforms", "known deviation", "conforms", "conforms"]
    assert [j.verdict for j in panel.judge(cases[::-1])] == verdicts[::-1]


# ---------------------------------------------------------------- kinks


@BOTH
@pytest.mark.parametrize("at_kink", [0.5, 1.0])
def test_another_slope_exactly_on_a_kink_is_a_convention_told_with_its_entry(
    at_kink: float, dtype: str
) -> None:
    judgement = _judged(_ReluSlope(at_kink), _on_kinks(dtype))
    assert judgement.verdict == "convention"
    found = _found(judgement, "convention")
    assert {(c.quantity, c.layer, c.scope, c.reason) for c in found} == {("delta", 1, "local", "on a kink")}
    assert {c.entry for c in found} <= {(0, 0), (1, 2)}


@BOTH
def test_the_slope_that_both_frameworks_take_on_a_kink_conforms(dtype: str) -> None:
    assert _judged(_ReluSlope(0.0), _on_kinks(dtype)).verdict == "conforms"


@BOTH
@pytest.mark.parametrize("at_kink", [-0.25, 1.25, np.nan])
def test_a_slope_on_a_kink_that_lies_between_no_two_sides_is_a_mismatch(at_kink: float, dtype: str) -> None:
    judgement = _judged(_ReluSlope(at_kink), _on_kinks(dtype))
    assert judgement.verdict == "mismatch"
    assert {(c.quantity, c.layer) for c in _found(judgement, "mismatch") if c.scope == "local"} == {
        ("delta", 1)
    }


@BOTH
@pytest.mark.parametrize("z", [1e-3, -1e-3, 2.0, -2.0])
def test_off_the_kink_the_other_sides_slope_is_a_mismatch(z: float, dtype: str) -> None:
    class OtherSide(Backprop):
        def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
            del A, spec
            return np.where(np.equal(Z, Z.dtype.type(z)), Z < 0, Z > 0).astype(Z.dtype) * dA

    case = _on_kinks(dtype)
    X = case.X.copy()
    X[0, 0] = z
    judgement = _judged(OtherSide(), Case(case.network, X, case.Y))
    (where,) = {c.entry for c in _found(judgement, "mismatch") if c.scope == "local"}
    assert (judgement.verdict, where) == ("mismatch", (0, 0))


def test_a_convention_does_not_cover_a_mistake_beside_it() -> None:
    class OneMore(_ReluSlope):
        def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
            delta = super().hidden_error(dA, Z, A, spec)
            delta[1, 1] *= 1.001
            return delta

    judgement = _judged(OneMore(1.0), _on_kinks())
    assert judgement.verdict == "mismatch"
    assert {c.entry for c in _found(judgement, "mismatch") if c.scope == "local"} == {(1, 1)}


def test_where_rounding_decides_the_side_of_a_kink_either_side_conforms_end_to_end() -> None:
    """Z[2] = w·a - w·a is 0 exactly, and a multiple of a rounding error for whoever sums otherwise."""
    first = Layer(np.array([[1 / 3], [1 / 3]]), np.array([[0.1], [0.1]]), ActivationSpec("tanh"))
    second = Layer(np.array([[3.0, -3.0]]), np.zeros((1, 1)), ActivationSpec("relu"))
    third = Layer(np.ones((1, 1)), np.ones((1, 1)), ActivationSpec("identity"))
    network = Network((first, second, third), LossSpec("mse", "sum"))
    case = Case(network, np.full((1, 1), 0.7), np.zeros((1, 1)))

    class SumsOtherwise(Backprop):
        def pre_activation(self, W: Any, A_previous: Any, b: Any) -> Any:
            Z = super().pre_activation(W, A_previous, b)
            return Z + 2.0**-54 if W.shape == (1, 2) else Z

    assert _judged(Backprop(), case).verdict == "conforms"
    ends = checks_of(_judged(SumsOtherwise(), case), scope="end to end")
    assert {c.verdict for c in ends} == {"conforms", "not judged"}
    assert Backprop().run(case).delta[0].tolist() != SumsOtherwise().run(case).delta[0].tolist()


def test_the_two_frameworks_differ_on_leaky_relus_kink_and_both_are_conventions() -> None:
    case = case_of_z([[0.0, 1.0]], "leaky_relu", Y=2.0)
    judgement = _judged(Backprop(), case)
    assert judgement.verdict == "convention"
    pairs = {(c.left, c.right) for c in judgement.checks if c.verdict == "convention" and c.scope == "local"}
    assert pairs == {("reference", "jax"), ("torch", "jax"), ("jax", "torch")}


# ---------------------------------------------------------------- overflow and textbook formulas


@pytest.mark.parametrize(("dtype", "z"), [("float32", 100.0), ("float64", 800.0)])
def test_softmax_that_overflows_is_unstable_and_names_what_is_not_finite(dtype: str, z: float) -> None:
    case = case_of_z([[z, 1.0], [z - 3, 2.0]], "softmax", "half_squared_error", dtype=dtype)
    judgement = _judged(NAIVE_SOFTMAX, case)
    assert judgement.verdict == "unstable"
    local = [c for c in _found(judgement, "unstable") if c.scope == "local" and c.quantity == "A"]
    assert {(c.reason, c.entry[1]) for c in local} == {("not finite where the exact answer is", 0)}
    assert _judged(Backprop(), case).verdict == "conforms"


def test_softmax_without_the_maximum_conforms_where_nothing_overflows() -> None:
    case = case_of_z([[3.0, 1.0], [1.0, -2.0]], "softmax", "half_squared_error")
    assert _judged(NAIVE_SOFTMAX, case).verdict == "conforms"


class _TextbookSoftplus(Backprop):
    def activation(self, Z: Any, spec: ActivationSpec) -> Any:
        return np.log(1 + np.exp(Z)) if spec.name == "softplus" else super().activation(Z, spec)


@BOTH
def test_a_textbook_formula_that_loses_digits_is_unstable_and_not_a_mismatch(dtype: str) -> None:
    judgement = _judged(_TextbookSoftplus(), case_of_z([[-30.0, -33.0]], "softplus", dtype=dtype))
    assert judgement.verdict == "unstable"
    assert {c.reason for c in _found(judgement, "unstable")} == {
        "as inaccurate as the textbook formula; a stable one exists"
    }


@BOTH
def test_what_the_textbook_formula_does_not_explain_is_a_mismatch(dtype: str) -> None:
    class Worse(_TextbookSoftplus):
        def activation(self, Z: Any, spec: ActivationSpec) -> Any:
            return super().activation(Z, spec) + Z.dtype.type(2.0**-15)

    case = case_of_z([[-30.0, -33.0]], "softplus", dtype=dtype)
    assert _judged(Worse(), case).verdict == "mismatch"


def test_a_nan_on_ordinary_numbers_is_a_mismatch_and_on_extreme_ones_unstable() -> None:
    class NotANumber(Backprop):
        def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            del Y, spec
            return A.dtype.type(np.nan)

    ordinary = case_of_z([[1.0, 2.0]], "identity")
    large = case_of_z([[1e160, 2.0]], "sigmoid")
    assert _judged(NotANumber(), ordinary).verdict == "mismatch"
    assert [c.verdict for c in checks_of(_judged(NotANumber(), large), "loss", "local")] == ["unstable"] * 2


# ---------------------------------------------------------------- where the mistake is


@pytest.mark.parametrize("layer", [1, 2, 3, 4])
def test_a_wrong_layer_is_the_only_one_that_its_own_inputs_accuse(layer: int) -> None:
    class OneLayerOff(Backprop):
        def backward(self, case: Case, Z: list[Any], A: list[Any]) -> tuple[list[Any], Any]:
            self.seen = 0
            return super().backward(case, Z, A)

        def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
            self.seen += 1
            dW = super().weight_gradient(delta, A_previous)
            return dW * 1.001 if self.seen == layer else dW

    case = drawn_case(["tanh", "sigmoid", "softplus", "identity"], "mse", "float64")
    judgement = _judged(OneLayerOff(), case)
    wrong = {(c.quantity, c.layer, c.equation) for c in _found(judgement, "mismatch") if c.scope == "local"}
    assert wrong == {("dW", layer, "B1")}


ACTIVATIONS_OF_MISTAKES = {
    "softmax-elementwise": ["softmax", "sigmoid"],
    "parameters-ignored": [ActivationSpec("softplus", {"beta": 2.0}), "sigmoid"],
}
ANYWHERE = [name for name, mistake in MISTAKES.items() if mistake.shows_anywhere]


@pytest.mark.parametrize("name", [*ACTIVATIONS_OF_MISTAKES, *ANYWHERE])
def test_a_catalogued_mistake_is_a_mismatch_in_the_equation_it_is_catalogued_under(name: str) -> None:
    activations = ACTIVATIONS_OF_MISTAKES.get(name, ["tanh", "sigmoid"])
    case = drawn_case(activations, LossSpec("mse", "mean"), "float32", seed=3)
    judgement = _judged(MISTAKES[name].implementation(), case)
    local = {c.equation for c in _found(judgement, "mismatch") if c.scope == "local"}
    assert MISTAKES[name].equation in local
    assert local <= set(MISTAKES[name].equations)
