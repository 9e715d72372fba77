"""Mistakes in what goes into an equation of the backward pass: the right formula of the wrong layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import ActivationSpec, Backprop, Case, Trace

from .model import Mistake

EQUAL = DrawOptions(min_depth=3, max_depth=5, min_width=2, max_width=3, max_batch=8)
"""Widths so small that neighbouring layers often have equal shapes."""
DEEP = DrawOptions(min_depth=2, max_depth=5)


class _BackwardPass(Backprop):
    """The backward pass, with what each equation is given as a method to override."""

    def weights(self, case: Case, A: Sequence[Any], delta: Any, l: int) -> Any:
        """What stands for W[l] where δ[l] is passed down."""
        return case.network.layers[l - 1].W

    def passed_down(self, delta: Any, dA: Any) -> Any:
        """What is passed down of a layer's δ and ∂L/∂A."""
        return delta

    def point(
        self, case: Case, Z: Sequence[Any], A: Sequence[Any], l: int
    ) -> tuple[Any, Any, ActivationSpec]:
        """Z, A and the activation whose derivative δ[l] takes."""
        return Z[l - 1], A[l], case.network.layers[l - 1].activation

    def backward(self, case: Case, Z: list[Any], A: list[Any]) -> tuple[list[Any], Any]:
        depth = case.network.depth
        dA = self.loss_gradient(A[-1], case.Y, case.network.loss)
        deltas: list[Any] = []
        for l in range(depth, 0, -1):
            error = self.output_error if l == depth else self.hidden_error
            deltas.insert(0, error(dA, *self.point(case, Z, A, l)))
            W = self.weights(case, A, deltas[0], l)
            dA = self.activation_gradient(W, self.passed_down(deltas[0], dA))
        return deltas, dA


class _UpdatedWeights(_BackwardPass):
    def weights(self, case: Case, A: Sequence[Any], delta: Any, l: int) -> Any:
        return case.network.layers[l - 1].W - case.learning_rate * (delta @ A[l - 1].T)


class _WeightsOfLayerBelow(_BackwardPass):
    def weights(self, case: Case, A: Sequence[Any], delta: Any, l: int) -> Any:
        own, below = (case.network.layers[max(k, 1) - 1].W for k in (l, l - 1))
        return below if below.shape == own.shape else own


class _GradientOfOutputPassedDown(_BackwardPass):
    def passed_down(self, delta: Any, dA: Any) -> Any:
        return dA


class _PointOfLayerAbove(_BackwardPass):
    def point(
        self, case: Case, Z: Sequence[Any], A: Sequence[Any], l: int
    ) -> tuple[Any, Any, ActivationSpec]:
        own, above = Z[l - 1], Z[min(l, len(Z) - 1)]
        k = l + 1 if above.shape == own.shape and l < len(Z) else l
        return Z[k - 1], A[k], case.network.layers[l - 1].activation


class _PointOfLayerBelow(_BackwardPass):
    def point(
        self, case: Case, Z: Sequence[Any], A: Sequence[Any], l: int
    ) -> tuple[Any, Any, ActivationSpec]:
        own, below = Z[l - 1], Z[max(l - 2, 0)]
        k = l - 1 if 1 < l < len(Z) and below.shape == own.shape else l
        return Z[k - 1], A[k], case.network.layers[l - 1].activation


class _ActivationOfLayerAbove(_BackwardPass):
    def point(
        self, case: Case, Z: Sequence[Any], A: Sequence[Any], l: int
    ) -> tuple[Any, Any, ActivationSpec]:
        return Z[l - 1], A[l], case.network.layers[min(l, len(Z) - 1)].activation


class _ActivationOfFirstLayer(_BackwardPass):
    def point(
        self, case: Case, Z: Sequence[Any], A: Sequence[Any], l: int
    ) -> tuple[Any, Any, ActivationSpec]:
        return Z[l - 1], A[l], case.network.layers[0 if l < len(Z) else l - 1].activation


class _FirstLayerSkipped(Backprop):
    def backward(self, case: Case, Z: list[Any], A: list[Any]) -> tuple[list[Any], Any]:
        deltas, dX = super().backward(case, Z, A)
        if len(deltas) == 1:
            return deltas, dX
        return [np.zeros_like(deltas[0]), *deltas[1:]], np.zeros_like(dX)


