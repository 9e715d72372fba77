"""Where the document must be read with care: each claim shown failing as written, holding on its condition.

A test's name begins with the id it is about. What is right is decided by torch or jax in float64, or by
fractions worked by hand, never by refimpl; where refimpl appears, it is what is held against them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from refimpl_points import drawn
from trusted import trusted

from oracles import StepInputs
from oracles.torch_oracle import TorchOracle
from refimpl import (
    ACTIVATIONS,
    LOSSES,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    LossSpec,
    Network,
    special_form,
    special_output_error,
)
from refimpl.equations import EQUATIONS
from refimpl.functions import Kink

F = torch.nn.functional
Tensor = torch.Tensor


class Output(NamedTuple):
    """What torch makes of a last layer: Ŷ and the loss's gradients by Ŷ and by Z, (n, m) as float64."""

    A: Any
    dA: Any
    dZ: Any


def torch_output(Z: Any, Y: Any, sigma: Callable[[Tensor], Tensor], loss: Callable[..., Tensor]) -> Output:
    z = torch.tensor(Z, dtype=torch.float64, requires_grad=True)
    a = sigma(z)
    a.retain_grad()
    torch.autograd.backward(loss(a, torch.tensor(Y, dtype=torch.float64)))
    assert a.grad is not None
    assert z.grad is not None
    return Output(a.detach().numpy(), a.grad.numpy(), z.grad.numpy())


def identity(z: Tensor) -> Tensor:
    return z.clone()


def softmax(z: Tensor) -> Tensor:
    return torch.softmax(z, dim=0)


def half_squared_error(a: Tensor, y: Tensor) -> Tensor:
    return ((a - y) ** 2).sum() / 2


def squared_error(a: Tensor, y: Tensor) -> Tensor:
    return ((a - y) ** 2).sum()


def binary_cross_entropy(a: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy(a, y, reduction="sum")


def cross_entropy(a: Tensor, y: Tensor) -> Tensor:
    return -torch.xlogy(y, a).sum()


def same(left: Any, right: Any) -> bool:
    """Equal but for the last bits of float64; whatever is wrong in this file is wrong in the first digits."""
    return np.shape(left) == np.shape(right) and np.allclose(left, right, rtol=1e-12, atol=1e-14)


# One sample, three outputs; the labels are probabilities that sum to 1.
Z = np.array([[0.5], [-1.25], [2.0]])
Y = np.array([[0.25], [0.125], [0.625]])

# ---------------------------------------------------------------- B4


def test_B4_first_claim_is_true_of_half_squared_error() -> None:
    out = torch_output(Z, Y, identity, half_squared_error)
    assert same(out.dA, out.A - Y)


@pytest.mark.parametrize(
    ("sigma", "loss"),
    [(identity, squared_error), (torch.sigmoid, binary_cross_entropy), (softmax, cross_entropy)],
)
def test_B4_first_claim_is_wrong_for_every_loss_the_document_names(
    sigma: Callable[[Tensor], Tensor], loss: Callable[..., Tensor]
) -> None:
    out = torch_output(Z, Y, sigma, loss)
    assert not same(out.dA, out.A - Y)


def test_B4_the_two_claims_differ_in_numbers_worked_by_hand() -> None:
    # Ŷ = σ(log 3) = 3/4, Y = 1: ∂L/∂A = -1/Ŷ = -4/3, and times σ' = 3/4 · 1/4 it is -1/4 = Ŷ - Y.
    out = torch_output([[np.log(3.0)]], [[1.0]], torch.sigmoid, binary_cross_entropy)
    assert same(out.dA, [[-4 / 3]])
    assert same(out.dZ, [[-1 / 4]])


@pytest.mark.parametrize(
    ("sigma", "loss"),
    [(identity, half_squared_error), (torch.sigmoid, binary_cross_entropy), (softmax, cross_entropy)],
)
def test_B4_second_claim_is_true_of_the_three_pairs(
    sigma: Callable[[Tensor], Tensor], loss: Callable[..., Tensor]
) -> None:
    out = torch_output(Z, Y, sigma, loss)
    assert same(out.dZ, out.A - Y)


def test_B4_mean_squared_error_over_n_outputs_brings_two_over_n() -> None:
    out = torch_output(Z, Y, identity, F.mse_loss)
    assert not same(out.dZ, out.A - Y)
    assert same(out.dZ, (out.A - Y) * 2 / 3)


def test_B4_a_mean_over_m_samples_brings_one_over_m() -> None:
    out = torch_output(
        np.hstack([Z, -Z]), np.hstack([Y, Y]), softmax, lambda a, y: F.nll_loss(a.log().T, y.T.argmax(1))
    )
    one_hot = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])  # the larger label of Y is its third
    assert not same(out.dZ, out.A - one_hot)
    assert same(out.dZ, (out.A - one_hot) / 2)


