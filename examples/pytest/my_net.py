"""A network as one writes it: one sample a row, tanh in the hidden layers, softmax and cross-entropy last."""

import numpy as np


def net(case):
    A = [case.X]
    for layer, (W, b) in enumerate(zip(case.W, case.b, strict=True), start=1):
        Z = A[-1] @ W + b
        if layer < case.depth:
            A.append(np.tanh(Z))
        else:
            e = np.exp(Z - Z.max(axis=1, keepdims=True))
            A.append(e / e.sum(axis=1, keepdims=True))
    with np.errstate(divide="ignore"):
        loss = -np.log(A[-1][case.Y == 1]).sum() / case.samples
    dW, db = [], []
    delta = (A[-1] - case.Y) / case.samples
    for layer in reversed(range(case.depth)):
        dW.insert(0, A[layer].T @ delta)
        db.insert(0, delta.sum(axis=0))
        delta = (delta @ case.W[layer].T) * (1 - A[layer] ** 2)
    return {"loss": loss, "dW": dW, "db": db}


net.backproof = {
    "samples": "rows",
    "weights": "inputs x outputs",
    "bias": "flat",
    "labels": "one-hot",
    "hidden": ["tanh"],
    "output": ["softmax"],
    "losses": ["cross_entropy"],
    "loss_scale": "/m",
}
