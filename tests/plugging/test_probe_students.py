"""What the probe finds of networks as people write them: functions wired in, fixed sizes, mistakes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from backproof.cases.options import choices
from backproof.plugging.declaration import Declaration
from backproof.plugging.proposing.universe import pairs_of
from refimpl import ACTIVATIONS, LOSSES
from tests.long_tests import long_but_for

from . import probed_students as students
from .adapted import Adapted
from .test_probe import check_proposed, mismatches, probed

ROWS = {"samples": "rows", "weights": "inputs x outputs", "bias": "flat"}
TWO_LAYERS = {**ROWS, "hidden": ["tanh"], "output": ["sigmoid"], "losses": ["bce"], "depth": [2, 2]}
M = ["identity", "tanh", "sigmoid", "relu"]

RIGHT: Mapping[str, Mapping[str, Any]] = {
    "exactly_two_layers": {**TWO_LAYERS, "loss_scale": "/m"},
    "one_sample_at_a_time": {
        "activations": ["tanh"], "losses": ["half_squared_error"], "batch": 1, "loss_scale": "sum",
    },
    "logistic_regression": {
        **ROWS, "activations": ["sigmoid"], "losses": ["bce"], "depth": 1, "outputs": 1, "loss_scale": "/m",
    },
    "forgot_the_two": {
        "samples": "rows", "hidden": ["relu"], "output": ["identity"], "losses": ["mse"],
        "loss_scale": "/m", "gradient_scale": "1/2 /m",
    },
    "with_fallbacks": {
        "loss_scale": "sum", "activations": ["sigmoid", "tanh", "relu", "threshold"],
        "losses": ["half_squared_error"],
    },
    "unlikely_functions": {
        "loss_scale": "/(m n_out)", "hidden": ["gelu"], "output": ["softplus"], "losses": ["huber"],
    },
    "each_loss_by_its_own_mean": {"reductions": ["mean"]},
    "ignores_parameters": {},
    "alike_hidden_layers": {"depth": 2},
    "at_least_two_samples": {"batch": [2, 32]},
    "chatty": {**TWO_LAYERS, "loss_scale": "/m"},
    "Stacked": {
        **ROWS, "labels": "indices", "hidden": ["sigmoid"], "output": ["softmax"],
        "losses": ["cross_entropy"], "loss_scale": "/m",
    },
}  # fmt: skip
"""What each keeps to."""


_SLOW = ("one_sample_at_a_time", "each_loss_by_its_own_mean", "alike_hidden_layers", "at_least_two_samples")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if k % 3 or name in _SLOW else ())
        for k, name in enumerate(RIGHT)
    ],
)
def test_what_a_right_student_keeps_to_is_proposed_and_conforms(name: str):
    student = getattr(students, name)
    proposal = probed(student)
    assert proposal.keys == RIGHT[name]
    assert proposal.unknown == ()
    student_faults = mismatches(student, proposal.keys, count=4)
    del student.backproof
    assert all("changed the state of" in text for text in student_faults)


FLAWED: Mapping[str, tuple[Mapping[str, Any], str, str]] = {
    "uphill": (
        {**TWO_LAYERS, "loss_scale": "/m"},
        r"^$",
        r"the scale of the gradients: -1 times the sum / m, which cannot be declared",
    ),
    "three_times": ({}, r"^$", r"the scale of the loss: 3 times the sum, which cannot be declared"),
    "penalised": ({**TWO_LAYERS, "loss_scale": "/m"}, r"dW has 0\.01 W in it, a penalty", r"^$"),
    "penalised_quietly": ({**TWO_LAYERS, "loss_scale": "/m"}, r"dW has 0\.01 W in it, a penalty", r"^$"),
    "forgets_the_slope": ({"loss_scale": "/m"}, r"dW of hidden layers, db of hidden layers: not as", r"^$"),
    "has_a_wrong_output_error": (
        {**TWO_LAYERS, "loss_scale": "/m"},
        r"dW of the last layer.*: not as",
        r"^$",
    ),
}


@pytest.mark.parametrize("name", long_but_for(list(FLAWED)[::3], FLAWED))
def test_mistakes_are_told_and_do_not_derail_what_is_proposed(name: str):
    keys, off, unknown = FLAWED[name]
    proposal = probed(getattr(students, name))
    assert proposal.keys == keys
    told = [text for text in proposal.off if "the state of random" not in text]  # beartype draws from it
    assert re.search(off, " ".join(told)), proposal.off
    assert re.search(unknown, " ".join(proposal.unknown)), proposal.unknown


# ---------------------------------------------------------------- functions, sizes, labels

OTHER: list[dict[str, Any]] = [
    {"parameters": True, "arrays": True, "samples": "rows"},
    {"labels": "one-hot", "bias": "flat"},
    {"reductions": ["sum"], "activations": M},
    {"reductions": ["entrymean"], "losses": ["mse"], "activations": M},
    {"dtypes": ["float32"], "activations": M, "losses": ["mse", "bce"]},
    {"depth": [3, 5], "activations": M, "losses": ["mse", "bce"]},
    {"batch": [1, 1], "activations": M, "losses": ["mse", "bce"]},
    {"batch": [3, 12], "activations": M, "loss_scale": "sum", "losses": ["mse", "l1"]},
    {"outputs": [1, 1], "activations": M, "losses": ["mse", "bce"]},
    {"width": [3, 20], "inputs": [1, 64], "outputs": [2, 2], "activations": M, "losses": ["mse"]},
    {"hidden": ["gelu", "silu"], "pairs": [["sigmoid", "bce"], ["identity", "huber"]]},
    {"pairs": [["softplus", "poisson_nll"], ["gelu", "log_cosh"]]},
    {**ROWS, "activations": ["gelu"], "losses": ["huber"]},
    {"activations": ["hardtanh", "elu"], "losses": ["hinge", "squared_hinge"], "loss_scale": "1/2 /m"},
    {"losses": ["nll"], "output": ["log_softmax"], "labels": "indices", "gradient_scale": "/m"},
    {"depth": 1, "outputs": 1, "batch": 1, "activations": ["sigmoid"], "losses": ["bce"], "bias": "flat"},
    {"depth": 1, "activations": ["softmin"], "losses": ["cross_entropy"], "dtypes": ["float32"]},
]


def _every_third(declared: list[dict[str, Any]]) -> list[Any]:
    """Of these all but the first in a long run; the others when all there is is gone through."""
    marks = [pytest.mark.exhaustive if k % 3 else pytest.mark.long if k else () for k in range(len(declared))]
    return [pytest.param(d, marks=mark) for d, mark in zip(declared, marks, strict=True)]


@pytest.mark.parametrize("declared", _every_third(OTHER), ids=str)
def test_functions_sizes_and_labels_are_proposed_as_they_are(declared: dict[str, Any]):
    check_proposed(declared, offers="all")


@pytest.mark.parametrize("offers", ["few", "step"])
def test_loss_and_gradients_or_a_training_step_are_enough(offers: str):
    check_proposed({**ROWS, "activations": M, "losses": ["mse"], "loss_scale": "1/2 /m"}, offers=offers)


# ---------------------------------------------------------------- proposals hold under the judge

JUDGED: list[dict[str, Any]] = [
    {**ROWS, "activations": M, "losses": ["mse", "bce"], "loss_scale": "1/2 /m", "gradient_scale": "sum"},
    {"activations": M, "losses": ["mse"], "gradient_scale": "1/2 /(m n_out)"},
    {"bias": "row", "labels": "indices", "losses": ["cross_entropy"], "loss_scale": "/m", "depth": [1, 3]},
]


@pytest.mark.long
@pytest.mark.parametrize("declared", JUDGED, ids=str)
def test_a_right_implementation_has_no_mismatch_under_its_proposal(declared: dict[str, Any]):
    proposal = check_proposed(declared)
    assert proposal.keys is not None
    assert mismatches(Adapted(declared), proposal.keys) == []


@pytest.mark.parametrize(
    "change",
    [
        {"loss_scale": "/m"},
        {"gradient_scale": "/m"},
        {"samples": "columns"},
        {"weights": "outputs x inputs"},
        {"bias": "column"},
        {"losses": ["mse", "l1"]},
    ],
    ids=str,
)
def test_and_has_some_under_another(change: dict[str, Any]):
    assert mismatches(Adapted(JUDGED[0]), {**JUDGED[0], **change})


# ---------------------------------------------------------------- what is declared already


def test_what_is_declared_rightly_stays_though_more_would_be_right():
    declared = {
        "labels": "hard", "activations": ["identity", "sigmoid"], "losses": ["mse", "bce"], "batch": [2, 4],
    }  # fmt: skip
    proposal = probed(Adapted({}, says=declared))
    assert proposal.wrong == ()
    assert proposal.keys == declared


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"samples": "columns"}, r"samples: 'columns' gives no right answer; 'rows' does"),
    ({"bias": "column"}, r"bias: 'column' gives no right answer; 'flat' does"),
    ({"loss_scale": "sum"}, r"loss_scale: not 'sum'; found: /m"),
    ({"loss_scale": "/m", "gradient_scale": "1/2 /m"}, r"gradient_scale: not '1/2 /m'; found: /m"),
    ({"activations": ["tanh", "identity", "gelu"]}, r"activations: gelu not answered rightly"),
    ({"losses": ["mse", "huber"]}, r"losses: huber not answered rightly"),
    ({"output": ["relu"]}, r"output: relu not answered rightly"),
    ({"pairs": [["identity", "mse"], ["tanh", "huber"]]}, r"pairs: tanh with huber not answered rightly"),
    ({"labels": "indices"}, r"labels: 'indices' are not all answered rightly; 'hard' are"),
    ({"labels": "any"}, r"labels: 'any' are not all answered rightly; 'hard' are"),
    ({"batch": [1, 30]}, r"batch: \[1, 30\] is too much; right from 1 to 20"),
    ({"dtypes": ["float32", "float64"]}, r"dtypes: float32 not answered rightly"),
    ({"parameters": True, "activations": ["tanh", "leaky_relu"]}, r"parameters: declared to vary"),
    ({"reductions": ["mean"]}, r"reductions: mean not honoured; found: /m"),
    ({"sample": "rows"}, r"unknown key 'sample' in the declaration; did you mean 'samples'\?"),
]
KEPT_TO = {
    **ROWS,
    "activations": ["tanh", "identity", "sigmoid", "leaky_relu"],
    "losses": ["mse", "bce"],
    "labels": "hard",
    "loss_scale": "/m",
    "batch": 20,
    "dtypes": ["float64"],
}


@pytest.mark.parametrize(("says", "told"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_declared_wrongly_is_told_and_put_right(says: dict[str, Any], told: str):
    proposal = probed(Adapted(KEPT_TO, says=says))
    assert re.search(told, " ".join(proposal.wrong)), proposal
    assert proposal.keys is not None
    found = Declaration.read(proposal.keys, "the proposal")
    right = Declaration.read(KEPT_TO, "a test")
    keys = ["samples", "weights", "bias", "loss_scale", "gradient_scale", "dtypes", "batch"]
    if "bce" in {loss for _, loss in pairs_of(found.draw_options())}:  # else there are no labels
        keys.append("labels")
    assert [getattr(found, key) for key in keys] == [getattr(right, key) for key in keys]
    assert set(pairs_of(found.draw_options())) <= set(pairs_of(right.draw_options()))
    assert {e.name for e in choices(found.draw_options()).hidden} <= set(KEPT_TO["activations"])


# ---------------------------------------------------------------- no proposal


def raises(_: Any) -> Any:
    raise ValueError("never right")


def has_constant_gradients(c: Any) -> Any:
    return {"loss": 1.0, "dW": [W * 0 + 3 for W in c.W], "db": [b * 0 + 1 for b in c.b]}


def returns_nothing(_: Any) -> Any:
    return None


@pytest.mark.parametrize(
    ("implementation", "reason"),
    [
        (
            raises,
            r"all of \d+ cases, in all 24 layouts, failed: raised ValueError: never right .* look there",
        ),
        pytest.param(
            has_constant_gradients,
            r"answers of the right shapes came with .* neither loss nor gradients are",
            marks=pytest.mark.exhaustive,
        ),
        (returns_nothing, r"failed: returned None, which has none of loss"),
    ],
)
def test_without_a_right_answer_there_is_no_proposal_but_the_reason(implementation: Any, reason: str):
    proposal = probed(implementation)
    assert not proposal.is_found
    assert re.search(reason, proposal.reason)
    assert proposal.asked < 4000


def has_a_last_layer_of_its_own(c: Any) -> Any:
    """ReLU, and a softmax over all samples at once, which is none of the table's."""
    A, Z = [c.X], []
    for W, b in zip(c.W, c.b, strict=True):
        Z.append(W @ A[-1] + b)
        A.append(np.maximum(Z[-1], 0))
    e = np.exp(Z[-1] - Z[-1].max())
    A[-1] = e / e.sum()
    delta, dW, db = A[-1] - c.Y, [], []
    for l in reversed(range(c.depth)):
        dW.insert(0, delta @ A[l].T)
        db.insert(0, delta.sum(1, keepdims=True))
        delta = c.W[l].T @ delta
    return {"loss": -np.sum(c.Y * np.log(A[-1] + 1e-8)), "Z": Z, "A": A[1:], "dW": dW, "db": db}


@pytest.mark.long
def test_a_last_layer_that_nobody_knows_is_told_as_that():
    proposal = probed(has_a_last_layer_of_its_own)
    assert not proposal.is_found
    (said,) = (text for text in proposal.found if text.startswith("last layer and loss: "))
    assert said.startswith("last layer and loss: no pair that is known gives these numbers")


@pytest.mark.long
def test_all_functions_of_the_tables_are_proposed_without_naming_them():
    proposal = check_proposed({}, offers="all")
    assert proposal.keys == {}
    said = " ".join(proposal.found)
    assert f"{len(ACTIVATIONS)} of {len(ACTIVATIONS)} activations are right" in said
    assert f"{len(ACTIVATIONS)} with {len(LOSSES)}" in said
    assert proposal.asked < 800
