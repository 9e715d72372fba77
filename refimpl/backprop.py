"""Backpropagation, one method an equation: read `Backprop` from top to bottom beside the document.

Conventions: samples are columns; δ[l] means ∂L/∂Z[l] throughout. Everything is computed in the dtype of
the case. The methods take arrays, not indices, so that each can be read, tested and overridden alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .functions import Float, Units
from .network import Case, Network, Trace
from .specs import ActivationSpec, LossSpec

Weights = Float[np.ndarray, "n_out n_in"]
Bias = Float[np.ndarray, "n_out 1"]
Inputs = Float[np.ndarray, "n_in m"]
Outputs = Float[np.ndarray, "n_out m"]


class Backprop:
    """The documented equations for a multilayer perceptron, general over activations and losses.

    `run` gives the full trace of one step of gradient descent on a case. A subclass that overrides one
    method is an implementation with one equation changed: that is how mistakes are catalogued.
    """

    # ---------------------------------------------------------------- forward: F1 to F5

    def input_activation(self, X: Units) -> Units:
        """F1: A[0] = X, (n_0, m)."""
        return X

    def pre_activation(self, W: Weights, A_previous: Inputs, b: Bias) -> Outputs:
        """F2: Z[l] = W[l] A[l-1] + b[l], (n_l, m); b broadcasts over the columns."""
        return W @ A_previous + b

    def activation(self, Z: Units, spec: ActivationSpec) -> Units:
        """F3 and F4: A[l] = σ(Z[l]), (n_l, m). The output layer's σ depends on the problem (F4)."""
        return spec.entry.value(Z, **spec.parameters)

    def loss(self, A: Units, Y: Units, spec: LossSpec) -> Any:
        """F5: the loss of Ŷ = A[L] against Y, a scalar of their dtype."""
        return spec.entry.reduced(A, Y, spec.reduction, **spec.arguments)

    # ---------------------------------------------------------------- backward: B1 to B5

    def loss_gradient(self, A: Units, Y: Units, spec: LossSpec) -> Units:
        """The factor ∂L/∂A[L] of B1 at the output, (n_L, m)."""
        return spec.entry.reduced_gradient(A, Y, spec.reduction, **spec.arguments)

    def output_error(self, dA: Units, Z: Units, A: Units, spec: ActivationSpec) -> Units:
        """B4, the general rule: δ[L] = (∂A[L]/∂Z[L])^T ∂L/∂A[L], (n_L, m).

        For an elementwise σ this is ∂L/∂A[L] ⊙ σ'(Z[L]). The document's own form Ŷ - Y is right for some
        pairs of activation and loss only: see `special_output_error`.
        """
        return spec.entry.vjp(Z, A, dA, **spec.parameters)

    def activation_gradient(self, W_next: Weights, delta_next: Outputs) -> Inputs:
        """B1a: ∂L/∂A[l] = W[l+1]^T δ[l+1], (n_l, m); with l = 0, the gradient of the input."""
        return W_next.T @ delta_next

    def hidden_error(self, dA: Units, Z: Units, A: Units, spec: ActivationSpec) -> Units:
        """B5: δ[l] = (W[l+1]^T δ[l+1]) ⊙ σ'(Z[l]), (n_l, m), with the bracket given as dA (B1a).

        For a σ that mixes the units of a sample, such as softmax, its Jacobian takes the place of ⊙ σ'.
        """
        return spec.entry.vjp(Z, A, dA, **spec.parameters)

    def weight_gradient(self, delta: Outputs, A_previous: Inputs) -> Weights:
        """B1: ∂L/∂W[l] = δ[l] A[l-1]^T, (n_l, n_{l-1}); the product sums over the samples."""
        return delta @ A_previous.T

    def bias_gradient(self, delta: Outputs) -> Bias:
        """B2 and B3: ∂L/∂b[l] = the sum of the columns of δ[l], (n_l, 1); δ[l] itself for one sample."""
        return np.sum(delta, axis=1, keepdims=True)

    # ---------------------------------------------------------------- update: U1 and U2

    def update_weight(self, W: Weights, dW: Weights, learning_rate: float) -> Weights:
        """U1: W[l] ← W[l] - η ∂L/∂W[l]."""
        return W - learning_rate * dW

    def update_bias(self, b: Bias, db: Bias, learning_rate: float) -> Bias:
        """U2: b[l] ← b[l] - η ∂L/∂b[l]."""
        return b - learning_rate * db

    # ---------------------------------------------------------------- the three passes

    def forward(self, case: Case) -> tuple[list[Any], list[Any], Any]:
        """Z[1 … L], A[0 … L] and the loss."""
        Z: list[Units] = []
        A = [self.input_activation(case.X)]
        for layer in case.network.layers:
            Z.append(self.pre_activation(layer.W, A[-1], layer.b))
            A.append(self.activation(Z[-1], layer.activation))
        return Z, A, self.loss(A[-1], case.Y, case.network.loss)

    def backward(self, case: Case, Z: list[Any], A: list[Any]) -> tuple[list[Any], Any]:
        """δ[1 … L] and ∂L/∂X, from the last layer to the first."""
        layers = case.network.layers
        dA = self.loss_gradient(A[-1], case.Y, case.network.loss)
        deltas: list[Units] = []
        for l in range(len(layers), 0, -1):
            error = self.output_error if l == len(layers) else self.hidden_error
            deltas.insert(0, error(dA, Z[l - 1], A[l], layers[l - 1].activation))
            dA = self.activation_gradient(layers[l - 1].W, deltas[0])
        return deltas, dA

    def run(self, case: Case) -> Trace:
        """One forward, backward and update pass. All gradients are known before anything is updated."""
        # What overflows the dtype is infinite in the trace; the judge says what to make of it.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            Z, A, loss = self.forward(case)
            deltas, dX = self.backward(case, Z, A)
            dW = [self.weight_gradient(d, a) for d, a in zip(deltas, A[:-1], strict=True)]
            db = [self.bias_gradient(d) for d in deltas]
            layers, rate = case.network.layers, case.learning_rate
            W_new = [self.update_weight(layer.W, g, rate) for layer, g in zip(layers, dW, strict=True)]
            b_new = [self.update_bias(layer.b, g, rate) for layer, g in zip(layers, db, strict=True)]
        return Trace(
            loss=loss,
            Z=tuple(Z),
            A=tuple(A[1:]),
            delta=tuple(deltas),
            dW=tuple(dW),
            db=tuple(db),
            dX=dX,
            W_updated=tuple(W_new),
            b_updated=tuple(b_new),
        )


