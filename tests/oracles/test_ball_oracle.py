"""The truth on networks worked out by hand, with fractions, or known in closed form; and its promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat
from oracle_cases import drawn_case, own_steps

from oracles import ball_activations, ball_branches
from oracles.ball_oracle import FIRST_BITS, BallOracle, Enclosure, _enclosure
from oracles.ball_tape import MOST_BITS, at
from refimpl import QUANTITIES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

ORACLE = BallOracle()


def _case(layers: Any, loss: str, X: Any, Y: Any, rate: float = 0.25) -> Case:
    """Of (W, b, activation) each; float64, and the loss is summed."""
    made = tuple(
        Layer(np.array(W, dtype=float), np.array(b, dtype=float)[:, None], ActivationSpec(name))
        for W, b, name in layers
    )
    return Case(Network(made, LossSpec(loss, "sum")), np.array(X, float), np.array(Y, float), rate)


def _resolution(size: float, depth: int = 1) -> Any:
    """The same size matters everywhere."""
    return {quantity: [size] * depth for quantity in QUANTITIES}


def _is(enclosure: Enclosure, expected: Any, within: float = 0.0) -> bool:
    """Whether the enclosures are of exactly these numbers, or at most so far from them."""
    return bool(np.all(enclosure.distance(np.array(expected, dtype=float)) <= within))


# ---------------------------------------------------------------- worked out by hand


def test_one_weight_and_a_square() -> None:
    """Z = 3·2 + 1 = 7, the loss (7 - 5)² = 4, δ = 2 (7 - 5) = 4; a rate of 1/4."""
    found = ORACLE.enclosed(_case([([[3]], [1], "identity")], "mse", [[2]], [[5]]))
    expected = {
        "Z": 7, "A": 7, "loss": 4, "delta": 4, "dW": 8, "db": 4, "dX": 12, "W_updated": 1, "b_updated": 0,
    }  # fmt: skip
    assert set(found.quantities) == set(QUANTITIES)
    assert all(_is(found.quantities[name][0], [[value]]) for name, value in expected.items())
    assert not _is(found.quantities["dW"][0], [[np.nextafter(8, 9)]])
    assert (found.bits, found.on_a_kink) == (FIRST_BITS, False)
    (trace,) = ORACLE.traces([_case([([[3]], [1], "identity")], "mse", [[2]], [[5]])])
    assert trace.loss == 4
    assert trace.dW is not None
    assert trace.dW[0] == 8
    assert trace.dX == 12


@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_half_a_probability(target: float) -> None:
    """At z = 0: A = 1/2, the loss log 2 whatever the target, δ = 1/2 - y."""
    found = ORACLE.enclosed(_case([([[0]], [0], "sigmoid")], "bce", [[2]], [[target]])).quantities
    delta = 0.5 - target
    for name, value in (("A", 0.5), ("delta", delta), ("dW", 2 * delta), ("db", delta), ("dX", 0.0)):
        assert _is(found[name][0], [[value]], 1e-70), name
    log_2 = mpmath.mpf("0.693147180559945309417232121458176568")
    loss = found["loss"][0]
    assert abs(mpmath.mpf(float(loss.high[0, 0])) + float(loss.low[0, 0]) - log_2) < 1e-15
    assert loss.distance(np.array([[float(log_2)]])) < 2.0**-54


def test_equal_logits() -> None:
    """Softmax of three equal logits is 1/3 each: the loss is log 3, and ∂L/∂z = 1/3 - y."""
    case = _case(
        [(np.zeros((3, 1)), [7, 7, 7], "identity")], "cross_entropy_with_logits", [[1]], np.eye(3)[:, :1]
    )
    found = ORACLE.enclosed(case).quantities
    assert _is(found["loss"][0], [[np.log(3)]], 2.0**-52)
    assert _is(found["delta"][0], [[-2 / 3], [1 / 3], [1 / 3]], 2.0**-53)
    assert not _is(found["delta"][0], [[1 / 3], [1 / 3], [1 / 3]], 2.0**-53)


def test_two_layers_in_fractions() -> None:
    """relu, then identity and half the squared error, on numbers that no rounding touches."""
    F = Fraction
    W1, b1 = [[F(1, 2), F(-1)], [F(2), F(1, 4)]], [F(1, 8), F(-3)]
    W2, b2 = [[F(3), F(-2)]], [F(1, 2)]
    x, y, rate = [F(3), F(1, 2)], F(1), F(1, 4)
    Z1 = [sum(w * a for w, a in zip(row, x, strict=True)) + b for row, b in zip(W1, b1, strict=True)]
    A1 = [max(z, F(0)) for z in Z1]
    Z2 = W2[0][0] * A1[0] + W2[0][1] * A1[1] + b2[0]
    d2 = Z2 - y
    d1 = [w * d2 if z > 0 else F(0) for w, z in zip(W2[0], Z1, strict=True)]
    dW1 = [[d * a for a in x] for d in d1]
    expected: dict[str, list[Any]] = {
        "Z": [[[z] for z in Z1], [[Z2]]],
        "A": [[[a] for a in A1], [[Z2]]],
        "loss": [[[d2**2 / 2]]],
        "delta": [[[d] for d in d1], [[d2]]],
        "dW": [dW1, [[d2 * a for a in A1]]],
        "db": [[[d] for d in d1], [[d2]]],
        "dX": [[[W1[0][j] * d1[0] + W1[1][j] * d1[1]] for j in range(2)]],
        "W_updated": [
            [[w - rate * g for w, g in zip(*rows, strict=True)] for rows in zip(W1, dW1, strict=True)],
            [[w - rate * d2 * a for w, a in zip(W2[0], A1, strict=True)]],
        ],
        "b_updated": [[[b - rate * d] for b, d in zip(b1, d1, strict=True)], [[b2[0] - rate * d2]]],
    }  # fmt: skip
    case = _case([(W1, b1, "relu"), (W2, b2, "identity")], "half_squared_error", [[v] for v in x], [[y]])
    found = ORACLE.enclosed(case).quantities
    for name, arrays in expected.items():
        assert len(found[name]) == len(arrays)
        assert all(_is(own, array) for own, array in zip(found[name], arrays, strict=True)), name


def test_an_array_of_the_loss_weighs_each_entry() -> None:
    """Variances 1/4 and 4: δ = (a - y) / v, and the loss (log v + (a - y)² / v) / 2 summed."""
    layer = Layer(np.eye(2), np.zeros((2, 1)), ActivationSpec("identity"))
    spec = LossSpec("gaussian_nll", "sum", arrays={"variance": np.array([[0.25], [4.0]])})
    case = Case(Network((layer,), spec), np.array([[1.0], [3.0]]), np.array([[0.5], [1.0]]))
    found = ORACLE.enclosed(case).quantities
    assert _is(found["delta"][0], [[2.0], [0.5]])
    assert _is(found["loss"][0], [[1.0]], 1e-70)  # log 1/4 + log 4 = 0, then (1 + 1) / 2


# ---------------------------------------------------------------- kinks


def _relu_case(W: Any, b: Any, X: Any, y: float) -> Case:
    return _case([(W, b, "relu")], "half_squared_error", X, [[y]])


def test_exactly_on_a_kink_either_derivative_is_an_answer() -> None:
    """relu at 1·2 - 2 = 0, with ∂L/∂a = 0 - (-3) = 3: δ is anything from 0 to 3."""
    case = _relu_case([[1]], [-2], [[2]], -3)
    found = ORACLE.enclosed(case)
    assert found.on_a_kink
    for name, end in (("delta", 3.0), ("db", 3.0), ("dW", 6.0), ("dX", 3.0)):
        own = found.quantities[name][0]
        inside = [own.least_distance(np.array([[value]])).item() for value in (0.0, end / 2, end)]
        assert inside == [0, 0, 0], name
        assert own.least_distance(np.array([[-0.01]])) > 0.009
        assert own.least_distance(np.array([[end + 0.01]])) > 0.009
        assert own.distance(np.array([[0.0]])) >= end
    assert _is(found.quantities["loss"][0], [[4.5]])
    (trace,) = ORACLE.traces([case])
    assert trace.delta is not None
    assert trace.delta[0] == 0, "the branch below"


def test_a_jump_exactly_on_the_kink_has_the_hull_of_both_values() -> None:
    layer = Layer(np.ones((1, 1)), np.zeros((1, 1)), ActivationSpec("hardshrink", {"lambd": 0.5}))
    case = Case(Network((layer,), LossSpec("mse", "sum")), np.array([[0.5]]), np.array([[0.0]]))
    A = ORACLE.enclosed(case).quantities["A"][0]
    assert A.least_distance(np.array([[0.0]])) == 0
    assert A.least_distance(np.array([[0.5]])) == 0
    assert A.least_distance(np.array([[0.6]])) > 0.09


def _sigmoids_on_a_kink(offset: float = 0.0) -> Case:
    """σ(x) + σ(-x) - 1 = 0 before a relu, which no precision shows; ∂L/∂a is 1. The last input is 1 too."""
    first = ([[1, 0], [-1, 0], [0, 0]], [0, 0, 0], "sigmoid")
    return _case([first, ([[1, 1, 2 * offset]], [-1], "relu")], "half_squared_error", [[0.7], [1]], [[-1]])


def test_a_kink_that_every_precision_straddles_ends_in_the_hull() -> None:
    found = ORACLE.enclosed(_sigmoids_on_a_kink())
    assert found.bits == MOST_BITS
    assert found.on_a_kink
    delta = found.quantities["delta"][1]
    assert [delta.least_distance(np.array([[value]])).item() for value in (0.0, 0.5, 1.0)] == [0, 0, 0]
    assert delta.least_distance(np.array([[1.01]])) > 0.009
    below = found.quantities["dW"][0]  # it goes on through the layer below: σ' x, 0 for the other input
    slope = float(mpmath.diff(lambda x: 1 / (1 + mpmath.exp(-x)), 0.7))
    for part in (0.0, 0.999):
        assert below.least_distance(part * slope * np.array([[0.7, 1], [0.7, 1], [0, 0]])).max() == 0
    (trace,) = ORACLE.traces([_sigmoids_on_a_kink()])
    assert trace.delta is not None
    assert trace.delta[1] in (0, 1)


@pytest.mark.parametrize(
    ("offset", "bits", "slope"), [(2.0**-200, 256, 1), (2.0**-400, 512, 1), (-(2.0**-900), 1024, 0)]
)
def test_beside_a_kink_more_precision_decides(offset: float, bits: int, slope: float) -> None:
    found = ORACLE.enclosed(_sigmoids_on_a_kink(offset), _resolution(np.inf, depth=2))
    assert (found.bits, found.on_a_kink) == (bits, False)
    assert _is(found.quantities["delta"][1], [[slope]], 1e-50)


@pytest.mark.parametrize("name", ["celu", "elu", "selu", "softsign", "hardswish", "sparse_plus"])
def test_a_hull_looks_at_each_branch_on_its_own_side(name: str) -> None:
    """e^z of the branch left of 0 would be e^1000 right of it, and z/(1 - z) has a pole there."""
    function = ball_activations.ELEMENTWISE[name]
    parameters = ActivationSpec(name).parameters
    with flint.ctx.workprec(128), ball_branches.deciding(ball_branches.Branches(hull=True)):
        value, slope = at(lambda z: function(z, **parameters), arb(0, 1000))
        ends = [at(lambda z: function(z, **parameters), arb(end))[0] for end in (-1000, 1000)]
    assert all(value.contains(end) for end in ends)
    assert float(value.abs_upper()) <= 2500
    assert slope.is_finite()


def test_where_branches_meet_smoothly_there_is_one_slope() -> None:
    case = _case([([[1.0]], [0.0], "sparse_plus")], "half_squared_error", [[1.0, -1.0]], [[0.25, 0.5]])
    found = ORACLE.enclosed(case).quantities
    assert _is(found["A"][0], [[1.0, 0.0]])
    assert _is(found["delta"][0], [[0.75, 0.0]])


def test_the_number_beside_a_kink_is_not_on_it() -> None:
    for x, slope in ((5e-324, 1.0), (-5e-324, 0.0)):
        found = ORACLE.enclosed(_relu_case([[1]], [0], [[x]], -1))
        assert not found.on_a_kink
        assert _is(found.quantities["delta"][0], [[slope]], 1e-70)


def test_a_sum_that_cancels_far_below_its_terms_is_decided() -> None:
    found = ORACLE.enclosed(_relu_case([[1, 1, 1]], [0], [[2.0**500], [-(2.0**500)], [2.0**-500]], -1))
    assert not found.on_a_kink
    assert _is(found.quantities["Z"][0], [[2.0**-500]])
    assert _is(found.quantities["dX"][0], [[1]] * 3, 2.0**-400)


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("power", [3, 30, 60, 90])
def test_tanhshrink_near_0_is_accurate_however_much_cancels(power: int) -> None:
    """z - tanh z = z³/3 - 2 z⁵/15 + …, and its slope is z² - 2 z⁴/3 + …"""
    z = float(f"1e-{power}")
    with mpmath.workprec(3000):
        exact = mpmath.mpf(z) - mpmath.tanh(z), mpmath.tanh(mpmath.mpf(z)) ** 2
        assert exact[0] == pytest.approx(mpmath.mpf(z) ** 3 / 3, rel=z)
        assert exact[1] == pytest.approx(mpmath.mpf(z) ** 2, rel=z)
        expected = float(exact[0]), float(exact[1])
    value, slope = ORACLE.activation(ActivationSpec("tanhshrink"), np.array([z]))
    assert (value.item(), slope.item()) == expected
    found = ORACLE.enclosed(_case([([[1]], [0], "tanhshrink")], "mse", [[z]], [[0]]))
    assert _is(found.quantities["A"][0], [[expected[0]]], 2.0**-53 * expected[0])
    assert found.bits == FIRST_BITS or power > 30, "more bits are for the entry that needs them"


def test_tanh_of_the_smallest_numbers_is_them() -> None:
    z = np.array([1e-300, -1e-300, 5e-324])
    value, slope = ORACLE.activation(ActivationSpec("tanh"), z)
    assert (value == z).all()
    assert (slope == 1).all()
    assert ORACLE.activation(ActivationSpec("tanhshrink"), z)[0].tolist() == [0, 0, 0]  # z³ is no float64


def test_an_answer_that_stands_alone_is_accurate_beside_larger_ones() -> None:
    """logsigmoid 300 = -e^-300 to a hundred digits, beside logsigmoid 1; 256 bits do not hold 1 + e^-300."""
    case = _case([(np.eye(2), [0, 0], "logsigmoid")], "mse", [[300], [1]], [[0], [0]])
    expected = -float(mpmath.exp(-300))
    (trace,) = ORACLE.traces([case])
    (step,) = ORACLE.steps([own_steps(case, trace)])
    for given in (trace, step):
        assert given.A is not None
        assert given.A[0][0, 0] == expected
        assert given.delta is not None
        assert given.delta[0][0, 0] == pytest.approx(-2 * expected**2, rel=1e-15)


# tanh z - z is -z³/3, 120 digits after those of z.
SMALL = _case([([[1]], [0], "tanh"), ([[1]], [-1e-60], "identity")], "half_squared_error", [[1e-60]], [[0.5]])


def test_what_matters_says_when_a_ball_is_narrow_enough() -> None:
    for size, bits in ((np.inf, 256), (1e-100, 256), (1e-150, 1024), (0.0, MOST_BITS)):
        of_difference = _resolution(np.inf, depth=2) | {"Z": [np.inf, np.array([[size]])]}
        assert ORACLE.enclosed(SMALL, of_difference).bits == bits
    assert ORACLE.enclosed(SMALL, _resolution(0.0, depth=2)).bits == MOST_BITS
    assert ORACLE.enclosed(SMALL).bits > 512, "its first two digits, if nobody says"


def _sum(enclosure: Enclosure) -> Fraction:
    return Fraction(enclosure.high.item()) + Fraction(enclosure.low.item())


def test_radii_bound_the_error() -> None:
    """256 bits do not tell tanh 1e-60 from 1e-60 after a product; 2,048 give the difference's digits."""
    coarse = ORACLE.enclosed(SMALL, _resolution(np.inf, depth=2)).quantities
    fine = ORACLE.enclosed(SMALL, _resolution(0.0, depth=2)).quantities
    for quantity in QUANTITIES:
        for one, other in zip(coarse[quantity], fine[quantity], strict=True):
            error = abs(_sum(one) - _sum(other))
            assert error <= Fraction(one.radius.item()) + Fraction(other.radius.item()), quantity
    Z, better = coarse["Z"][1], fine["Z"][1]
    error = abs(_sum(Z) - _sum(better))
    assert 0 < error <= Fraction(Z.radius.item())
    assert Fraction(better.radius.item()) < error / 2**20
    assert better.high.item() == pytest.approx(-1e-180 / 3)


