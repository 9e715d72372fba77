"""The truth's formulas in ball arithmetic agree with those in mpmath, which were written independently.

Its derivatives come from power series and a tape; here they are difference quotients.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import exact_formulas as exact
import mpmath
import numpy as np
import pytest
from refimpl_points import parameter_sets

from oracles import ball_activations, ball_losses
from oracles.ball_oracle import BallOracle
from refimpl import ACTIVATIONS, LOSSES, QUANTITIES, ActivationSpec, Case, Layer, LossSpec, Network
from refimpl.domains import UNIT, OneHot, OneOf

ORACLE = BallOracle()
CLOSE = 2.0**-50
"""How much may be between an answer, rounded once, and mpmath's, relative to it."""
SMALLEST = 2.0**-1073


def _log_1_plus_exp(z: Any) -> Any:
    return mpmath.log(1 + mpmath.exp(z))


# The losses that `exact_formulas` has no line for with their arrays.
TERMS: Mapping[str, Callable[..., Any]] = {
    "bce": lambda a, y, weight: weight * (-exact._times_log(y, a) - exact._times_log(1 - y, 1 - a)),
    "bce_with_logits": lambda z, y, weight, pos_weight: (
        weight * (pos_weight * y * _log_1_plus_exp(-z) + (1 - y) * _log_1_plus_exp(z))
    ),
    "gaussian_nll": lambda a, y, variance: (mpmath.log(variance) + (a - y) ** 2 / variance) / 2,
    "multilabel_soft_margin": lambda z, y, weight: weight * exact.cross_entropy_of_logit(z, y),
}


def _log_softmax(z: Any) -> Any:
    total = mpmath.fsum(mpmath.exp(entry) for entry in z)
    return [entry - mpmath.log(total) for entry in z]


def _dot(x: Any, y: Any) -> Any:
    return mpmath.fsum(a * b for a, b in zip(x, y, strict=True))


def _smoothed(z: Any, y: Any, label_smoothing: float, weight: Any) -> Any:
    uniform = mpmath.mpf(label_smoothing) / len(y)
    labels = [label * (1 - mpmath.mpf(label_smoothing)) + uniform for label in y]
    return -_dot([w * label for w, label in zip(weight, labels, strict=True)], _log_softmax(z))


def _multi_margin(a: Any, y: Any, p: float, margin: float, weight: Any) -> Any:
    right = [label == 1 for label in y].index(True)
    excess = (max(mpmath.mpf(0), margin - a[right] + a[i]) for i in range(len(a)) if i != right)
    return weight[right] * mpmath.fsum(e ** int(p) for e in excess) / len(a)


def _poly(z: Any, y: Any, epsilon: float) -> Any:
    logs = _log_softmax(z)
    return epsilon * (1 - _dot(y, map(mpmath.exp, logs))) - _dot(y, logs)


OF_COLUMNS: Mapping[str, Callable[..., Any]] = {
    "cosine_distance": lambda a, y: 1 - _dot(a, y) / mpmath.sqrt(_dot(a, a) * _dot(y, y)),
    "cross_entropy_with_logits": _smoothed,
    "multi_margin": _multi_margin,
    "poly_loss": _poly,
}


def test_every_formula_has_a_counterpart() -> None:
    elementwise = set(ball_activations.ELEMENTWISE)
    assert elementwise | set(ball_activations.OF_COLUMNS) == set(ACTIVATIONS) == set(exact.ACTIVATIONS)
    assert set(ball_losses.TERMS) <= set(TERMS) | set(exact.LOSSES)
    assert set(ball_losses.TERMS_OF_COLUMNS) == set(OF_COLUMNS)
    assert set(LOSSES) == set(ball_losses.TERMS) | set(OF_COLUMNS)


def _require_close(answers: Any, expected: list[Any], what: str) -> int:
    """Assert that all are, and return how many could be told apart."""
    compared = 0
    for answer, value in zip(np.ravel(answers), expected, strict=True):
        if exact.representable(value, "float64"):
            assert abs(mpmath.mpf(float(answer)) - value) <= CLOSE * abs(value) + SMALLEST, (
                f"{what} is {answer!r}, by mpmath {mpmath.nstr(value, 17)}"
            )
            compared += 1
    return compared


# ---------------------------------------------------------------- functions of single numbers

MAGNITUDES = [1e-300, 1e-30, 2.0**-52, 1e-8, 1e-3, 0.1, 0.5, 1.25, 2.875, 3.5, 5.75, 9, 18, 25, 40, 120, 720]


def _points() -> Any:
    """Both signs: small, ordinary, saturated."""
    drawn = np.random.Generator(np.random.Philox(12)).normal(0, 2, 12)
    return np.array([0.0, *MAGNITUDES, *(-m for m in MAGNITUDES), *drawn])