def test_B4_labels_that_do_not_sum_to_one_multiply_the_softmax() -> None:
    labels = np.array([[0.5], [1.0], [0.75]])
    out = torch_output(Z, labels, softmax, cross_entropy)
    assert not same(out.dZ, out.A - labels)
    assert same(out.dZ, out.A * 2.25 - labels)


PAIRS = [
    (activation, loss)
    for activation in ACTIVATIONS
    for loss in LOSSES
    if LOSSES[loss].prediction_domain.covers(ACTIVATIONS[activation].range)
]


def last_layer_case(activation: str, loss: str) -> Case:
    """One layer whose Z and Ŷ - Y take both signs and sizes around 1; labels sum to 1 where they may.

    No prediction has rounded to an end of what the loss takes, where it may be infinite.
    """
    cases = (drawn_layer(activation, loss, halvings) for halvings in itertools.count())
    domain = LOSSES[loss].prediction_domain
    ends = (domain.low, domain.high)
    return next(case for case in cases if not np.isin(Backprop().run(case).A, ends).any())


def drawn_layer(activation: str, loss: str, halvings: int) -> Case:
    rng = np.random.default_rng(4)
    labels = rng.uniform(0.05, 1.0, (3, 5))
    labels = labels / labels.sum(axis=0)
    if not LOSSES[loss].target_domain.contains(labels):
        labels = drawn(LOSSES[loss].target_domain, labels.shape, seed=4)
    W, b = rng.normal(0, 2, (3, 2)) / 2**halvings, rng.normal(0, 1, (3, 1)) / 2**halvings
    layer = Layer(W, b, ActivationSpec(activation))
    network = Network((layer,), LossSpec(loss, "sum"))
    return Case(network, rng.normal(0, 1, (2, 5)), labels)


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_B4_second_claim_is_true_of_exactly_the_pairs_in_the_table(activation: str, loss: str) -> None:
    case = last_layer_case(activation, loss)
    (trace,) = TorchOracle().traces([case])
    assert trace.A is not None
    assert trace.delta is not None
    form = special_form(case.network)
    claimed = form is not None and form.factor == 1
    assert same(trace.delta[0], trace.A[0] - case.Y) == claimed
    if form is not None:
        assert same(trace.delta[0], special_output_error(case.network, trace.A[0], case.Y))


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_B4_the_general_rule_is_right_for_every_pair(activation: str, loss: str) -> None:
    # torch has σ' of tanh as 1 - a² and of sigmoid as a(1 - a): near saturation, where both cancel, σ' is off
    # by roundings of 1, and not of itself. δ = σ' g is then off by roundings of g = ∂L/∂A; softmax's
    # a_i (g_i - Σ a_j g_j) likewise by those of the largest g of its sample. g itself is off by roundings of
    # Ŷ and Y, which are of order 1, or where the loss is steep, of |Ŷ| g. So δ may differ by a few of those,
    # however small it is itself.
    case = last_layer_case(activation, loss)
    oracle, their_trace = trusted(case)
    ours = Backprop().run(case)
    assert their_trace.Z is not None
    assert their_trace.A is not None
    assert their_trace.delta is not None
    assert ours.delta is not None
    (step,) = oracle.steps([StepInputs(case, their_trace.Z, their_trace.A[0], ())])
    g = np.abs(step.dA_last)
    if LOSSES[loss].steep:
        g = g * np.maximum(np.abs(their_trace.A[0]), 1)
    if not ACTIVATIONS[activation].elementwise:
        g = np.max(g, axis=0, keepdims=True)
    allowed = 8 * np.finfo("float64").eps * (1 + g)
    assert np.all(np.abs(ours.delta[0] - their_trace.delta[0]) <= allowed)
    # Many entries, where it is not flat, are far larger: what is wrong there is seen to nine digits at least.
    size = np.abs(their_trace.delta[0])
    assert np.mean((allowed < 1e-9 * size)[size > 0]) > 0.25


