"""Mistakes in the derivative of one activation (B5; B4 in the last layer).

Which of both one-sided derivatives is taken exactly on a kink, as z ≥ 0 for ReLU's z > 0, is none of them:
the judge calls that a convention, and rightly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import ACTIVATIONS, Backprop

from .model import Mistake, derivative_of, vjp_of

_sigmoid = ACTIVATIONS["sigmoid"].value


def _mistake(
    name: str,
    activation: str,
    what: str,
    remedy: str,
    implementation: type[Backprop],
    source: str = "",
    *,
    latex: str,
) -> Mistake:
    draw = DrawOptions(activations=(activation,), max_depth=4)
    return Mistake(name, "B5", what, remedy, implementation, source, also=("B4",), draw=draw, latex=latex)


def _gelu_tanh_without_inner(Z: Any, A: Any) -> Any:
    del A
    # ½(1 + tanh u) + (z/2)(1 - tanh² u) u', with √(2/π) for u' = √(2/π)(1 + 0.134145 z²)
    z, root = np.clip(Z, -40, 40), np.sqrt(Z.dtype.type(2) / np.pi)
    t = np.tanh(root * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t * t) * root


def _gelu_without_density(Z: Any, A: Any) -> Any:
    del A
    z = np.clip(Z, -40, 40)
    return ACTIVATIONS["gelu"].derivative(Z) - z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)  # type: ignore[misc]


MISTAKES = (
    # ------------------------------------------------------------ sigmoid, tanh
    _mistake(
        "sigmoid-derivative-of-input",
        "sigmoid",
        "Sigmoid's derivative is z(1 - z): the formula a(1 - a) of the output, given the input.",
        "Give it A, or compute σ(z)(1 - σ(z)).",
        derivative_of("sigmoid", lambda Z, A: Z * (1 - Z)),
        "https://github.com/PacktPublishing/Neural-Network-Projects-with-Python/issues/4",
        latex=r"\sigma_{\text{sigmoid}}'(z) = z (1 - z)",
    ),
    _mistake(
        "sigmoid-derivative-sign",
        "sigmoid",
        "Sigmoid's derivative is a(1 + a).",
        "It is a(1 - a).",
        derivative_of("sigmoid", lambda Z, A: A * (1 + A)),
        latex=r"\sigma_{\text{sigmoid}}'(z) = a (1 + a)",
    ),
    _mistake(
        "sigmoid-of-sigmoid",
        "sigmoid",
        "Sigmoid's derivative is σ(a)(1 - σ(a)): sigmoid is applied to what is sigmoid's output already.",
        "Give σ(z)(1 - σ(z)) the input z, or use a(1 - a).",
        derivative_of("sigmoid", lambda Z, A: _sigmoid(A) * (1 - _sigmoid(A))),
        "https://github.com/rasmusbergpalm/DeepLearnToolbox/issues/165",
        latex=r"\sigma_{\text{sigmoid}}'(z) = \sigma(a) (1 - \sigma(a)), \quad a = \sigma(z)",
    ),
    _mistake(
        "tanh-derivative-of-input",
        "tanh",
        "Tanh's derivative is 1 - z²: the formula 1 - a² of the output, given the input.",
        "Give it A, or compute 1 - tanh² z.",
        derivative_of("tanh", lambda Z, A: 1 - Z * Z),
        latex=r"\sigma_{\text{tanh}}'(z) = 1 - z^2",
    ),
    _mistake(
        "tanh-derivative-not-squared",
        "tanh",
        "Tanh's derivative is 1 - a.",
        "It is 1 - a².",
        derivative_of("tanh", lambda Z, A: 1 - A),
        latex=r"\sigma_{\text{tanh}}'(z) = 1 - a",
    ),
    _mistake(
        "tanh-derivative-of-tan",
        "tanh",
        "Tanh's derivative is 1 + a², which is that of the tangent.",
        "The hyperbolic tangent has 1 - a².",
        derivative_of("tanh", lambda Z, A: 1 + A * A),
        "https://github.com/gy910210/neural-network-from-scratch/issues/2",
        latex=r"\sigma_{\text{tanh}}'(z) = 1 + a^2",
    ),
    _mistake(
        "tanh-derivative-without-one",
        "tanh",
        "Tanh's derivative is -a².",
        "It is 1 - a².",
        derivative_of("tanh", lambda Z, A: -A * A),
        "https://github.com/scutan90/DeepLearning-500-questions/issues/544",
        latex=r"\sigma_{\text{tanh}}'(z) = -a^2",
    ),
    # ------------------------------------------------------------ ReLU and its kin
    _mistake(
        "relu-mask-of-output",
        "relu",
        "ReLU's derivative is [a ≥ 0], which is 1 everywhere.",
        "Ask whether a > 0.",
        derivative_of("relu", lambda Z, A: (A >= 0).astype(Z.dtype)),
        "https://github.com/iamtrask/Grokking-Deep-Learning/pull/13",
        latex=r"\sigma_{\text{ReLU}}'(z) = [a \ge 0]",
    ),
    _mistake(
        "relu-gradient-overwritten",
        "relu",
        "The error of a ReLU layer is [z > 0] itself: it is assigned, not multiplied in.",
        "Multiply what comes from the layer above by [z > 0].",
        vjp_of("relu", lambda Z, A, G: Z > 0),
        "https://github.com/haifengl/smile/issues/528",
        latex=r"\delta^{[l]} = [Z^{[l]} > 0]",
    ),
    _mistake(
        "relu-for-its-derivative",
        "relu",
        "ReLU itself stands in the place of its derivative: max(z, 0) for [z > 0].",
        "The derivative is 1 right of 0 and 0 left of it.",
        derivative_of("relu", lambda Z, A: np.maximum(Z, 0)),
        latex=r"\sigma_{\text{ReLU}}'(z) = \max(z, 0)",
    ),
    _mistake(
        "leaky-relu-derivative-of-relu",
        "leaky_relu",
        "Leaky ReLU's derivative is 0 left of 0, as ReLU's.",
        "Left of 0 it is the slope α.",
        derivative_of("leaky_relu", lambda Z, A, negative_slope: (Z > 0).astype(Z.dtype)),
        "https://github.com/scientific-computing/FKB/issues/15",
        latex=r"\sigma_{\text{leaky ReLU}}'(z) = [z > 0]",
    ),
    _mistake(
        "leaky-relu-derivative-swapped",
        "leaky_relu",
        "Leaky ReLU's derivative is α right of 0 and 1 left of it.",
        "Swap the two branches.",
        derivative_of("leaky_relu", lambda Z, A, negative_slope: np.where(Z > 0, negative_slope, 1.0)),
        latex=r"\sigma_{\text{leaky ReLU}}'(z) = \begin{cases} \alpha & z > 0 \\ 1 & z \le 0 \end{cases}",
    ),
    _mistake(
        "relu6-without-upper-bound",
        "relu6",
        "The derivative of ReLU6 is ReLU's: 1 above 6 as well.",
        "It is 0 from 6 on.",
        derivative_of("relu6", lambda Z, A: (Z > 0).astype(Z.dtype)),
        latex=r"\sigma_{\text{ReLU6}}'(z) = [z > 0]",
    ),
    _mistake(
        "hardtanh-fixed-bounds",
        "hardtanh",
        "The derivative of hard tanh is [-1 < z < 1], whatever the layer's bounds are.",
        "Compare z with the bounds that the value uses.",
        derivative_of("hardtanh", lambda Z, A, min_val, max_val: (np.abs(Z) < 1).astype(Z.dtype)),
        "https://github.com/torch/cunn/pull/149",
        latex=r"\sigma_{\text{hard tanh}}'(z) = [-1 < z < 1]",
    ),
    _mistake(
        "hardsigmoid-slope-of-keras",
        "hardsigmoid",
        "The derivative of hard sigmoid is 1/5, as older Keras has it, where the value has slope 1/6.",
        "Take value and derivative from one definition.",
        derivative_of("hardsigmoid", lambda Z, A: (np.abs(Z) < 3).astype(Z.dtype) / 5),
        latex=r"\sigma_{\text{hard sigmoid}}'(z) = \tfrac{1}{5} [-3 < z < 3]",
    ),
    _mistake(
        "hardswish-product-rule",
        "hardswish",
        "The derivative of hard swish is hard sigmoid: the product rule's second term is missing.",
        "Between -3 and 3 it is (2z + 3)/6.",
        derivative_of("hardswish", lambda Z, A: np.clip(Z + 3, 0, 6) / 6),
        latex=r"\sigma_{\text{hard swish}}'(z) = \tfrac{1}{6} \min(\max(z + 3, 0), 6)",
    ),
    _mistake(
        "elu-derivative-without-alpha",
        "elu",
        "ELU's derivative left of 0 is a + 1, which is right for α = 1 only.",
        "It is a + α, or α e^z.",
        derivative_of("elu", lambda Z, A, alpha: np.where(Z > 0, 1, A + 1)),
        "https://github.com/tiny-dnn/tiny-dnn/pull/896",
        latex=r"\sigma_{\text{ELU}}'(z) = \begin{cases} 1 & z > 0 \\ a + 1 & z \le 0 \end{cases}",
    ),
    # ------------------------------------------------------------ smooth ones
    _mistake(
        "softplus-cut-off-by-output",
        "softplus",
        "Softplus' derivative is 1 where β times the output exceeds a threshold, as where the input does.",
        "Compare βz with the threshold at which the value becomes linear.",
        derivative_of("softplus", lambda Z, A, beta: np.where(beta * A > 1, 1, _sigmoid(beta * Z))),
        "https://github.com/pytorch/pytorch/issues/55587",
        latex=r"\sigma_{\text{softplus}}'(z) = "
        r"\begin{cases} 1 & \beta a > 1 \\ 1 / (1 + e^{-\beta z}) & \beta a \le 1 \end{cases}",
    ),
    _mistake(
        "softplus-times-beta",
        "softplus",
        "Softplus' derivative is β/(1 + e^(-βz)): the 1/β in front of the logarithm is forgotten.",
        "β and 1/β cancel.",
        derivative_of("softplus", lambda Z, A, beta: beta * _sigmoid(beta * Z)),
        latex=r"\sigma_{\text{softplus}}'(z) = \frac{\beta}{1 + e^{-\beta z}}",
    ),
    _mistake(
        "logsigmoid-derivative-of-wrong-side",
        "logsigmoid",
        "The derivative of log σ(z) is σ(z).",
        "It is 1 - σ(z).",
        derivative_of("logsigmoid", lambda Z, A: _sigmoid(Z)),
        latex=r"\sigma_{\text{log-sigmoid}}'(z) = \frac{1}{1 + e^{-z}}",
    ),
    _mistake(
        "silu-derivative-without-product-rule",
        "silu",
        "The derivative of z σ(z) is σ(z): the product rule's second term is missing.",
        "It is σ(z) + z σ(z)(1 - σ(z)).",
        derivative_of("silu", lambda Z, A: _sigmoid(Z)),
        "https://github.com/RubixML/ML/pull/437",
        latex=r"\sigma_{\text{SiLU}}'(z) = \frac{1}{1 + e^{-z}}",
    ),
    _mistake(
        "silu-derivative-sign",
        "silu",
        "The second term of SiLU's derivative has the wrong sign: σ(z) - z σ(z)(1 - σ(z)).",
        "Add it.",
        derivative_of("silu", lambda Z, A: _sigmoid(Z) - A * _sigmoid(-Z)),
        latex=r"\sigma_{\text{SiLU}}'(z) = s - z s (1 - s), \quad s = \frac{1}{1 + e^{-z}}",
    ),
    _mistake(
        "gelu-derivative-without-density",
        "gelu",
        "GELU's derivative is Φ(z): the term z φ(z) is missing.",
        "Add z times the normal density.",
        derivative_of("gelu", _gelu_without_density),
        latex=r"\sigma_{\text{GELU}}'(z) = \Phi(z)",
    ),
    _mistake(
        "gelu-tanh-inner-derivative",
        "gelu_tanh",
        "GELU's tanh form is differentiated with u' = √(2/π), without the derivative of its cubic term.",
        "u' is √(2/π)(1 + 3 · 0.044715 z²).",
        derivative_of("gelu_tanh", _gelu_tanh_without_inner),
        latex=r"\sigma_{\text{GELU tanh}}'(z) = \tfrac{1}{2} (1 + \tanh(u)) + \tfrac{z k}{2 \cosh^2(u)}, "
        r"\quad u = k (z + 0.044715 z^3), \ k = \sqrt{2 / \pi}",
    ),
    _mistake(
        "softsign-derivative-not-squared",
        "softsign",
        "Softsign's derivative is 1/(1 + |z|).",
        "Square it.",
        derivative_of("softsign", lambda Z, A: 1 / (1 + np.abs(Z))),
        latex=r"\sigma_{\text{softsign}}'(z) = \frac{1}{1 + |z|}",
    ),
    # ------------------------------------------------------------ over the units of a sample
    _mistake(
        "softmax-elementwise",
        "softmax",
        "Softmax is differentiated as if each output depended on its own input only.",
        "Use the Jacobian: a ⊙ (g - Σ a g).",
        vjp_of("softmax", lambda Z, A, G: A * (1 - A) * G),
        "https://github.com/deeplearning4j/libnd4j/issues/440",
        latex=r"\delta_i = a_i (1 - a_i) g_i, \quad g = \frac{\partial L}{\partial a}",
    ),
    _mistake(
        "softmax-without-diagonal",
        "softmax",
        "Softmax' Jacobian is -a a^T: its diagonal part is missing.",
        "The Jacobian is diag(a) - a a^T.",
        vjp_of("softmax", lambda Z, A, G: -A * np.sum(A * G, axis=0, keepdims=True)),
        latex=r"\delta_i = -a_i \sum_j a_j g_j, \quad g = \frac{\partial L}{\partial a}",
    ),
    _mistake(
        "softmax-sums-over-samples",
        "softmax",
        "The sum in softmax' derivative, Σ a g, runs over the samples instead of over the units.",
        "Sum down each column, axis 0 where samples are columns.",
        vjp_of("softmax", lambda Z, A, G: A * (G - np.sum(A * G, axis=1, keepdims=True))),
        latex=r"\delta_{is} = a_{is} \left( g_{is} - \sum_t a_{it} g_{it} \right), "
        r"\quad g = \frac{\partial L}{\partial A}",
    ),
    _mistake(
        "log-softmax-sum-of-products",
        "log_softmax",
        "Log-softmax' derivative subtracts Σ a g, as softmax' does.",
        "It is g - e^a Σ g.",
        vjp_of("log_softmax", lambda Z, A, G: G - np.sum(A * G, axis=0, keepdims=True)),
        "https://github.com/uxlfoundation/oneDNN/issues/616",
        latex=r"\delta_i = g_i - \sum_j a_j g_j, \quad g = \frac{\partial L}{\partial a}",
    ),
    _mistake(
        "log-softmax-jacobian-transposed",
        "log_softmax",
        "Log-softmax' Jacobian is multiplied from the wrong side, g - Σ e^a g; it is not symmetric.",
        "Its transpose is needed: g - e^a Σ g.",
        vjp_of("log_softmax", lambda Z, A, G: G - np.sum(np.exp(A) * G, axis=0, keepdims=True)),
        latex=r"\delta_i = g_i - \sum_j e^{a_j} g_j, \quad g = \frac{\partial L}{\partial a}",
    ),
    _mistake(
        "log-softmax-gradient-added",
        "log_softmax",
        "Log-softmax' derivative is g + e^a, as if the gradient were that of one label.",
        "It is g - e^a Σ g for any gradient g.",
        vjp_of("log_softmax", lambda Z, A, G: G + np.exp(A)),
        "https://github.com/mlpack/mlpack/issues/2360",
        latex=r"\delta_i = g_i + e^{a_i}, \quad g = \frac{\partial L}{\partial a}",
    ),
)
