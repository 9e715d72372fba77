"""Activation functions σ: the document's three (F4) and the common hidden ones (F3).

The fourth file of the text, after `functions.py`, which says what an entry is; `losses.py` comes next. Read
the table at the end first: each entry has its formula and its derivative. The functions above it are those
that need more than a line, nearly always for one of three reasons:

overflow
    e^z exceeds the largest float32 beyond z = 88.7, and the largest float64 beyond 709.8. What comes of it is
    infinite, or as ∞/∞ no number at all.
cancellation
    A difference of two numbers that are nearly equal keeps the roundings of both and little else: in float64,
    1 - tanh² 20 is 0, and right is 1.7e-17.
underflow
    A number below the smallest is 0. That is harmless where it is added to 1, and not where it is a factor.

The formula in the table is then not the one that is computed. A comment derives one from the other; in exact
arithmetic they are equal.

Conventions: Z and A have shape (n units, m samples); every function returns its argument's dtype. In formulas
[condition] is 1 where it is true and 0 elsewhere.
"""

from __future__ import annotations

import numpy as np

from .domains import NON_NEGATIVE, POSITIVE, SYMMETRIC_UNIT, UNIT, Interval
from .functions import Activation, Kink, Parameter, Parameters, Units


def sigmoid(Z: Units) -> Units:
    """σ(z) = 1/(1 + e^-z), of any shape, elementwise; between 0 and 1.

    >>> sigmoid(np.array([[0.0, np.log(3.0), -1000.0]]))  # e^-log 3 = 1/3, and 1/(1 + 1/3) = 3/4
    array([[0.5 , 0.75, 0.  ]])
    """
    # For z < 0, numerator and denominator are multiplied by e^z: e^z/(1 + e^z). Both branches then have an
    # exponential that is at most 1, e^-|z|, where e^-z would overflow for z = -1000.
    e = np.exp(-np.abs(Z))
    return np.where(Z >= 0, 1 / (1 + e), e / (1 + e))


def _sigmoid_derivative(Z: Units) -> Units:
    # σ'(z) = e^-z/(1 + e^-z)² = σ(z) (1 - σ(z)) = σ(z) σ(-z). The usual a(1 - a) loses every digit of 1 - a
    # once a rounds to 1; σ(-z) is that number, found without a subtraction.
    return sigmoid(Z) * sigmoid(-Z)


def _tanh_derivative(Z: Units) -> Units:
    # 1 - tanh² z cancels as tanh z approaches 1; 1/cosh² z, the same number, overflows in cosh. With
    # e = e^-|z|, cosh z = (1/e + e)/2 = (1 + e²)/(2e), so that 1/cosh z = 2e/(1 + e²), which does neither.
    # (e² underflows to 0 where it is nothing beside 1, so nothing is lost.)
    e = np.exp(-np.abs(Z))
    return np.square(2 * e / (1 + np.square(e)))


def _relu_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    del parameters  # every entry's kinks are asked with its parameters, and ReLU has none
    return (Kink(at=0.0, left=0.0, right=1.0, chosen=0.0),)


def _leaky_relu_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    slope = parameters["negative_slope"]
    return (Kink(at=0.0, left=slope, right=1.0, chosen=slope),)


def _leaky_relu(Z: Units, negative_slope: float) -> Units:
    with np.errstate(over="ignore"):  # np.where computes αz for z > 0 too, where α > 1 may overflow
        return np.where(Z > 0, Z, Z * negative_slope)


def softplus(Z: Units, beta: float) -> Units:
    """log(1 + e^(βz))/β, of any shape, elementwise: ReLU with its bend rounded off, the less the larger β.

    Dugas et al. 2001, "Incorporating second-order functional knowledge for better option pricing".

    >>> softplus(np.array([[-1.0, 0.0, 1.0]]), beta=1.0).round(4)  # log 2 = 0.6931 at 0
    array([[0.3133, 0.6931, 1.3133]])
    >>> softplus(np.array([[-1000.0, 1000.0]]), beta=1.0)  # e^1000 would be infinite
    array([[   0., 1000.]])
    """
    # e^(βz) overflows for large βz. There, 1 + e^(βz) = e^(βz) (1 + e^(-βz)), whose logarithm is
    # βz + log(1 + e^(-βz)): together with z ≤ 0, that is max(z, 0) + log(1 + e^(-β|z|))/β. And log1p(e) keeps
    # the digits of a small e, which 1 + e would lose.
    with np.errstate(over="ignore"):  # β|z| = inf gives e^-inf = 0, which is right
        return np.maximum(Z, 0) + np.log1p(np.exp(-beta * np.abs(Z))) / beta


def _softplus_derivative(Z: Units, beta: float) -> Units:
    with np.errstate(over="ignore"):  # σ(±inf) is 0 or 1, which is right
        return sigmoid(beta * Z)