# ---------------------------------------------------------------- enclosures


def test_distances_from_a_number_known_to_more_than_a_float() -> None:
    own = Enclosure(*(np.full(6, value) for value in (1.0, 2.0**-60, 2.0**-100)))
    answers = np.array([1.0, 1 + 2.0**-52, np.nan, np.inf, -np.inf, -1.0])
    most, least = own.distance(answers), own.least_distance(answers)
    exact = [2.0**-60, 2.0**-52 - 2.0**-60, None, None, None, 2.0]
    for low, high, size in zip(least, most, exact, strict=True):
        if size is None:
            assert low == high == np.inf
        else:
            assert low < size < high
            assert high - low < 2.0**-48 * size + 2.0**-98


def test_inside_a_hull_the_least_distance_is_0_and_the_most_is_to_the_other_end() -> None:
    own = Enclosure(np.full(4, 0.5), np.zeros(4), np.full(4, 0.5))
    answers = np.array([0.0, 0.75, 1.0, 1.5])
    assert own.least_distance(answers).tolist() == pytest.approx([0, 0, 0, 0.5])
    assert own.distance(answers).tolist() == pytest.approx([1, 0.75, 1, 1.5])


def test_zeros_of_either_sign_are_equal_and_what_is_unknown_is_far() -> None:
    zero = Enclosure(np.zeros(2), np.zeros(2), np.zeros(2))
    assert zero.distance(np.array([-0.0, 0.0])).tolist() == [0, 0]
    beyond = Enclosure(np.array([np.inf, np.nan]), np.zeros(2), np.full(2, np.nan))
    for answer in (0.0, np.inf, np.nan):
        assert beyond.distance(np.full(2, answer)).tolist() == [np.inf, np.inf]
        assert beyond.least_distance(np.full(2, answer)).tolist() == [np.inf, np.inf]


