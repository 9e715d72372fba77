"""Backpropagation, one method an equation: read `Backprop` from top to bottom beside the document.

The sixth file of the text, and what the others are for; `equations.py` comes next, with what the document
says of each and how that must be read. Of the files before, one needs to know only that a case holds layers
with W, b and σ, data X and Y and the rate η (`network.py`), that vjp(Z, A, G) of a σ is (∂A/∂Z)^T G, and that
a loss gives its value and ∂L/∂A (`functions.py`).

Conventions: samples are columns; δ[l] means ∂L/∂Z[l] throughout, and a name such as dW means ∂L/∂W.
Everything is computed in the dtype of the case. The methods take arrays, not indices, so that each can be
read, tested and overridden alone: the layer is in the method that calls them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .functions import Float, Units
from .network import Case, Network, Trace
from .specs import ActivationSpec, LossSpec

# Shapes: n_out units of a layer, n_in units of the layer before it, m samples.
Weights = Float[np.ndarray, "n_out n_in"]
Bias = Float[np.ndarray, "n_out 1"]
Inputs = Float[np.ndarray, "n_in m"]
Outputs = Float[np.ndarray, "n_out m"]


class Backprop:
    """The documented equations for a multilayer perceptron, general over activations and losses.

    `run` gives the full trace of one step of gradient descent on a case. A subclass that overrides one
    method is an implementation with one equation changed: that is how mistakes are catalogued.

    One input, one hidden unit, one output, one sample, and the loss ½ (ŷ - y)²:

        forward:   z[1] = 3 · 2 - 1 = 5, a[1] = relu(5) = 5, ŷ = z[2] = ½ · 5 + 0 = 5/2, L = ½ (½)² = 1/8
        backward:  δ[2] = ŷ - y = ½, ∂L/∂a[1] = ½ · ½ = ¼, δ[1] = ¼ · relu'(5) = ¼
        gradients: ∂L/∂w[2] = δ[2] a[1] = 5/2, ∂L/∂w[1] = δ[1] x = ½
        update:    w[1] ← 3 - 1 · ½ = 5/2, w[2] ← ½ - 1 · 5/2 = -2

    >>> from refimpl import Layer
    >>> hidden = Layer(np.array([[3.0]]), np.array([[-1.0]]), ActivationSpec("relu"))
    >>> output = Layer(np.array([[0.5]]), np.array([[0.0]]), ActivationSpec("identity"))
    >>> network = Network((hidden, output), LossSpec("half_squared_error"))
    >>> case = Case(network, np.array([[2.0]]), np.array([[2.0]]), learning_rate=1.0)
    >>> trace = Backprop().run(case)
    >>> trace.loss, trace.delta
    (np.float64(0.125), (array([[0.25]]), array([[0.5]])))
    >>> trace.dW, trace.W_updated
    ((array([[0.5]]), array([[2.5]])), (array([[2.5]]), array([[-2.]])))
    """

    # ---------------------------------------------------------------- forward: F1 to F5

    def input_activation(self, X: Units) -> Units:
        """F1: A[0] = X, (n_0, m).

        >>> Backprop().input_activation(np.array([[1.0, 2.0]]))  # one input, two samples
        array([[1., 2.]])
        """
        return X

    def pre_activation(self, W: Weights, A_previous: Inputs, b: Bias) -> Outputs:
        """F2: Z[l] = W[l] A[l-1] + b[l], (n_l, m); b broadcasts over the columns.

        >>> W, b = np.array([[1.0, 2.0]]), np.array([[10.0]])  # one unit, fed by two
        >>> A_previous = np.array([[1.0, 3.0], [1.0, 4.0]])  # two samples, (1, 1) and (3, 4)
        >>> Backprop().pre_activation(W, A_previous, b)  # 1 + 2 + 10 and 3 + 8 + 10
        array([[13., 21.]])
        """
        return W @ A_previous + b

    def activation(self, Z: Units, spec: ActivationSpec) -> Units:
        """F3 and F4: A[l] = σ(Z[l]), (n_l, m). The output layer's σ depends on the problem (F4).

        >>> Backprop().activation(np.array([[-1.0, 2.0]]), ActivationSpec("relu"))
        array([[0., 2.]])
        >>> Backprop().activation(np.log([[1.0], [3.0]]), ActivationSpec("softmax"))  # e^z is 1 and 3
        array([[0.25],
               [0.75]])
        """
        return spec.entry.value(Z, **spec.parameters)

    def loss(self, A: Units, Y: Units, spec: LossSpec) -> Any:
        """F5: the loss of Ŷ = A[L] against Y, a scalar of their dtype; A and Y are (n_L, m).

        >>> A, Y = np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]])
        >>> Backprop().loss(A, Y, LossSpec("mse"))  # (2² + 0²) / 2
        np.float64(2.0)
        >>> Backprop().loss(A, Y, LossSpec("half_squared_error", "sum"))
        np.float64(2.0)
        """
        return spec.entry.reduced(A, Y, spec.reduction, **spec.arguments)

    # ---------------------------------------------------------------- backward: B1 to B5

    def loss_gradient(self, A: Units, Y: Units, spec: LossSpec) -> Units:
        """The factor ∂L/∂A[L] of B1 at the output, (n_L, m).

        >>> A, Y = np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]])
        >>> Backprop().loss_gradient(A, Y, LossSpec("mse"))  # 2 (ŷ - y) / 2
        array([[2., 0.]])
        """
        return spec.entry.reduced_gradient(A, Y, spec.reduction, **spec.arguments)

    def output_error(self, dA: Units, Z: Units, A: Units, spec: ActivationSpec) -> Units:
        """B4, the general rule: δ[L] = (∂A[L]/∂Z[L])^T ∂L/∂A[L], (n_L, m).

        For an elementwise σ this is ∂L/∂A[L] ⊙ σ'(Z[L]). The document's own form Ŷ - Y is right for some
        pairs of activation and loss only: see `special_output_error`. A sigmoid with binary cross-entropy is
        one; at z = 0, ŷ = ½ and y = 1, ∂L/∂ŷ = -1/ŷ = -2, σ' = ¼, and δ = -½ = ŷ - y.

        >>> Z, A, dA = np.array([[0.0]]), np.array([[0.5]]), np.array([[-2.0]])
        >>> Backprop().output_error(dA, Z, A, ActivationSpec("sigmoid"))
        array([[-0.5]])
        """
        return spec.entry.vjp(Z, A, dA, **spec.parameters)

    def activation_gradient(self, W_next: Weights, delta_next: Outputs) -> Inputs:
        """B1a: ∂L/∂A[l] = W[l+1]^T δ[l+1], (n_l, m); with l = 0, the gradient of the input.

        A unit is answerable for the errors of all that it feeds, by the weights with which it does: the first
        of two units feeds two with weights 1 and 10, whose errors are 1 and 2, and gets 1 · 1 + 10 · 2.

        >>> W_next, delta_next = np.array([[1.0, 5.0], [10.0, 0.0]]), np.array([[1.0], [2.0]])
        >>> Backprop().activation_gradient(W_next, delta_next)
        array([[21.],
               [ 5.]])
        """
        return W_next.T @ delta_next

    def hidden_error(self, dA: Units, Z: Units, A: Units, spec: ActivationSpec) -> Units:
        """B5: δ[l] = (W[l+1]^T δ[l+1]) ⊙ σ'(Z[l]), (n_l, m), with the bracket given as dA (B1a).

        For a σ that mixes the units of a sample, such as softmax, its Jacobian takes the place of ⊙ σ'.

        >>> dA, Z = np.array([[21.0], [5.0]]), np.array([[4.0], [-4.0]])
        >>> A = np.array([[4.0], [0.0]])
        >>> Backprop().hidden_error(dA, Z, A, ActivationSpec("relu"))  # σ' is 1 and 0
        array([[21.],
               [ 0.]])
        """
        return spec.entry.vjp(Z, A, dA, **spec.parameters)

    def weight_gradient(self, delta: Outputs, A_previous: Inputs) -> Weights:
        """B1: ∂L/∂W[l] = δ[l] A[l-1]^T, (n_l, n_{l-1}); the product sums over the samples.

        >>> delta = np.array([[1.0, 10.0]])  # one unit, two samples
        >>> A_previous = np.array([[1.0, 2.0], [3.0, 0.0]])  # fed by two units
        >>> Backprop().weight_gradient(delta, A_previous)  # 1 · 1 + 10 · 2 and 1 · 3 + 10 · 0
        array([[21.,  3.]])
        """
        return delta @ A_previous.T

    def bias_gradient(self, delta: Outputs) -> Bias:
        """B2 and B3: ∂L/∂b[l] = the sum of the columns of δ[l], (n_l, 1); δ[l] itself for one sample.

        >>> Backprop().bias_gradient(np.array([[1.0, 10.0], [2.0, 0.0]]))
        array([[11.],
               [ 2.]])
        """
        return delta.sum(axis=1, keepdims=True)

    # ---------------------------------------------------------------- update: U1 and U2

    def update_weight(self, W: Weights, dW: Weights, learning_rate: float) -> Weights:
        """U1: W[l] ← W[l] - η ∂L/∂W[l], (n_l, n_{l-1}).

        >>> Backprop().update_weight(np.array([[1.0, 2.0]]), np.array([[4.0, -4.0]]), learning_rate=0.25)
        array([[0., 3.]])
        """
        return W - learning_rate * dW

    def update_bias(self, b: Bias, db: Bias, learning_rate: float) -> Bias:
        """U2: b[l] ← b[l] - η ∂L/∂b[l], (n_l, 1).

        >>> Backprop().update_bias(np.array([[1.0], [2.0]]), np.array([[4.0], [-4.0]]), learning_rate=0.25)
        array([[0.],
               [3.]])
        """
        return b - learning_rate * db

    # ---------------------------------------------------------------- the three passes

    def forward(self, case: Case) -> tuple[list[Any], list[Any], Any]:
        """Z[1 … L], A[0 … L] and the loss: (n_l, m) each, and a scalar.

        >>> from refimpl import Layer
        >>> layer = Layer(np.array([[3.0]]), np.array([[-1.0]]), ActivationSpec("relu"))
        >>> case = Case(Network((layer,), LossSpec("mse")), np.array([[2.0]]), np.array([[4.0]]))
        >>> Backprop().forward(case)  # z = 3 · 2 - 1; L = (5 - 4)²
        ([array([[5.]])], [array([[2.]]), array([[5.]])], np.float64(1.0))
        """
        Z: list[Units] = []
        A = [self.input_activation(case.X)]
        for layer in case.network.layers:
            Z.append(self.pre_activation(layer.W, A[-1], layer.b))
            A.append(self.activation(Z[-1], layer.activation))
        return Z, A, self.loss(A[-1], case.Y, case.network.loss)

    def errors(self, case: Case, Z: list[Any], A: list[Any]) -> list[Any]:
        """δ[1 … L], (n_l, m), from the last layer to the first.

        >>> from refimpl import Layer
        >>> layer = Layer(np.array([[3.0]]), np.array([[-1.0]]), ActivationSpec("relu"))
        >>> case = Case(Network((layer,), LossSpec("mse")), np.array([[2.0]]), np.array([[4.0]]))
        >>> Z, A, loss = Backprop().forward(case)
        >>> Backprop().errors(case, Z, A)  # 2 (5 - 4) · relu'(5)
        [array([[2.]])]
        """
        layers = case.network.layers
        dA = self.loss_gradient(A[-1], case.Y, case.network.loss)
        deltas = [self.output_error(dA, Z[-1], A[-1], layers[-1].activation)]
        for l in range(
            len(layers) - 1, 0, -1
        ):  # Z[l - 1] and layers[l - 1] are layer l's; A[l] is, as A[0] = X
            dA = self.activation_gradient(layers[l].W, deltas[0])
            deltas.insert(0, self.hidden_error(dA, Z[l - 1], A[l], layers[l - 1].activation))
        return deltas

    def backward(self, case: Case, Z: list[Any], A: list[Any]) -> tuple[list[Any], Any]:
        """δ[1 … L] and ∂L/∂X, (n_l, m) and (n_0, m): the error goes on to the input, below the first layer.

        >>> from refimpl import Layer
        >>> layer = Layer(np.array([[3.0]]), np.array([[-1.0]]), ActivationSpec("relu"))
        >>> case = Case(Network((layer,), LossSpec("mse")), np.array([[2.0]]), np.array([[4.0]]))
        >>> Z, A, loss = Backprop().forward(case)
        >>> Backprop().backward(case, Z, A)  # δ = 2 (5 - 4) · relu'(5) and 3 δ
        ([array([[2.]])], array([[6.]]))
        """
        deltas = self.errors(case, Z, A)
        return deltas, self.activation_gradient(case.network.layers[0].W, deltas[0])

    def run(self, case: Case) -> Trace:
        """One forward, backward and update pass. All gradients are known before anything is updated.

        >>> from refimpl import Layer
        >>> layer = Layer(np.array([[3.0]]), np.array([[-1.0]]), ActivationSpec("relu"))
        >>> case = Case(Network((layer,), LossSpec("mse")), np.array([[2.0]]), np.array([[4.0]]), 0.5)
        >>> trace = Backprop().run(case)
        >>> trace.dW, trace.db, trace.W_updated, trace.b_updated  # δ = 2: 2 · 2 and 2, each halved
        ((array([[4.]]),), (array([[2.]]),), (array([[1.]]),), (array([[-2.]]),))
        """
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
    """A pair for which δ[L] is a multiple of Ŷ - Y (or of Ŷ ΣY - Y, where labels need not sum to 1).

    >>> [(form.activation, form.loss) for form in SPECIAL_FORMS if form.condition == "always"]
    [('identity', 'half_squared_error'), ('sigmoid', 'bce')]
    """

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
    """The special form of B4 that is right for this network's last activation and loss; None if none is.

    >>> from refimpl import Layer
    >>> layer = Layer(np.ones((2, 2)), np.zeros((2, 1)), ActivationSpec("softmax"))
    >>> special_form(Network((layer,), LossSpec("cross_entropy"))).condition
    "where each sample's labels sum to 1"
    >>> special_form(Network((layer,), LossSpec("mse"))) is None
    True
    """
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

    >>> from refimpl import Layer
    >>> layer = Layer(np.ones((2, 2)), np.zeros((2, 1)), ActivationSpec("softmax"))
    >>> A, Y = np.array([[0.25], [0.75]]), np.array([[0.0], [1.0]])
    >>> special_output_error(Network((layer,), LossSpec("cross_entropy")), A, Y)
    array([[ 0.25],
           [-0.25]])
    >>> special_output_error(Network((layer,), LossSpec("mse")), A, Y)
    Traceback (most recent call last):
        ...
    ValueError: B4's form Ŷ - Y does not hold for (softmax, mse); use output_error, the general rule
    """
    form = special_form(network)
    if form is None:
        raise ValueError(
            f"B4's form Ŷ - Y does not hold for ({network.layers[-1].activation.name}, "
            f"{network.loss.name}); use output_error, the general rule"
        )
    weight = Y.sum(axis=0, keepdims=True) if form.label_sums else 1
    divisor = network.loss.entry.divisor(network.loss.reduction, *A.shape)
    return form.factor * (A * weight - Y) / divisor