class _GradientPass(Backprop):
    """What follows the backward pass, with what goes into ∂L/∂W and ∂L/∂b as methods to override."""

    def factors(self, case: Case, trace: Trace, l: int) -> tuple[Any, Any]:
        """δ and A whose product is ∂L/∂W[l]."""
        delta, A = trace.delta or (), (case.X, *(trace.A or ()))
        return delta[l - 1], A[l - 1]

    def column_sum_of(self, case: Case, trace: Trace, l: int) -> Any:
        """What is summed over the samples for ∂L/∂b[l]."""
        return (trace.delta or ())[l - 1]

    def added(self, case: Case, l: int) -> Any:
        """What is added to ∂L/∂W[l]."""
        return 0

    def run(self, case: Case) -> Trace:
        layers, rate = case.network.layers, case.learning_rate
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            Z, A, loss = self.forward(case)
            deltas, dX = self.backward(case, Z, A)
            trace = Trace(loss=loss, Z=tuple(Z), A=tuple(A[1:]), delta=tuple(deltas), dX=dX)
            each = range(1, len(layers) + 1)
            dW = [self.weight_gradient(*self.factors(case, trace, l)) + self.added(case, l) for l in each]
            db = [self.bias_gradient(self.column_sum_of(case, trace, l)) for l in each]
            W = [self.update_weight(k.W, g, rate) for k, g in zip(layers, dW, strict=True)]
            b = [self.update_bias(k.b, g, rate) for k, g in zip(layers, db, strict=True)]
        return replace(trace, dW=tuple(dW), db=tuple(db), W_updated=tuple(W), b_updated=tuple(b))


class _OwnActivation(_GradientPass):
    def factors(self, case: Case, trace: Trace, l: int) -> tuple[Any, Any]:
        (delta, A), own = super().factors(case, trace, l), (trace.A or ())[l - 1]
        return delta, own if own.shape == A.shape else A


class _PreActivation(_GradientPass):
    def factors(self, case: Case, trace: Trace, l: int) -> tuple[Any, Any]:
        return super().factors(case, trace, l)[0], (case.X, *(trace.Z or ()))[l - 1]


class _InputEverywhere(_GradientPass):
    def factors(self, case: Case, trace: Trace, l: int) -> tuple[Any, Any]:
        delta, A = super().factors(case, trace, l)
        return delta, case.X if case.X.shape == A.shape else A


class _ErrorOfLayerAbove(_GradientPass):
    def factors(self, case: Case, trace: Trace, l: int) -> tuple[Any, Any]:
        delta, A = super().factors(case, trace, l)
        above = (trace.delta or ())[min(l, case.network.depth - 1)]
        return above if above.shape == delta.shape else delta, A


class _WeightDecay(_GradientPass):
    def added(self, case: Case, l: int) -> Any:
        return 0.01 * case.network.layers[l - 1].W


class _BiasOfLayerAbove(_GradientPass):
    def column_sum_of(self, case: Case, trace: Trace, l: int) -> Any:
        own, above = (
            super(_BiasOfLayerAbove, self).column_sum_of(case, trace, k)
            for k in (l, min(l + 1, case.network.depth))
        )
        return above if above.shape == own.shape else own


class _BiasBeforeDerivative(_GradientPass):
    def column_sum_of(self, case: Case, trace: Trace, l: int) -> Any:
        if l == case.network.depth:
            return super().column_sum_of(case, trace, l)
        return case.network.layers[l].W.T @ super().column_sum_of(case, trace, l + 1)