def test_a_ball_is_wide_beside_what_matters() -> None:
    own = Enclosure(np.array([1.0, 1.0]), np.zeros(2), np.array([0.0, 2.0**-50]))
    assert own.wide(2.0**-11)
    assert not own.wide(2.0**-10)
    assert not own.wide(np.array([0.0, 1.0]))
    assert own.wide(np.array([1.0, 0.0]))
    assert own.wide(np.array([1.0, np.nan]))
    assert Enclosure(np.array([np.nan]), np.zeros(1), np.array([np.nan])).wide(1.0)
    assert not Enclosure(np.array([np.inf]), np.zeros(1), np.array([np.nan])).wide(1.0), "beyond the range"


def test_exact_numbers_have_no_radius_and_others_one_that_is_enough() -> None:
    with flint.ctx.workprec(300):
        numbers = [arb(0.5), arb(-3), 1 + arb(2) ** -80, 1 + arb(2) ** -54 + arb(2) ** -120, arb(1) / 3]
        found = _enclosure(arb_mat(1, 5, numbers))
    assert found.high.tolist() == [[0.5, -3, 1, 1, 1 / 3]]
    assert found.low[0, :4].tolist() == [0, 0, 2.0**-80, 2.0**-54]
    assert found.radius[0, :3].tolist() == [0, 0, 0]
    assert 2.0**-120 <= found.radius[0, 3] < 2.0**-119
    third = Fraction(found.high[0, 4]) + Fraction(found.low[0, 4])
    assert abs(third - Fraction(1, 3)) <= Fraction(found.radius[0, 4]) < Fraction(1, 2**100)