class SpecialFormBackprop(Backprop):
    """The document's B4 wherever it is right, the general rule elsewhere: what many programs do.

    One step for both activation and loss needs no logarithm and no division by Ŷ, so that it stays finite
    where the general rule meets ∞ · 0 because Ŷ has rounded to 0 or 1: at z = -1000, for the label 1,
    ∂L/∂ŷ = -1/0 and σ' = 0.

    >>> from refimpl import Layer
    >>> layer = Layer(np.array([[-1000.0]]), np.array([[0.0]]), ActivationSpec("sigmoid"))
    >>> case = Case(Network((layer,), LossSpec("bce")), np.array([[1.0]]), np.array([[1.0]]))
    >>> Backprop().run(case).delta, SpecialFormBackprop().run(case).delta
    ((array([[nan]]),), (array([[-1.]]),))
    """

    def errors(self, case: Case, Z: list[Any], A: list[Any]) -> list[Any]:
        """As Backprop.errors, with δ[L] from `special_output_error` where there is one.

        >>> from refimpl import Layer
        >>> layer = Layer(np.array([[-1000.0]]), np.array([[0.0]]), ActivationSpec("sigmoid"))
        >>> case = Case(Network((layer,), LossSpec("bce")), np.array([[1.0]]), np.array([[1.0]]))
        >>> Z, A = [np.array([[-1000.0]])], [case.X, np.array([[0.0]])]
        >>> SpecialFormBackprop().errors(case, Z, A)  # ŷ - y
        [array([[-1.]])]
        """
        network = case.network
        if special_form(network) is None:
            return super().errors(case, Z, A)
        deltas = [special_output_error(network, A[-1], case.Y)]
        for l in range(network.depth - 1, 0, -1):
            dA = self.activation_gradient(network.layers[l].W, deltas[0])
            deltas.insert(0, self.hidden_error(dA, Z[l - 1], A[l], network.layers[l - 1].activation))
        return deltas
