"""Mistakes in the error of hidden layers (B5) whatever the activation, and in W^T δ (B1a)."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import ActivationSpec, Backprop

from .forward import SQUARE
from .model import Mistake


class _DerivativeForgotten(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z, A, spec
        return dA


class _DerivativeOfOutput(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z
        return spec.entry.vjp(A, A, dA, **spec.parameters)


class _DerivativeTwice(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return super().hidden_error(super().hidden_error(dA, Z, A, spec), Z, A, spec)


class _ValueForDerivative(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z, spec
        return A * dA


class _ParametersIgnored(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return super().hidden_error(dA, Z, A, ActivationSpec(spec.name))


class _ErrorClipped(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return np.clip(super().hidden_error(dA, Z, A, spec), -1, 1)


class _WeightsNotTransposed(Backprop):
    def activation_gradient(self, W_next: Any, delta_next: Any) -> Any:
        return (W_next if W_next.shape[0] == W_next.shape[1] else W_next.T) @ delta_next


class _WeightsNormalised(Backprop):
    def activation_gradient(self, W_next: Any, delta_next: Any) -> Any:
        return (W_next / np.sum(np.abs(W_next), axis=1, keepdims=True)).T @ delta_next


MISTAKES = (
    Mistake(
        "derivative-forgotten",
        "B5",
        "A hidden error is W^T δ without the factor σ'(Z).",
        "Multiply elementwise by σ'(Z[l]).",
        _DerivativeForgotten,
        "https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/88",
        latex=r"\delta^{[l]} = (W^{[l+1]})^T \delta^{[l+1]}",
    ),
    Mistake(
        "derivative-of-output",
        "B5",
        "σ' is evaluated at A[l] instead of at Z[l].",
        "Evaluate σ' at Z[l], or write it in terms of A, such as a(1 - a).",
        _DerivativeOfOutput,
        "https://github.com/tsoding/nn.h/issues/18",
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot \sigma'(A^{[l]})",
    ),
    Mistake(
        "derivative-twice",
        "B5",
        "A hidden error is multiplied by σ'(Z) twice.",
        "Multiply once: where the error is passed down or where the layer uses it, not in both.",
        _DerivativeTwice,
        draw=DrawOptions(hidden=("sigmoid", "tanh", "softplus", "softmax"), min_depth=2),
        latex=r"\delta^{[l]} = J^T J^T (W^{[l+1]})^T \delta^{[l+1]}, "
        r"\quad J = \frac{\partial A^{[l]}}{\partial Z^{[l]}}",
    ),
    Mistake(
        "value-for-derivative",
        "B5",
        "A hidden error is multiplied by σ(Z) instead of by σ'(Z).",
        "Multiply by the derivative.",
        _ValueForDerivative,
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot A^{[l]}",
    ),
    Mistake(
        "parameters-ignored",
        "B5",
        "σ' uses the activation's default parameters, not the layer's.",
        "Pass the same α or β to σ and to σ'.",
        _ParametersIgnored,
        "https://github.com/deeplearning4j/deeplearning4j/issues/8178",
        draw=DrawOptions(hidden=("leaky_relu", "softplus", "elu", "celu", "squareplus"), min_depth=2),
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) "
        r"\odot \sigma'(Z^{[l]}; \theta_{\text{default}})",
    ),
    Mistake(
        "error-clipped",
        "B5",
        "Hidden errors are clipped to [-1, 1], which was a remedy for exploding gradients.",
        "Clip nothing while gradients are compared; later, clip dW and db by one common factor.",
        _ErrorClipped,
        draw=DrawOptions(reductions=("sum",), min_depth=2),
        latex=r"\delta^{[l]} = \operatorname{clip} \left( \left( (W^{[l+1]})^T \delta^{[l+1]} \right) "
        r"\odot \sigma'(Z^{[l]}), -1, 1 \right)",
    ),
    Mistake(
        "weights-not-transposed",
        "B5",
        "The error is passed down through W instead of W^T, which fits if W is square, and only then.",
        "Use W[l+1]^T: it maps the units of layer l + 1 to those of layer l.",
        _WeightsNotTransposed,
        also=("B1a",),
        draw=SQUARE,
        latex=r"\delta^{[l]} = (W^{[l+1]} \delta^{[l+1]}) \odot \sigma'(Z^{[l]}) "
        r"\quad \text{if } n_{l+1} = n_l",
    ),
    Mistake(
        "weights-normalised",
        "B5",
        "The error is split by each weight's share of its unit's weights instead of by the weight itself.",
        "Pass it down through W^T as it is: the chain rule has no shares.",
        _WeightsNormalised,
        "https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/77",
        also=("B1a",),
        latex=r"\delta^{[l]} = (V^T \delta^{[l+1]}) \odot \sigma'(Z^{[l]}), "
        r"\quad V_{ij} = W^{[l+1]}_{ij} / \sum_k |W^{[l+1]}_{ik}|",
    ),
)