MISTAKES = (
    Mistake(
        "updated-weights-in-backward",
        "B5",
        "Each layer is updated before its error is passed down, so that it goes through the new weights.",
        "Compute all gradients first, then update.",
        _UpdatedWeights,
        "https://github.com/kim-marcel/basic_neural_network/issues/7",
        also=("B1a",),
        latex=r"\delta^{[l]} = \left( (W^{[l+1]} - \eta \, \delta^{[l+1]} "
        r"(A^{[l]})^T)^T \delta^{[l+1]} \right) \odot \sigma'(Z^{[l]})",
    ),
    Mistake(
        "weights-of-layer-below",
        "B5",
        "The error is passed down through W[l] instead of W[l+1], where both have one shape.",
        "δ[l] takes the weights that lead out of layer l: W[l+1].",
        _WeightsOfLayerBelow,
        draw=EQUAL,
        latex=r"\delta^{[l]} = \left( (W^{[l]})^T \delta^{[l+1]} \right) \odot \sigma'(Z^{[l]}) "
        r"\quad \text{if } n_{l+1} = n_l = n_{l-1}",
    ),
    Mistake(
        "error-passed-down-before-derivative",
        "B5",
        "What is passed down is ∂L/∂A, not δ: W^T ∂L/∂A[l+1] without the derivative of layer l + 1.",
        "Multiply by σ'(Z[l+1]) first, then by W[l+1]^T.",
        _GradientOfOutputPassedDown,
        "https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/88",
        also=("B1a",),
        draw=DrawOptions(min_depth=2, max_depth=5, output=("sigmoid", "tanh", "softplus", "softmax")),
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \frac{\partial L}{\partial A^{[l+1]}} \right) "
        r"\odot \sigma'(Z^{[l]})",
    ),
    Mistake(
        "derivative-at-layer-above",
        "B5",
        "σ' is evaluated at Z[l+1] instead of at Z[l], where both have one shape.",
        "δ[l] takes σ'(Z[l]), the derivative at the layer's own pre-activation.",
        _PointOfLayerAbove,
        "https://github.com/dennybritz/nn-from-scratch/pull/3",
        draw=EQUAL,
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot \sigma'(Z^{[l+1]}) "
        r"\quad \text{if } n_{l+1} = n_l",
    ),
    Mistake(
        "derivative-at-layer-below",
        "B5",
        "σ' is evaluated at Z[l-1] instead of at Z[l], where both have one shape.",
        "δ[l] takes σ'(Z[l]), the derivative at the layer's own pre-activation.",
        _PointOfLayerBelow,
        draw=EQUAL,
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot \sigma'(Z^{[l-1]}) "
        r"\quad \text{if } n_{l-1} = n_l",
    ),
    Mistake(
        "derivative-of-layer-above",
        "B5",
        "A hidden error takes the derivative of the next layer's activation.",
        "Layer l has its own activation: index activations as W and b are.",
        _ActivationOfLayerAbove,
        draw=DEEP,
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot (\sigma^{[l+1]})'(Z^{[l]})",
    ),
    Mistake(
        "derivative-of-first-layer",
        "B5",
        "All hidden errors take the derivative of the first layer's activation.",
        "Each layer has its own activation.",
        _ActivationOfFirstLayer,
        draw=DrawOptions(min_depth=3, max_depth=5),
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot (\sigma^{[1]})'(Z^{[l]})",
    ),
    Mistake(
        "first-layer-skipped",
        "B5",
        "The loop over the layers ends one too early: the error of the first layer stays 0.",
        "Go down to layer 1.",
        _FirstLayerSkipped,
        draw=DEEP,
        latex=r"\delta^{[1]} = 0",
    ),
    Mistake(
        "own-activation-in-gradient",
        "B1",
        "∂L/∂W[l] is δ[l] A[l]^T instead of δ[l] A[l-1]^T, where both have one shape.",
        "Take what went into the layer: A[l-1].",
        _OwnActivation,
        draw=EQUAL,
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} (A^{[l]})^T "
        r"\quad \text{if } n_l = n_{l-1}",
    ),
    Mistake(
        "pre-activation-in-gradient",
        "B1",
        "∂L/∂W[l] is δ[l] Z[l-1]^T: the pre-activation of the layer below instead of its activation.",
        "Take what went into the layer: A[l-1].",
        _PreActivation,
        draw=DEEP,
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} (Z^{[l-1]})^T, \quad l > 1",
    ),
    Mistake(
        "input-in-every-gradient",
        "B1",
        "∂L/∂W[l] takes the network's input for A[l-1] in every layer where it fits.",
        "Take what went into the layer: A[l-1].",
        _InputEverywhere,
        draw=EQUAL,
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} X^T \quad \text{if } n_{l-1} = n_0",
    ),
    Mistake(
        "error-of-layer-above",
        "B1",
        "∂L/∂W[l] takes δ[l+1] instead of δ[l], where both have one shape.",
        "Count errors and layers alike: ∂L/∂W[l] = δ[l] A[l-1]^T.",
        _ErrorOfLayerAbove,
        draw=EQUAL,
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l+1]} (A^{[l-1]})^T "
        r"\quad \text{if } n_{l+1} = n_l",
    ),
    Mistake(
        "weight-decay-in-gradient",
        "B1",
        "∂L/∂W has 0.01 W added, the gradient of an L2 penalty that is not in the loss.",
        "Switch regularisation off while gradients are compared, or put it in the loss.",
        _WeightDecay,
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} (A^{[l-1]})^T + 0.01 \, W^{[l]}",
    ),
    Mistake(
        "bias-gradient-of-layer-above",
        "B3",
        "∂L/∂b[l] is the sum of δ[l+1] instead of δ[l], where both have one shape.",
        "Count errors and layers alike.",
        _BiasOfLayerAbove,
        draw=EQUAL,
        latex=r"\frac{\partial L}{\partial b^{[l]}} = \sum_{s=1}^{m} \delta^{[l+1]}_s "
        r"\quad \text{if } n_{l+1} = n_l",
    ),
    Mistake(
        "bias-gradient-before-derivative",
        "B3",
        "∂L/∂b is the sum of ∂L/∂A, not of δ: the factor σ'(Z) is in ∂L/∂W only.",
        "Sum δ, which has the factor.",
        _BiasBeforeDerivative,
        draw=DEEP,
        latex=r"\frac{\partial L}{\partial b^{[l]}} = \sum_{s=1}^{m} (W^{[l+1]})^T \delta^{[l+1]}_s, "
        r"\quad l < L",
    ),
)
