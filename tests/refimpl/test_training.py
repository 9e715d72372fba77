"""Training takes the steps that torch's SGD takes, and those of `run`; what goes wrong on the way is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from network_samples import case, layer, network

from backproof.diagnosis.mistakes import MISTAKES
from refimpl import (
    DTYPES,
    ActivationSpec,
    Backprop,
    Case,
    InvalidCaseError,
    Layer,
    LossSpec,
    Network,
    SpecialFormBackprop,
    train,
)

IMPLEMENTATIONS = pytest.mark.parametrize("implementation", [Backprop, SpecialFormBackprop])


def classifier(dtype: str = "float64") -> Case:
    """Three inputs, two hidden layers of relu, a softmax of three classes; five samples."""
    rng = np.random.Generator(np.random.Philox(7))
    names = ("relu", "relu", "softmax")
    layers = (
        Layer(
            rng.normal(size=(out, into)).astype(dtype),
            rng.normal(size=(out, 1)).astype(dtype),
            ActivationSpec(n),
        )
        for out, into, n in zip((6, 4, 3), (3, 6, 4), names, strict=True)
    )
    Y = np.eye(3, dtype=dtype)[:, [0, 1, 2, 1, 0]]
    X = rng.normal(size=(3, 5)).astype(dtype)
    return Case(Network(tuple(layers), LossSpec("cross_entropy")), X, Y, 0.25)


def by_torch(made: Case, steps: int) -> tuple[list[float], list[Any]]:
    """Losses before each step, and W[1], b[1], W[2], … after all of them, of the classifier."""
    parameters = [
        torch.tensor(p, requires_grad=True) for layer in made.network.layers for p in (layer.W, layer.b[:, 0])
    ]
    optimizer, losses = torch.optim.SGD(parameters, lr=made.learning_rate), []
    for _ in range(steps):
        optimizer.zero_grad()
        A = torch.tensor(made.X.T.copy())
        for W, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            A = torch.relu(A @ W.T + b)
        logits = A @ parameters[-2].T + parameters[-1]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(made.Y.T.copy()))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [p.detach().numpy() for p in parameters]


@IMPLEMENTATIONS
def test_a_classifier_is_trained_as_torchs_sgd_trains_it(implementation: type[Backprop]) -> None:
    made = classifier()
    losses, parameters = by_torch(made, 50)
    assert losses[-1] < losses[0] / 3
    trained, ours = train(made, 50, implementation())
    assert ours == pytest.approx(losses, rel=1e-11)
    arrays = [p for layer in trained.network.layers for p in (layer.W, layer.b[:, 0])]
    for mine, theirs in zip(arrays, parameters, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-10, abs=1e-12)


def test_two_steps_worked_by_hand() -> None:
    # Ŷ = w v x, x = 1, y = 0, L = ½ ŷ²: with w = 2 and v = 1, δ = ŷ = 2, ∂L/∂v = 2 · 2 and ∂L/∂w = 2 · 1.
    # η = ¼ makes v = 1 - 1 = 0 and w = 2 - ½; then ŷ = b: both biases have moved by δ η, to -½ and -½.
    layers = tuple(Layer(np.array([[w]]), np.zeros((1, 1)), ActivationSpec("identity")) for w in (2.0, 1.0))
    made = Case(
        Network(layers, LossSpec("half_squared_error")), np.ones((1, 1)), np.zeros((1, 1)), learning_rate=0.25
    )
    trained, losses = train(made, 2)
    assert losses == [2.0, 1 / 8]  # ½ 2², ½ (-½)²
    first, second = trained.network.layers
    # δ[2] = -½ and A[1] = 3/2 - ½ = 1: v = 0 + ¼ · ½ · 1, b[2] = -½ + ⅛; nothing goes back through v = 0.
    assert (second.W.item(), second.b.item()) == (1 / 8, -3 / 8)
    assert (first.W.item(), first.b.item()) == (1.5, -0.5)


def by_runs(made: Case, steps: int, implementation: Backprop) -> tuple[Case, list[Any]]:
    """The same steps, each by a trace and a case with all checks."""
    losses = []
    for _ in range(steps):
        trace = implementation.run(made)
        losses.append(trace.loss)
        assert trace.W_updated is not None
        assert trace.b_updated is not None
        parts = zip(trace.W_updated, trace.b_updated, made.network.layers, strict=True)
        layers = tuple(Layer(W, b, old.activation) for W, b, old in parts)
        made = Case(Network(layers, made.network.loss), made.X, made.Y, made.learning_rate)
    return made, losses


@IMPLEMENTATIONS
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_is_that_of_runs(implementation: type[Backprop], dtype: str) -> None:
    for made in (classifier(dtype), case(dtype=dtype)):
        trained, losses = train(made, 3, implementation())
        assert (trained, losses) == by_runs(made, 3, implementation())
        assert {loss.dtype.name for loss in losses} == {dtype}
        assert made != trained


def test_without_others_the_equations_are_those_of_the_special_form() -> None:
    layers = (Layer(np.array([[-1000.0]]), np.zeros((1, 1)), ActivationSpec("sigmoid")),)
    made = Case(Network(layers, LossSpec("bce")), np.ones((1, 1)), np.ones((1, 1)), 0.5)
    trained, _ = train(made, 1)
    assert trained.network.layers[0].W.tolist() == [[-999.5]]  # ŷ - y = -1, where 1/ŷ is infinite
    with pytest.raises(InvalidCaseError, match=r"^W\[1\] or b\[1\] is no longer finite"):
        train(made, 1, Backprop())


def test_no_step_gives_the_case_as_it_was() -> None:
    made = case()
    assert train(made, 0) == (made, [])


def test_the_case_is_left_as_it_was_and_what_comes_back_is_checked_and_read_only() -> None:
    made = classifier()
    before = made.content_hash
    trained, _ = train(made, 2)
    assert Case(made.network, made.X, made.Y, made.learning_rate).content_hash == before
    assert trained.content_hash != before
    for layer_ in trained.network.layers:
        assert not layer_.W.flags.writeable
        assert not layer_.b.flags.writeable


@pytest.mark.parametrize("method", ["update_weight", "update_bias"])
def test_training_that_leaves_the_finite_numbers_is_refused_with_layer_and_remedy(method: str) -> None:
    def jumping(_self: Backprop, old: Any, _gradient: Any, _rate: float) -> Any:
        return old + np.inf if len(old) == 2 else old  # the second layer has two units

    made = case({"network": network(layer(3, 2), layer(2, 3)), "learning_rate": 0.5})
    expected = r"^W\[2\] or b\[2\] is no longer finite; use a smaller learning rate than 0\.5$"
    with pytest.raises(InvalidCaseError, match=expected):
        train(made, 1, type("Jumping", (Backprop,), {method: jumping})())


def test_an_update_of_another_dtype_is_refused_as_a_layer_of_it_is() -> None:
    single = {"update_bias": lambda _self, b, _db, _rate: b.astype("float32")}
    with pytest.raises(InvalidCaseError, match=r"^W is float64 and b is float32; make them the same$"):
        train(case(), 1, type("Single", (Backprop,), single)())


@pytest.mark.parametrize("name", MISTAKES)
def test_an_equation_that_is_changed_is_trained_with_and_a_pass_that_is_changed_is_refused(name: str) -> None:
    kind = MISTAKES[name].implementation
    whole = next((m for m in ("backward", "run") if getattr(kind, m) is not getattr(Backprop, m)), None)
    if whole:
        expected = (
            rf"^{kind.__name__} has a {whole} of its own.*; take W_updated and b_updated of its traces$"
        )
        with pytest.raises(ValueError, match=expected):
            train(case(), 1, kind())
    else:
        assert train(case(), 1, kind()) == by_runs(case(), 1, kind())