def _activation_agrees(name: str, parameters: Mapping[str, float]) -> None:
    spec = ActivationSpec(name, parameters)
    kinks = [kink.at for kink in spec.entry.kinks(spec.parameters)]
    z = np.array([point for point in _points() if point not in kinks])
    value, slope = ORACLE.activation(spec, z)
    with exact.working("float64"):
        function = exact.activation(name, **spec.parameters)
        derivative = exact.differentiated(function, 0)
        points = exact.column(z)
        assert _require_close(value, [function(x) for x in points], f"{name} {parameters}") > 40
        assert (
            _require_close(slope, [derivative(x) for x in points], f"the slope of {name} {parameters}") > 40
        )


@pytest.mark.parametrize("name", ball_activations.ELEMENTWISE)
def test_activations_agree_with_mpmath(name: str) -> None:
    for parameters in parameter_sets(ACTIVATIONS[name], "float64"):
        _activation_agrees(name, parameters)


def _predictions_and_targets(entry: Any) -> tuple[Any, Any]:
    """Predictions in the loss's domain, and targets: every one with every other."""
    domain, targets = entry.prediction_domain, entry.target_domain
    if domain == UNIT:
        a = [1e-300, 1e-20, 1e-3, 0.25, 0.5, 0.7, 0.9975, 1 - 2.0**-40, 1 - 2.0**-53]
    else:
        a = [float(z) for z in _points()[1::3] if domain.contains(z) and abs(z) < 500]
    if isinstance(targets, OneHot):
        y = [0.0, 1.0]
    elif isinstance(targets, OneOf):
        y = list(targets.values)
    else:
        y = [label for label in (0.0, 0.3, 1.0, -1.5, 4.25) if targets.contains(label)]
    pairs = list(itertools.product(a, y))
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


def _loss_spec(name: str, parameters: Mapping[str, float], shape: tuple[int, int]) -> LossSpec:
    """With drawn arrays, if the loss has any."""
    rng = np.random.Generator(np.random.Philox(13))
    arrays = {
        array.name: rng.uniform(array.drawn.low, array.drawn.high, array.shape(*shape))
        for array in LOSSES[name].arrays
    }
    return LossSpec(name, "sum", parameters, arrays)


def _term(name: str) -> Callable[..., Any]:
    return TERMS[name] if name in TERMS else lambda a, y, **p: exact.LOSSES[name]([a], [y], **p)[0]


def _loss_agrees(name: str, parameters: Mapping[str, float]) -> None:
    a, y = _predictions_and_targets(LOSSES[name])
    spec = _loss_spec(name, parameters, (1, len(a)))
    on_a_kink = np.zeros(a.shape, bool)
    for kink in spec.entry.kinks(y[None], spec.arguments):
        on_a_kink |= np.ravel(a == kink.at)
    terms, slopes = ORACLE.loss_terms(spec, a[None], y[None])
    arrays = {n: np.broadcast_to(v, (1, len(a)))[0] for n, v in spec.arrays.items()}
    values, derivatives = [], []
    with exact.working("float64"):
        for place in range(len(a)):
            own = {n: mpmath.mpf(float(v[place])) for n, v in arrays.items()}
            own |= {n: mpmath.mpf(v) for n, v in spec.parameters.items()}
            term = _term(name)

            def of_prediction(x: Any, place: int = place, own: Any = own, term: Any = term) -> Any:
                return term(x, mpmath.mpf(float(y[place])), **own)

            point = mpmath.mpf(float(a[place]))
            values.append(of_prediction(point))
            derivatives.append(exact.differentiated(of_prediction, 0)(point))
        meant = ~on_a_kink
        assert _require_close(terms, values, f"{name} {parameters}") > 8
        slopes, derivatives = slopes[0, meant], [d for d, m in zip(derivatives, meant, strict=True) if m]
        assert _require_close(slopes, derivatives, f"the slope of {name} {parameters}") > 8


@pytest.mark.parametrize("name", ball_losses.TERMS)
def test_losses_agree_with_mpmath(name: str) -> None:
    for parameters in parameter_sets(LOSSES[name], "float64"):
        _loss_agrees(name, parameters)


# ---------------------------------------------------------------- functions of columns

COLUMNS = np.array(
    [
        [0.0, 1.0, 2.5, -30.0, 300.0, 1e-9, -2.0],
        [0.0, 1.0, -0.25, 31.0, -300.0, 2e-9, 0.125],
        [0.0, 1.0, 1.75, 0.5, 0.0, -1e-9, 4.0],
    ]
)
COLUMNS[:, 0] = 0.125, 0.25, -0.125
SHARES = np.array(
    [[1.0, 0, 0.5, 0.25, 0, 1, 0.125], [0, 0, 0.5, 0.5, 1, 0, 0.375], [0, 1, 0, 0.25, 0, 0, 0.5]]
)


def _column_case(activation: str, loss: LossSpec, Y: Any) -> Case:
    """One layer whose pre-activations are the columns, exactly."""
    layer = Layer(np.eye(3), np.zeros((3, 1)), ActivationSpec(activation))
    return Case(Network((layer,), loss), COLUMNS, Y)


