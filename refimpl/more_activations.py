"""The other activations that PyTorch and JAX have for such networks: bent smoothly, or over all units.

Appendix to `activations.py`, with its conventions; the piecewise ones are in `piecewise_activations.py`. An
entry's `source` is where its function comes from. What has no entry, and why, stands in `LEFT_OUT`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .activations import sigmoid, softmax, softmax_vjp
from .domains import NON_NEGATIVE, NON_POSITIVE, POSITIVE, SYMMETRIC_UNIT, UNIT, Interval
from .functions import Activation, Kink, Parameter, Parameters, Units

# ---------------------------------------------------------------- exponential linear units


def _elu(Z: Units, alpha: float) -> Units:
    # e^z - 1 cancels near 0: expm1(z) is that number without the subtraction. np.where computes both branches
    # everywhere, and e^z would overflow on the right, where it is not wanted: hence min(z, 0).
    return np.where(Z > 0, Z, alpha * np.expm1(np.minimum(Z, 0)))


def _elu_derivative(Z: Units, alpha: float) -> Units:
    return np.where(Z > 0, Z.dtype.type(1), alpha * np.exp(np.minimum(Z, 0)))


def _elu_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    alpha = parameters["alpha"]
    return () if alpha == 1 else (Kink(at=0.0, left=alpha, right=1.0, chosen=alpha),)


def _celu(Z: Units, alpha: float) -> Units:
    left = np.minimum(Z, 0)
    with np.errstate(over="ignore"):  # z/α = -inf gives e^-inf - 1 = -1, which is right
        x = left / alpha
    # Where z/α is so small that it may have underflowed, α(e^(z/α) - 1) is z but for a rounding.
    near_0 = np.abs(x) < np.finfo(Z.dtype).eps
    return np.where(Z > 0, Z, np.where(near_0, left, alpha * np.expm1(x)))


def _celu_derivative(Z: Units, alpha: float) -> Units:
    with np.errstate(over="ignore"):  # e^-inf = 0 is right
        return np.exp(np.minimum(Z, 0) / alpha)


# From "Self-Normalizing Neural Networks" (see the entry): mean 0 and variance 1 are a fixed point of a layer.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _selu(Z: Units) -> Units:
    with np.errstate(over="ignore"):  # λz overflows at the largest z, and is infinite then
        return np.where(Z > 0, _SELU_SCALE * Z, _SELU_SCALE * _SELU_ALPHA * np.expm1(np.minimum(Z, 0)))


def _selu_derivative(Z: Units) -> Units:
    left = _SELU_SCALE * _SELU_ALPHA * np.exp(np.minimum(Z, 0))
    return np.where(Z > 0, Z.dtype.type(_SELU_SCALE), left)


def _selu_kinks(parameters: Parameters) -> tuple[Kink, ...]:
    del parameters
    left = _SELU_SCALE * _SELU_ALPHA
    return (Kink(at=0.0, left=left, right=_SELU_SCALE, chosen=left),)


# ---------------------------------------------------------------- z times something that rises from 0 to 1

# NumPy has no erfc, and the standard library's is for Python floats: so these two compute in float64.
_erfc = np.frompyfunc(math.erfc, 1, 1)


def _normal_distribution(Z: Units) -> Units:
    """Φ(z), of a normal variable below z, in float64; erfc x = 1 - erf x, and erf is odd.

    ½ erfc(-z/√2) = ½ (1 + erf(z/√2)), of which the right side cancels left of 0, where erf is near -1.
    """
    return 0.5 * np.asarray(_erfc(Z.astype(np.float64) * -math.sqrt(0.5)), dtype=np.float64)


def _gelu(Z: Units) -> Units:
    # float64 until the last step, whatever Z is.
    return (Z * _normal_distribution(Z)).astype(Z.dtype)


def _gelu_derivative(Z: Units) -> Units:
    # (z Φ)' = Φ + z φ with the density φ(z) = e^(-z²/2)/√(2π), which is 0 to all digits far before z = ±40:
    # clipping there keeps z² from overflowing.
    z = np.clip(Z.astype(np.float64), -40, 40)
    density = np.exp(-np.square(z) / 2) / math.sqrt(2 * math.pi)
    return (_normal_distribution(Z) + z * density).astype(Z.dtype)


_GELU_CUBE = 0.044715
_GELU_SLOPE = math.sqrt(8 / math.pi)


def _twice_gelu_argument(Z: Units) -> Units:
    """2u = √(8/π) z (1 + 0.044715 z²). For |z| > 40 all that matters is that e^(-2|u|) is 0."""
    z = np.clip(Z, -40, 40)
    return _GELU_SLOPE * z * (1 + _GELU_CUBE * np.square(z))


def _gelu_tanh(Z: Units) -> Units:
    # ½(1 + tanh u) cancels left of 0. With tanh u = (e^u - e^-u)/(e^u + e^-u) it is e^u/(e^u + e^-u), which
    # is 1/(1 + e^(-2u)) = σ(2u).
    return Z * sigmoid(_twice_gelu_argument(Z))


def _gelu_tanh_derivative(Z: Units) -> Units:
    # z σ(x) with x = 2u: σ(x) + z σ'(x) x' = σ(x) (1 + z x' σ(-x)), as σ' = σ(x) σ(-x).
    x, z = _twice_gelu_argument(Z), np.clip(Z, -40, 40)
    slope = _GELU_SLOPE * (1 + 3 * _GELU_CUBE * np.square(z))
    return sigmoid(x) * (1 + z * slope * sigmoid(-x))


def _times_exponential(Z: Units) -> Units:
    """z e^z for z ≤ 0. Far left e^z underflows while z times it does not yet: there e^(z/2), twice."""
    half = np.exp(np.minimum(Z, 0) / 2)
    return np.where(Z < -64, Z * half * half, Z * np.exp(np.minimum(Z, 0)))


def _silu(Z: Units) -> Units:
    # z σ(z): z/(1 + e^-z) right of 0, z e^z/(1 + e^z) left of it.
    e = np.exp(-np.abs(Z))
    return np.where(Z >= 0, Z, _times_exponential(np.minimum(Z, 0))) / (1 + e)


def _silu_derivative(Z: Units) -> Units:
    # σ + z σ' with σ' = σ(z) σ(-z), of which z σ(z) is silu itself; 1 - σ(z) would cancel on the right.
    return sigmoid(Z) + _silu(Z) * sigmoid(-Z)


def _mish_fraction(Z: Units) -> tuple[Units, Units, Units]:
    """tanh log(1 + e^z) as num/den: num, den and their difference."""
    # tanh x = (e^2x - 1)/(e^2x + 1), where e^x = 1 + e^z: (1 + e^z)² - 1 over (1 + e^z)² + 1. Multiplied out
    # that is e^z (e^z + 2) over e^z (e^z + 2) + 2; right of 0, both are divided by e^2z.
    e = np.exp(-np.abs(Z))
    num = np.where(Z >= 0, 1 + 2 * e, e * (e + 2))
    rest = np.where(Z >= 0, 2 * np.square(e), Z.dtype.type(2))
    return num, num + rest, rest


def _mish(Z: Units) -> Units:
    num, den, _ = _mish_fraction(Z)
    e = np.exp(-np.abs(Z))
    return np.where(Z >= 0, Z * num, _times_exponential(np.minimum(Z, 0)) * (e + 2)) / den


def _mish_derivative(Z: Units) -> Units:
    # tanh + z σ(z)(1 - tanh²), where 1 - tanh² = (den - num)(den + num)/den² does not cancel.
    num, den, rest = _mish_fraction(Z)
    return num / den + _silu(Z) * (rest / den) * ((den + num) / den)


# ---------------------------------------------------------------- between lines


def _logsigmoid(Z: Units) -> Units:
    # log σ(z) = -log(1 + e^-z) = min(z, 0) - log(1 + e^-|z|), as for softplus. Far left that is z, where σ(z)
    # is 0 and log 0 infinite; far right it keeps all digits of e^-z.
    return np.minimum(Z, 0) - np.log1p(np.exp(-np.abs(Z)))


def _tanhshrink(Z: Units) -> Units:
    # z - tanh z, about z³/3, cancels near 0. By its continued fraction tanh z is z/(1 + K) with
    # K = z²/(3 + z²/(5 + …)), so that the difference is zK/(1 + K), all of one sign.
    square = np.square(np.clip(Z, -1, 1))
    K = np.zeros_like(Z)
    for odd in range(21, 1, -2):  # enough for |z| ≤ 1 in float64
        K = square / (odd + K)
    return np.where(np.abs(Z) < 1, Z * (K / (1 + K)), Z - np.tanh(Z))


def _squareplus(Z: Units, b: float) -> Units:
    # hypot(z, √b) is √(z² + b) without overflow in z². z + √(z² + b) cancels left of 0; multiplied and
    # divided by √(z² + b) - z = √(z² + b) + |z|, it is b over that.
    root = math.sqrt(b)
    mean = np.hypot(Z, root) / 2 + np.abs(Z) / 2
    return np.where(Z >= 0, mean, (root / 2) * ((root / 2) / mean))


def _squareplus_derivative(Z: Units, b: float) -> Units:
    # ½ (1 + z/h) with h = √(z² + b) is ½ (h + z)/h, the value over h: that sum is found without cancelling.
    return _squareplus(Z, b) / np.hypot(Z, math.sqrt(b))


# ---------------------------------------------------------------- over the units of a sample


def log_softmax(Z: Units) -> Units:
    """a_i = z_i - log Σ_j e^(z_j) down each column, (n, m): the logarithm of softmax.

    >>> np.exp(log_softmax(np.log([[1.0], [1.0], [2.0]])))
    array([[0.25],
           [0.25],
           [0.5 ]])
    >>> log_softmax(np.array([[0.0], [-1000.0]]))  # softmax has 0 for e^-1000
    array([[    0.],
           [-1000.]])
    """
    # With each column's maximum subtracted, e^z ≤ 1 and their sum is at least 1.
    with np.errstate(over="ignore"):  # a difference of -inf gives e^-inf = 0, and -inf is right
        below = Z - np.max(Z, axis=0, keepdims=True)
    # The largest counts 1 in the sum. Left out of it, log(1 + others) keeps the digits of small others.
    e = np.exp(below)
    np.put_along_axis(e, np.argmax(Z, axis=0, keepdims=True), 0, axis=0)
    return below - np.log1p(np.sum(e, axis=0, keepdims=True))


def _log_softmax_vjp(Z: Units, A: Units, G: Units) -> Units:
    # ∂a_i/∂z_j = [i = j] - p_j with p = softmax(z) = e^a, so that (J^T g)_j = g_j - p_j Σ_i g_i.
    del Z
    return G - np.exp(A) * np.sum(G, axis=0, keepdims=True)


ENTRIES: tuple[Activation, ...] = (
    Activation(
        "elu",
        r"\sigma(z) = \begin{cases} z & z > 0 \\ \alpha (e^z - 1) & z \le 0 \end{cases}",
        r"\sigma'(z) = \begin{cases} 1 & z > 0 \\ \alpha e^z & z \le 0 \end{cases}",
        value=_elu,
        derivative=_elu_derivative,
        parameters=(Parameter("alpha", 1.0, NON_NEGATIVE, Interval(0.125, 2.0), "minus the limit at -∞"),),
        kinks=_elu_kinks,
        aliases={"torch": "nn.functional.elu", "jax": "nn.elu"},
        conventions="The derivative at 0 is α here, in torch and in jax.",
        source="Clevert, Unterthiner and Hochreiter 2015, arXiv:1511.07289",
    ),
    Activation(
        "celu",
        r"\sigma(z) = \max(z, 0) + \min(\alpha (e^{z / \alpha} - 1), 0)",
        r"\sigma'(z) = \begin{cases} 1 & z > 0 \\ e^{z / \alpha} & z \le 0 \end{cases}",
        value=_celu,
        derivative=_celu_derivative,
        parameters=(Parameter("alpha", 1.0, POSITIVE, Interval(0.125, 2.0), "minus the limit at -∞"),),
        aliases={"torch": "nn.functional.celu", "jax": "nn.celu"},
        source="Barron 2017, arXiv:1704.07483",
    ),
    Activation(
        "selu",
        r"\sigma(z) = \lambda \begin{cases} z & z > 0 \\ \alpha (e^z - 1) & z \le 0 \end{cases},"
        r"\quad \lambda = 1.0507\ldots, \alpha = 1.6732\ldots",
        r"\sigma'(z) = \lambda \begin{cases} 1 & z > 0 \\ \alpha e^z & z \le 0 \end{cases}",
        value=_selu,
        derivative=_selu_derivative,
        kinks=_selu_kinks,
        aliases={"torch": "nn.functional.selu", "jax": "nn.selu"},
        conventions="λ and α are the paper's. The derivative at 0 is λα here, in torch and in jax.",
        source="Klambauer, Unterthiner, Mayr and Hochreiter 2017, arXiv:1706.02515",
    ),
    Activation(
        "gelu",
        r"\sigma(z) = z \Phi(z) = \tfrac{z}{2} \left(1 + \mathrm{erf} \tfrac{z}{\sqrt{2}}\right)",
        r"\sigma'(z) = \Phi(z) + \tfrac{z}{\sqrt{2 \pi}} e^{-z^2 / 2}",
        value=_gelu,
        derivative=_gelu_derivative,
        range=Interval(-0.17, math.inf, high_inside=False),
        aliases={"torch": "nn.functional.gelu", "jax": "nn.gelu"},
        conventions="This is torch's default and jax's approximate=False; jax's default is gelu_tanh.",
        source="Hendrycks and Gimpel 2016, arXiv:1606.08415",
    ),
    Activation(
        "gelu_tanh",
        r"\sigma(z) = \tfrac{z}{2} (1 + \tanh u), \quad u = \sqrt{\tfrac{2}{\pi}} (z + 0.044715 z^3)",
        r"\sigma'(z) = \tfrac{1}{2} (1 + \tanh u) + \tfrac{z}{2 \cosh^2 u}"
        r" \sqrt{\tfrac{2}{\pi}} (1 + 0.134145 z^2)",
        value=_gelu_tanh,
        derivative=_gelu_tanh_derivative,
        range=Interval(-0.1701, math.inf, high_inside=False),
        aliases={"torch": "nn.functional.gelu", "jax": "nn.gelu"},
        conventions="torch's approximate='tanh' and jax's default, called gelu there; up to 5e-4 off gelu. "
        "A third form is z σ(1.702 z).",
        source="Hendrycks and Gimpel 2016, arXiv:1606.08415",
    ),
    Activation(
        "silu",
        r"\sigma(z) = \frac{z}{1 + e^{-z}}",
        r"\sigma'(z) = s(z)\,(1 + z\,s(-z)), \quad s(z) = \frac{1}{1 + e^{-z}}",
        value=_silu,
        derivative=_silu_derivative,
        range=Interval(-0.2785, math.inf, high_inside=False),
        aliases={"torch": "nn.functional.silu", "jax": "nn.silu, nn.swish"},
        conventions="Swish with β = 1; Swish itself is z σ(βz).",
        source="Hendrycks and Gimpel 2016, arXiv:1606.08415; Elfwing, Uchibe and Doya 2017, arXiv:1702.03118",
    ),
    Activation(
        "mish",
        r"\sigma(z) = z \tanh \log(1 + e^z)",
        r"\sigma'(z) = t + \frac{z (1 - t^2)}{1 + e^{-z}}, \quad t = \tanh \log(1 + e^z)",
        value=_mish,
        derivative=_mish_derivative,
        range=Interval(-0.309, math.inf, high_inside=False),
        aliases={"torch": "nn.functional.mish", "jax": "nn.mish"},
        source="Misra 2019, arXiv:1908.08681",
    ),
    Activation(
        "softsign",
        r"\sigma(z) = \frac{z}{1 + |z|}",
        r"\sigma'(z) = \frac{1}{(1 + |z|)^2}",
        value=lambda Z: Z / (1 + np.abs(Z)),
        derivative=lambda Z: np.square(1 / (1 + np.abs(Z))),  # (1 + |z|)² overflows
        range=SYMMETRIC_UNIT,
        aliases={"torch": "nn.functional.softsign", "jax": "nn.soft_sign"},
        source="Bergstra et al. 2009, Quadratic polynomials learn better image features",
    ),
    Activation(
        "logsigmoid",
        r"\sigma(z) = -\log(1 + e^{-z})",
        r"\sigma'(z) = \frac{1}{1 + e^z}",
        value=_logsigmoid,
        derivative=lambda Z: sigmoid(-Z),
        range=NON_POSITIVE,
        aliases={"torch": "nn.functional.logsigmoid", "jax": "nn.log_sigmoid"},
    ),
    Activation(
        "tanhshrink",
        r"\sigma(z) = z - \tanh z",
        r"\sigma'(z) = \tanh^2 z",
        value=_tanhshrink,
        derivative=lambda Z: np.square(np.tanh(Z)),
        aliases={"torch": "nn.functional.tanhshrink"},
    ),
    Activation(
        "squareplus",
        r"\sigma(z) = \tfrac{1}{2} \left(z + \sqrt{z^2 + b}\right)",
        r"\sigma'(z) = \tfrac{1}{2} \left(1 + \frac{z}{\sqrt{z^2 + b}}\right)",
        value=_squareplus,
        derivative=_squareplus_derivative,
        range=NON_NEGATIVE,
        parameters=(Parameter("b", 4.0, POSITIVE, Interval(0.25, 8.0), "roundness of the bend"),),
        aliases={"jax": "nn.squareplus"},
        conventions="jax squares z, which overflows beyond 1.8e19 in float32: there its slope is ½.",
        source="Barron 2021, arXiv:2112.11687",
    ),
    Activation(
        "softmin",
        r"a_i = \frac{e^{-z_i}}{\sum_j e^{-z_j}}",
        r"\frac{\partial a_i}{\partial z_j} = a_i (a_j - [i = j])",
        value=lambda Z: softmax(-Z),
        vector_jacobian_product=lambda Z, A, G: -softmax_vjp(Z, A, G),
        range=UNIT,
        aliases={"torch": "nn.functional.softmin"},
        conventions="Over the units of one sample, as softmax.",
    ),
    Activation(
        "log_softmax",
        r"a_i = z_i - \log \sum_j e^{z_j}",
        r"\frac{\partial a_i}{\partial z_j} = [i = j] - e^{a_j}",
        value=log_softmax,
        vector_jacobian_product=_log_softmax_vjp,
        range=NON_POSITIVE,
        aliases={"torch": "nn.functional.log_softmax", "jax": "nn.log_softmax"},
        conventions="Over the units of one sample, as softmax.",
    ),
)

# What torch.nn and jax.nn count among their activations and is none of a network's layers here.
LEFT_OUT: Mapping[str, str] = {
    "torch.nn.RReLU": "its slope is random while training",
    "torch.nn.PReLU": "leaky_relu with a slope that is learned",
    "torch.nn.GLU": "halves the number of units",
    "torch.nn.Softmax2d": "softmax over another axis",
    "torch.nn.MultiheadAttention": "a network of its own, with weights",
    "jax.nn.glu": "halves the number of units",
    "jax.nn.dot_product_attention": "takes queries, keys and values",
    "jax.nn.scaled_dot_general": "a matrix product",
    "jax.nn.scaled_matmul": "a matrix product",
    "jax.nn.get_scaled_dot_general_config": "options of a matrix product",
    "jax.nn.standardize": "a normalisation",
    "jax.nn.logsumexp": "reduces the units to one number",
    "jax.nn.logmeanexp": "reduces the units to one number",
    "jax.nn.log1mexp": "defined on (0, ∞) only",
    "jax.nn.one_hot": "takes integers, and has no derivative",
}