# ---------------------------------------------------------------- B3 and the meaning of δ


def test_B3_with_the_delta_that_B4_names_gives_a_wrong_bias_gradient() -> None:
    # One unit, x = 0, b = log 3: Z = b, so torch's gradient by b is the one by Z, -1/4 and not -4/3.
    b = torch.tensor([[np.log(3.0)]], dtype=torch.float64, requires_grad=True)
    torch.autograd.backward(binary_cross_entropy(torch.sigmoid(b), torch.ones_like(b)))
    out = torch_output([[np.log(3.0)]], [[1.0]], torch.sigmoid, binary_cross_entropy)
    assert b.grad is not None
    assert not same(b.grad.numpy(), out.dA)
    assert same(b.grad.numpy(), out.dZ)


class Parameters(NamedTuple):
    """Torch's gradients of one layer, ½ squared error: by Z, W and b; and the layer's input."""

    delta: Any
    dW: Any
    db: Any
    A_previous: Any


def tanh_layer(samples: int) -> Parameters:
    """Two inputs, three units."""
    rng = np.random.default_rng(3)
    X = torch.tensor(rng.normal(size=(2, samples)))
    W = torch.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    b = torch.tensor(rng.normal(size=(3, 1)), requires_grad=True)
    pre_activation = W @ X + b
    pre_activation.retain_grad()
    torch.autograd.backward(
        half_squared_error(torch.tanh(pre_activation), torch.tensor(rng.normal(size=(3, samples))))
    )
    assert pre_activation.grad is not None
    assert W.grad is not None
    assert b.grad is not None
    return Parameters(pre_activation.grad.numpy(), W.grad.numpy(), b.grad.numpy(), X.numpy())


def test_B3_the_bias_gradient_is_delta_for_one_sample() -> None:
    layer = tanh_layer(samples=1)
    assert same(layer.db, layer.delta)


def test_B3_the_bias_gradient_is_the_sum_of_the_columns_of_delta_for_more_samples() -> None:
    layer = tanh_layer(samples=4)
    assert layer.db.shape != layer.delta.shape
    assert not any(same(layer.db, layer.delta[:, [column]]) for column in range(4))
    assert same(layer.db, layer.delta.sum(axis=1, keepdims=True))


def test_B2_the_derivative_of_Z_by_b_is_the_identity_for_one_sample_only() -> None:
    def pre_activation(b: Tensor, samples: int) -> Tensor:
        return torch.ones(3, 2) @ torch.ones(2, samples) + b

    b = torch.zeros(3, 1)
    one = torch.autograd.functional.jacobian(lambda b: pre_activation(b, 1), b)  # type: ignore[no-untyped-call]
    assert np.array_equal(one.reshape(3, 3), np.eye(3))
    assert not np.array_equal(one.reshape(3, 3), np.ones((3, 3)))  # "1", read as ones
    four = torch.autograd.functional.jacobian(lambda b: pre_activation(b, 4), b)  # type: ignore[no-untyped-call]
    assert four.shape == (3, 4, 3, 1)
    assert np.array_equal(four.sum(dim=1).reshape(3, 3), 4 * np.eye(3))


# ---------------------------------------------------------------- B1


@pytest.mark.parametrize("samples", [1, 4])
def test_B1_as_written_is_not_a_matrix_product(samples: int) -> None:
    layer = tanh_layer(samples)
    with pytest.raises(ValueError, match="mismatch"):
        layer.delta @ layer.A_previous
    assert same(layer.dW, layer.delta @ layer.A_previous.T)


def test_B1_holds_as_written_where_all_its_factors_are_numbers() -> None:
    # Ŷ = tanh(w x + b) with w = 2, x = 1/2, b = 0, y = 0: ∂L/∂A · ∂A/∂Z · ∂Z/∂W, three numbers.
    w = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    torch.autograd.backward(half_squared_error(torch.tanh(w * 0.5), torch.zeros(())))
    assert w.grad is not None
    assert same(w.grad.numpy(), np.tanh(1.0) * np.cosh(1.0) ** -2 * 0.5)


# ---------------------------------------------------------------- B1a and B5


class Hidden(NamedTuple):
    """Torch's numbers for a network of a hidden layer of three units and two linear outputs."""

    W_2: Any
    A_1: Any
    dA_1: Any
    delta_1: Any
    delta_2: Any
    dW_1: Any
    jacobian: Any
    """∂A[1]/∂Z[1] of each sample, (samples, 3, 3)."""


