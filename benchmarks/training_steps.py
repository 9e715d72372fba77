"""The same training step by several libraries: forward, loss, backward and update, in float32.

Hidden layers of relu, a softmax with cross-entropy over the mean of the batch, plain gradient descent.
Each library is used as its own documentation trains a network, in its usual layout (samples are rows for
all but the reference), with its own fused loss where it has one, and with the data where it wants them
from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

RATE = 0.01
DATA = 4096
"""Samples drawn, of which a step takes the first as its batch."""

Run = Callable[[int], Any]
"""Takes so many steps, from where the last call ended, and gives the loss before the last of them."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A network of widths n_0 … n_L with its start, and a batch: samples are columns, labels one-hot."""

    widths: tuple[int, ...]
    batch: int
    W: tuple[Any, ...]
    b: tuple[Any, ...]
    X: Any
    Y: Any
    classes: Any

    @property
    def name(self) -> str:
        """Widths and batch."""
        return f"{'-'.join(map(str, self.widths))}, batch {self.batch}"


def problem(widths: tuple[int, ...], batch: int, seed: int = 0) -> Problem:
    """He's initial weights, normal inputs, random classes."""
    rng = np.random.Generator(np.random.Philox(seed))
    shapes = [(out, into) for into, out in pairwise(widths)]
    W = tuple((rng.normal(size=s) * np.sqrt(2 / s[1])).astype(np.float32) for s in shapes)
    b = tuple((rng.normal(size=(out, 1)) / 10).astype(np.float32) for out, _ in shapes)
    X = rng.normal(size=(DATA, widths[0])).astype(np.float32)[:batch].T.copy()
    classes = rng.integers(widths[-1], size=batch)
    Y = np.eye(widths[-1], dtype=np.float32)[:, classes].copy()
    return Problem(widths, batch, W, b, X, Y, classes)


def _case(given: Problem) -> Any:
    from refimpl import ActivationSpec, Case, Layer, LossSpec, Network

    names = ["relu"] * (len(given.W) - 1) + ["softmax"]
    layers = tuple(
        Layer(W, b, ActivationSpec(name)) for W, b, name in zip(given.W, given.b, names, strict=True)
    )
    return Case(Network(layers, LossSpec("cross_entropy")), given.X, given.Y, RATE)


def reference(given: Problem) -> Run:
    """`refimpl.train` as it is: the document's B4, Ŷ - Y."""
    return _trained(given, None)


def reference_by_the_general_rule(given: Problem) -> Run:
    """`refimpl.train` with B4's general rule, through the gradient of the loss and softmax's Jacobian."""
    from refimpl import Backprop

    return _trained(given, Backprop())


def _trained(given: Problem, backprop: Any) -> Run:
    from refimpl import train

    case = _case(given)

    def run(steps: int) -> Any:
        nonlocal case
        case, losses = train(case, steps, backprop)
        return losses[-1]

    return run


def reference_with_traces(given: Problem) -> Run:
    """`Backprop.run`, whose whole trace has ∂L/∂X too, and the next case made of it with all checks."""
    from refimpl import Backprop, Case, Layer, Network

    case = _case(given)

    def run(steps: int) -> Any:
        nonlocal case
        for _ in range(steps):
            trace = Backprop().run(case)
            parts = zip(trace.W_updated or (), trace.b_updated or (), case.network.layers, strict=True)
            layers = tuple(Layer(W, b, old.activation) for W, b, old in parts)
            case = Case(Network(layers, case.network.loss), case.X, case.Y, case.learning_rate)
        return trace.loss

    return run


def torch_eager(given: Problem) -> Run:
    """Functional, without the calls of nn.Module: F.linear, F.relu, F.cross_entropy, optim.SGD."""
    import torch
    from torch.nn import functional as F  # noqa: N812 - its usual name

    pairs = zip(given.W, given.b, strict=True)
    parameters = [torch.tensor(p, requires_grad=True) for W, b in pairs for p in (W, b[:, 0])]
    *hidden, last = zip(parameters[::2], parameters[1::2], strict=True)
    X, classes = torch.tensor(given.X.T.copy()), torch.tensor(given.classes)
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def run(steps: int) -> Any:
        for _ in range(steps):
            optimizer.zero_grad()
            A = X
            for W, b in hidden:
                A = F.relu(F.linear(A, W, b))
            loss = F.cross_entropy(F.linear(A, *last), classes)
            loss.backward()
            optimizer.step()
        return loss.detach()

    return run


