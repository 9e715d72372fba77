"""Drawn cases: the same wherever they are drawn, valid, of all sizes, and of everything the tables hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.cases import REGIMES, DrawnCase, DrawOptions, draw_case, drawing
from backproof.cases.options import output_activations
from backproof.cases.targets import takes_labels
from refimpl import ACTIVATIONS, DTYPES, LOSSES, Backprop, case_from_json, case_to_json
from refimpl.functions import REDUCTIONS

ROOT = Path(__file__).parents[2]
PAIRS = {(a.name, name) for name, loss in LOSSES.items() for a in output_activations(loss, None)}
# Everything is reached within some draws for each pair of last activation and loss.
DRAWS = 25 * len(PAIRS)


@pytest.fixture(scope="module")
def many() -> list[DrawnCase]:
    options = DrawOptions(max_width=4, max_batch=4)
    return [draw_case(0, index, "float32", options) for index in range(DRAWS)]


def _python(code: str) -> Any:
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    return json.loads(run.stdout)


def test_a_case_is_the_same_in_another_process() -> None:
    code = (
        "import json\nfrom backproof.cases import draw_case\n"
        "print(json.dumps([draw_case(5, i, 'float64').case.content_hash for i in (0, 9, 4)]))"
    )
    here = [draw_case(5, index, "float64").case.content_hash for index in (4, 9, 0)]
    assert sorted(_python(code)) == sorted(here)


def test_a_case_does_not_depend_on_what_was_drawn_before() -> None:
    alone = draw_case(5, 17, "float64").case
    for index in range(40):
        draw_case(5, index, "float32", DrawOptions(max_depth=2))
    np.random.default_rng(0).normal(size=100)
    assert draw_case(5, 17, "float64").case == alone


def test_seed_index_and_dtype_each_make_another_case() -> None:
    drawn = [draw_case(s, i, d).case for s in (0, 1) for i in range(20) for d in DTYPES]
    assert len(set(drawn)) == len(drawn)


def test_a_case_says_where_it_came_from() -> None:
    drawn = draw_case(6, 3, "float32")
    assert (drawn.seed, drawn.index, drawn.case.dtype) == (6, 3, np.float32)
    assert drawn.regime in REGIMES


@pytest.mark.long
def test_the_last_bits_of_the_forward_pass_leave_no_trace(monkeypatch) -> None:
    # Another exp and another order of summation, as on another platform: all values move a little.
    generator = np.random.default_rng(0)

    class Elsewhere(Backprop):
        def activation(self, Z: Any, spec: Any) -> Any:
            A = super().activation(Z, spec)
            noise = generator.integers(-4, 5, size=Z.shape) * 2.0**-52
            # Short binary numbers come out exactly wherever they come from: 0, 1, and kinks are among them.
            return np.where(np.round(A * 2**12) == A * 2**12, A, A * (1 + noise))

    options = DrawOptions(max_width=16)
    here = [draw_case(8, index, "float32", options).case.content_hash for index in range(1000)]
    monkeypatch.setattr(drawing, "Backprop", Elsewhere)
    elsewhere = [draw_case(8, index, "float32", options).case.content_hash for index in range(1000)]
    assert elsewhere == here


def test_drawing_imports_neither_hypothesis_nor_a_framework() -> None:
    code = (
        "import json, sys, backproof.cases\n"
        "print(json.dumps([m for m in ('hypothesis', 'torch', 'jax') if m in sys.modules]))"
    )
    assert _python(code) == []


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown dtype 'float16'; known: float32, float64"):
        draw_case(0, 0, "float16")


@pytest.mark.parametrize("dtype", DTYPES)
def test_cases_survive_json(dtype: str) -> None:
    for index in range(30):
        case = draw_case(9, index, dtype).case
        assert case_from_json(case_to_json(case)) == case


def test_sizes_reach_from_1_to_the_limits_and_half_of_the_networks_are_small() -> None:
    cases = [draw_case(10, index, "float32").case for index in range(1000)]
    assert {case.network.depth for case in cases} == set(range(1, 9))
    assert {1, 64} <= {width for case in cases for width in case.network.widths} <= set(range(1, 65))
    assert {1, 32} <= {case.samples for case in cases} <= set(range(1, 33))
    small = sum(c.network.depth <= 3 and max(c.network.widths) <= 8 and c.samples <= 8 for c in cases)
    large = sum(c.network.depth >= 5 or max(c.network.widths) > 32 or c.samples > 16 for c in cases)
    assert small > 450
    assert large > 300


def test_every_regime_is_drawn_and_ordinary_in_about_half_of_the_cases(many) -> None:
    counts = Counter(each.regime for each in many)
    assert set(counts) == set(REGIMES)
    assert 0.4 < counts["ordinary"] / len(many) < 0.5
    assert min(counts.values()) / len(many) > 0.03


def test_every_pair_of_last_activation_and_loss_is_drawn(many) -> None:
    networks = [each.case.network for each in many]
    assert {(network.layers[-1].activation.name, network.loss.name) for network in networks} == PAIRS


def test_every_activation_is_drawn_in_hidden_layers_under_every_loss(many) -> None:
    drawn = {
        (layer.activation.name, each.case.network.loss.name)
        for each in many
        for layer in each.case.network.layers[:-1]
    }
    assert drawn == {(activation, loss) for activation in ACTIVATIONS for loss in LOSSES}


def test_every_loss_is_drawn_with_every_reduction_and_in_every_regime(many) -> None:
    losses = [(each.case.network.loss, each.regime) for each in many]
    assert {(loss.name, loss.reduction) for loss, _ in losses} == {(n, r) for n in LOSSES for r in REDUCTIONS}
    fitting = {
        (name, regime)
        for name, loss in LOSSES.items()
        for regime, entry in REGIMES.items()
        if takes_labels(loss) or not entry.prefers_labels
    }
    assert {(loss.name, regime) for loss, regime in losses} == fitting


def test_every_parameter_is_drawn_at_its_default_and_elsewhere(many) -> None:
    seen: dict[tuple[str, str], set[float]] = {}
    for each in many:
        for layer in each.case.network.layers:
            for name, value in layer.activation.parameters.items():
                seen.setdefault((layer.activation.name, name), set()).add(value)
    for entry in ACTIVATIONS.values():
        for parameter in entry.parameters:
            values = seen[entry.name, parameter.name]
            assert float(np.float32(parameter.default)) in values
            assert len(values) > 5


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("identity", "mse"),
        ("sigmoid", "bce"),
        ("softmax", "cross_entropy"),
        ("identity", "bce_with_logits"),
        ("identity", "cross_entropy_with_logits"),
    ],
)
def test_the_document_pairs_are_frequent(many, activation: str, loss: str) -> None:
    last = Counter(
        each.case.network.layers[-1].activation.name for each in many if each.case.network.loss.name == loss
    )
    assert last[activation] > last.total() * 0.45  # half of them, and the chance of a draw


@pytest.mark.long
def test_few_cases_overflow_except_where_saturation_is_meant() -> None:
    infinite: Counter[bool] = Counter()
    for index in range(1000):
        drawn = draw_case(11, index, "float32")
        trace = Backprop().run(drawn.case)
        finite = all(np.isfinite(part).all() for part in (trace.loss, trace.dX, *(trace.dW or ())))
        if drawn.regime != "saturated":
            infinite[not finite] += 1
    assert infinite[True] < 0.02 * infinite.total()
