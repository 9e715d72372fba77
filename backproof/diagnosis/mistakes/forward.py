"""Mistakes of the forward pass: F2, and which activation stands where (F3, F4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import ActivationSpec, Backprop, Case

from .model import Mistake

SQUARE = DrawOptions(max_depth=4, min_width=2, max_width=3, max_batch=8)
"""Widths so small that many weights are square."""


class _BiasForgotten(Backprop):
    def pre_activation(self, W: Any, A_previous: Any, b: Any) -> Any:
        del b
        return W @ A_previous


class _BiasShared(Backprop):
    def pre_activation(self, W: Any, A_previous: Any, b: Any) -> Any:
        return W @ A_previous + b[:1]


class _BiasAlongSamples(Backprop):
    def pre_activation(self, W: Any, A_previous: Any, b: Any) -> Any:
        return W @ A_previous + (b.T if b.size == A_previous.shape[1] else b)


class _WeightsTransposedForward(Backprop):
    def pre_activation(self, W: Any, A_previous: Any, b: Any) -> Any:
        return (W.T if W.shape[0] == W.shape[1] else W) @ A_previous + b


class _ForwardInSinglePrecision(Backprop):
    def pre_activation(self, W: Any, A_previous: Any, b: Any) -> Any:
        product = W.astype(np.float32) @ A_previous.astype(np.float32)
        return product.astype(W.dtype) + b


class _ForwardPass(Backprop):
    """The forward pass, with what follows Z[l] as a method to override."""

    def activated(self, case: Case, Z: Any, l: int) -> Any:
        """A[l] of Z[l]."""
        return self.activation(Z, case.network.layers[l - 1].activation)

    def forward(self, case: Case) -> tuple[list[Any], list[Any], Any]:
        Z: list[Any] = []
        A = [self.input_activation(case.X)]
        for l, layer in enumerate(case.network.layers, start=1):
            Z.append(self.pre_activation(layer.W, A[-1], layer.b))
            A.append(self.activated(case, Z[-1], l))
        return Z, A, self.loss(A[-1], case.Y, case.network.loss)


class _OutputActivationForgotten(_ForwardPass):
    def activated(self, case: Case, Z: Any, l: int) -> Any:
        A = super().activated(case, Z, l)
        return Z.copy() if l == case.network.depth else A


class _ProbabilitiesForLogits(_ForwardPass):
    def activated(self, case: Case, Z: Any, l: int) -> Any:
        A, loss = super().activated(case, Z, l), case.network.loss.name
        name = {"cross_entropy_with_logits": "softmax", "bce_with_logits": "sigmoid"}.get(loss)
        return A if name is None or l < case.network.depth else ActivationSpec(name).entry.value(A)


class _ActivationOfLayerBelow(_ForwardPass):
    def activated(self, case: Case, Z: Any, l: int) -> Any:
        layer = l if l == case.network.depth else max(l - 1, 1)
        return self.activation(Z, case.network.layers[layer - 1].activation)


class _DropoutLeftOn(_ForwardPass):
    def activated(self, case: Case, Z: Any, l: int) -> Any:
        A = super().activated(case, Z, l)
        kept = np.arange(A.size).reshape(A.shape) % 2 == 0  # the same half each time
        return A if l == case.network.depth else A * 2 * kept


MISTAKES = (
    Mistake(
        "bias-forgotten",
        "F2",
        "Z = W A without b.",
        "Add b to every column.",
        _BiasForgotten,
        latex="Z^{[l]} = W^{[l]} A^{[l-1]}",
    ),
    Mistake(
        "bias-shared",
        "F2",
        "The bias of the first unit is added to all units of the layer.",
        "Keep one bias a unit, as a column (n, 1), and add it to every column of W A.",
        _BiasShared,
        draw=DrawOptions(min_width=2, max_width=8, max_batch=8),
        latex="Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}_1",
    ),
    Mistake(
        "bias-along-samples",
        "F2",
        "b is added along the samples instead of along the units, which broadcasts if a layer has as many "
        "units as the batch has samples, and only then.",
        "Keep b as a column (n, 1), or reshape it to one before adding.",
        _BiasAlongSamples,
        draw=DrawOptions(min_width=2, max_width=3, min_batch=2, max_batch=3),
        latex=r"Z^{[l]} = W^{[l]} A^{[l-1]} + (b^{[l]})^T \quad \text{if } n_l = m",
    ),
    Mistake(
        "weights-transposed-forward",
        "F2",
        "Z = W^T A + b, which fits if W is square, and only then.",
        "Use W as it is, (units, inputs), where samples are columns.",
        _WeightsTransposedForward,
        draw=SQUARE,
        latex=r"Z^{[l]} = (W^{[l]})^T A^{[l-1]} + b^{[l]} \quad \text{if } n_l = n_{l-1}",
    ),
    Mistake(
        "forward-in-single-precision",
        "F2",
        "W A is computed in float32 although everything else is float64.",
        "Keep one dtype throughout, and look for literals and buffers that narrow it.",
        _ForwardInSinglePrecision,
        effect="rounding",
        latex=r"Z^{[l]} = \mathrm{fl}_{32}(W^{[l]} A^{[l-1]}) + b^{[l]}",
    ),
    Mistake(
        "output-activation-forgotten",
        "F4",
        "The last layer's activation is left out, so that Ŷ = Z[L].",
        "Apply the activation that the problem asks for (F4), or take the loss of logits.",
        _OutputActivationForgotten,
        also=("B4",),
        draw=DrawOptions(losses=("mse", "half_squared_error", "l1", "huber"), output=("sigmoid", "tanh")),
        latex=r"\hat Y = A^{[L]} = Z^{[L]}",
    ),
    Mistake(
        "probabilities-for-logits",
        "F4",
        "Softmax or sigmoid is applied before a loss that takes logits and applies it again.",
        "Hand the loss Z[L] itself, or take the loss of probabilities.",
        _ProbabilitiesForLogits,
        "https://github.com/tflearn/tflearn/pull/562",
        also=("B4",),
        draw=DrawOptions(losses=("cross_entropy_with_logits", "bce_with_logits")),
        latex=r"\hat Y = p(\sigma^{[L]}(Z^{[L]})), "
        r"\quad p = \operatorname{softmax} \text{ or } \operatorname{sigmoid}",
    ),
    Mistake(
        "activation-of-layer-below",
        "F3",
        "Each hidden layer applies the activation of the layer below it, as a list shifted by one does.",
        "Index activations as W and b are: layer l has the l-th.",
        _ActivationOfLayerBelow,
        also=("B5",),
        draw=DrawOptions(hidden=("tanh", "sigmoid", "relu", "softplus"), min_depth=3, max_depth=5),
        latex=r"A^{[l]} = \sigma^{[l-1]}(Z^{[l]}), \quad 1 < l < L",
    ),
    Mistake(
        "dropout-left-on",
        "F3",
        "Half of the hidden activations are set to 0, the others doubled: dropout where none is meant.",
        "Switch dropout off when gradients are compared, or pass its mask back as well.",
        _DropoutLeftOn,
        also=("B5",),
        draw=DrawOptions(min_depth=2),
        latex=r"A^{[l]} = 2 M \odot \sigma(Z^{[l]}), \quad M_{is} = 0 \text{ or } 1, \quad l < L",
    ),
)