def hidden_layer(
    sigma: Callable[[Tensor], Tensor],
    samples: int = 4,
    loss: Callable[..., Tensor] = half_squared_error,
    output: Callable[[Tensor], Tensor] = identity,
) -> Hidden:
    rng = np.random.default_rng(5)
    X, Y = torch.tensor(rng.normal(size=(2, samples))), torch.tensor(rng.uniform(0.1, 0.9, (2, samples)))
    W_1 = torch.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    W_2 = torch.tensor(rng.normal(size=(2, 3)), requires_grad=True)
    Z_1 = W_1 @ X
    A_1 = sigma(Z_1)
    Z_2 = W_2 @ A_1
    for tensor in (Z_1, A_1, Z_2):
        tensor.retain_grad()
    torch.autograd.backward(loss(output(Z_2), Y))

    def array(tensor: Tensor | None) -> Any:
        assert tensor is not None
        return tensor.detach().numpy()

    jacobian = torch.stack(
        [
            torch.autograd.functional.jacobian(sigma, column[:, None]).reshape(3, 3)  # type: ignore[no-untyped-call]
            for column in Z_1.detach().T
        ]
    )
    return Hidden(
        array(W_2),
        array(A_1),
        array(A_1.grad),
        array(Z_1.grad),
        array(Z_2.grad),
        array(W_1.grad),
        array(jacobian),
    )


def test_B1a_needs_the_delta_that_is_the_gradient_by_Z() -> None:
    net = hidden_layer(torch.tanh, loss=binary_cross_entropy, output=torch.sigmoid)
    assert same(net.dA_1, net.W_2.T @ net.delta_2)
    A_2 = 1 / (1 + np.exp(-net.W_2 @ net.A_1))
    dA_2 = net.delta_2 / (A_2 * (1 - A_2))  # B4's δ, called ∂L/∂A
    assert not same(net.dA_1, net.W_2.T @ dA_2)


def test_B5_the_dot_is_elementwise_and_as_a_matrix_product_it_has_no_shape() -> None:
    net = hidden_layer(torch.tanh)
    slope = np.diagonal(net.jacobian, axis1=1, axis2=2).T
    with pytest.raises(ValueError, match="mismatch"):
        (net.W_2.T @ net.delta_2) @ slope
    assert same(net.delta_1, (net.W_2.T @ net.delta_2) * slope)


def test_B5_is_wrong_for_a_softmax_in_a_hidden_layer_and_its_jacobian_is_right() -> None:
    net = hidden_layer(softmax)
    slope = np.diagonal(net.jacobian, axis1=1, axis2=2).T
    assert not same(net.delta_1, (net.W_2.T @ net.delta_2) * slope)
    back = net.W_2.T @ net.delta_2
    by_jacobian = np.stack([J.T @ g for J, g in zip(net.jacobian, back.T, strict=True)], axis=1)
    assert same(net.delta_1, by_jacobian)


# ---------------------------------------------------------------- F5


def test_F5_the_loss_is_not_the_difference_of_prediction_and_label() -> None:
    # Ŷ - Y = 1/4 both times: -½ log ¾ - ½ log ¼ = 0.837 for a label ½, -log ¾ = 0.288 for a label 0.
    near = binary_cross_entropy(torch.tensor([0.75]), torch.tensor([0.5]))
    far = binary_cross_entropy(torch.tensor([0.25]), torch.tensor([0.0]))
    assert not same(near.numpy(), far.numpy())
    # Were the loss Ŷ - Y, its gradient by Ŷ would be 1 everywhere, and not B4's Ŷ - Y.
    out = torch_output(Z, Y, identity, lambda a, y: (a - y).sum())
    assert same(out.dA, np.ones((3, 1)))


def test_F5_the_number_of_layers_and_the_loss_are_two_things_called_L() -> None:
    # One more identity layer with W = 1, b = 0: L, the last layer, goes from 1 to 2, L, the loss, stays 1/8.
    one = Layer(np.ones((1, 1)), np.zeros((1, 1)), ActivationSpec("identity"))
    x, y = np.array([[1.0]]), np.array([[0.5]])
    results = []
    for depth in (1, 2):
        case = Case(Network((one,) * depth, LossSpec("half_squared_error")), x, y)
        results.append((case.network.depth, float(Backprop().run(case).loss)))
    assert results == [(1, 0.125), (2, 0.125)]


