"""Network, Layer, Case, Trace: the data that everything else is about.

The second file of the text, after `chain_rule.py`; `functions.py` comes next. A *network* is its layers and
its loss; a *case* is a network with data, which is what an implementation of backpropagation is given; a
*trace* is what it hands back. The checks are long, so that a message can name the place and the remedy: on a
first reading, read the docstrings and the fields.

Conventions: samples are columns. With m samples, X is (n_0, m), W[l] is (n_l, n_{l-1}), b[l] is (n_l, 1),
Z[l], A[l] and δ[l] are (n_l, m), Y is (n_L, m). Layers are counted from 1 to L; layer 0 is the input.
All values are immutable: arrays are copied and read-only.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from .domains import REALS
from .functions import rounded
from .specs import ActivationSpec, InvalidCaseError, LossSpec, frozen_matrix, rounded_spec


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: A = σ(W A_previous + b), with W (n_out, n_in) and b (n_out, 1).

    Raises InvalidCaseError for arrays that are no matrices of finite numbers, or do not fit together.

    >>> layer = Layer(np.array([[1.0, 2.0, 3.0]]), np.array([[0.5]]), ActivationSpec("relu"))
    >>> layer.inputs, layer.outputs
    (3, 1)
    >>> Layer(np.ones((2, 3)), np.zeros((1, 2)), ActivationSpec("relu"))
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: b has shape (1, 2); W has 2 rows, so b must be (2, 1), a column
    """

    W: Float[np.ndarray, "n_out n_in"]
    b: Float[np.ndarray, "n_out 1"]
    activation: ActivationSpec

    def __post_init__(self) -> None:
        W, b, activation = frozen_matrix(self.W, "W"), frozen_matrix(self.b, "b"), self.activation
        if isinstance(activation, str):
            activation = ActivationSpec(activation)
        if b.dtype != W.dtype:
            raise InvalidCaseError(f"W is {W.dtype} and b is {b.dtype}; make them the same")
        if b.shape != (len(W), 1):
            raise InvalidCaseError(
                f"b has shape {b.shape}; W has {len(W)} rows, so b must be ({len(W)}, 1), a column"
            )
        set_ = object.__setattr__
        set_(self, "W", W)
        set_(self, "b", b)
        set_(self, "activation", rounded_spec(activation, W.dtype))

    def __reduce__(self) -> tuple[Any, ...]:
        return Layer, (self.W, self.b, self.activation)  # made anew, since unpickled arrays can be written

    @property
    def inputs(self) -> int:
        """n_{l-1}, the number of units that feed this layer."""
        return int(self.W.shape[1])

    @property
    def outputs(self) -> int:
        """n_l, the number of units of this layer."""
        return int(self.W.shape[0])


