"""The probe proposes what right implementations keep to, for every layout and scale that can be declared."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from backproof.cases import draw_case
from backproof.cases.options import choices
from backproof.judging.verdicts import FAILING
from backproof.plugging.declaration import SCALES, Declaration
from backproof.plugging.isolation import InProcess
from backproof.plugging.probing import propose
from backproof.plugging.proposing.proposal import Proposal
from backproof.plugging.proposing.universe import pairs_of
from backproof.subject import PluggedSubject
from oracles.ball_oracle import BallOracle

from .adapted import Adapted

FACTORS: Mapping[str, Sequence[Any]] = {
    "samples": ("columns", "rows"),
    "weights": ("outputs x inputs", "inputs x outputs"),
    "bias": ("column", "row", "flat"),
    "labels": ("any", "hard", "one-hot", "indices"),
    "loss_scale": (None, *SCALES),
    "gradient_scale": (None, *SCALES),
    "strict": (False, True),
}
FUNCTIONS = {"activations": ["identity", "tanh", "sigmoid", "softmax"]}
LOSSES = ["mse", "bce", "cross_entropy"]
LAYOUT = ("samples", "weights", "bias")
CLASSES = ["cross_entropy", "cross_entropy_with_logits"]


def probed(implementation: Any) -> Proposal:
    return propose(InProcess(implementation), "here")


def meaning(declaration: Declaration) -> dict[str, Any]:
    """What a declaration comes to, however it is written."""
    options = declaration.draw_options()
    keys = (
        "samples",
        "weights",
        "bias",
        "labels",
        "loss_scale",
        "gradient_scale",
        "dtypes",
        "parameters",
        "arrays",
    )
    found = {key: getattr(declaration, key) for key in keys}
    found["pairs"] = set(pairs_of(options))
    found["hidden"] = {entry.name for entry in choices(options).hidden} if options.max_depth > 1 else None
    found["reductions"] = set(declaration.reductions) if declaration.loss_scale is None else None
    width = (options.min_width, options.max_width)
    sizes = (options.min_depth, options.max_depth), (options.min_batch, options.max_batch)
    found["sizes"] = (*sizes, width if options.max_depth > 1 else None)
    found["ends"] = (options.inputs or width, options.outputs or width)
    return found


def check_proposed(declared: Mapping[str, Any], **how: Any) -> Proposal:
    """The proposal, which must mean what is declared."""
    proposal = probed(Adapted(declared, **how))
    assert proposal.keys is not None, proposal
    found = Declaration.read(proposal.keys, "the proposal")
    assert meaning(found) == meaning(Declaration.read(declared, "a test")), proposal
    assert not proposal.unknown
    assert not proposal.wrong
    return proposal


def mismatches(implementation: Any, keys: Mapping[str, Any], count: int = 6) -> list[str]:
    """What the conformance judge finds of an implementation under a declaration."""
    implementation.backproof = dict(keys)
    subject = PluggedSubject(InProcess(implementation), "here", name="mine")
    draw = subject.draw(subject.plugged.declaration.draw_options())
    most = {"max_depth": max(3, draw.min_depth), "max_width": max(5, draw.min_width), "max_batch": 5}
    most = {key: min(value, getattr(draw, key)) for key, value in most.items()}
    draw = replace(draw, **most)
    panel = subject.panel([BallOracle()], None)
    drawn = [(k, dtype) for dtype in subject.dtypes(("float32", "float64")) for k in range(count)]
    judged = panel.judge([draw_case(3, k, dtype, draw).case for k, dtype in drawn])
    return [f"{c.quantity} {c.reason}" for j in judged for c in j.checks if c.verdict in FAILING]


# ---------------------------------------------------------------- layouts and scales


def pairwise(factors: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Combinations that hold every pair of values of two factors, chosen greedily: always the same ones."""
    items = {(name, value) for name in factors for value in factors[name]}
    left = {frozenset(pair) for pair in itertools.combinations(items, 2) if pair[0][0] != pair[1][0]}
    rows = []
    while left:
        row = dict(min(left, key=lambda pair: sorted(map(str, pair))))
        for name in sorted(factors, key=lambda name: -len(factors[name])):
            if name not in row:
                row[name] = max(factors[name], key=lambda value: _gain(left, row, (name, value)))
        left -= {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}
        rows.append({name: row[name] for name in factors})
    return rows


def _gain(left: set[frozenset[Any]], row: Mapping[str, Any], item: tuple[str, Any]) -> tuple[int, int]:
    """How many pairs that are left an item adds to a row, and how many it could add to others."""
    return sum(frozenset((item, other)) in left for other in row.items()), sum(item in pair for pair in left)


PAIRWISE = pairwise(FACTORS)


def test_the_covering_combinations_hold_every_pair_of_values():
    for a, b in itertools.combinations(FACTORS, 2):
        wanted = set(itertools.product(FACTORS[a], FACTORS[b]))
        assert {(row[a], row[b]) for row in PAIRWISE} == wanted
    assert len(PAIRWISE) < 80


def declared(row: Mapping[str, Any]) -> dict[str, Any]:
    keys = {key: value for key, value in row.items() if value is not None and key != "strict"}
    losses = CLASSES if row["labels"] == "indices" else LOSSES
    return {**keys, **FUNCTIONS, "losses": losses}


def _some(rows: list[dict[str, Any]]) -> list[Any]:
    """Every sixth runs always, the others are long."""
    return [
        pytest.param(row, id=",".join(map(str, row.values())), marks=pytest.mark.long if k % 6 else ())
        for k, row in enumerate(rows)
    ]


@pytest.mark.long
@pytest.mark.parametrize("row", _some(PAIRWISE))
def test_every_pair_of_layouts_labels_and_scales_is_proposed_as_it_is(row: dict[str, Any]):
    check_proposed(declared(row), strict=row["strict"], offers="few")


@pytest.mark.exhaustive
@pytest.mark.parametrize("scales", list(itertools.product(FACTORS["loss_scale"], FACTORS["gradient_scale"])))
def test_every_layout_with_every_scale_is_proposed_as_it_is(scales: tuple[Any, Any]):
    names = ("samples", "weights", "bias", "labels")
    for values in itertools.product(*(FACTORS[name] for name in names)):
        row = {**dict(zip(names, values, strict=True)), "loss_scale": scales[0], "gradient_scale": scales[1]}
        check_proposed(declared(row))
