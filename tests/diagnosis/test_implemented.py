"""The equation as implemented, which a cause says as LaTeX: by hand for each kind of cause."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from diagnosed import GRADIENTS, answer, asking, changed, network, seen
from in_browsers import unreadable

from backproof.diagnosis.agreement import Place
from backproof.diagnosis.candidates import confined, conventions, of_mistakes, pair
from backproof.diagnosis.causes import Cause
from backproof.diagnosis.formulas import number, sides
from backproof.diagnosis.guesses import relations_of
from backproof.diagnosis.mistakes import MISTAKES
from refimpl import ActivationSpec, Backprop, LossSpec
from refimpl.equations import EQUATIONS

CASE = network(activation="sigmoid")
SOME = [MISTAKES[name] for name in ("derivative-forgotten", "bias-from-one-column", "bias-forgotten")]
FORGOTTEN, ONE_COLUMN, _ = of_mistakes(SOME)
PRODUCT = r"\delta^{[l]} (A^{[l-1]})^T"
SUM = r"\sum_{i, s} \ell(\hat y_{is}, y_{is})"
DA = r"\frac{\partial L}{\partial A^{[L]}} = "
DX = r"\frac{\partial L}{\partial A^{[0]}}"
DB = r"\frac{\partial L}{\partial b^{[l]}} = "
DW = r"\frac{\partial L}{\partial W^{[l]}} = "
ERROR = r"\left( \frac{\partial A^{[l]}}{\partial Z^{[l]}} \right)^T (W^{[l+1]})^T \delta^{[l+1]}"
OUTPUT = r"\left( \frac{\partial A^{[L]}}{\partial Z^{[L]}} \right)^T \frac{\partial L}{\partial A^{[L]}}"
W_STEP = r"W^{[l]} - \eta \frac{\partial L}{\partial W^{[l]}}"


class _Both(SOME[0].implementation, SOME[1].implementation):  # type: ignore[misc]
    pass


def _only(make: type[Backprop], quantities: tuple[str, ...] = ()) -> Cause:
    (cause,) = asking(make, quantities, SOME).diagnose([seen(CASE, make, quantities)]).causes
    return cause


# ---------------------------------------------------------------- mistakes, pairs, conventions


@pytest.mark.parametrize("quantities", [(), GRADIENTS])
def test_of_a_mistake_it_is_what_the_catalogue_has(quantities: tuple[str, ...]) -> None:
    cause = _only(SOME[0].implementation, quantities)
    assert cause.kind == "mistake"
    assert cause.implemented == r"\delta^{[l]} = (W^{[l+1]})^T \delta^{[l+1]}" == SOME[0].latex


def test_a_mistake_in_some_layers_has_the_same() -> None:
    in_one = confined(FORGOTTEN, {1})
    assert in_one is not None
    assert in_one.implemented == FORGOTTEN.implemented


def test_of_a_pair_it_is_both() -> None:
    cause = _only(_Both, GRADIENTS)
    assert cause.kind == "pair"
    assert (
        cause.implemented == rf"\delta^{{[l]}} = (W^{{[l+1]}})^T \delta^{{[l+1]}},\quad {DB}\delta^{{[l]}}_1"
    )
    assert cause.implemented == pair(ONE_COLUMN, FORGOTTEN).implemented  # in the order of a pass


@pytest.mark.parametrize(
    ("loss", "gradient", "latex"),
    [
        ("sum", "sum", rf"L(\hat Y, Y) = {SUM},\quad {DA}\ell'(\hat Y, Y)"),
        ("1/2 /m", None, rf"L(\hat Y, Y) = \frac{{1}}{{2 m}} {SUM}"),
        (None, "/(m n_out)", rf"{DA}\frac{{1}}{{m n_L}} \ell'(\hat Y, Y)"),
        (None, "1/2 sum", rf"{DA}\frac{{1}}{{2}} \ell'(\hat Y, Y)"),
    ],
)
def test_of_a_convention_it_is_the_loss_and_its_gradient(
    loss: str | None, gradient: str | None, latex: str
) -> None:
    name = f"loss {loss or 'as asked'}, gradients {gradient or 'as asked'}"
    (found,) = [candidate for candidate in conventions() if candidate.name == name]
    assert found.implemented == latex


def test_a_cause_says_which_convention_it_is() -> None:
    class Summed(Backprop):
        def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            return super().loss(A, Y, LossSpec(spec.name, "sum"))

        def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            return super().loss_gradient(A, Y, LossSpec(spec.name, "sum"))

    cause = _only(Summed)
    assert cause.kind == "convention"
    assert cause.implemented.startswith(r"L(\hat Y, Y) = \sum_{i, s} \ell(")


def test_every_candidate_has_one_that_a_browser_can_set() -> None:
    for candidate in [*of_mistakes(MISTAKES.values()), *conventions(), pair(FORGOTTEN, ONE_COLUMN)]:
        assert candidate.implemented, candidate.name
        assert unreadable(candidate.implemented) == [], candidate.name


# ---------------------------------------------------------------- relations


def _relation(place: Place, change: Callable[[Any], Any], said: str, id_: str) -> str:
    observed = changed(network(), place, change)
    found = {relation.said: relation for relation in relations_of(observed, place)}
    return found[said].implemented(id_, {place[0]})


@pytest.mark.parametrize(
    ("place", "id_", "change", "said", "latex"),
    [
        (("dW", 2), "B1", lambda v: 0 * v, "all zeros, as if it were never computed", DW + "0"),
        (("dW", 2), "B1", lambda v: -v, "minus the right one", DW + r"-\delta^{[l]} (A^{[l-1]})^T"),
        (("dW", 2), "B1", lambda v: 0.5 * v, "0.5 times the right one",
         DW + r"0.5 \cdot \delta^{[l]} (A^{[l-1]})^T"),
        (("db", 2), "B3", lambda v: v * 2e-5, "2e-05 times the right one",
         DB + r"2 \cdot 10^{-5} \cdot \sum_{s=1}^{m} \delta^{[l]}_s"),
        (("Z", 2), "F2", lambda v: 2 * v, "twice the right one",
         r"Z^{[l]} = 2 \cdot \left( W^{[l]} A^{[l-1]} + b^{[l]} \right)"),
        (("A", 2), "F3", lambda v: v / 2, "half the right one",
         r"A^{[l]} = \frac{1}{2} \cdot \sigma(Z^{[l]})"),
        (("A", 3), "F4", lambda v: -v, "minus the right one", r"A^{[L]} = -\sigma^{[L]}(Z^{[L]})"),
        (("loss", 0), "F5", lambda v: v * 3, "m (the samples) times the right one",
         r"L(\hat Y, Y) = m \cdot \frac{1}{d} \sum_{i, s} \ell(\hat y_{is}, y_{is})"),
        (("dX", 0), "B1a", lambda v: v / 3, "1/m (the samples) times the right one",
         r"\frac{\partial L}{\partial A^{[0]}} = \frac{1}{m} \cdot (W^{[1]})^T \delta^{[1]}"),
        (("dW", 1), "B1", lambda v: v * 2, "n_{l-1} (its inputs) times the right one",
         DW + r"n_{l-1} \cdot \delta^{[l]} (A^{[l-1]})^T"),
        (("delta", 3), "B4", lambda v: v * 3, "n_{l-1} (its inputs) times the right one",
         rf"\delta^{{[L]}} = n_{{L-1}} \cdot {OUTPUT}"),
        (("db", 3), "B3", lambda v: v * 0.125, "η times the right one",
         DB + r"\eta \cdot \sum_{s=1}^{m} \delta^{[l]}_s"),
        (("dW", 2), "B1", lambda v: v.T.copy(), "the right one transposed",
         DW + r"\left( \delta^{[l]} (A^{[l-1]})^T \right)^T"),
        (("delta", 2), "B5", lambda v: v[::-1].copy(), "the right one with its rows in reverse order",
         rf"\left( \delta^{{[l]}} \right)_{{ij}} = \left( {ERROR} \right)_{{n_l+1-i, j}}"),
        (("dW", 2), "B1", lambda v: v[:, ::-1].copy(), "the right one with its columns in reverse order",
         rf"\left( {DW[:-3]} \right)_{{ij}} = \left( {PRODUCT} \right)_{{i, n_{{l-1}}+1-j}}"),
        (("dX", 0), "B1a", lambda v: v[:, ::-1].copy(), "the right one with its columns in reverse order",
         rf"\left( {DX} \right)_{{ij}} = " + r"\left( (W^{[1]})^T \delta^{[1]} \right)_{i, m+1-j}"),
        (("dW", 2), "B1", lambda v: np.roll(v, 1, 0), "the right one with its entries in another order",
         DW + r"\pi \left( \delta^{[l]} (A^{[l-1]})^T \right), \quad \pi \text{ permutes the entries}"),
        (("dW", 2), "B1", lambda v: np.clip(v, -0.01, 0.01), "the right one clipped at 0.01",
         DW + r"\operatorname{clip} \left( \delta^{[l]} (A^{[l-1]})^T, -0.01, 0.01 \right)"),
        (("dW", 2), "B1", lambda v: v.astype(np.float16).astype(v.dtype),
         "the right one rounded to float16",
         DW + r"\mathrm{fl}_{16} \left( \delta^{[l]} (A^{[l-1]})^T \right)"),
        (("dW", 2), "B1", lambda v: v * (1 + 2.0**-24 * np.cos(np.arange(9)).reshape(3, 3)),
         "right to the precision of float32 only, as where something is computed in it",
         DW + r"\mathrm{fl}_{32} \left( \delta^{[l]} (A^{[l-1]})^T \right)"),
        (("dW", 2), "B1", lambda v: v - 0.01 * network().network.layers[1].W,
         "the right one + -0.01 W[l], as a penalty on the parameters gives",
         DW + r"\delta^{[l]} (A^{[l-1]})^T - 0.01 \, W^{[l]}"),
        (("db", 2), "B3", lambda v: v + 0.01 * network().network.layers[1].b,
         "the right one + 0.01 b[l], as a penalty on the parameters gives",
         DB + r"\sum_{s=1}^{m} \delta^{[l]}_s + 0.01 \, b^{[l]}"),
        (("db", 1), "B3", lambda _: answer(network()).db[1].copy(), "that of layer l + 1",  # type: ignore[index]
         DB + r"\frac{\partial L}{\partial b^{[l+1]}}"),
        (("delta", 2), "B5", lambda _: answer(network()).delta[0].copy(), "that of layer l - 1",  # type: ignore[index]
         r"\delta^{[l]} = \delta^{[l-1]}"),
        (("delta", 2), "B5", lambda _: answer(network()).Z[1].copy(), "equal to Z[l]",  # type: ignore[index]
         r"\delta^{[l]} = Z^{[l]}"),
        (("dW", 2), "B1", lambda _: network().network.layers[1].W.copy(), "equal to W[l]", DW + "W^{[l]}"),
        (("delta", 3), "B4", lambda _: network().Y.copy(), "equal to Y", r"\delta^{[L]} = Y"),
        (("delta", 3), "B4", lambda _: answer(network()).A[2].copy(), "equal to A[l]",  # type: ignore[index]
         r"\delta^{[L]} = A^{[L]}"),
    ],
)  # fmt: skip
def test_of_a_relation_it_is_the_equation_with_that_change(
    place: Place, id_: str, change: Callable[[Any], Any], said: str, latex: str
) -> None:
    assert _relation(place, change, said, id_) == latex
    assert unreadable(latex) == []


def _old(place: Place) -> Any:
    layer = network().network.layers[place[1] - 1]
    return layer.W if place[0] == "W_updated" else layer.b


@pytest.mark.parametrize(
    ("quantity", "change", "said", "latex"),
    [
        ("W", lambda new, old: old + 2 * (new - old), "W[l] after twice the right step",
         r"W^{[l]} \leftarrow W^{[l]} - 2 \cdot \eta \frac{\partial L}{\partial W^{[l]}}"),
        ("W", lambda new, old: old - (new - old), "W[l] after minus the right step",
         r"W^{[l]} \leftarrow W^{[l]} + \eta \frac{\partial L}{\partial W^{[l]}}"),
        ("W", lambda new, old: old - 3 * (new - old), "W[l] after -m (the samples) times the right step",
         r"W^{[l]} \leftarrow W^{[l]} + m \cdot \eta \frac{\partial L}{\partial W^{[l]}}"),
        ("b", lambda new, old: old - 0.7 * (new - old), "b[l] after -0.7 times the right step",
         r"b^{[l]} \leftarrow b^{[l]} + 0.7 \cdot \eta \frac{\partial L}{\partial b^{[l]}}"),
        ("b", lambda _new, old: old.copy(), "equal to b[l], as if nothing were updated",
         r"b^{[l]} \leftarrow b^{[l]}"),
        ("W", lambda new, _old: -new, "minus the right one",
         rf"W^{{[l]}} \leftarrow -\left( {W_STEP} \right)"),
        ("W", lambda _new, _old: answer(network()).dW[1].copy(), "equal to ∂L/∂W[l]",  # type: ignore[index]
         r"W^{[l]} \leftarrow \frac{\partial L}{\partial W^{[l]}}"),
        ("W", lambda new, old: new - 0.01 * old,
         "the right one + -0.01 W[l], as a penalty on the parameters gives",
         rf"W^{{[l]}} \leftarrow {W_STEP} - 0.01 \, W^{{[l]}}"),
        ("b", lambda _new, _old: answer(network()).b_updated[0].copy(),  # type: ignore[index]
         "that of layer l - 1",
         r"b^{[l]} \leftarrow b^{[l-1]} - \eta \frac{\partial L}{\partial b^{[l-1]}}"),
    ],
)  # fmt: skip
def test_of_an_update_it_is_the_step_that_changes(
    quantity: str, change: Callable[[Any, Any], Any], said: str, latex: str
) -> None:
    place = (f"{quantity}_updated", 2)
    id_ = {"W": "U1", "b": "U2"}[quantity]
    assert _relation(place, lambda new: change(new, _old(place)), said, id_) == latex
    assert unreadable(latex) == []


def test_a_cause_says_its_relation() -> None:
    class Scaled(Backprop):
        def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
            return 7 * super().weight_gradient(delta, A_previous)

    for quantities in ((), GRADIENTS):
        cause = _only(Scaled, quantities)
        assert (cause.kind, cause.equation) == ("relation", "B1")
        assert cause.implemented == DW + r"7 \cdot \delta^{[l]} (A^{[l-1]})^T"


def test_what_is_seen_of_another_quantity_is_no_equation() -> None:
    """δ is not offered: ∂L/∂W and ∂L/∂b are seven times too large, and nobody has seen why."""

    class Scaled(Backprop):
        def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
            return 7 * super().output_error(dA, Z, A, spec)

    cause = _only(Scaled, GRADIENTS)
    assert (cause.kind, cause.equation, cause.implemented) == ("relation", "B4", "")
    assert _only(Scaled).implemented.startswith(r"\delta^{[L]} = 7 \cdot ")


def test_the_unknown_has_none() -> None:
    class Unheard(Backprop):
        def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
            return super().hidden_error(dA, Z, A, spec) * (1 + 0.3 * np.sin(7 * Z))

    assert _only(Unheard).implemented == ""
    assert Cause("B5").implemented == ""


# ---------------------------------------------------------------- how an equation is cut


@pytest.mark.parametrize("entry", [e for e in EQUATIONS if e.quantity], ids=lambda entry: entry.id)
def test_the_two_sides_are_those_of_the_catalogue(entry: Any) -> None:
    found = sides(entry.id)
    assert found.left
    assert found.right
    assert " = " not in found.left
    assert found.sign == (r"\leftarrow" if entry.part == "update" else "=")
    whole = found.gives(found.right)
    assert whole in entry.implemented_latex or entry.id == "B1a"
    assert unreadable(whole) == []


@pytest.mark.parametrize("entry", [e for e in EQUATIONS if e.quantity], ids=lambda entry: entry.id)
def test_every_change_of_every_equation_can_be_set(entry: Any) -> None:
    it = sides(entry.id)
    changes = [it.gives("0"), it.negative(), it.transposed(), it.permuted(), it.equal_to("Y")]
    changes += [it.times(factor) for factor in ("2", "-m", r"\frac{1}{n_{l-1}}", "10^{-5}", "n_l")]
    changes += [it.reversed(0), it.reversed(1), it.of_layer(1), it.of_layer(-2), it.plus("-1e-05", "W^{[l]}")]
    changes += [it.of(r"\operatorname{clip}", "-1", "1"), it.of(r"\mathrm{fl}_{16}")]
    if entry.part == "update":
        changes += [it.step_times(factor) for factor in ("-", "2", "-m", r"\frac{1}{m}")]
    whole = it.gives(it.right)
    for change in changes:
        assert unreadable(change) == []
        assert change.split()[0] in ("\\left(" if "_{ij}" in change else "", whole.split()[0])
        assert change != whole


@pytest.mark.parametrize(
    ("text", "latex"),
    [("7", "7"), ("-0.25", "-0.25"), ("1e-05", "10^{-5}"), ("-1e+04", "-10^{4}"),
     ("2.5e-05", r"2.5 \cdot 10^{-5}")],
)  # fmt: skip
def test_a_number_is_written_without_an_e(text: str, latex: str) -> None:
    assert number(text) == latex
