"""scikit-learn's MLPClassifier: softmax for one class of many, sigmoid for several labels at once."""

from sklearn.neural_network import MLPClassifier

NAMES = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


def network(case):
    *hidden, last = case.activations
    mlp = MLPClassifier(activation=NAMES[hidden[0]] if hidden else "identity", alpha=0)
    mlp.n_layers_, mlp.out_activation_ = case.depth + 1, NAMES.get(last, last)
    mlp.coefs_, mlp.intercepts_ = case.W, case.b
    A, deltas, dW, db = [case.X, *case.W], [*case.W], [*case.W], [*case.W]  # lists to write into
    loss, dW, db = mlp._backprop(case.X, case.Y, None, A, deltas, dW, db)
    return {"loss": loss, "A": A[1:], "dW": dW, "db": db}


network.backproof = {"samples": "rows", "weights": "inputs x outputs", "bias": "flat"}
network.backproof |= {"hidden": list(NAMES), "pairs": [["softmax", "cross_entropy"], ["sigmoid", "bce"]]}
network.backproof |= {"labels": "hard", "loss_scale": "/m"}
network.backproof |= {"depth": 2}  # all hidden layers have the same activation: so at most one
