"""A network as a class: right, and stable where numbers are large."""

import numpy as np


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


ACTIVATIONS = {
    "identity": lambda z: z + 0,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": sigmoid,
    "softmax": softmax,
    "tanh": np.tanh,
}
DERIVATIVES = {
    "relu": lambda z: (z > 0).astype(z.dtype),
    "sigmoid": lambda z: sigmoid(z) * sigmoid(-z),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
}


def divergence(y, a):
    """-y log a, which is 0 where y is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, 0, -y * np.log(a))


def loss_of(name, a, y):
    m = y.shape[1]
    if name == "half_squared_error":
        return ((a - y) ** 2).sum() / 2 / m
    if name == "bce":
        return (divergence(y, a) + divergence(1 - y, 1 - a)).sum() / m
    return divergence(y, a).sum() / m


class Network:
    def __init__(self, case) -> None:
        self.activations, self.loss_name = case.activations, case.loss

    def set_parameters(self, W, b):
        self.W, self.b = list(W), list(b)

    def forward(self, X):
        self.A, self.Z = [X], []
        for W, b, name in zip(self.W, self.b, self.activations, strict=True):
            self.Z.append(W @ self.A[-1] + b)
            self.A.append(ACTIVATIONS[name](self.Z[-1]))
        return self.A[-1]

    def backward(self, Y):
        delta = (self.A[-1] - Y) / Y.shape[1]
        if self.loss_name == "cross_entropy":
            delta = (self.A[-1] * Y.sum(axis=0) - Y) / Y.shape[1]
        self.delta = [delta]
        for l in range(len(self.W) - 1, 0, -1):
            back = self.W[l].T @ self.delta[0]
            self.delta.insert(0, back * DERIVATIVES[self.activations[l - 1]](self.Z[l - 1]))
        self.dW = [d @ a.T for d, a in zip(self.delta, self.A[:-1], strict=True)]
        self.db = [d.sum(axis=1, keepdims=True) for d in self.delta]
        self.dX = self.W[0].T @ self.delta[0]
        return loss_of(self.loss_name, self.A[-1], Y)

    def update(self, rate):
        self.W = [w - rate * g for w, g in zip(self.W, self.dW, strict=True)]
        self.b = [b - rate * g for b, g in zip(self.b, self.db, strict=True)]


def network(case):
    """The same as a function of the case."""
    net = Network(case)
    net.set_parameters(case.W, case.b)
    net.forward(case.X)
    loss = net.backward(case.Y)
    answer = {name: getattr(net, name) for name in ("Z", "delta", "dW", "db", "dX")}
    net.update(case.learning_rate)
    return {"loss": loss, "A": net.A[1:], **answer, "W_updated": net.W, "b_updated": net.b}


# ---------------------------------------------------------------- the same as single functions


def forward(A_previous, W, b, activation):
    Z = W @ A_previous + b
    return Z, ACTIVATIONS[activation](Z)


def loss(A, Y, loss):
    return loss_of(loss, A, Y)


def output_error(Z, A, Y, activation, loss):
    weight = Y.sum(axis=0) if loss == "cross_entropy" else 1
    return (A * weight - Y) / Y.shape[1]


def hidden_error(delta_next, W_next, Z, A, activation):
    return (W_next.T @ delta_next) * DERIVATIVES[activation](Z)


def gradients(delta, A_previous):
    return delta @ A_previous.T, delta.sum(axis=1, keepdims=True)


def update(W, b, dW, db, learning_rate):
    return W - learning_rate * dW, b - learning_rate * db