def test_numbers_beyond_the_range_of_a_float_and_unknown_ones_are_told_apart() -> None:
    found = _enclosure(arb_mat(1, 4, [arb(2) ** 5000, -(arb(2) ** 5000), arb("nan"), arb(2) ** -5000]))
    assert found.high.tolist()[0][:2] == [np.inf, -np.inf]
    assert np.isnan(found.high[0, 2])
    assert found.high[0, 3] == 0
    assert 0 < found.radius[0, 3] < 1e-322


# ---------------------------------------------------------------- what it leaves behind

CALLS: dict[str, Callable[[Case], Any]] = {
    "enclosed": ORACLE.enclosed,
    "enclosed_steps": lambda case: ORACLE.enclosed_steps(case, Backprop().run(case)),
    "traces": lambda case: ORACLE.traces([case]),
    "steps": lambda case: ORACLE.steps([own_steps(case, Backprop().run(case))]),
    "activation": lambda case: ORACLE.activation(case.network.layers[0].activation, np.array([0.5])),
    "loss_terms": lambda case: ORACLE.loss_terms(case.network.loss, np.array([0.5]), np.array([0.25])),
}
TRIVIAL = drawn_case(["tanh"], LossSpec("mse", "mean"), width=1, samples=1)


@pytest.fixture(params=[53, 333])
def precision(request: pytest.FixtureRequest) -> Iterator[int]:
    """FLINT's precision as its user has it."""
    with flint.ctx.workprec(request.param):
        yield request.param


