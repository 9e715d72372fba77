"""PyTorch's autograd as the implementation under test, for `backproof run --impl … --python …`.

It runs where torch is all there is: neither backproof nor NumPy need be installed there.
"""

import torch
from torch.nn import functional

ACTIVATIONS = {"identity": torch.clone, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
ACTIVATIONS |= {
    name: getattr(functional, name) for name in ("relu", "gelu", "elu", "selu", "silu", "softsign", "mish")
}
LOSSES = {"mse": functional.mse_loss, "smooth_l1": functional.smooth_l1_loss, "l1": functional.l1_loss}


def network(c):
    def leaf(array):
        return torch.tensor(array, dtype=getattr(torch, c.dtype), requires_grad=True)

    X, W, b = leaf(c.X), list(map(leaf, c.W)), list(map(leaf, c.b))
    Z, A = [], [X]
    for weights, bias, name in zip(W, b, c.activations, strict=True):
        Z.append(weights @ A[-1] + bias)
        Z[-1].retain_grad()
        A.append(ACTIVATIONS[name](Z[-1]))
    loss = LOSSES[c.loss](A[-1], leaf(c.Y).detach(), reduction="sum") / c.samples
    loss.backward()
    answer = {"Z": Z, "A": A[1:], "delta": [z.grad for z in Z]}
    answer.update(dW=[w.grad for w in W], db=[v.grad for v in b])
    answer = {name: [tensor.tolist() for tensor in tensors] for name, tensors in answer.items()}
    return {"loss": loss.item(), "dX": X.grad.tolist(), **answer}


network.backproof = {"activations": list(ACTIVATIONS), "losses": list(LOSSES), "loss_scale": "/m"}