def softmax(Z: Units) -> Units:
    """a_i = e^(z_i) / Σ_j e^(z_j) down each column, (n, m): each column of the result sums to 1.

    >>> softmax(np.log([[1.0, 2.0], [1.0, 4.0], [2.0, 2.0]]))  # columns 1 : 1 : 2 and 2 : 4 : 2
    array([[0.25, 0.25],
           [0.25, 0.5 ],
           [0.5 , 0.25]])
    >>> softmax(np.array([[1000.0], [1000.0]]))
    array([[0.5],
           [0.5]])
    """
    # e^(z - c) = e^z/e^c: the same factor in numerator and denominator, so that any c may be subtracted. With
    # c the column's maximum every exponential is at most 1 and their sum at least 1.
    with np.errstate(over="ignore"):  # a difference of -inf gives e^-inf = 0, which is right
        e = np.exp(Z - Z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def softmax_vjp(Z: Units, A: Units, G: Units) -> Units:
    """(∂A/∂Z)^T G of softmax, (n, m): a ⊙ (g - Σ_i a_i g_i) for each column a of A and g of G.

    A loss that rewards all outputs alike (g constant) cannot move a softmax, whose outputs sum to 1. Here
    a = (¼, ¾), and g = (4, 0) has Σ a_i g_i = 1.

    >>> A = np.array([[0.25], [0.75]])
    >>> softmax_vjp(np.log(A), A, G=np.array([[1.0], [1.0]]))
    array([[0.],
           [0.]])
    >>> softmax_vjp(np.log(A), A, G=np.array([[4.0], [0.0]]))
    array([[ 0.75],
           [-0.75]])
    """
    # ∂a_i/∂z_j = a_i ([i = j] - a_j), so that J = diag(a) - a a^T, which is symmetric. J^T g is therefore
    # a ⊙ g - a (a^T g): n products and a sum, and no matrix.
    del Z
    # Where a_i is nearly 1, g_i - Σ a g cancels. But to take a constant from g moves nothing, and that sum is
    # one: what is left of g has Σ a g = 0 but for what was rounded, which is then taken off in its turn.
    G = G - (A * G).sum(axis=0, keepdims=True)
    return A * (G - (A * G).sum(axis=0, keepdims=True))


ENTRIES = (
    Activation(
        "identity",
        r"\sigma(z) = z",
        r"\sigma'(z) = 1",
        value=np.copy,  # so that no A is the same array as its Z
        derivative=np.ones_like,
        aliases={"torch": "nn.Identity", "jax": "nn.identity"},
    ),
    Activation(
        "sigmoid",
        r"\sigma(z) = \frac{1}{1 + e^{-z}}",
        r"\sigma'(z) = \sigma(z)\,\sigma(-z)",
        value=sigmoid,
        derivative=_sigmoid_derivative,
        range=UNIT,  # the open interval in exact arithmetic; in floats both ends are reached
        aliases={"torch": "sigmoid", "jax": "nn.sigmoid"},
    ),
    Activation(
        "tanh",
        r"\sigma(z) = \tanh z",
        r"\sigma'(z) = \frac{1}{\cosh^2 z}",
        value=np.tanh,
        derivative=_tanh_derivative,
        range=SYMMETRIC_UNIT,
        aliases={"torch": "tanh", "jax": "numpy.tanh"},
    ),
    Activation(
        "relu",
        r"\sigma(z) = \max(z, 0)",
        r"\sigma'(z) = [z > 0]",
        value=lambda Z: np.maximum(Z, 0),
        derivative=lambda Z: (Z > 0).astype(Z.dtype),
        range=NON_NEGATIVE,
        kinks=_relu_kinks,
        aliases={"torch": "nn.functional.relu", "jax": "nn.relu"},
        conventions="The derivative at 0 is 0 here, in torch and in jax; ½ and 1 are met as well.",
        source="Fukushima 1969, Visual feature extraction by a multilayered network; Nair and Hinton 2010",
    ),
    Activation(
        "leaky_relu",
        r"\sigma(z) = \begin{cases} z & z > 0 \\ \alpha z & z \le 0 \end{cases}",
        r"\sigma'(z) = \begin{cases} 1 & z > 0 \\ \alpha & z \le 0 \end{cases}",
        value=_leaky_relu,
        # Of Z's dtype: of two Python numbers np.where makes float64.
        derivative=lambda Z, negative_slope: np.where(Z > 0, Z.dtype.type(1), Z.dtype.type(negative_slope)),
        parameters=(Parameter("negative_slope", 0.01, NON_NEGATIVE, Interval(0.0, 1.0), "slope left of 0"),),
        kinks=_leaky_relu_kinks,
        aliases={"torch": "nn.functional.leaky_relu", "jax": "nn.leaky_relu"},
        conventions="The derivative at 0 is the slope α here and in torch, 1 in jax.",
        source="Maas, Hannun and Ng 2013, Rectifier nonlinearities improve neural network acoustic models",
    ),
    Activation(
        "softplus",
        r"\sigma(z) = \tfrac{1}{\beta} \log(1 + e^{\beta z})",
        r"\sigma'(z) = \frac{1}{1 + e^{-\beta z}}",
        value=softplus,
        derivative=_softplus_derivative,
        range=NON_NEGATIVE,
        parameters=(Parameter("beta", 1.0, POSITIVE, Interval(0.125, 4.0), "sharpness of the bend"),),
        aliases={"torch": "nn.functional.softplus", "jax": "nn.softplus"},
        conventions="torch returns z itself where βz > 20 (its argument threshold); jax has no β.",
        source="Dugas et al. 2001, Incorporating second-order functional knowledge for better option pricing",
    ),
    Activation(
        "softmax",
        r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}",
        r"\frac{\partial a_i}{\partial z_j} = a_i ([i = j] - a_j)",
        value=softmax,
        vector_jacobian_product=softmax_vjp,
        range=UNIT,
        aliases={"torch": "nn.functional.softmax", "jax": "nn.softmax"},
        conventions="Over the units of one sample: down each column here, along axis 1 in row layout.",
        source="Bridle 1990, Probabilistic interpretation of feedforward classification network outputs",
    ),
)