def _columns_agree(case: Case, activation: Any, of_column: Callable[[Any, Any, int], Any]) -> None:
    """σ(Z), the loss and ∂L/∂Z; `of_column` is the loss of σ of one column, its targets and number."""
    everything = {quantity: [0.0] for quantity in QUANTITIES}
    found = ORACLE.enclosed(case, everything).quantities

    with exact.working("float64"):
        values, losses, slopes = [], [], []
        for j, (z, y) in enumerate(
            zip(map(exact.column, case.X.T), map(exact.column, case.Y.T), strict=True)
        ):

            def of_logits(*logits: Any, y: Any = y, j: int = j) -> Any:
                return of_column(activation(list(logits)), y, j)

            values.append(activation(z))
            losses.append(of_logits(*z))
            slopes.append([exact.differentiated(of_logits, i)(*z) for i in range(3)])
        _require_close(found["A"][0].high.T, [value for column in values for value in column], "A")
        _require_close(found["loss"][0].high, [mpmath.fsum(losses)], "the loss")
        flat = [slope for column in slopes for slope in column]
        assert _require_close(found["delta"][0].high.T, flat, "delta") == COLUMNS.size


def _half_square(a: Any, y: Any, _: int) -> Any:
    return mpmath.fsum((p - t) ** 2 for p, t in zip(a, y, strict=True)) / 2


@pytest.mark.parametrize("name", ball_activations.OF_COLUMNS)
def test_activations_that_mix_units_agree_with_mpmath(name: str) -> None:
    case = _column_case(name, LossSpec("half_squared_error", "sum"), SHARES)
    _columns_agree(case, exact.ACTIVATIONS[name], _half_square)


def _column_loss_agrees(name: str, parameters: Mapping[str, float]) -> None:
    Y = SHARES
    if isinstance(LOSSES[name].target_domain, OneHot):
        Y = np.eye(3)[:, [0, 2, 0, 1, 1, 0, 2]]
    spec = _loss_spec(name, parameters, Y.shape)
    arrays = {n: np.broadcast_to(v, Y.shape).T for n, v in spec.arrays.items()}

    def of_column(a: Any, y: Any, j: int) -> Any:
        own = {n: exact.column(v[j]) for n, v in arrays.items()}
        return OF_COLUMNS[name](a, y, **spec.parameters, **own)

    _columns_agree(_column_case("identity", spec, Y), lambda z: z, of_column)


@pytest.mark.parametrize("name", OF_COLUMNS)
def test_losses_that_mix_outputs_agree_with_mpmath(name: str) -> None:
    for parameters in parameter_sets(LOSSES[name], "float64"):
        _column_loss_agrees(name, parameters)


# ---------------------------------------------------------------- wrong lines do not

WRONG_ACTIVATIONS: Mapping[str, Callable[..., Any]] = {
    "gelu": lambda z: z / 2 * (1 + (z / 1.4142135623730951).erf()),  # √2 as a float
    "silu": lambda z: z / (1 + z.exp()),
    "leaky_relu": lambda z, **_: ball_activations.split(z, 0, lambda z: z, lambda z: 0.01 * z),
    "selu": lambda z: ball_activations._elu(z, 1.67326324) * 1.05070098,
    "tanhshrink": lambda z: z * z * z / 3,
}
WRONG_LOSSES: Mapping[str, Callable[..., Any]] = {
    "mse": lambda a, y: (a - y) * (a - y) / 2,
    "gaussian_nll": lambda a, y, variance: (a - y) * (a - y) / variance / 2,  # without its logarithm
    "bce": lambda a, y, weight: -(weight * y * a.log() + (1 - y) * (1 - a).log()),
    "squared_hinge": lambda a, y: ball_losses._positive_part(1 - y * a),
}


@pytest.mark.parametrize("name", WRONG_ACTIVATIONS)
def test_a_wrong_line_for_an_activation_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ball_activations.ELEMENTWISE, name, WRONG_ACTIVATIONS[name])
    with pytest.raises(AssertionError, match="by mpmath"):
        test_activations_agree_with_mpmath(name)


@pytest.mark.parametrize("name", WRONG_LOSSES)
def test_a_wrong_line_for_a_loss_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ball_losses.TERMS, name, WRONG_LOSSES[name])
    with pytest.raises(AssertionError, match="by mpmath"):
        test_losses_agree_with_mpmath(name)


def test_a_wrong_line_for_columns_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ball_activations.OF_COLUMNS["softmax"]
    monkeypatch.setitem(ball_activations.OF_COLUMNS, "softmin", right)
    with pytest.raises(AssertionError, match=r"A is .* by mpmath"):
        test_activations_that_mix_units_agree_with_mpmath("softmin")
    without_epsilon = lambda z, y, epsilon: ball_losses._poly(z, y, 0.0 * epsilon)  # noqa: E731
    monkeypatch.setitem(ball_losses.TERMS_OF_COLUMNS, "poly_loss", without_epsilon)
    with pytest.raises(AssertionError, match=r"the loss is .* by mpmath"):
        test_losses_that_mix_outputs_agree_with_mpmath("poly_loss")
