"""HIPS autograd: the loss as a function of all parameters, differentiated. `pip install autograd`."""

import autograd.numpy as np
from autograd import value_and_grad
from autograd.scipy.special import expit, logsumexp

ACTIVATIONS = {
    "identity": lambda Z: Z,
    "tanh": np.tanh,
    "sigmoid": expit,
    "relu": lambda Z: np.maximum(Z, 0),
    "softplus": lambda Z: np.logaddexp(Z, 0),
    "log_softmax": lambda Z: Z - logsumexp(Z, axis=0, keepdims=True),
}
LOSSES = {"l1": lambda A, Y: np.abs(A - Y), "mse": lambda A, Y: (A - Y) ** 2, "nll": lambda A, Y: -Y * A}


def loss(parameters, case):
    W, b, A = parameters
    for layer, name in enumerate(case.activations):
        A = ACTIVATIONS[name](W[layer] @ A + b[layer])
    return np.sum(LOSSES[case.loss](A, case.Y))


def network(case):
    value, (dW, db, dX) = value_and_grad(loss)((case.W, case.b, case.X), case)
    return {"loss": value, "dW": dW, "db": db, "dX": dX}


network.backproof = {"activations": list(ACTIVATIONS), "losses": list(LOSSES), "loss_scale": "sum"}
