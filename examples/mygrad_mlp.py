"""MyGrad: tensors in row layout, and the library's own activations and losses. `pip install mygrad`."""

import mygrad as mg
from mygrad.nnet import activations as act
from mygrad.nnet import losses

ACTIVATIONS = {"identity": mg.positive, "relu": act.relu, "sigmoid": act.sigmoid, "tanh": mg.tanh}
ACTIVATIONS |= {"softsign": act.soft_sign, "hardtanh": act.hard_tanh, "log_softmax": act.logsoftmax}
ACTIVATIONS |= {"elu": lambda Z: act.elu(Z, 1.0), "selu": act.selu}
LOSSES = {"cross_entropy_with_logits": losses.softmax_crossentropy, "nll": losses.negative_log_likelihood}


def network(case):
    W, b, Z, A = [mg.tensor(w) for w in case.W], [mg.tensor(c) for c in case.b], [], [mg.tensor(case.X)]
    for layer, name in enumerate(case.activations):
        Z.append(A[-1] @ W[layer] + b[layer])
        A.append(ACTIVATIONS[name](Z[-1]))
    loss = LOSSES[case.loss](A[-1], case.Y)
    loss.backward()
    gradients = {"delta": [z.grad for z in Z], "dW": [w.grad for w in W], "db": [c.grad for c in b]}
    return {"Z": [z.data for z in Z], "A": [a.data for a in A[1:]], "loss": loss.item(), **gradients}


network.backproof = {"samples": "rows", "weights": "inputs x outputs", "bias": "flat", "labels": "indices"}
network.backproof |= {"activations": list(ACTIVATIONS), "losses": list(LOSSES), "loss_scale": "/m"}
