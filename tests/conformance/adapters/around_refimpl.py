"""The reference as somebody would plug it in; and wrong, partial and crashing, for tests of the suite."""

from dataclasses import replace
from typing import Any

from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network, Trace


def full(view: Any) -> Trace:
    """All that the reference offers."""
    specs = [ActivationSpec(*each) for each in zip(view.activations, view.activation_parameters, strict=True)]
    layers = tuple(Layer(*each) for each in zip(view.W, view.b, specs, strict=True))
    loss = LossSpec(view.loss, view.reduction, view.loss_parameters, view.loss_arrays)
    return Backprop().run(Case(Network(layers, loss), view.X, view.Y, view.learning_rate))


def partial(view: Any) -> dict[str, Any]:
    """Loss and gradients only, of few networks."""
    trace = full(view)
    return {"loss": trace.loss, "dW": trace.dW, "db": trace.db}


def wrong(view: Any) -> Trace:
    """The bias gradient of the last layer has the wrong sign."""
    trace = full(view)
    assert trace.db is not None
    return replace(trace, db=(*trace.db[:-1], -trace.db[-1]), W_updated=None, b_updated=None)


def crashing(view: Any) -> Trace:
    """Ends its process, now and then."""
    if view.samples > 1:
        import os

        os.abort()
    return full(view)


DECLARED = {"parameters": True, "arrays": True}
full.backproof = wrong.backproof = crashing.backproof = DECLARED  # type: ignore[attr-defined]
partial.backproof = {  # type: ignore[attr-defined]
    "activations": ["tanh", "sigmoid"],
    "hidden": ["tanh"],
    "losses": ["mse", "bce"],
    "pairs": [["tanh", "mse"], ["sigmoid", "bce"]],
    "dtypes": ["float64"],
    "depth": [1, 2],
    "width": 4,
}