@dataclass(frozen=True)
class SpecialForm:
    """A pair for which δ[L] is a multiple of Ŷ - Y (or of Ŷ ΣY - Y, where labels need not sum to 1)."""

    activation: str
    loss: str
    factor: int
    """1, or 2 for squared error without the ½."""
    label_sums: bool
    """Whether Ŷ must be multiplied by the sum of its sample's labels, which is 1 for probabilities."""
    condition: str


SPECIAL_FORMS = (
    SpecialForm("identity", "half_squared_error", 1, False, "always"),
    SpecialForm("identity", "mse", 2, False, "with the factor 2"),
    SpecialForm("identity", "gaussian_nll", 1, False, "where every variance is 1"),
    SpecialForm("sigmoid", "bce", 1, False, "always"),
    SpecialForm("softmax", "cross_entropy", 1, True, "where each sample's labels sum to 1"),
)


def special_form(network: Network) -> SpecialForm | None:
    """The special form of B4 that is right for this network's last activation and loss; None if none is."""
    pair = (network.layers[-1].activation.name, network.loss.name)
    if network.loss.arrays:  # weights multiply Ŷ - Y entry by entry
        return None
    for form in SPECIAL_FORMS:
        if (form.activation, form.loss) == pair:
            return form
    return None


def special_output_error(network: Network, A: Units, Y: Units) -> Units:
    """B4, the document's form: δ[L] = (Ŷ - Y) · factor / divisor of the reduction, (n_L, m).

    With labels that do not sum to 1, Ŷ ΣY - Y takes the place of Ŷ - Y for (softmax, cross-entropy).
    Raises ValueError for a pair of activation and loss for which no such form is right.
    """
    form = special_form(network)
    if form is None:
        raise ValueError(
            f"B4's form Ŷ - Y does not hold for ({network.layers[-1].activation.name}, "
            f"{network.loss.name}); use output_error, the general rule"
        )
    weight = np.sum(Y, axis=0, keepdims=True) if form.label_sums else 1
    divisor = network.loss.entry.divisor(network.loss.reduction, *A.shape)
    return form.factor * (A * weight - Y) / A.dtype.type(divisor)


class SpecialFormBackprop(Backprop):
    """The document's B4 wherever it is right, the general rule elsewhere: what many programs do.

    One step for both activation and loss needs no logarithm and no division by Ŷ, so that it stays finite
    where the general rule meets 0/0 because Ŷ has rounded to 0 or 1.
    """

    def backward(self, case: Case, Z: list[Any], A: list[Any]) -> tuple[list[Any], Any]:
        """As Backprop.backward, with δ[L] from `special_output_error` where there is one."""
        network = case.network
        if special_form(network) is None:
            return super().backward(case, Z, A)
        deltas = [special_output_error(network, A[-1], case.Y)]
        for l in range(network.depth - 1, 0, -1):
            dA = self.activation_gradient(network.layers[l].W, deltas[0])
            deltas.insert(0, self.hidden_error(dA, Z[l - 1], A[l], network.layers[l - 1].activation))
        return deltas, self.activation_gradient(network.layers[0].W, deltas[0])