@dataclass(frozen=True, eq=False)
class Network:
    """Layers 1 … L and a loss; no data.

    Raises InvalidCaseError for no layer, for layers that do not fit together, and for a last layer whose
    values the loss does not take.

    >>> hidden = Layer(np.ones((4, 3)), np.zeros((4, 1)), ActivationSpec("tanh"))
    >>> output = Layer(np.ones((2, 4)), np.zeros((2, 1)), ActivationSpec("softmax"))
    >>> network = Network((hidden, output), LossSpec("cross_entropy"))
    >>> network.depth, network.widths, network.dtype
    (2, (3, 4, 2), dtype('float64'))
    >>> Network((hidden, hidden), LossSpec("mse"))
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: layer 1 has 4 units but W[2] has 3 columns; W[2] must be (4, 4)
    >>> Network((hidden,), LossSpec("bce"))
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: loss bce takes predictions in [0, 1], but the last layer's tanh gives
        values in [-1, 1]; use another last activation or the loss's with_logits form
    """

    layers: tuple[Layer, ...]
    loss: LossSpec

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "layers", tuple(self.layers))
        if isinstance(self.loss, str):
            set_(self, "loss", LossSpec(self.loss))
        if not self.layers:
            raise InvalidCaseError("a network needs at least one layer")
        for number, (layer, following) in enumerate(zip(self.layers, self.layers[1:], strict=False), start=1):
            if following.inputs != layer.outputs:
                raise InvalidCaseError(
                    f"layer {number} has {layer.outputs} units but W[{number + 1}] has "
                    f"{following.inputs} columns; W[{number + 1}] must be "
                    f"({following.outputs}, {layer.outputs})"
                )
            if following.W.dtype != layer.W.dtype:
                raise InvalidCaseError(
                    f"layer {number} is {layer.W.dtype} and layer {number + 1} is "
                    f"{following.W.dtype}; make them the same"
                )
        set_(self, "loss", rounded_spec(self.loss, self.dtype))
        output = self.layers[-1].activation
        if not self.loss.entry.prediction_domain.covers(output.entry.range):
            raise InvalidCaseError(
                f"loss {self.loss.name} takes predictions in {self.loss.entry.prediction_domain}, but "
                f"the last layer's {output.name} gives values in {output.entry.range}; "
                "use another last activation or the loss's with_logits form"
            )
        self.loss.checked(self.layers[-1].outputs, None, self.dtype)

    @property
    def depth(self) -> int:
        """L, the number of layers."""
        return len(self.layers)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of all parameters."""
        return self.layers[0].W.dtype

    @property
    def widths(self) -> tuple[int, ...]:
        """n_0, …, n_L: inputs first, then the units of each layer."""
        return (self.layers[0].inputs, *(layer.outputs for layer in self.layers))


@dataclass(frozen=True, eq=False)
class Case:
    """A network with data X (n_0, m), targets Y (n_L, m) and a learning rate η, all of one dtype.

    Compares and hashes by content: two cases are equal when every bit of them is (so -0.0 is not 0.0).
    Raises InvalidCaseError when its parts do not fit together.

    >>> layer = Layer(np.array([[1.0, 2.0]]), np.array([[0.0]]), ActivationSpec("identity"))
    >>> X, Y = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([[0.0, 0.0, 0.0]])
    >>> case = Case(Network((layer,), LossSpec("mse")), X, Y, learning_rate=0.5)
    >>> case.samples, case.dtype
    (3, dtype('float64'))
    >>> Case(case.network, X.T, Y)
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: X has 3 rows; the network has 2 inputs, and samples are columns
    >>> case.X[0, 0] = 9.0
    Traceback (most recent call last):
        ...
    ValueError: assignment destination is read-only
    """

    network: Network
    X: Float[np.ndarray, "n_0 m"]
    Y: Float[np.ndarray, "n_L m"]
    learning_rate: float = 0.1

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "X", frozen_matrix(self.X, "X"))
        set_(self, "Y", frozen_matrix(self.Y, "Y"))
        network, dtype = self.network, self.network.dtype
        inputs, outputs = network.layers[0].inputs, network.layers[-1].outputs
        for name, array, rows in (("X", self.X, inputs), ("Y", self.Y, outputs)):
            if array.dtype != dtype:
                raise InvalidCaseError(
                    f"{name} is {array.dtype} but the network is {dtype}; use {name}.astype('{dtype}')"
                )
            if array.shape[0] != rows:
                raise InvalidCaseError(
                    f"{name} has {array.shape[0]} rows; the network has {rows} "
                    f"{'inputs' if name == 'X' else 'outputs'}, and samples are columns"
                )
        if self.X.shape[1] != self.Y.shape[1]:
            raise InvalidCaseError(
                f"X has {self.X.shape[1]} samples (columns) and Y has {self.Y.shape[1]}; "
                "they must be the same number"
            )
        domain = network.loss.entry.target_domain
        outside = None if domain is REALS else domain.outside(self.Y)  # finite, and so real, it is
        if outside is not None:
            raise InvalidCaseError(
                f"Y[{outside[0]}, {outside[1]}] is {self.Y[outside]}; targets of loss "
                f"{network.loss.name} lie in {domain}"
            )
        network.loss.checked(outputs, self.samples, dtype)
        if isinstance(self.learning_rate, bool) or not isinstance(
            self.learning_rate, (int, float, np.floating)
        ):
            raise InvalidCaseError(f"learning_rate must be a number, not {self.learning_rate!r}")
        rate = rounded(self.learning_rate, dtype)
        if not math.isfinite(rate):
            raise InvalidCaseError(f"learning_rate {self.learning_rate!r} is not a finite number of {dtype}")
        set_(self, "learning_rate", rate)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64: what everything is computed in."""
        return self.network.dtype

    def __reduce__(self) -> tuple[Any, ...]:
        return Case, (self.network, self.X, self.Y, self.learning_rate)

    @property
    def samples(self) -> int:
        """m, the batch size."""
        return int(self.X.shape[1])

    @cached_property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, over every bit that makes this case; the same on all platforms.

        >>> layer = Layer(np.array([[1.0]]), np.array([[0.0]]), ActivationSpec("identity"))
        >>> network, Y = Network((layer,), LossSpec("mse")), np.array([[1.0]])
        >>> plus, minus = (Case(network, np.array([[zero]]), Y) for zero in (0.0, -0.0))
        >>> plus.content_hash[:8], minus.content_hash[:8], plus == minus
        ('189dd308', '0f888e56', False)
        """
        loss = self.network.loss
        parts = [
            _text(f"backproof case 1 {self.dtype.name} {self.learning_rate.hex()}"),
            _text(f"{loss.name} {loss.reduction}"),
            *_parameters(loss.parameters),
        ]
        for name in sorted(loss.arrays):
            parts += [_text(name), *_array(loss.arrays[name])]
        for layer in self.network.layers:
            parts += [_text(layer.activation.name), *_parameters(layer.activation.parameters)]
            parts += [*_array(layer.W), *_array(layer.b)]
        parts += [*_array(self.X), *_array(self.Y)]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)


# What is hashed of a case. Each text ends with a byte that no text holds, and each array is preceded by its
# shape: no two cases can give the same bytes.
def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _array(value: Any) -> tuple[bytes, bytes]:
    return _text(f"{value.shape}"), value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes()


def _parameters(values: Mapping[str, float]) -> list[bytes]:
    return [_text(f"{name}={values[name].hex()}") for name in sorted(values)]


Arrays = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Trace:
    """What one run of an implementation gives. Any part may be missing (None), and is then not judged.

    Per-layer quantities are tuples with layer 1 first: `Z[l - 1]` is Z[l]. Nothing is checked here: a
    trace comes from what is under test, and saying what is wrong with it is the judge's work.

    >>> W_2 = np.ones((1, 2))
    >>> trace = Trace(dW=(np.ones((2, 3)), W_2))
    >>> trace.dW[2 - 1] is W_2
    True
    >>> trace.loss is None  # not given, so not judged
    True
    """

    loss: Any = None
    """The loss L, a scalar."""
    Z: Arrays | None = None
    """Pre-activations Z[l], (n_l, m)."""
    A: Arrays | None = None
    """Activations A[l], (n_l, m); A[0] = X is not among them."""
    delta: Arrays | None = None
    """Errors δ[l] = ∂L/∂Z[l], (n_l, m)."""
    dW: Arrays | None = None
    """∂L/∂W[l], (n_l, n_{l-1})."""
    db: Arrays | None = None
    """∂L/∂b[l], (n_l, 1)."""
    dX: Any = None
    """∂L/∂X, (n_0, m)."""
    W_updated: Arrays | None = None
    """W[l] after one step of gradient descent."""
    b_updated: Arrays | None = None
    """b[l] after one step of gradient descent."""


# Quantity → whether there is one for each layer. The order is that of a forward, backward, update pass.
QUANTITIES: Mapping[str, bool] = MappingProxyType(
    {
        "Z": True,
        "A": True,
        "loss": False,
        "delta": True,
        "dW": True,
        "db": True,
        "dX": False,
        "W_updated": True,
        "b_updated": True,
    }
)


def quantity_shape(case: Case, quantity: str, layer: int | None) -> tuple[int, ...]:
    """The shape that `quantity` of layer 1 … L must have; the loss and dX have no layer.

    A gradient has the shape of what it is a gradient by: that of a loss, one number, by (i, j) of W is at
    (i, j) of dW.

    >>> layer = Layer(np.ones((2, 3)), np.zeros((2, 1)), ActivationSpec("tanh"))
    >>> case = Case(Network((layer,), LossSpec("mse")), np.ones((3, 5)), np.zeros((2, 5)))
    >>> for quantity in ("Z", "delta", "dW", "db"):
    ...     print(quantity, quantity_shape(case, quantity, 1))
    Z (2, 5)
    delta (2, 5)
    dW (2, 3)
    db (2, 1)
    >>> quantity_shape(case, "loss", None), quantity_shape(case, "dX", None)
    ((), (3, 5))
    """
    if quantity == "loss":
        return ()
    if quantity == "dX":
        return tuple(case.X.shape)
    assert layer is not None
    parameters = case.network.layers[layer - 1]
    if quantity in ("dW", "W_updated"):
        return tuple(parameters.W.shape)
    if quantity in ("db", "b_updated"):
        return tuple(parameters.b.shape)
    return (parameters.outputs, case.samples)