# ---------------------------------------------------------------- U1 and U2


def test_U1_an_updated_weight_must_not_propagate_the_error() -> None:
    net, rate = hidden_layer(torch.tanh), 0.5
    slope = 1 - net.A_1**2
    W_2_updated = net.W_2 - rate * net.delta_2 @ net.A_1.T
    assert same(net.delta_1, (net.W_2.T @ net.delta_2) * slope)
    too_early = (W_2_updated.T @ net.delta_2) * slope
    assert np.max(np.abs(too_early - net.delta_1)) > 0.1 * np.max(np.abs(net.delta_1))


def test_U2_an_updated_bias_must_not_enter_a_pass_whose_gradients_are_being_taken() -> None:
    # Ŷ = b₂ + w₂ (b₁ + x), all 1 but w₂ = 2 and y = 0: Ŷ = 5, ∂L/∂b₁ = 10. With b₂ ← 1 - 5/5 = 0 taken
    # first, Ŷ = 4 and ∂L/∂b₁ = 8.
    b_1 = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    for b_2, gradient in ((1.0, 10.0), (0.0, 8.0)):
        torch.autograd.backward(half_squared_error(b_2 + 2 * (b_1 + 1), torch.zeros(())))
        assert b_1.grad is not None
        assert b_1.grad.item() == gradient
        b_1.grad = None


@pytest.mark.parametrize("quantity", ["W_updated", "b_updated"])
def test_U1_and_U2_done_last_are_one_step_of_torch_sgd(quantity: str) -> None:
    case = two_layer_case()
    (torch_trace,) = TorchOracle().traces([case])  # torch.optim.SGD
    ours = Backprop().run(case)
    for mine, theirs in zip(getattr(ours, quantity), getattr(torch_trace, quantity), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def two_layer_case() -> Case:
    rng = np.random.default_rng(6)
    layers = tuple(
        Layer(rng.normal(size=(rows, columns)), rng.normal(size=(rows, 1)), ActivationSpec(name))
        for rows, columns, name in ((3, 2, "tanh"), (2, 3, "identity"))
    )
    network = Network(layers, LossSpec("mse"))
    return Case(network, rng.normal(size=(2, 4)), rng.normal(size=(2, 4)), 0.5)


# ---------------------------------------------------------------- F3: σ' at a kink


def test_F3_the_derivative_of_relu_at_zero_is_a_convention_that_differs_within_one_framework() -> None:
    with jax.enable_x64():
        zero = jnp.zeros(())
        assert float(jax.grad(jax.nn.relu)(zero)) == 0.0
        assert float(jax.grad(lambda z: jnp.maximum(z, 0))(zero)) == 0.5
    z = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (at_zero,) = torch.autograd.grad(F.relu(z), z)
    assert at_zero.item() == 0.0
    assert (F.relu(torch.tensor(1.0)) - F.relu(torch.tensor(0.0))).item() == 1.0  # the slope right of 0


KINKS = [
    (name, kink)
    for name, entry in ACTIVATIONS.items()
    for kink in entry.kinks(entry.complete({}, np.dtype("float64")))
]


@pytest.mark.parametrize(("name", "kink"), KINKS)
def test_F3_ours_at_a_kink_is_the_value_stated_in_the_table_and_torchs(name: str, kink: Kink) -> None:
    # One unit with W = 0, b = the kink, Y = A - 1: ∂L/∂A = 1, so δ is σ' at the kink.
    spec = ActivationSpec(name)
    at = np.full((1, 1), kink.at)
    network = Network((Layer(np.zeros((1, 1)), at, spec),), LossSpec("half_squared_error"))
    case = Case(network, np.ones((1, 1)), spec.entry.value(at, **spec.parameters) - 1)
    (theirs,) = TorchOracle().traces([case])
    ours = Backprop().run(case)
    assert theirs.delta is not None
    assert ours.delta is not None
    assert ours.delta[0].item() == theirs.delta[0].item() == kink.chosen


# ---------------------------------------------------------------- nothing left out


def test_every_equation_that_does_not_hold_as_written_is_shown_failing_here() -> None:
    with_care = {entry.id for entry in EQUATIONS if entry.reading != "holds"}
    shown = {name.split("_")[1] for name in globals() if name.startswith("test_")}
    assert with_care <= shown
