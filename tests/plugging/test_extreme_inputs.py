"""|z| around 800: what a textbook formula loses there is "unstable", not a mismatch, and no fault."""

import numpy as np
import pytest

from refimpl import ActivationSpec, Case, Layer, LossSpec, Network, case_to_json
from tests.long_tests import long_but_for

from .command import here, miniature

# Activations and losses of which a textbook formula overflows at |z| = 800, and a stable one does not.
PAIRS = [
    ("sigmoid", "half_squared_error"),
    ("tanh", "half_squared_error"),
    ("softplus", "half_squared_error"),
    ("softmax", "half_squared_error"),
    ("identity", "bce_with_logits"),
    ("identity", "cross_entropy_with_logits"),
]
# Losses with the logarithm of a probability that rounds to 0 there: no number is held to be right.
OF_PROBABILITIES = [("sigmoid", "bce"), ("softmax", "cross_entropy")]


def case_of(activation, loss, dtype, z):
    """Two units whose pre-activations are z and -z/2 for the one sample and about 1 for the other."""
    W, b = np.array([[z], [-z / 2]], dtype), np.array([[0], [0]], dtype)
    X, Y = np.array([[1, 1 / z]], dtype), np.array([[0, 1], [1, 0]], dtype)
    return Case(Network((Layer(W, b, ActivationSpec(activation)),), LossSpec(loss, "batchmean")), X, Y, 0.125)


def judged(tmp_path, case, name):
    (tmp_path / "case.json").write_text(case_to_json(case))
    words = ("--impl", miniature(f"extreme.py:{name}"), "--oracles", "truth")
    return here(tmp_path, "replay", "case.json", *words)


@pytest.mark.long
@pytest.mark.parametrize("name", ["textbook", "textbook_with_activations"])
@pytest.mark.parametrize("dtype", long_but_for({"float32"}, ["float32", "float64"]))
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_a_textbook_formula_is_unstable_at_800(activation, loss, dtype, name, tmp_path):
    outcome = judged(tmp_path, case_of(activation, loss, dtype, 800), name)
    assert outcome.status == 0, outcome.out
    assert "0 mismatch, 0 fault" in outcome.out
    assert "1 unstable" in outcome.out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("activation", "loss"), OF_PROBABILITIES)
def test_nothing_is_said_against_a_logarithm_of_0_at_800(activation, loss, dtype, tmp_path):
    outcome = judged(tmp_path, case_of(activation, loss, dtype, 800), "textbook")
    assert outcome.status == 0, outcome.out
    assert "0 mismatch, 0 fault" in outcome.out


@pytest.mark.parametrize(("activation", "loss"), PAIRS + OF_PROBABILITIES)
def test_the_same_formula_is_not_even_unstable_at_1(activation, loss, tmp_path):
    outcome = judged(tmp_path, case_of(activation, loss, "float64", 1), "textbook")
    assert outcome.status == 0, outcome.out
    assert "1 conforms" in outcome.out


def test_a_wrong_formula_is_a_mismatch_at_800_too(tmp_path):
    outcome = judged(tmp_path, case_of("tanh", "half_squared_error", "float64", 800), "wrong_by_two")
    assert outcome.status == 1, outcome.out
    assert "1 mismatch" in outcome.out


MATHS_EXP = """
import math
import numpy as np

def sigmoid_of_math(view):
    Z = view.W[0] @ view.X + view.b[0]
    if np.any(Z == 7):
        math.exp(800)
    A = np.array([[1 / (1 + math.exp(-z)) for z in row] for row in Z])
    delta = (A - view.Y) * A * (1 - A) / view.samples
    gradients = {"dW": [delta @ view.X.T], "db": [np.sum(delta, axis=1, keepdims=True)]}
    return {"loss": np.sum((A - view.Y) ** 2) / 2 / view.samples, **gradients}

sigmoid_of_math.backproof = {"activations": ["sigmoid"], "losses": ["half_squared_error"], "loss_scale": "/m"}
"""


@pytest.mark.parametrize(
    ("size", "status", "told"), [(1600, 0, "1 unstable"), (7, 1, "1 fault"), (1, 0, "1 conforms")]
)
def test_an_overflow_error_is_unstable_on_extreme_numbers_and_a_fault_on_others(
    size: float, status: int, told: str, tmp_path
):
    (tmp_path / "mine.py").write_text(MATHS_EXP)
    (tmp_path / "case.json").write_text(
        case_to_json(case_of("sigmoid", "half_squared_error", "float64", size))
    )
    outcome = here(tmp_path, "replay", "case.json", "--impl", "mine.py:sigmoid_of_math", "--oracles", "truth")
    assert outcome.status == status, outcome.out
    assert told in outcome.out
