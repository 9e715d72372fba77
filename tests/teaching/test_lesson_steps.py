"""The steps of a pass: all equations in order, shapes and worked entries true, every number a trace's."""

import numpy as np
import pytest
from lessons import case, explained, step_of, truth

from backproof.teaching.model import Operand, Step, apart
from backproof.teaching.steps import steps
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, QUANTITIES, Backprop
from refimpl.equations import EQUATIONS

CHAIN_RULE = {"C1", "C2"}  # they are what the others are made of, and no step


def test_the_steps_are_those_of_a_pass_in_its_order():
    found = explained(case((2, 3, 1))).steps
    assert [(step.equation, step.quantity, step.layer) for step in found] == [
        ("F1", "A_0", None),
        ("F2", "Z", 1),
        ("F3", "A", 1),
        ("F2", "Z", 2),
        ("F4", "A", 2),
        ("F5", "loss", None),
        ("B4", "dA", 2),
        ("B4", "delta", 2),
        ("B1", "dW", 2),
        ("B3", "db", 2),
        ("B1a", "dA", 1),
        ("B5", "delta", 1),
        ("B1", "dW", 1),
        ("B3", "db", 1),
        ("B1a", "dX", None),
        ("U1", "W_updated", 1),
        ("U2", "b_updated", 1),
        ("U1", "W_updated", 2),
        ("U2", "b_updated", 2),
    ]
    assert [step.number for step in found] == list(range(1, 20))


def test_every_equation_of_the_document_is_a_step():
    found = explained(case()).steps
    assert {name for step in found for name in step.ids} == {entry.id for entry in EQUATIONS} - CHAIN_RULE


def test_every_number_of_the_trace_is_shown_as_it_is():
    given = case((2, 3, 2), loss="cross_entropy", samples=2)
    trace, found = Backprop().run(given), explained(given).steps
    for quantity, per_layer in QUANTITIES.items():
        for layer in range(1, 3) if per_layer else [None]:
            own = getattr(trace, quantity)
            own = own if layer is None else own[layer - 1]
            assert np.array_equal(step_of(found, quantity, layer).result.values, own)


def test_equations_have_the_numbers_of_their_layers():
    found = explained(case((2, 3, 1))).steps
    assert step_of(found, "Z", 2).text == "Z[2] = W[2] A[1] + b[2]"
    assert step_of(found, "delta", 1).text == "δ[1] = (W[2]ᵀ δ[2]) ⊙ σ'(Z[1])"
    assert step_of(found, "dX").text == "∂L/∂X = W[1]ᵀ δ[1]"
    assert step_of(found, "W_updated", 1).text == "W[1] ← W[1] - η ∂L/∂W[1]"
    assert not [step.text for step in found if "[l" in step.text or "[L" in step.text]


def test_shapes_are_those_of_the_operands():
    found = explained(case((2, 3, 1), samples=4)).steps
    assert step_of(found, "Z", 1).shapes == "(3, 4) = (3, 2)·(2, 4) + (3, 1)"
    assert step_of(found, "dW", 1).shapes == "(3, 2) = (3, 4)·(4, 2)"
    assert step_of(found, "dA", 1).shapes == "(3, 4) = (3, 1)·(1, 4)"
    assert step_of(found, "delta", 1).shapes == "(3, 4) = (3, 4) ⊙ (3, 4)"
    assert step_of(found, "loss").shapes == "scalar = mse((1, 4), (1, 4))"


ROUNDINGS = 64
"""Ulps of the largest entry that accurate answers may be apart in so small a network."""

SHAPES = [
    ((2, 3, 1), "tanh", "mse", 1),
    ((2, 3, 2), "softmax", "cross_entropy", 1),
    ((3, 2, 4), "relu", "half_squared_error", 3),
    ((2, 2), "tanh", "bce", 2),
]


