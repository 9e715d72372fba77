"""The error facts of each activation (E1, E2), one line each.

Scales take (z, value or derivative, parameters), turns take (parameters).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activation_rules import SOFTMAX
from .error_facts import ACCURACY, ActivationFacts, exact, relative


def _softplus(z: Any, value: Any, p: Any) -> Any:
    # e^(βz) turns the rounding of βz into a relative error |βz| u where softplus is about e^(βz)/β.
    return np.abs(value) * (1 + np.maximum(-p["beta"] * z, 0) / 4)


def _softplus_slope(z: Any, slope: Any, p: Any) -> Any:
    # Autograd of log(e^x + 1) is e^(x - softplus x): both terms round at |x| u, on both sides of 0.
    return np.abs(slope) * (1 + np.abs(p["beta"] * z) / 4)


def _softmax_value(z: Any, value: Any, _p: Any) -> Any:
    # e^(z - max) turns the rounding of z - max into a relative error; the sum over n units rounds n times.
    below = np.max(z, axis=-2, keepdims=True) - z
    mean_below = np.sum(np.abs(value) * np.nan_to_num(below), axis=-2, keepdims=True)
    return np.abs(value) * (1 + (z.shape[-2] + below + mean_below) / ACCURACY)


ACTIVATION_FACTS: dict[str, ActivationFacts] = {
    "identity": ActivationFacts(exact, exact),
    # a(1 - a) with a accurate: 1 - a is off by a's error. 1 - a² likewise, by twice a's error.
    "sigmoid": ActivationFacts(relative, lambda z, d, p: 1.25 / (1 + np.exp(-z)), lambda p: (0.0,)),
    "tanh": ActivationFacts(relative, lambda z, d, p: np.abs(d) + 2 * (1 - d), lambda p: (0.0,)),
    "relu": ActivationFacts(exact, exact),
    "leaky_relu": ActivationFacts(relative, exact),
    "softplus": ActivationFacts(
        _softplus, _softplus_slope, naive_value=lambda z, v, p: np.ones_like(v) / p["beta"] + np.abs(v)
    ),
    "softmax": ActivationFacts(_softmax_value, rule=SOFTMAX),
}
