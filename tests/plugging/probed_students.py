"""Networks as people write them, with functions, sizes and habits wired in; none says what it keeps to."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def exactly_two_layers(c: Any) -> dict[str, Any]:
    """Rows, tanh, then sigmoid, binary cross-entropy over the samples."""
    (W1, W2), (b1, b2) = c.W, c.b
    A1 = np.tanh(c.X @ W1 + b1)
    A2 = sigmoid(A1 @ W2 + b2)
    m = len(c.X)
    loss = -(c.Y * np.log(A2) + (1 - c.Y) * np.log(1 - A2)).sum() / m
    d2 = (A2 - c.Y) / m
    d1 = d2 @ W2.T * (1 - A1**2)
    return {"loss": loss, "dW": [c.X.T @ d1, A1.T @ d2], "db": [d1.sum(0), d2.sum(0)]}


def one_sample_at_a_time(c: Any) -> dict[str, Any]:
    """Columns; only the first sample is looked at. tanh throughout, half the squared error."""
    A = [c.X[:, :1]]
    for W, b in zip(c.W, c.b, strict=True):
        A.append(np.tanh(W @ A[-1] + b))
    delta, dW, db = (A[-1] - c.Y[:, :1]) * (1 - A[-1] ** 2), [], []
    loss = ((A[-1] - c.Y[:, :1]) ** 2).sum() / 2
    for l in reversed(range(c.depth)):
        dW.insert(0, delta @ A[l].T)
        db.insert(0, delta)
        delta = c.W[l].T @ delta * (1 - A[l] ** 2)
    return {"loss": loss, "dW": dW, "db": db}


def logistic_regression(c: Any) -> dict[str, Any]:
    """One layer and one output, everything flattened to vectors."""
    (W,), (b,) = c.W, c.b
    w, y = W.ravel(), c.Y.ravel()
    p = sigmoid(c.X @ w + b[0])
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return {"loss": loss, "dW": [(c.X.T @ (p - y) / len(y))[:, None]], "db": [np.array([np.mean(p - y)])]}


def forgot_the_two(c: Any) -> dict[str, Any]:
    """The mean of squares over the samples, and a gradient that lacks the factor 2; identity at the end."""
    A = [c.X]
    for W, b in zip(c.W[:-1], c.b[:-1], strict=True):
        A.append(np.maximum(A[-1] @ W.T + b.T, 0))
    out = A[-1] @ c.W[-1].T + c.b[-1].T
    m = len(c.X)
    delta, dW, db = (out - c.Y) / m, [], []
    for l in reversed(range(c.depth)):
        dW.insert(0, delta.T @ A[l])
        db.insert(0, delta.sum(axis=0)[:, None])
        delta = delta @ c.W[l] * (A[l] > 0)
    return {"loss": ((out - c.Y) ** 2).sum() / m, "dW": dW, "db": db}


def with_fallbacks(c: Any) -> dict[str, Any]:
    """tanh and sigmoid by name, relu for every other name; half the squared error, summed."""
    functions = {"tanh": (np.tanh, lambda a: 1 - a * a), "sigmoid": (sigmoid, lambda a: a * (1 - a))}
    relu = (lambda z: np.maximum(z, 0), lambda a: (a > 0) * 1.0)
    chosen = [functions.get(name, relu) for name in c.activations]
    A = [c.X]
    for W, b, (value, _) in zip(c.W, c.b, chosen, strict=True):
        A.append(value(W @ A[-1] + b))
    dA, dW, db = A[-1] - c.Y, [], []
    for l in reversed(range(c.depth)):
        delta = (dA * chosen[l][1](A[l + 1])).astype(c.dtype)
        dW.insert(0, delta @ A[l].T)
        db.insert(0, delta.sum(axis=1, keepdims=True))
        dA = c.W[l].T @ delta
    return {"loss": ((A[-1] - c.Y) ** 2).sum() / 2, "dW": dW, "db": db}


def _case(c: Any, **changes: Any) -> Case:
    activations = changes.get("activations", c.activations)
    layers = tuple(
        Layer(W, b, ActivationSpec(name)) for W, b, name in zip(c.W, c.b, activations, strict=True)
    )
    loss = LossSpec(changes.get("loss", c.loss), changes.get("reduction", c.reduction))
    return Case(Network(layers, loss), c.X, c.Y, c.learning_rate)


def _answer(trace: Any) -> dict[str, Any]:
    return {"loss": trace.loss, "dW": list(trace.dW), "db": list(trace.db)}


def unlikely_functions(c: Any) -> dict[str, Any]:
    """gelu, then softplus, Huber's loss over entries, whatever is asked for."""
    names = ["gelu"] * (c.depth - 1) + ["softplus"]
    return _answer(Backprop().run(_case(c, activations=names, loss="huber", reduction="entrymean")))


