"""scikit-learn's MLPRegressor, asked for loss and gradient as its solver asks. `pip install scikit-learn`."""

from sklearn.neural_network import MLPRegressor

NAMES = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


def network(case):
    *hidden, _ = case.activations
    mlp = MLPRegressor(activation=NAMES[hidden[0]] if hidden else "identity", alpha=0)
    mlp.n_layers_, mlp.out_activation_ = case.depth + 1, "identity"
    mlp.coefs_, mlp.intercepts_ = case.W, case.b
    A, deltas, dW, db = [case.X, *case.W], [*case.W], [*case.W], [*case.W]  # lists to write into
    loss, dW, db = mlp._backprop(case.X, case.Y, None, A, deltas, dW, db)
    return {"loss": loss, "A": A[1:], "dW": dW, "db": db}


network.backproof = {"samples": "rows", "weights": "inputs x outputs", "bias": "flat"}
network.backproof |= {"hidden": list(NAMES), "output": ["identity"], "losses": ["half_squared_error"]}
network.backproof |= {"loss_scale": "/(m n_out)", "gradient_scale": "/m"}  # they are out of step
network.backproof |= {"depth": 2}  # all hidden layers have the same activation: so at most one
