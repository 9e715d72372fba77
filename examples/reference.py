"""The reference itself as a plug-in: what the harness costs, and whether it changes anything."""

from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network


def network(case):
    specs = map(ActivationSpec, case.activations, case.activation_parameters)
    layers = tuple(map(Layer, case.W, case.b, specs))
    loss = LossSpec(case.loss, case.reduction, case.loss_parameters, case.loss_arrays)
    return Backprop().run(Case(Network(layers, loss), case.X, case.Y, case.learning_rate))


network.backproof = {"parameters": True, "arrays": True}