@pytest.mark.parametrize(("widths", "hidden", "loss", "samples"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_worked_entry_is_that_of_the_trace(widths, hidden, loss, samples, dtype):
    found = explained(case(widths, hidden, loss, samples=samples, dtype=dtype)).steps
    worked = [step for step in found if step.expansion is not None]
    assert {step.equation for step in worked} >= {"F2", "F4", "B1", "B4", "U1", "U2"}
    for step in worked:
        entry = np.atleast_2d(step.result.values)[step.expansion.entry]
        rounding = 8 * np.finfo(entry.dtype).eps * max(1, abs(entry))
        assert abs(step.expansion.value - entry) <= rounding, step.expansion.text
        assert step.expansion.text.endswith(f" = {float(entry) + 0.0:.6g}")


@pytest.mark.parametrize(("widths", "hidden", "loss", "samples"), SHAPES)
def test_a_worked_entry_can_be_worked_out(widths, hidden, loss, samples):
    """What stands between the two equals signs, read as arithmetic, is what follows the second."""
    for step in explained(case(widths, hidden, loss, samples=samples)).steps:
        if step.expansion is None or step.equation in ("F3", "F4"):
            continue
        _, said, result = step.expansion.text.split(" = ")
        value = eval(said.replace("·", "*"), {"__builtins__": {}})  # noqa: S307 - numbers and signs
        assert value == pytest.approx(float(result), rel=1e-4, abs=1e-5)


def test_matrix_products_that_are_shown_give_what_is_shown():
    given = case((2, 3, 2), "softmax", "mse")
    for step in explained(given).steps:
        if [term.text for term in step.terms if not isinstance(term, Operand)] == ["·"]:
            left, right = step.operands
            assert np.allclose(left.values @ right.values, step.result.values, rtol=1e-12, atol=1e-15)


def test_what_must_be_read_with_care_is_said_of_every_equation_once():
    notes = [step.note for step in explained(case((2, 3, 1))).steps if step.note]
    for entry in EQUATIONS:
        if entry.id not in CHAIN_RULE:
            assert sum(entry.note in note for note in notes) == 1, entry.id


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_can_be_explained_hidden_and_last(name):
    for given in (case((2, 3, 2), name, samples=2), case((2, 3, 2), output=name, samples=2)):
        _agrees(explained(given).steps)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_can_be_explained(name):
    for samples in (1, 3):
        _agrees(explained(case((2, 3, 3), loss=name, samples=samples)).steps)


def _agrees(found: tuple[Step, ...]) -> None:
    for step in found[1:]:
        (answer,) = step.answers
        assert answer.apart.of_largest <= ROUNDINGS, f"{step.number} {step.text}: {answer.apart.words}"


def test_frameworks_answer_every_step_but_the_input():
    given = case((2, 3, 2), "sigmoid", "cross_entropy", samples=2)
    found = steps(given, [TorchOracle(), truth()])
    assert found[0].answers == ()
    for step in found[1:]:
        assert [answer.oracle for answer in step.answers] == ["torch", "truth"]
        assert all(answer.apart.of_largest <= ROUNDINGS for answer in step.answers)


def test_what_is_far_away_is_told_as_a_size_and_what_is_near_in_ulps():
    one = np.array([[1.0, 1e-12]])
    assert apart(one, one).words == "equal to the last bit"
    assert apart(np.array([[np.nextafter(1, 2), 1e-12]]), one).words == "within 1 ulp"
    assert (
        apart(np.array([[1.0, 1e-12 + 2e-16]]), one).words
        == "within 1 ulp of the largest entry (terms cancel)"
    )
    assert apart(np.array([[1.5, 1e-12]]), one).words == "off by up to 0.5"
    assert apart(np.array([[np.nan, 1e-12]]), one).words == "off by up to inf"
    assert apart(np.array([np.nan, np.inf]), np.array([np.nan, np.inf])).equal


@pytest.mark.parametrize(
    ("output", "loss", "samples", "said"),
    [
        ("identity", "half_squared_error", 1, "holds as it stands: δ[2] = Ŷ - Y"),
        ("identity", "mse", 1, "needs the factor 2: δ[2] = 2 (Ŷ - Y)"),
        ("identity", "mse", 2, "holds, because the factor 2 and d = 2 cancel"),
        ("sigmoid", "bce", 3, "needs the factor 1/3"),
        ("tanh", "mse", 1, "is not δ[2] for (tanh, mse): it takes the general rule"),
    ],
)
def test_it_is_said_whether_the_documents_form_of_b4_holds_here(output, loss, samples, said):
    found = explained(case((2, 3, 1), loss=loss, output=output, samples=samples)).steps
    assert said in step_of(found, "delta", 2).remark


def test_a_care_note_is_said_once():
    notes = [(step.equation, step.note) for step in explained(case((2, 3, 3, 1))).steps if step.note]
    assert len({name for name, _ in notes}) == len(notes)
    assert {name for name, _ in notes} >= {"F5", "B1", "B4", "B5", "U1"}


def test_the_loss_after_the_update_is_that_of_the_updated_network():
    found = explained(case())
    assert found.loss_after is not None
    assert found.loss_after < found.loss