def jax_jit(given: Problem) -> Run:
    """One compiled step of value_and_grad and update; block_until_ready after each."""
    import jax
    import jax.numpy as jnp

    parameters: Any = [
        (jnp.array(W.T.copy()), jnp.array(b[:, 0])) for W, b in zip(given.W, given.b, strict=True)
    ]
    X, Y = jnp.array(given.X.T.copy()), jnp.array(given.Y.T.copy())

    def loss_of(parameters: Any, X: Any, Y: Any) -> Any:
        A = X
        for W, b in parameters[:-1]:
            A = jax.nn.relu(A @ W + b)
        W, b = parameters[-1]
        return -jnp.mean(jnp.sum(Y * jax.nn.log_softmax(A @ W + b), axis=1))

    @jax.jit
    def step(parameters: Any, X: Any, Y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, X, Y)
        return jax.tree.map(lambda p, g: p - RATE * g, parameters, gradients), loss

    def run(steps: int) -> Any:
        nonlocal parameters
        for _ in range(steps):
            parameters, loss = jax.block_until_ready(step(parameters, X, Y))
        return loss

    return run


def hips_autograd(given: Problem) -> Run:
    """value_and_grad of autograd.numpy, and logsumexp of autograd.scipy."""
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    parameters = [(W.T.copy(), b[:, 0]) for W, b in zip(given.W, given.b, strict=True)]
    X, Y = given.X.T.copy(), given.Y.T.copy()

    def loss_of(parameters: Any) -> Any:
        A = X
        for W, b in parameters[:-1]:
            A = anp.maximum(anp.dot(A, W) + b, 0)
        Z = anp.dot(A, parameters[-1][0]) + parameters[-1][1]
        return -anp.mean(anp.sum(Y * (Z - logsumexp(Z, axis=1, keepdims=True)), axis=1))

    step = value_and_grad(loss_of)

    def run(steps: int) -> Any:
        nonlocal parameters
        for _ in range(steps):
            loss, gradients = step(parameters)
            pairs = zip(parameters, gradients, strict=True)
            parameters = [(W - RATE * dW, b - RATE * db) for (W, b), (dW, db) in pairs]
        return loss

    return run


def mygrad(given: Problem) -> Run:
    """mygrad.nnet's relu and softmax_crossentropy, and the update in place."""
    import mygrad as mg
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    pairs = zip(given.W, given.b, strict=True)
    parameters = [mg.tensor(p) for W, b in pairs for p in (W.T.copy(), b[:, 0])]
    *hidden, last = zip(parameters[::2], parameters[1::2], strict=True)
    X = given.X.T.copy()

    def run(steps: int) -> Any:
        for _ in range(steps):
            A = X
            for W, b in hidden:
                A = relu(mg.matmul(A, W) + b)
            loss = softmax_crossentropy(mg.matmul(A, last[0]) + last[1], given.classes)
            loss.backward()
            for parameter in parameters:
                parameter.data -= RATE * parameter.grad
        return loss.item()

    return run


def bare_products(given: Problem) -> Run:
    """The step's matrix products in NumPy, and nothing else: W A, δ A^T, and W^T δ above the first layer."""
    W = given.W
    A = [given.X, *(np.ones((len(weights), given.batch), np.float32) for weights in W)]
    deltas = [array.copy() for array in A]  # NumPy halves the product of an array by its own transpose
    last = len(W) - 1

    def run(steps: int) -> None:
        for _ in range(steps):
            for l, weights in enumerate(W):
                weights @ A[l]
            for l in range(last, -1, -1):
                deltas[l + 1] @ A[l].T
                if l:
                    W[l].T @ deltas[l + 1]

    return run


REFERENCE, BARE = "reference", "bare matrix products"
CONTENDERS: Mapping[str, Callable[[Problem], Run]] = {
    REFERENCE: reference,
    "reference, general rule": reference_by_the_general_rule,
    "reference, whole traces": reference_with_traces,
    "torch eager": torch_eager,
    "jax.jit": jax_jit,
    "HIPS autograd": hips_autograd,
    "MyGrad": mygrad,
    BARE: bare_products,
}
"""Name → what makes it ready to run."""


def disagreements(
    given: Problem, contenders: Mapping[str, Callable[[Problem], Run]], steps: int = 5
) -> list[str]:
    """Those whose loss after some steps is not torch's: they do not train the same network."""
    expected = float(torch_eager(given)(steps))
    found = []
    for name, make in contenders.items():
        loss = make(given)(steps)
        if loss is not None and not abs(float(loss) - expected) <= 1e-4 * abs(expected):
            found.append(f"{name}: {float(loss)!r}, torch: {expected!r}")
    return found
