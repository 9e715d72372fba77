"""What lies outside a declaration: nothing that is drawn for it, and each thing that it does not name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.cases import draw_case
from backproof.plugging.coverage import outside
from backproof.plugging.declaration import Declaration
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network

DRAWN = 40

DECLARED: list[dict[str, Any]] = [
    {},
    {"parameters": True, "arrays": True},
    {"activations": ["tanh", "identity"], "losses": ["mse"]},
    {"hidden": ["relu", "celu"], "output": ["softmax"], "pairs": [["softmax", "cross_entropy"]]},
    {"losses": ["bce", "cross_entropy"], "labels": "hard"},
    {"losses": ["bce", "cross_entropy", "kl_div", "hinge", "sigmoid_focal"], "labels": "one-hot"},
    {"losses": ["cross_entropy_with_logits", "nll", "multi_margin"], "labels": "indices"},
    {"labels": "hard"},
    {"labels": "one-hot", "parameters": True},
    {"loss_scale": "/m", "gradient_scale": "1/2 sum"},
    {"reductions": ["sum", "entrymean"]},
    {"depth": 1, "width": 4, "batch": [2, 3]},
    {"depth": [2, 3], "width": [3, 5], "inputs": 1, "outputs": [1, 2]},
    {"inputs": [70, 80], "width": 3},
    {"outputs": [1, 1]},
]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: "-".join(declared) or "all")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_that_is_drawn_for_a_declaration_lies_outside_it(declared: dict[str, Any], dtype: str):
    declaration = Declaration.read(declared, "here")
    options = declaration.draw_options()
    cases = [draw_case(3, index, dtype, options).case for index in range(DRAWN)]
    assert [why for case in cases if (why := outside(declaration, case))] == []


def _case(*, dtype: str = "float32", reduction: str = "mean", Y: Any = None, **changes: Any) -> Case:
    """2-3-2, celu and softmax, cross-entropy, three samples."""
    names = [changes.get("hidden", "celu"), changes.get("output", "softmax")]
    ones = [np.ones(shape, dtype) for shape in ((3, 2), (3, 1), (2, 3), (2, 1))]
    alpha = {"alpha": changes["alpha"]} if "alpha" in changes else {}
    layers = (
        Layer(ones[0], ones[1], ActivationSpec(names[0], alpha)),
        Layer(ones[2], ones[3], ActivationSpec(names[1])),
    )
    loss = LossSpec(changes.get("loss", "cross_entropy"), reduction, {}, changes.get("arrays", {}))
    targets = np.array([[1, 0, 1], [0, 1, 0]] if Y is None else Y, dtype)
    return Case(Network(layers, loss), np.ones((2, 3), dtype), targets)


BCE = {"output": "sigmoid", "loss": "bce"}
SOFT = [[0.25, 0.75, 1.0], [0.75, 0.25, 0.0]]


@pytest.mark.parametrize(
    ("declared", "case", "why"),
    [
        ({"dtypes": ["float64"]}, _case(), "float32"),
        ({"activations": ["softmax", "tanh"]}, _case(), "the activation celu"),
        ({"activations": ["celu", "identity"]}, _case(), "the activation softmax"),
        ({"hidden": ["tanh"]}, _case(), "the hidden activation celu"),
        ({"output": ["celu", "sigmoid"]}, _case(), "the last activation softmax"),
        ({"losses": ["mse", "bce"]}, _case(), "the loss cross_entropy"),
        ({"pairs": [["sigmoid", "bce"]]}, _case(), "the pair softmax with cross_entropy"),
        ({"reductions": ["sum"]}, _case(), "the reduction mean"),
        ({"depth": 1}, _case(), "depth 2"),
        ({"depth": [3, 4]}, _case(), "depth 2"),
        ({"batch": 2}, _case(), "batch 3"),
        ({"inputs": 1}, _case(), "inputs 2"),
        ({"outputs": [3, 9]}, _case(), "outputs 2"),
        ({"width": 2}, _case(), "width 3"),
        ({"width": [3, 9]}, _case(), "width 2"),
        ({"width": [3, 9], "inputs": 2}, _case(), "width 2"),  # that of the outputs
        ({}, _case(alpha=2.0), "other parameters of celu than its defaults"),
        ({}, _case(**BCE, arrays={"weight": np.ones((2, 3), "float32")}), "arrays of bce"),
        ({"labels": "hard"}, _case(Y=SOFT), "other labels than hard"),
        ({"labels": "hard"}, _case(**BCE, Y=SOFT), "other labels than hard"),
        ({"labels": "one-hot"}, _case(**BCE, Y=np.ones((2, 3))), "other labels than one-hot"),
        ({"labels": "indices"}, _case(Y=SOFT), "other labels than indices"),
        ({"labels": "indices"}, _case(**BCE), "other labels than indices"),
    ],
)
def test_what_is_not_declared_lies_outside_and_is_named(declared: dict[str, Any], case: Case, why: str):
    assert outside(Declaration.read(declared, "here"), case) == why


@pytest.mark.parametrize(
    ("declared", "case"),
    [
        ({"width": [3, 9], "inputs": 2, "outputs": 2}, _case()),
        ({"loss_scale": "sum"}, _case(reduction="batchmean")),  # divides by its own, whatever a case says
        ({"parameters": True}, _case(alpha=2.0)),
        ({"arrays": True}, _case(**BCE, arrays={"weight": np.ones((2, 3), "float32")})),
        ({"labels": "hard"}, _case(**BCE, Y=np.ones((2, 3)))),
        ({"labels": "one-hot"}, _case(**BCE)),
        ({"labels": "hard"}, _case(output="tanh", loss="mse", Y=SOFT)),  # takes numbers, not labels
        ({"labels": "indices"}, _case()),
        ({"hidden": ["celu"], "output": ["softmax"]}, _case()),
    ],
)
def test_what_is_declared_lies_inside(declared: dict[str, Any], case: Case):
    assert outside(Declaration.read(declared, "here"), case) == ""
