"""Losses (F5): the document's mean squared error and cross-entropies, and the forms people use for them.

The fifth file of the text, after `activations.py`; `backprop.py` comes next. As there, read the table at the
end first. Probabilities and logits are told apart by name: `bce` and `cross_entropy` take probabilities;
`…_with_logits` take what comes before sigmoid and softmax, the *logits* z, and are those losses of
sigmoid(z) and softmax(z) in one formula. That is the better way to compute them: of a probability that has
rounded to 0 there is no logarithm, of its logit there is.

Conventions: predictions A and targets Y have shape (n outputs, m samples). `terms` has one entry for each
output and sample; the reduction says what their sum is divided by. `gradient` is by A, before that division,
and (n, m). Logarithms are natural.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import softmax
from .domains import NON_NEGATIVE, UNIT, Interval
from .functions import Loss, LossArray, Parameter, Units

# Weights that random cases draw: around 1, so that they change the loss and do not drown it.
WEIGHTS = Interval(0.25, 4.0)
_WEIGHT = LossArray("weight", True, NON_NEGATIVE, WEIGHTS, "how much each entry counts")


def _x_log_y(X: Units, Y: Units) -> Units:
    """x log y with 0 log 0 = 0, its limit: a class that does not occur costs nothing."""
    # In floats 0 · log 0 = 0 · -inf is NaN, which would spread to the sum: x = 0 is a case of its own. Where
    # x > 0, log 0 = -inf is right.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(X == 0, X.dtype.type(0), X * np.log(Y))


def _x_log1p_y(X: Units, Y: Units) -> Units:
    """x log(1 + y) with 0 log 0 = 0; with y = -a, x log(1 - a)."""
    with np.errstate(divide="ignore", invalid="ignore"):  # as above
        return np.where(X == 0, X.dtype.type(0), X * np.log1p(Y))


def _error(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore"):  # where this is infinite, so is the exact answer in this dtype
        return A - Y


def _squared_error(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore"):  # as above
        return np.square(A - Y)


def _squared_error_gradient(A: Units, Y: Units) -> Units:
    with np.errstate(over="ignore"):  # as above
        return 2 * (A - Y)


def _half_squared_error(A: Units, Y: Units) -> Units:
    # The ½ goes to one factor: the square alone could overflow where its half does not.
    with np.errstate(over="ignore"):  # as above
        return (A - Y) / 2 * (A - Y)


def _weighted(weight: Any, terms: Units) -> Units:
    """w ℓ, and 0 where w is 0, also where ℓ is infinite: such an entry does not count."""
    with np.errstate(invalid="ignore"):  # 0 · inf
        return np.where(np.equal(weight, 0), terms.dtype.type(0), weight * terms)


def _bce(A: Units, Y: Units, weight: Any = 1.0) -> Units:
    # log1p(-a), not log(1 - a): 1 - a is rounded, and for small a the rounding is all that remains.
    return _weighted(weight, -(_x_log_y(Y, A) + _x_log1p_y(1 - Y, -A)))


def _bce_gradient(A: Units, Y: Units, weight: Any = 1.0) -> Units:
    # The derivative of -y log a - (1 - y) log(1 - a) is -y/a + (1 - y)/(1 - a) = (a - y)/(a(1 - a)). That is
    # 0/0 where a label 0 or 1 is met exactly; simplified, it is 1/(1 - a) for y = 0 and -1/a for y = 1.
    # The weight is part of the numerator: 1/a may overflow where w/a does not.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mixed = weight * (A - Y) / (A * (1 - A))
        slope = np.where(Y == 0, weight / (1 - A), np.where(Y == 1, -weight / A, mixed))
        return np.where(np.equal(weight, 0), A.dtype.type(0), slope)


def _cross_entropy_gradient(A: Units, Y: Units) -> Units:
    # Infinite where the exact answer is; 0/0 is not taken.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(Y == 0, Y.dtype.type(0), -Y / A)


def logistic_terms(Z: Units, positive: Any, negative: Any) -> Units:
    """p log(1 + e^-z) + q log(1 + e^z), (n, m): binary cross-entropy of a logit z.

    p and q are what the labels 1 and 0 weigh. With p = y and q = 1 - y it is -y log σ(z) - (1 - y) log σ(-z),
    the loss bce of σ(z).

    >>> Z = np.array([[0.0, 1.0]])  # log 2 = 0.6931 at 0, whichever label; then 1 apart
    >>> logistic_terms(Z, positive=1.0, negative=0.0).round(4)  # label 1
    array([[0.6931, 0.3133]])
    >>> logistic_terms(Z, positive=0.0, negative=1.0).round(4)  # label 0
    array([[0.6931, 1.3133]])
    """
    # log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), as for softplus. With both logarithms so written, the whole
    # is max(z, 0) q + max(-z, 0) p + (p + q) log(1 + e^-|z|): all of it is ≥ 0, so nothing cancels, and
    # e^-|z| cannot overflow.
    tail = np.log1p(np.exp(-np.abs(Z)))
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        return np.where(Z > 0, Z * negative, -Z * positive) + (positive + negative) * tail


def logistic_slope(Z: Units, positive: Any, negative: Any) -> Units:
    """The derivative of `logistic_terms` by z, q σ(z) - p σ(-z), (n, m).

    With p = y and q = 1 - y that is σ(z) - y, the document's Ŷ - Y of B4. Here σ(log 3) = ¾.

    >>> Z = np.log([[3.0]])
    >>> logistic_slope(Z, positive=1.0, negative=0.0)  # label 1
    array([[-0.25]])
    >>> logistic_slope(Z, positive=0.0, negative=1.0)  # label 0
    array([[0.75]])
    """
    # With σ(-z) = 1 - σ(z) it is (p + q) σ(z) - p, which cancels where σ(z) is near 1; with σ(z) = 1 - σ(-z),
    # q - (p + q) σ(-z), which does where σ(-z) is. Each is taken where its σ is at most ½: nothing cancels
    # then for a label that is 0 or 1.
    e = np.exp(-np.abs(Z))
    tail = (positive + negative) * (e / (1 + e))  # with σ(-|z|)
    return np.where(Z > 0, negative - tail, tail - positive)


def _bce_with_logits(Z: Units, Y: Units, weight: Any = 1.0, pos_weight: Any = 1.0) -> Units:
    return logistic_terms(Z, weight * (pos_weight * Y), weight * (1 - Y))


def _bce_with_logits_gradient(Z: Units, Y: Units, weight: Any = 1.0, pos_weight: Any = 1.0) -> Units:
    return logistic_slope(Z, weight * (pos_weight * Y), weight * (1 - Y))


def weighted_labels(Y: Units, label_smoothing: float, weight: Any) -> Units:
    """w (y (1 - ε) + ε/n), (n, m): class weights, and labels of which a part ε is spread over all n classes.

    Szegedy et al. 2015, arXiv:1512.00567 (label smoothing).

    >>> Y = np.array([[1.0], [0.0]])  # of two classes, the first
    >>> weighted_labels(Y, label_smoothing=0.5, weight=1.0)
    array([[0.75],
           [0.25]])
    """
    return weight * (Y * (1 - label_smoothing) + label_smoothing / len(Y))


def half_surprise(Z: Units) -> Units:
    """-½ log p with p = softmax(z), (n, m): half of what each class costs where it is the right one.

    The whole may be beyond the largest number where the share of it that a label counts is not.

    >>> half_surprise(np.log([[1.0], [3.0]])).round(4)  # p = (¼, ¾), and ½ log 4 = log 2
    array([[0.6931],
           [0.1438]])
    >>> half_surprise(np.array([[100.0], [0.0]]))  # p_1 is 1 - e^-100, which rounds to 1
    array([[1.86003799e-44],
           [5.00000000e+01]])
    """
    # log p_i = z_i - log Σ_j e^(z_j) = (z_i - c) - log Σ_j e^(z_j - c) for any c. With c the largest logit no
    # exponential overflows. In halves, z - c is finite for any two numbers of the dtype.
    below = Z / 2 - Z.max(axis=0, keepdims=True) / 2
    with np.errstate(over="ignore"):  # a difference of -inf gives e^-inf = 0, which is right
        e = np.exp(2 * below)
    # The largest counts 1 in the sum. Left out of it, log(1 + others) keeps the digits of small others: it is
    # what a sure class costs.
    np.put_along_axis(e, Z.argmax(axis=0, keepdims=True), 0, axis=0)
    return np.log1p(e.sum(axis=0, keepdims=True)) / 2 - below


def _cross_entropy_with_logits(Z: Units, Y: Units, label_smoothing: float, weight: Any = 1.0) -> Units:
    Y = weighted_labels(Y, label_smoothing, weight)
    with np.errstate(over="ignore"):  # infinite where the exact answer is
        return 2 * (Y * np.where(Y == 0, 0, half_surprise(Z)))  # 0 · inf is not taken


def cross_entropy_slope(P: Units, Y: Units) -> Units:
    """Ŷ ΣY - Y, (n, m): the derivative of -Σ y log p by z, where p = softmax(z) is given.

    The sum over Y is 1 for labels that are probabilities. It is not left out: see B4.

    >>> Y = np.array([[0.0], [1.0]])
    >>> cross_entropy_slope(np.array([[0.25], [0.75]]), Y)
    array([[ 0.25],
           [-0.25]])
    >>> cross_entropy_slope(np.array([[1e-20], [1.0]]), Y)  # the second is 1 - 1e-20, which rounds to 1
    array([[ 1.e-20],
           [-1.e-20]])
    """
    # By z_j, -Σ_i y_i (z_i - log Σ_k e^(z_k)) has the derivative -y_j + Σ_i y_i · p_j. That cancels for a p_j
    # near 1. As all p make 1, it is p_j (y_j + others' y) - (p_j + others' p) y_j, where p_j y_j goes out.
    sure = P > 0.5  # one class of a sample at most
    others_p, others_y = (np.where(sure, 0, X).sum(axis=0, keepdims=True) for X in (P, Y))
    return np.where(sure, P * others_y - others_p * Y, P * Y.sum(axis=0, keepdims=True) - Y)


def _cross_entropy_with_logits_gradient(
    Z: Units, Y: Units, label_smoothing: float, weight: Any = 1.0
) -> Units:
    return cross_entropy_slope(softmax(Z), weighted_labels(Y, label_smoothing, weight))


ENTRIES = (
    Loss(
        "mse",
        r"\sum (\hat y - y)^2",
        r"2 (\hat y - y)",
        terms=_squared_error,
        gradient=_squared_error_gradient,
        aliases={"torch": "nn.functional.mse_loss", "optax": "losses.squared_error"},
        conventions="No factor ½. 'mean' divides by n·m; many texts divide by m only, or by 2m.",
    ),
    Loss(
        "half_squared_error",
        r"\tfrac{1}{2} \sum (\hat y - y)^2",
        r"\hat y - y",
        terms=_half_squared_error,
        gradient=_error,
        aliases={"optax": "losses.l2_loss", "scikit-learn": "squared_loss (half, over n·m)"},
        conventions="The ½ is there so that the gradient is Ŷ - Y; optax calls this l2_loss.",
    ),
    Loss(
        "bce",
        r"-\sum y \log \hat y + (1 - y) \log (1 - \hat y)",
        r"\frac{\hat y - y}{\hat y (1 - \hat y)}",
        terms=_bce,
        gradient=_bce_gradient,
        prediction_domain=UNIT,
        target_domain=UNIT,
        arrays=(_WEIGHT,),
        aliases={"torch": "nn.functional.binary_cross_entropy"},
        conventions="Natural logarithm; of probabilities. torch cuts log off at -100 and the "
        "gradient's denominator at 1e-12. 'mean' divides by n·m, not by the sum of the weights.",
    ),
    Loss(
        "cross_entropy",
        r"-\sum y \log \hat y",
        r"-\frac{y}{\hat y}",
        terms=lambda A, Y: -_x_log_y(Y, A),
        gradient=_cross_entropy_gradient,
        prediction_domain=UNIT,
        target_domain=NON_NEGATIVE,
        classes=True,
        mean_over="samples",
        aliases={"keras": "categorical_crossentropy"},
        conventions="Of probabilities, unlike torch's function of that name, which takes logits; "
        "'mean' divides by m, not by n·m. Labels need not sum to 1.",
    ),
    Loss(
        "bce_with_logits",
        r"\sum \max(z, 0) - z y + \log(1 + e^{-|z|})",
        r"\frac{1}{1 + e^{-z}} - y",
        terms=_bce_with_logits,
        gradient=_bce_with_logits_gradient,
        target_domain=UNIT,
        arrays=(
            _WEIGHT,
            LossArray("pos_weight", False, NON_NEGATIVE, WEIGHTS, "what the label 1 of each output weighs"),
        ),
        aliases={
            "torch": "nn.functional.binary_cross_entropy_with_logits",
            "optax": "losses.sigmoid_binary_cross_entropy",
        },
        conventions="bce after sigmoid, in one stable formula. 'mean' divides by n·m, not by the sum of the "
        "weights.",
    ),
    Loss(
        "cross_entropy_with_logits",
        r"-\sum_i t_i \left( z_i - \log \sum_j e^{z_j} \right), \quad "
        r"t_i = w_i \left( (1 - \epsilon) y_i + \tfrac{\epsilon}{n} \right)",
        r"\operatorname{softmax}(z)_i \sum_j t_j - t_i",
        terms=_cross_entropy_with_logits,
        gradient=_cross_entropy_with_logits_gradient,
        target_domain=NON_NEGATIVE,
        classes=True,
        mean_over="samples",
        elementwise=False,
        aliases={
            "torch": "nn.functional.cross_entropy",
            "optax": "losses.softmax_cross_entropy",
        },
        parameters=(
            Parameter("label_smoothing", 0.0, UNIT, Interval(0.0, 0.5), "share of a label spread over all"),
        ),
        arrays=(LossArray("weight", False, NON_NEGATIVE, Interval(0.25, 2.0), "what each class counts"),),
        conventions="cross_entropy after softmax, in one stable formula. 'mean' divides by m, with class "
        "weights too, as torch does for labels that are probabilities; for class indices torch divides by "
        "the sum of the weights met.",
        source="label smoothing: Szegedy et al. 2015, arXiv:1512.00567",
    ),
)
