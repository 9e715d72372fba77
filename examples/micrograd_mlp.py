"""micrograd: one `Value` for each number, so small networks only. `pip install micrograd`."""

import random

from micrograd.engine import Value
from micrograd.nn import MLP


def network(case):
    state = random.getstate()
    mlp = MLP(case.widths[0], case.widths[1:])  # draws weights, which are replaced
    random.setstate(state)
    for layer, name, W, b in zip(mlp.layers, case.activations, case.W, case.b, strict=True):
        for neuron, w, c in zip(layer.neurons, W.tolist(), b.tolist(), strict=True):
            neuron.w, neuron.b, neuron.nonlin = [Value(x) for x in w], Value(c), name == "relu"
    loss = Value(0.0)
    for x, y in zip(case.X.tolist(), case.Y.tolist(), strict=True):
        out = mlp([Value(number) for number in x])
        for a, target in zip(out if isinstance(out, list) else [out], y, strict=True):
            loss += (a - target) ** 2
    loss.backward()
    dW = [[[w.grad for w in neuron.w] for neuron in layer.neurons] for layer in mlp.layers]
    return {"loss": loss.data, "dW": dW, "db": [[n.b.grad for n in layer.neurons] for layer in mlp.layers]}


network.backproof = {"samples": "rows", "bias": "flat", "loss_scale": "sum"}
network.backproof |= {"activations": ["identity", "relu"], "losses": ["mse"], "dtypes": ["float64"]}
network.backproof |= {"depth": 4, "width": 8, "batch": 4}
