"""Mistakes of the update (U1, U2), and what is left over from the call before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from refimpl import Backprop, Case, Trace

from .model import Mistake
from .passes import DEEP, EQUAL


class _Uphill(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        return W + learning_rate * dW


class _Twice(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        return W - learning_rate * dW - learning_rate * dW


class _RateSquared(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        return W - learning_rate * (learning_rate * dW)


class _RateForgotten(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        del learning_rate
        return W - dW


class _WeightDecay(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        return W - learning_rate * (dW + 0.01 * W)


class _MomentumOn(Backprop):
    def update_weight(self, W: Any, dW: Any, learning_rate: float) -> Any:
        velocity = (1 - 0.9) * dW  # 0.9 · 0 + (1 - 0.9) dW: the first step of an average that starts at 0
        return W - learning_rate * velocity


class _BiasNotUpdated(Backprop):
    def update_bias(self, b: Any, db: Any, learning_rate: float) -> Any:
        del db, learning_rate
        return b.copy()


class _BiasUphill(Backprop):
    def update_bias(self, b: Any, db: Any, learning_rate: float) -> Any:
        return b + learning_rate * db


class _BiasTwice(Backprop):
    def update_bias(self, b: Any, db: Any, learning_rate: float) -> Any:
        return b - learning_rate * db - learning_rate * db


class _BiasReplaced(Backprop):
    def update_bias(self, b: Any, db: Any, learning_rate: float) -> Any:
        del b
        return -learning_rate * db


class _FirstGradientForAll(Backprop):
    def run(self, case: Case) -> Trace:
        trace = super().run(case)
        layers, rate, dW = case.network.layers, case.learning_rate, trace.dW or ()
        fitting = [dW[0] if g.shape == dW[0].shape else g for g in dW]
        updated = [layer.W - rate * g for layer, g in zip(layers, fitting, strict=True)]
        return replace(trace, W_updated=tuple(updated))


class _OnlyLastUpdated(Backprop):
    def run(self, case: Case) -> Trace:
        trace = super().run(case)
        kept = [layer.W.copy() for layer in case.network.layers[:-1]]
        return replace(trace, W_updated=(*kept, (trace.W_updated or ())[-1]))


class _BiasByWeightGradient(Backprop):
    def run(self, case: Case) -> Trace:
        trace, layers = super().run(case), case.network.layers
        means = [np.mean(g, axis=1, keepdims=True) for g in trace.dW or ()]
        updated = [layer.b - case.learning_rate * g for layer, g in zip(layers, means, strict=True)]
        return replace(trace, b_updated=tuple(updated))


def _sums(new: Any, old: Any, factor: float = 1) -> tuple[Any, ...]:
    """Layer by layer the sum of two gradients, or the new ones where the old belong to another network."""
    if [g.shape for g in new] != [g.shape for g in old]:
        return tuple(new)
    return tuple(g + factor * h for g, h in zip(new, old, strict=True))


class _GradientsAccumulated(Backprop):
    dW: Any = ()
    db: Any = ()

    def run(self, case: Case) -> Trace:
        trace, layers, rate = super().run(case), case.network.layers, case.learning_rate
        self.dW, self.db = _sums(trace.dW, self.dW), _sums(trace.db, self.db)
        W = tuple(layer.W - rate * g for layer, g in zip(layers, self.dW, strict=True))
        b = tuple(layer.b - rate * g for layer, g in zip(layers, self.db, strict=True))
        return replace(trace, dW=self.dW, db=self.db, W_updated=W, b_updated=b)


class _MomentumCarried(Backprop):
    velocity: Any = ()

    def run(self, case: Case) -> Trace:
        trace, rate = super().run(case), case.learning_rate
        self.velocity = _sums(trace.dW, self.velocity, 0.9)
        layers = zip(case.network.layers, self.velocity, strict=True)
        return replace(trace, W_updated=tuple(layer.W - rate * v for layer, v in layers))


MISTAKES = (
    Mistake(
        "update-uphill",
        "U1",
        "The update adds η ∂L/∂W, and so climbs.",
        "Subtract it.",
        _Uphill,
        "https://github.com/pytorch/pytorch/issues/1871",
        latex=r"W^{[l]} \leftarrow W^{[l]} + \eta \frac{\partial L}{\partial W^{[l]}}",
    ),
    Mistake(
        "updated-twice",
        "U1",
        "W is updated twice in one step.",
        "Subtract η ∂L/∂W once: in the layer or in the optimiser.",
        _Twice,
        latex=r"W^{[l]} \leftarrow W^{[l]} - 2 \eta \frac{\partial L}{\partial W^{[l]}}",
    ),
    Mistake(
        "rate-squared",
        "U1",
        "η is multiplied in twice: where the gradient is computed and in the update.",
        "Keep η out of the gradient.",
        _RateSquared,
        latex=r"W^{[l]} \leftarrow W^{[l]} - \eta^2 \frac{\partial L}{\partial W^{[l]}}",
    ),
    Mistake(
        "rate-forgotten",
        "U1",
        "The update is W - ∂L/∂W without η.",
        "Multiply the gradient by η.",
        _RateForgotten,
        latex=r"W^{[l]} \leftarrow W^{[l]} - \frac{\partial L}{\partial W^{[l]}}",
    ),
    Mistake(
        "weight-decay-in-update",
        "U1",
        "The update subtracts η · 0.01 W besides η ∂L/∂W.",
        "Switch weight decay off while steps are compared.",
        _WeightDecay,
        latex=r"W^{[l]} \leftarrow "
        r"W^{[l]} - \eta \left( \frac{\partial L}{\partial W^{[l]}} + 0.01 \, W^{[l]} \right)",
    ),
    Mistake(
        "momentum-left-on",
        "U1",
        "The step is a tenth of η ∂L/∂W: the first of a moving average that starts at 0.",
        "Switch momentum off while steps are compared.",
        _MomentumOn,
        latex=r"W^{[l]} \leftarrow W^{[l]} - 0.1 \, \eta \frac{\partial L}{\partial W^{[l]}}",
    ),
    Mistake(
        "first-gradient-for-all",
        "U1",
        "Every layer of the first layer's shape is updated with the first layer's gradient.",
        "Use each layer's own gradient: look for an index that stays where it is.",
        _FirstGradientForAll,
        draw=EQUAL,
        latex=r"W^{[l]} \leftarrow W^{[l]} - \eta \frac{\partial L}{\partial W^{[1]}} "
        r"\quad \text{if } n_l = n_1, \ n_{l-1} = n_0",
    ),
    Mistake(
        "only-last-layer-updated",
        "U1",
        "Only the last layer's weights are updated.",
        "Update every layer.",
        _OnlyLastUpdated,
        draw=DEEP,
        latex=r"W^{[l]} \leftarrow W^{[l]}, \quad l < L",
    ),
    Mistake(
        "bias-not-updated",
        "U2",
        "b is left as it was.",
        "Subtract η ∂L/∂b.",
        _BiasNotUpdated,
        "https://github.com/mattm/simple-neural-network/issues/5",
        latex=r"b^{[l]} \leftarrow b^{[l]}",
    ),
    Mistake(
        "bias-uphill",
        "U2",
        "The update adds η ∂L/∂b, and so climbs.",
        "Subtract it.",
        _BiasUphill,
        latex=r"b^{[l]} \leftarrow b^{[l]} + \eta \frac{\partial L}{\partial b^{[l]}}",
    ),
    Mistake(
        "bias-updated-twice",
        "U2",
        "b is updated twice in one step.",
        "Subtract η ∂L/∂b once: in the layer or in the optimiser.",
        _BiasTwice,
        "https://github.com/nntrainer/nntrainer/pull/219",
        latex=r"b^{[l]} \leftarrow b^{[l]} - 2 \eta \frac{\partial L}{\partial b^{[l]}}",
    ),
    Mistake(
        "bias-replaced",
        "U2",
        "b becomes -η ∂L/∂b: the step takes the place of b instead of being added.",
        "Subtract the step from b.",
        _BiasReplaced,
        "https://github.com/hanbt/learn_dl/pull/25",
        latex=r"b^{[l]} \leftarrow -\eta \frac{\partial L}{\partial b^{[l]}}",
    ),
    Mistake(
        "bias-updated-by-weight-gradient",
        "U2",
        "b is updated with the mean of ∂L/∂W over the inputs.",
        "Use ∂L/∂b.",
        _BiasByWeightGradient,
        latex=r"b^{[l]}_i \leftarrow "
        r"b^{[l]}_i - \frac{\eta}{n_{l-1}} \sum_j \frac{\partial L}{\partial W^{[l]}_{ij}}",
    ),
    # ------------------------------------------------------------ from the second call on
    Mistake(
        "gradients-accumulated",
        "B1",
        "Gradients are added to those of the call before, which nobody has set to zero.",
        "Set the gradients to zero before each backward pass, or assign instead of adding.",
        _GradientsAccumulated,
        "https://github.com/karpathy/micrograd/pull/102",
        effect="state",
        also=("B3",),
        latex=r"\frac{\partial L}{\partial W^{[l]}} \leftarrow "
        r"\frac{\partial L}{\partial W^{[l]}} + \delta^{[l]} (A^{[l-1]})^T",
    ),
    Mistake(
        "momentum-carried-over",
        "U1",
        "The step has 0.9 times the step of the call before added, whatever that was about.",
        "Start with a fresh optimiser, or switch momentum off while steps are compared.",
        _MomentumCarried,
        effect="state",
        latex=r"W^{[l]} \leftarrow W^{[l]} - \eta v^{[l]}, "
        r"\quad v^{[l]} \leftarrow 0.9 \, v^{[l]} + \frac{\partial L}{\partial W^{[l]}}",
    ),
)
