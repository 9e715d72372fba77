"""Mistakes in the value of one activation (F3; F4 in the last layer)."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import ACTIVATIONS, ActivationSpec, Backprop

from .model import Mistake, value_of


class _ParametersIgnored(Backprop):
    def activation(self, Z: Any, spec: ActivationSpec) -> Any:
        return super().activation(Z, ActivationSpec(spec.name))


def _exponentials_over_sum(Z: Any) -> Any:
    e = np.exp(Z)
    return e / np.sum(e, axis=0, keepdims=True)


def _softmax_over_samples(Z: Any) -> Any:
    e = np.exp(Z - np.max(Z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def _softmax_below_zero_unshifted(Z: Any) -> Any:
    e = np.exp(Z - np.maximum(np.max(Z, axis=0, keepdims=True), 0))
    return e / np.sum(e, axis=0, keepdims=True)


def _tanh_of_exponentials(Z: Any) -> Any:
    return (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z))


def _of(*names: str, **more: Any) -> DrawOptions:
    return DrawOptions(activations=names, **more)


def _far(output: str, **more: Any) -> DrawOptions:
    """Last layers whose pre-activations are far from 0: activations that are not bounded come before them."""
    hidden, losses = ("identity", "relu", "softplus"), ("mse", "half_squared_error", "huber", "log_cosh")
    regimes = ("ordinary", "saturated", "kinks", "near_kinks")
    return DrawOptions(hidden=hidden, output=(output,), losses=losses, regimes=regimes, min_depth=2, **more)


MISTAKES = (
    Mistake(
        "parameters-ignored-in-value",
        "F3",
        "σ uses the activation's default parameters, not the layer's.",
        "Pass the layer's α or β to σ, as to σ'.",
        _ParametersIgnored,
        also=("F4",),
        draw=_of("leaky_relu", "softplus", "elu", "celu", "squareplus", "hardtanh", "softshrink"),
        latex=r"A^{[l]} = \sigma(Z^{[l]}; \theta_{\text{default}})",
    ),
    Mistake(
        "softmax-without-maximum",
        "F3",
        "Softmax exponentiates Z as it is, which overflows for large Z.",
        "Subtract each column's maximum first.",
        value_of("softmax", _exponentials_over_sum),
        "https://github.com/numenta/nupic-legacy/pull/3818",
        effect="unstable",
        also=("F4", "B4", "B5"),
        draw=_far("softmax"),
        latex=r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}",
    ),
    Mistake(
        "softmax-of-large-negatives",
        "F3",
        "Softmax subtracts the larger of 0 and the maximum, so that far below 0 all exponentials underflow.",
        "Subtract the column's maximum itself, whatever its sign.",
        value_of("softmax", _softmax_below_zero_unshifted),
        "https://github.com/FluxML/NNlib.jl/pull/43",
        effect="unstable",
        also=("F4", "B4", "B5"),
        draw=DrawOptions(
            hidden=("identity",),
            output=("softmax",),
            losses=("mse", "huber"),
            regimes=("kinks", "near_kinks"),
            min_depth=4,
            outputs=(2, 2),
        ),
        latex=r"a_i = \frac{e^{z_i - c}}{\sum_j e^{z_j - c}}, \quad c = \max(0, \max_j z_j)",
    ),
    Mistake(
        "softmax-with-one-maximum",
        "F3",
        "Softmax subtracts the maximum of the whole batch, so that samples far below it underflow to 0/0.",
        "Take the maximum of each sample: down each column here.",
        value_of("softmax", lambda Z: _exponentials_over_sum(Z - np.max(Z))),
        "https://github.com/twitter-archive/torch-autograd/issues/166",
        effect="unstable",
        also=("F4", "B4", "B5"),
        draw=_far("softmax", min_batch=4),
        latex=r"a_{is} = \frac{e^{z_{is} - c}}{\sum_j e^{z_{js} - c}}, \quad c = \max_{j, t} z_{jt}",
    ),
    Mistake(
        "softmax-over-samples",
        "F3",
        "Softmax sums over the samples of the batch instead of over the units of a sample.",
        "Sum down each column, axis 0 where samples are columns.",
        value_of("softmax", _softmax_over_samples),
        "https://github.com/perone/euclidesdb/issues/2",
        also=("F4", "B4", "B5"),
        draw=_of("softmax"),
        latex=r"a_{is} = \frac{e^{z_{is}}}{\sum_t e^{z_{it}}}",
    ),
    Mistake(
        "log-of-softmax",
        "F3",
        "Log-softmax takes the logarithm of softmax, which is log 0 once a probability underflows.",
        "Compute z - max - log Σ e^(z - max).",
        value_of("log_softmax", lambda Z: np.log(ACTIVATIONS["softmax"].value(Z))),
        "https://github.com/clab/dynet/issues/218",
        effect="unstable",
        also=("F4", "B4", "B5"),
        draw=_of("log_softmax", regimes=("saturated", "magnitudes")),
        latex=r"a_i = \log \, \frac{e^{z_i}}{\sum_j e^{z_j}}",
    ),
    Mistake(
        "tanh-of-exponentials",
        "F3",
        "Tanh is the quotient of e^z - e^-z and e^z + e^-z, which is inf/inf for large z.",
        "Call tanh.",
        value_of("tanh", _tanh_of_exponentials),
        effect="unstable",
        also=("F4",),
        draw=_far("tanh"),
        latex=r"\sigma_{\text{tanh}}(z) = \frac{e^z - e^{-z}}{e^z + e^{-z}}",
    ),
    Mistake(
        "softplus-overflows",
        "F3",
        "Softplus is log(1 + e^(βz))/β as it is written, which overflows for large βz.",
        "Split off max(z, 0): max(z, 0) + log(1 + e^(-β|z|))/β.",
        value_of("softplus", lambda Z, beta: np.log(1 + np.exp(beta * Z)) / beta),
        "https://github.com/tenstorrent/tt-metal/pull/56397",
        effect="unstable",
        also=("F4",),
        draw=_of("softplus", regimes=("saturated", "magnitudes")),
        latex=r"\sigma_{\text{softplus}}(z) = \tfrac{1}{\beta} \, \log(1 + e^{\beta z})",
    ),
    Mistake(
        "leaky-relu-of-the-wrong-side",
        "F3",
        "Leaky ReLU is 0 left of 0 and αz right of it.",
        "It is αz left of 0 and z right of it.",
        value_of("leaky_relu", lambda Z, negative_slope: np.where(Z < 0, 0, negative_slope * Z)),
        "https://github.com/BrainJS/brain.js/issues/560",
        also=("F4",),
        draw=_of("leaky_relu"),
        latex=r"\sigma_{\text{leaky ReLU}}(z) = \alpha \max(z, 0)",
    ),
    Mistake(
        "elu-alpha-subtracted",
        "F3",
        "ELU is e^z - α left of 0 instead of α(e^z - 1).",
        "Multiply by α what is there for α = 1.",
        value_of("elu", lambda Z, alpha: np.where(Z > 0, Z, np.exp(np.minimum(Z, 0)) - alpha)),
        "https://github.com/apache/singa/pull/480",
        also=("F4",),
        draw=_of("elu"),
        latex=r"\sigma_{\text{ELU}}(z) = \begin{cases} z & z > 0 \\ e^z - \alpha & z \le 0 \end{cases}",
    ),
    Mistake(
        "gelu-approximated",
        "F3",
        "GELU's approximation by tanh is computed where the exact one, with erf, is meant.",
        "Use erf, or say that the approximation is meant: it is an activation of its own.",
        value_of("gelu", ACTIVATIONS["gelu_tanh"].value),
        "https://github.com/jax-ml/jax/issues/4428",
        also=("F4",),
        draw=_of("gelu"),
        latex=r"\sigma_{\text{GELU}}(z) = "
        r"\tfrac{z}{2} \left( 1 + \tanh \left( \sqrt{2 / \pi} \, (z + 0.044715 z^3) \right) \right)",
    ),
    Mistake(
        "hardsigmoid-of-keras",
        "F3",
        "Hard sigmoid has slope 1/5 between ±5/2, as in older Keras, not 1/6 between ±3.",
        "Use one definition in both places: max(0, min(6, z + 3))/6 here.",
        value_of("hardsigmoid", lambda Z: np.clip(Z / 5 + 0.5, 0, 1)),
        "https://github.com/PaddlePaddle/Paddle/issues/44820",
        also=("F4",),
        draw=_of("hardsigmoid"),
        latex=r"\sigma_{\text{hard sigmoid}}(z) = \min(\max(\tfrac{z}{5} + \tfrac{1}{2}, 0), 1)",
    ),
)
