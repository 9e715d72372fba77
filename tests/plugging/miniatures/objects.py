"""Objects with set_parameters, forward and backward that keep too much, or too little."""

from typing import Any, ClassVar

import numpy as np
from right import SUPPORTED, Right, declared, wide


@declared
class KeepsTheFirstBatch(Right):
    """Caches the forward pass and never again looks at X: predict, then step, steps on what was predicted."""

    kept = None

    def forward(self, X):
        if self.kept is None:
            self.kept = super().forward(X)
        return self.kept


@declared
class PredictingTurnsTrainingOff(Right):
    """Every forward pass after the first is an evaluation, of which no gradients are kept."""

    passes = 0

    def forward(self, X):
        self.passes += 1
        return super().forward(X)

    def backward(self, Y):
        loss = super().backward(Y)
        if self.passes > 1:
            self.dW = [np.zeros_like(dW) for dW in self.dW]
        return loss


@declared
class AddsToFormerGradients(Right):
    """Gradients are summed over all backward passes of an object."""

    def backward(self, Y):
        former = getattr(self, "dW", None)
        loss = super().backward(Y)
        if former is not None:
            self.dW = [dW + before for dW, before in zip(self.dW, former, strict=True)]
        return loss


@declared
class RemembersTheFirstBatchSize(Right):
    """Divides by the number of samples of the first forward pass."""

    samples = None

    def forward(self, X):
        self.samples = self.samples or X.shape[1]
        return super().forward(X)

    def backward(self, Y):
        loss = super().backward(Y)
        self.dW = [dW * dW.dtype.type(Y.shape[1] / self.samples) for dW in self.dW]
        return loss


@declared
class SetsParametersOnce(Right):
    """Ignores all parameters but the first."""

    def set_parameters(self, W, b):
        if not hasattr(self, "W"):
            super().set_parameters(W, b)


@declared
class RaisesWhenMade(Right):
    def __init__(self, view) -> None:
        if wide(view):
            raise ValueError("too wide")
        super().__init__(view)


@declared
class RaisesInBackward(Right):
    def backward(self, Y):
        if Y.shape[1] == 3:
            raise ZeroDivisionError("three samples")
        return super().backward(Y)


@declared
class UpdatesTheGivenParameters(Right):
    """Keeps the caller's arrays and trains them."""

    def set_parameters(self, W, b):
        self.W, self.b = W, b

    def backward(self, Y):
        loss = super().backward(Y)
        for weights, dW in zip(self.W, self.dW, strict=True):
            np.add(weights, 1 - dW, out=weights)
        return loss


class IsMadeOfNothing(Right):
    """Right: its constructor takes nothing, for it knows one activation only."""

    backproof: ClassVar = {**SUPPORTED, "activations": ["tanh"]}

    def __init__(self) -> None:
        pass

    def set_parameters(self, W, b):
        super().set_parameters(W, b)
        self.activations = ["tanh"] * len(W)


@declared
class GivesGradientsByMethods(Right):
    """Right: `dW()` and `db()` are methods, the loss is an attribute, and there is an update."""

    def backward(self, Y):
        self.loss = super().backward(Y)
        gradients = self.dW, self.db
        del self.dW, self.db
        self.gradients = gradients

    def __getattr__(self, name) -> Any:
        if name in ("dW", "db") and "gradients" in self.__dict__:
            return lambda: self.gradients[name == "db"]
        raise AttributeError(name)

    def update(self, learning_rate):
        for parameters, gradients in ((self.W, self.gradients[0]), (self.b, self.gradients[1])):
            for l, gradient in enumerate(gradients):
                parameters[l] = parameters[l] - gradient.dtype.type(learning_rate) * gradient


# ---------------------------------------------------------------- no objects that can be used


@declared
class HasNoBackward:
    def __init__(self, view) -> None:
        self.view = view

    def set_parameters(self, W, b):
        self.W, self.b = W, b

    def forward(self, X):
        return X


@declared
class NeedsWidthsToBeMade(Right):
    def __init__(self, widths, activation) -> None:
        self.widths, self.activations = widths, [activation] * len(widths)
