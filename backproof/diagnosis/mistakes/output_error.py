"""Mistakes in the error at the output (B4) that have nothing to do with one particular function."""

from __future__ import annotations

from typing import Any

from backproof.cases import DrawOptions
from refimpl import ActivationSpec, Backprop, LossSpec

from .model import Mistake, gradient_of


class _PredictionMinusTarget(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return (A - Y) / A.dtype.type(spec.entry.divisor(spec.reduction, *A.shape))

    def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z, A, spec
        return dA


class _TargetMinusPrediction(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return -super().loss_gradient(A, Y, spec)


class _DerivativeForgotten(Backprop):
    def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        del Z, A, spec
        return dA


class _DerivativeTwice(Backprop):
    def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return super().output_error(super().output_error(dA, Z, A, spec), Z, A, spec)


class _DerivativeOfOutput(Backprop):
    def output_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return super().output_error(dA, A, A, spec)


MISTAKES = (
    Mistake(
        "prediction-minus-target",
        "B4",
        "δ[L] = Ŷ - Y is used for every pair of activation and loss.",
        "Use it only for the pairs it holds for; the general rule is (∂A/∂Z)^T ∂L/∂A.",
        _PredictionMinusTarget,
        latex=r"\delta^{[L]} = \frac{1}{d} (\hat Y - Y)",
    ),
    Mistake(
        "target-minus-prediction",
        "B4",
        "The error at the output has the wrong sign, such as Y - Ŷ.",
        "Differentiate the loss by Ŷ: Ŷ - Y; or add the gradient in the update.",
        _TargetMinusPrediction,
        "https://github.com/deeplearning4j/deeplearning4j/issues/349",
        latex=r"\delta^{[L]} = "
        r"-\left( \frac{\partial A^{[L]}}{\partial Z^{[L]}} \right)^T \frac{\partial L}{\partial A^{[L]}}",
    ),
    Mistake(
        "output-derivative-forgotten",
        "B4",
        "δ[L] is ∂L/∂A[L] without the factor σ'(Z[L]).",
        "Multiply by σ'(Z[L]), or use the form that is right for the pair of activation and loss.",
        _DerivativeForgotten,
        "https://github.com/jiexunsee/Neural-Network-with-Python/issues/1",
        draw=DrawOptions(output=("sigmoid", "tanh", "softmax", "softplus")),
        latex=r"\delta^{[L]} = \frac{\partial L}{\partial A^{[L]}}",
    ),
    Mistake(
        "output-derivative-twice",
        "B4",
        "δ[L] is multiplied by σ'(Z[L]) twice.",
        "Multiply once: in the loss's gradient or in the layer, not in both.",
        _DerivativeTwice,
        draw=DrawOptions(output=("sigmoid", "tanh", "softmax", "softplus")),
        latex=r"\delta^{[L]} = J^T J^T \frac{\partial L}{\partial A^{[L]}}, "
        r"\quad J = \frac{\partial A^{[L]}}{\partial Z^{[L]}}",
    ),
    Mistake(
        "special-form-times-derivative",
        "B4",
        "Ŷ - Y, which is ∂L/∂Z[L] for cross-entropy, is taken for ∂L/∂A[L] and multiplied by σ' again.",
        "Ŷ - Y contains σ' already: leave the factor out for this pair.",
        gradient_of(("bce", "cross_entropy"), lambda A, Y, **_: A - Y),
        "https://github.com/rasmusbergpalm/DeepLearnToolbox/issues/113",
        draw=DrawOptions(losses=("bce", "cross_entropy"), output=("sigmoid", "softmax")),
        latex=r"\delta^{[L]} = "
        r"\left( \frac{\partial A^{[L]}}{\partial Z^{[L]}} \right)^T \frac{1}{d} (\hat Y - Y)",
    ),
    Mistake(
        "output-derivative-of-output",
        "B4",
        "σ' of the last layer is evaluated at Ŷ = A[L] instead of at Z[L].",
        "Evaluate σ' at Z[L], or write it in terms of A, such as a(1 - a).",
        _DerivativeOfOutput,
        "https://github.com/davidrmiller/neural2d/issues/40",
        draw=DrawOptions(output=("sigmoid", "tanh", "softplus", "silu")),
        latex=r"\delta^{[L]} = \frac{\partial L}{\partial A^{[L]}} \odot \sigma'(A^{[L]})",
    ),
)