def each_loss_by_its_own_mean(c: Any) -> dict[str, Any]:
    """All functions, and always the mean that torch has: over entries, or over samples for classes."""
    return _answer(Backprop().run(_case(c, reduction="mean")))


def ignores_parameters(c: Any) -> dict[str, Any]:
    """All functions with their default parameters and without weights."""
    return _answer(Backprop().run(_case(c)))


def changed(answer: dict[str, Any], factor: float, *names: str) -> dict[str, Any]:
    for name in names:
        value = answer[name]
        answer[name] = [factor * x for x in value] if isinstance(value, list) else factor * value
    return answer


def uphill(c: Any) -> dict[str, Any]:
    """Y - Ŷ: all gradients have the wrong sign."""
    return changed(exactly_two_layers(c), -1, "dW", "db")


def three_times(c: Any) -> dict[str, Any]:
    """Loss and gradients are 3 times the sums."""
    return changed(_answer(Backprop().run(_case(c, reduction="sum"))), 3, "loss", "dW", "db")


def penalised(c: Any) -> dict[str, Any]:
    """An L2 penalty of 0.01 is left on, in the loss and in dW."""
    answer = exactly_two_layers(c)
    answer["loss"] += 0.005 * sum((W**2).sum() for W in c.W)
    answer["dW"] = [dW + 0.01 * W for dW, W in zip(answer["dW"], c.W, strict=True)]
    return answer


def penalised_quietly(c: Any) -> dict[str, Any]:
    """Weight decay: in dW only."""
    answer = exactly_two_layers(c)
    answer["dW"] = [dW + 0.01 * W for dW, W in zip(answer["dW"], c.W, strict=True)]
    return answer


def forgets_the_slope(c: Any) -> dict[str, Any]:
    """σ' is forgotten in the hidden layers: their gradients are wrong, the last layer's are right."""
    case = _case(c, reduction="batchmean")
    _, A, loss = Backprop().forward(case)
    right = Backprop().run(case)
    deltas = [right.delta[-1]]
    for W in reversed([layer.W for layer in case.network.layers[1:]]):
        deltas.insert(0, W.T @ deltas[0])
    dW = [d @ a.T for d, a in zip(deltas, A[:-1], strict=True)]
    return {"loss": loss, "dW": dW, "db": [d.sum(axis=1, keepdims=True) for d in deltas]}


def has_a_wrong_output_error(c: Any) -> dict[str, Any]:
    """Every gradient is wrong: the error at the output is squared. The loss is right."""
    answer = exactly_two_layers(c)
    answer["dW"] = [np.sign(x) * x * x for x in answer["dW"]]
    answer["db"] = [np.sign(x) * x * x for x in answer["db"]]
    return answer


def alike_hidden_layers(c: Any) -> dict[str, Any]:
    """The first layer's activation is that of all hidden layers."""
    names = [c.activations[0]] * (c.depth - 1) + [c.activations[-1]]
    return _answer(Backprop().run(_case(c, activations=names)))


def at_least_two_samples(c: Any) -> dict[str, Any]:
    """Batch statistics of one sample make no sense to its author."""
    if c.samples < 2:
        raise ValueError("a batch, please")
    return ignores_parameters(c)


def chatty(c: Any) -> dict[str, Any]:
    """Prints, and seeds NumPy for luck."""
    print("epoch 1", "loss", 0.5)  # noqa: T201
    np.random.seed(0)  # noqa: NPY002
    return exactly_two_layers(c)


class Stacked:
    """An object, rows, softmax and cross-entropy over the samples; each layer keeps what it needs."""

    def set_parameters(self, W: Any, b: Any) -> None:
        self.W, self.b = list(W), list(b)

    def forward(self, X: Any) -> Any:
        self.kept = [X]
        for l, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            Z = self.kept[-1] @ W + b
            last = l == len(self.W) - 1
            e = np.exp(Z - Z.max(axis=1, keepdims=True)) if last else None
            self.kept.append(e / e.sum(axis=1, keepdims=True) if e is not None else sigmoid(Z))
        return self.kept[-1]

    def backward(self, Y: Any) -> Any:
        """Y holds the number of each sample's class."""
        m = len(Y)
        loss = -np.log(self.kept[-1][np.arange(m), Y]).sum() / m
        delta = self.kept[-1].copy()
        delta[np.arange(m), Y] -= 1
        delta /= m
        self.dW, self.db = [], []
        for W, (a, _) in zip(reversed(self.W), reversed(list(pairwise(self.kept))), strict=True):
            self.dW.insert(0, a.T @ delta)
            self.db.insert(0, delta.sum(axis=0))
            delta = delta @ W.T * a * (1 - a)
        return loss