@pytest.mark.parametrize("name", CALLS)
def test_precision_and_branches_are_as_before_after_each_call(name: str, precision: int) -> None:
    before = ball_branches._branches.get()
    CALLS[name](TRIVIAL)
    assert flint.ctx.prec == precision
    assert ball_branches._branches.get() is before


@pytest.mark.parametrize("name", [name for name in CALLS if name != "loss_terms"])
def test_they_are_even_if_a_function_raises(
    name: str, precision: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def raising(z: Any) -> Any:
        del z
        seen.append((flint.ctx.prec, ball_branches._branches.get()))
        raise RuntimeError("a wrong line")

    before = ball_branches._branches.get()
    monkeypatch.setitem(ball_activations.ELEMENTWISE, "tanh", raising)
    with pytest.raises(RuntimeError, match="a wrong line"):
        CALLS[name](TRIVIAL)
    assert flint.ctx.prec == precision
    assert ball_branches._branches.get() is before
    assert seen[0][0] == FIRST_BITS, "while it works, it has its own"


def test_columns_have_no_values_at_single_points() -> None:
    with pytest.raises(ValueError, match="softmax is not elementwise"):
        ORACLE.activation(ActivationSpec("softmax"), np.zeros(1))
    with pytest.raises(ValueError, match="cosine_distance is not a sum of terms"):
        ORACLE.loss_terms(LossSpec("cosine_distance", "sum"), np.ones(1), np.ones(1))


def test_it_names_what_answers() -> None:
    assert ORACLE.versions() == {"python-flint": flint.__version__, "flint": flint.__FLINT_VERSION__}
    assert ORACLE.plain() is None
