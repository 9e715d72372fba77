"""Textbook formulas, right on paper, that overflow or lose everything where |z| is around 800."""

import numpy as np


def sigmoid(z):
    e = np.exp(z)
    return e / (1 + e)


def tanh(z):
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


def softplus(z):
    return np.log(1 + np.exp(z))


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=0)


def softmax_vjp(z, g):
    a = softmax(z)
    return a * (g - np.sum(a * g, axis=0))


VALUE = {"identity": lambda z: z, "sigmoid": sigmoid, "tanh": tanh, "softplus": softplus, "softmax": softmax}
VJP = {
    "identity": lambda _z, g: g,
    "sigmoid": lambda z, g: g * sigmoid(z) * (1 - sigmoid(z)),
    "tanh": lambda z, g: g * (1 - tanh(z) ** 2),
    "softplus": lambda z, g: g * sigmoid(z),
    "softmax": softmax_vjp,
}
LOSS = {
    "half_squared_error": lambda a, y: (a - y) ** 2 / 2,
    "bce_with_logits": lambda z, y: -y * np.log(sigmoid(z)) - (1 - y) * np.log(1 - sigmoid(z)),
    "cross_entropy_with_logits": lambda z, y: -y * np.log(softmax(z)),
    "bce": lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
    "cross_entropy": lambda a, y: -y * np.log(a),
}
LOSS_SLOPE = {
    "half_squared_error": lambda a, y: a - y,
    "bce_with_logits": lambda z, y: sigmoid(z) - y,
    "cross_entropy_with_logits": lambda z, y: softmax(z) * y.sum(axis=0) - y,
    "bce": lambda a, y: (a - y) / (a * (1 - a)),
    "cross_entropy": lambda a, y: -y / a,
}


def textbook(view):
    """Loss, dW and db of a network of any depth, the loss over the number of samples."""
    Z, A = [], [view.X]
    for W, b, name in zip(view.W, view.b, view.activations, strict=True):
        Z.append(W @ A[-1] + b)
        A.append(VALUE[name](Z[-1]))
    answer = {"loss": np.sum(LOSS[view.loss](A[-1], view.Y)) / view.samples, "dW": [], "db": []}
    dA = LOSS_SLOPE[view.loss](A[-1], view.Y) / view.samples
    for l in reversed(range(view.depth)):
        delta = VJP[view.activations[l]](Z[l], dA)
        answer["dW"].insert(0, delta @ A[l].T)
        answer["db"].insert(0, np.sum(delta, axis=1, keepdims=True))
        dA = view.W[l].T @ delta
    return answer


def textbook_with_activations(view):
    """The same, with Z and A as well, so that single steps are judged too."""
    Z, A = [], [view.X]
    for W, b, name in zip(view.W, view.b, view.activations, strict=True):
        Z.append(W @ A[-1] + b)
        A.append(VALUE[name](Z[-1]))
    return textbook(view) | {"Z": Z, "A": A[1:]}


for _implementation in (textbook, textbook_with_activations):
    _implementation.backproof = {
        "activations": list(VALUE),
        "losses": list(LOSS),
        "loss_scale": "/m",
        "depth": 3,
        "width": 8,
        "batch": 6,
    }


def wrong_by_two(view):
    """Twice the gradient, by formulas that are stable: no excuse."""
    Z = view.W[0] @ view.X + view.b[0]
    A = np.tanh(Z)
    delta = 2 * (A - view.Y) * (1 - A**2) / view.samples
    loss = np.sum((A - view.Y) ** 2) / 2 / view.samples
    gradients = {"dW": [delta @ view.X.T], "db": [np.sum(delta, axis=1, keepdims=True)]}
    return {"loss": loss, "Z": [Z], "A": [A], "delta": [delta], **gradients}


wrong_by_two.backproof = {
    "activations": ["tanh"],
    "losses": ["half_squared_error"],
    "loss_scale": "/m",
    "depth": 1,
}
