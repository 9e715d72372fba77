"""Wrong equations that people really write, each a few lines that override methods of Backprop.

They prove that the suite can fail: `backproof run --mistake NAME` must end with mismatches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from refimpl import ActivationSpec, Backprop, LossSpec


@dataclass(frozen=True)
class Mistake:
    """A catalogued wrong equation."""

    name: str
    equation: str
    """The id of the equation that is wrong."""
    what: str
    remedy: str
    implementation: type[Backprop]


class _DerivativeForgotten(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z, A, spec
        return dA


class _DerivativeOfOutput(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z
        return spec.entry.vjp(A, A, dA, **spec.parameters)


class _SoftmaxElementwise(Backprop):
    def _error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        if spec.entry.elementwise:
            return spec.entry.vjp(Z, A, dA, **spec.parameters)
        return A * (1 - A) * dA

    output_error = _error
    hidden_error = _error


class _PredictionMinusTarget(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return (A - Y) / A.dtype.type(spec.entry.divisor(spec.reduction, *A.shape))

    def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z, A, spec
        return dA


class _TargetMinusPrediction(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return -super().loss_gradient(A, Y, spec)


class _BatchMeanTwice(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        return super().weight_gradient(delta, A_previous) / A_previous.dtype.type(A_previous.shape[1])


class _BiasFromOneColumn(Backprop):
    def bias_gradient(self, delta: Any) -> Any:
        return delta[:, :1].copy()


class _BiasForgotten(Backprop):
    def pre_activation(self, W: Any, A_previous: Any, b: Any) -> Any:
        del b
        return W @ A_previous


class _UpdateUphill(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        return W + learning_rate * dW


class _BiasNotUpdated(Backprop):
    def update_bias(self, b: Any, db: Any, learning_rate: float) -> Any:
        del db, learning_rate
        return b.copy()


class _ParametersIgnored(Backprop):
    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return super().hidden_error(dA, Z, A, ActivationSpec(spec.name))


class _SoftmaxWithoutMaximum(Backprop):
    def activation(self, Z: Any, spec: ActivationSpec) -> Any:
        if spec.entry.elementwise:
            return super().activation(Z, spec)
        e = np.exp(Z)
        return e / np.sum(e, axis=0, keepdims=True)


_CATALOGUE = (
    Mistake(
        "derivative-forgotten",
        "B5",
        "A hidden error is W^T δ without the factor σ'(Z).",
        "Multiply elementwise by σ'(Z[l]).",
        _DerivativeForgotten,
    ),
    Mistake(
        "derivative-of-output",
        "B5",
        "σ' is evaluated at A[l] instead of at Z[l].",
        "Evaluate σ' at Z[l], or write it in terms of A, such as a(1 - a).",
        _DerivativeOfOutput,
    ),
    Mistake(
        "softmax-elementwise",
        "B5",
        "Softmax is differentiated as if each output depended on its own input only.",
        "Use the Jacobian: a ⊙ (g - Σ a g).",
        _SoftmaxElementwise,
    ),
    Mistake(
        "prediction-minus-target",
        "B4",
        "δ[L] = Ŷ - Y is used for every pair of activation and loss.",
        "Use it only for the pairs it holds for; the general rule is (∂A/∂Z)^T ∂L/∂A.",
        _PredictionMinusTarget,
    ),
    Mistake(
        "target-minus-prediction",
        "B4",
        "The error at the output has the wrong sign, Y - Ŷ.",
        "Differentiate the loss by Ŷ: Ŷ - Y; or add the gradient in the update.",
        _TargetMinusPrediction,
    ),
    Mistake(
        "batch-mean-twice",
        "B1",
        "∂L/∂W is divided by the batch size although the loss's mean is in δ already.",
        "Divide once: in the loss's gradient or here, not in both.",
        _BatchMeanTwice,
    ),
    Mistake(
        "bias-from-one-column",
        "B3",
        "∂L/∂b is the error of the first sample only.",
        "Sum δ over the samples (columns).",
        _BiasFromOneColumn,
    ),
    Mistake(
        "bias-forgotten",
        "F2",
        "Z = W A without b.",
        "Add b to every column.",
        _BiasForgotten,
    ),
    Mistake(
        "update-uphill",
        "U1",
        "The update adds η ∂L/∂W, and so climbs.",
        "Subtract it.",
        _UpdateUphill,
    ),
    Mistake(
        "bias-not-updated",
        "U2",
        "b is left as it was.",
        "Subtract η ∂L/∂b.",
        _BiasNotUpdated,
    ),
    Mistake(
        "parameters-ignored",
        "B5",
        "σ' uses the activation's default parameters, not the layer's.",
        "Pass the same α or β to σ and to σ'.",
        _ParametersIgnored,
    ),
    Mistake(
        "softmax-without-maximum",
        "F3",
        "Softmax exponentiates Z as it is, which overflows for large Z.",
        "Subtract each column's maximum first.",
        _SoftmaxWithoutMaximum,
    ),
)

MISTAKES: Mapping[str, Mistake] = MappingProxyType({mistake.name: mistake for mistake in _CATALOGUE})
