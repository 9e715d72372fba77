"""Activation functions σ: the document's three (F4) and the common hidden ones (F3).

Conventions: Z and A have shape (n units, m samples); every function returns its argument's dtype. Where
the textbook formula overflows or cancels, the entry holds one that does not, and a comment says why.
"""

from __future__ import annotations

import numpy as np

from .domains import NON_NEGATIVE, POSITIVE, SYMMETRIC_UNIT, UNIT, Interval
from .functions import Activation, Kink, Parameter, Parameters, Units


def sigmoid(Z: Units) -> Units:
    """1/(1 + e^-z), with an exponential that cannot overflow: e^-|z| ≤ 1 on both branches."""
    e = np.exp(-np.abs(Z))
    return np.where(Z >= 0, 1 / (1 + e), e / (1 + e))


def _sigmoid_derivative(Z: Units) -> Units:
    # σ'(z) = σ(z) σ(-z). The usual a(1 - a) loses every digit of 1 - a once a rounds to 1.
    return sigmoid(Z) * sigmoid(-Z)


def _tanh_derivative(Z: Units) -> Units:
    # 1 - tanh² z cancels as tanh z approaches 1; 1/cosh² z overflows in cosh. This does neither.
    # (e² underflows to 0 where 1/cosh² does, so nothing is lost.)
    e = np.exp(-np.abs(Z))
    return np.square(2 * e / (1 + np.square(e)))


def _relu_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    del parameters
    return (Kink(at=0.0, left=0.0, right=1.0, chosen=0.0),)


def _leaky_relu_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    slope = parameters["negative_slope"]
    return (Kink(at=0.0, left=slope, right=1.0, chosen=slope),)


def _leaky_relu(Z: Units, negative_slope: float) -> Units:
    with np.errstate(over="ignore"):  # np.where computes αz for z > 0 too, where α > 1 may overflow
        return np.where(Z > 0, Z, Z * negative_slope)


def softplus(Z: Units, beta: float) -> Units:
    # log(1 + e^(βz))/β overflows for large βz and rounds to 0 for small: split max(z, 0) off first.
    with np.errstate(over="ignore"):  # β|z| = inf gives e^-inf = 0, which is right
        return np.maximum(Z, 0) + np.log1p(np.exp(-beta * np.abs(Z))) / beta


def _softplus_derivative(Z: Units, beta: float) -> Units:
    with np.errstate(over="ignore"):  # σ(±inf) is 0 or 1, which is right
        return sigmoid(beta * Z)


def softmax(Z: Units) -> Units:
    """e^z over the sum of them down each column."""
    # Subtracting each column's maximum changes nothing in exact arithmetic, and keeps e^z ≤ 1.
    with np.errstate(over="ignore"):  # a difference of -inf gives e^-inf = 0, which is right
        e = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True)


def softmax_vjp(Z: Units, A: Units, G: Units) -> Units:
    """(∂A/∂Z)^T G of softmax."""
    # The Jacobian of a column is diag(a) - a a^T; multiplied out, it need not be formed.
    del Z
    return A * (G - np.sum(A * G, axis=0, keepdims=True))


ENTRIES = (
    Activation(
        "identity",
        r"\sigma(z) = z",
        r"\sigma'(z) = 1",
        value=np.copy,
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
    ),
    Activation(
        "leaky_relu",
        r"\sigma(z) = \begin{cases} z & z > 0 \\ \alpha z & z \le 0 \end{cases}",
        r"\sigma'(z) = \begin{cases} 1 & z > 0 \\ \alpha & z \le 0 \end{cases}",
        value=_leaky_relu,
        derivative=lambda Z, negative_slope: np.where(Z > 0, Z.dtype.type(1), Z.dtype.type(negative_slope)),
        parameters=(Parameter("negative_slope", 0.01, NON_NEGATIVE, Interval(0.0, 1.0), "slope left of 0"),),
        kinks=_leaky_relu_kinks,
        aliases={"torch": "nn.functional.leaky_relu", "jax": "nn.leaky_relu"},
        conventions="The derivative at 0 is the slope α here and in torch, 1 in jax.",
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
    ),
)
