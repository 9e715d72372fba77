"""Error facts measured: every oracle, and the reference, against the exact values, function by function.

The claim is E1: an accurate evaluation errs by at most ACCURACY · u · scale, where the facts give the scale.
Both dtypes, a few hundred points for each function: log-spaced down to the smallest normal number, both
signs, saturation, and beside the kinks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from error_facts_table import require_in_table
from exact_values import (
    ELEMENTWISE,
    OF_COLUMNS,
    TERMS,
    TERMS_OF_COLUMNS,
    exact,
    exact_activation,
    precise,
    rounded,
)
from measuring import (
    SOURCES,
    allowance_of,
    measure_activation,
    measure_loss,
    off_kinks,
    oracle_of,
    points_of,
    require_within,
)

from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.allowance import underflow_factor
from backproof.judging.loss_facts import LOSS_FACTS
from backproof.judging.rounding import precision
from oracles import torch_tensors
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, DTYPES, LOSSES, ActivationSpec, Case, Layer, LossSpec, Network

ELEMENTWISE_NAMES = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
SEPARABLE_NAMES = [name for name, facts in LOSS_FACTS.items() if facts.derivative is not None]


def _table(*names: str) -> Any:
    """Every name with every source and dtype."""
    rows = [(name, source, dtype) for name in names for source in SOURCES for dtype in DTYPES]
    return pytest.mark.parametrize(
        ("name", "source", "dtype"),
        [pytest.param(*row, id="-".join(row)) for row in rows],
    )


@_table(*ELEMENTWISE_NAMES)
def test_an_activation_errs_by_no_more_than_its_facts_allow(name: str, source: str, dtype: str) -> None:
    require_in_table(measure_activation(source, name, dtype))


@pytest.mark.long
@_table(*SEPARABLE_NAMES)
def test_a_loss_errs_by_no_more_than_its_facts_allow(name: str, source: str, dtype: str) -> None:
    require_in_table(measure_loss(source, name, dtype))


# ---------------------------------------------------------------- compiled programs and whole traces


@precise
def _times_sum(slope: Any, A: Any) -> Any:
    """σ' (A + 3), exactly."""
    return slope * (exact(A) + 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("source", ["torch", "jax"])
@pytest.mark.parametrize("name", ELEMENTWISE_NAMES)
def test_the_functions_inside_a_trace_err_by_no_more_either(name: str, source: str, dtype: str) -> None:
    """One layer with W = 1 and b = 0, so that Z is X; and ½ (A + 3)², whose gradient A + 3 is known."""
    spec, own, size = ActivationSpec(name), precision(dtype), 16
    z = points_of(dtype)
    z = z[np.abs(z) < 110 if dtype == "float32" else np.abs(z) < 760][: 2 * 8 * size]
    layer = Layer(np.eye(size, dtype=dtype), np.zeros((size, 1), dtype), spec)
    network = Network((layer,), LossSpec("half_squared_error", "sum"))
    inputs = z.reshape(2, size, 8)
    cases = [Case(network, X, np.full_like(X, -3)) for X in inputs]
    traces = oracle_of(source).traces(cases)
    A, delta = (np.stack([getattr(trace, q)[0] for trace in traces]).ravel() for q in ("A", "delta"))

    truths = exact_activation(spec, z)
    value, slope = (rounded(truth)[None] for truth in truths)
    with np.errstate(all="ignore"):
        E_A, E_slope = allowance_of(source, dtype).activation(spec, z[None].astype(np.float64), value, slope)
        E_slope = np.where(off_kinks(spec, z), E_slope, np.inf)
    g = np.abs(A.astype(np.float64) + 3)
    E = g * (E_slope + 3 * own.u * (np.abs(slope[0]) + E_slope))
    E += underflow_factor(spec.parameters) * own.tiny * (1 + g)
    require_within(
        f"{name} in {source}'s trace in {dtype}",
        (A, delta), (truths[0], _times_sum(truths[1], A)), (E_A + 0 * g, E), z, 250,
    )  # fmt: skip


# ---------------------------------------------------------------- facts that are too narrow are seen

# Where the reference comes within a tenth of its bound in float32: 0.8 u of rounding and more.
SMOOTH = (
    *("elu", "celu", "selu", "gelu", "gelu_tanh", "silu", "mish", "softsign", "logsigmoid", "squareplus"),
    "hardswish",
)
ACTIVATIONS_THAT_ROUND = [
    *[(name, q) for name in ("sigmoid", "tanh", "softplus", *SMOOTH) for q in ("value", "derivative")],
    *[(name, "value") for name in ("leaky_relu", "sparse_plus", "sparse_sigmoid", "hardsigmoid")],
]
LOSSES_THAT_ROUND = [
    (name, quantity)
    for name in ("mse", "half_squared_error", "bce", "cross_entropy", "bce_with_logits")
    for quantity in ("value", "derivative")
]
LOSSES_THAT_ROUND += [
    (name, quantity)
    for name in (
        "smooth_l1", "log_cosh", "poisson_nll", "gaussian_nll", "squared_hinge", "soft_margin",
        "multilabel_soft_margin", "sigmoid_focal",
    )
    for quantity in ("value", "derivative")
] + [(name, "value") for name in ("l1", "huber", "kl_div", "hinge", "hinge_embedding")]  # fmt: skip


def _tenth(facts: Any, quantity: str) -> Any:
    scale = getattr(facts, quantity)
    return replace(facts, **{quantity: lambda *arguments: scale(*arguments) / 10})


@pytest.mark.parametrize(("name", "quantity"), ACTIVATIONS_THAT_ROUND)
def test_a_tenth_of_an_activations_scale_is_too_little(
    name: str, quantity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTIVATION_FACTS, name, _tenth(ACTIVATION_FACTS[name], quantity))
    with pytest.raises(AssertionError, match=f"{name}.*the {quantity} at .* times what the facts allow"):
        measure_activation("refimpl", name, "float32")


@pytest.mark.parametrize(("name", "quantity"), LOSSES_THAT_ROUND)
def test_a_tenth_of_a_losss_scale_is_too_little(
    name: str, quantity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOSS_FACTS, name, _tenth(LOSS_FACTS[name], quantity))
    with pytest.raises(AssertionError, match=f"{name}.*the {quantity} at .* times what the facts allow"):
        measure_loss("refimpl", name, "float32")


# ---------------------------------------------------------------- nothing is left out


def _left_out(entries: Any, tables: dict[str, Any]) -> list[str]:
    """What to add where, for each entry that one of the tables has no line for."""
    return [
        f"{name!r} has no line: add one to {where}"
        for where, lines in tables.items()
        for name in entries
        if name not in lines
    ]


def test_every_activation_has_a_line_of_facts_in_each_oracle_and_of_truth() -> None:
    left_out = _left_out(
        ACTIVATIONS,
        {
            "ACTIVATION_FACTS in backproof/judging/activation_facts.py": ACTIVATION_FACTS,
            "activation_lines in oracles/torch_activations.py": TorchOracle().activations,
            "ACTIVATION_LINES in oracles/jax_activations.py": JaxOracle().activations,
            "ELEMENTWISE or OF_COLUMNS in oracles/ball_activations.py": {**ELEMENTWISE, **OF_COLUMNS},
        },
    )
    assert not left_out, "\n".join(left_out)


def test_every_loss_has_a_line_of_facts_in_each_oracle_and_of_truth() -> None:
    left_out = _left_out(
        LOSSES,
        {
            "LOSS_FACTS in backproof/judging/loss_facts.py": LOSS_FACTS,
            "loss_lines in oracles/torch_losses.py": TorchOracle().losses,
            "LOSS_LINES in oracles/jax_losses.py": JaxOracle().losses,
            "TERMS or TERMS_OF_COLUMNS in oracles/ball_losses.py": {**TERMS, **TERMS_OF_COLUMNS},
        },
    )
    assert not left_out, "\n".join(left_out)


def test_what_is_left_out_is_named_with_the_place_to_add_it() -> None:
    facts = {name: line for name, line in ACTIVATION_FACTS.items() if name != "tanh"}
    assert _left_out(ACTIVATIONS, {"ACTIVATION_FACTS in error_facts.py": facts}) == [
        "'tanh' has no line: add one to ACTIVATION_FACTS in error_facts.py"
    ]


def test_facts_have_a_derivative_scale_exactly_where_entries_do_not_mix() -> None:
    assert {n for n, facts in ACTIVATION_FACTS.items() if facts.derivative} == set(ELEMENTWISE)
    assert {n for n, facts in LOSS_FACTS.items() if facts.derivative} == set(TERMS)


def _without(monkeypatch: pytest.MonkeyPatch, place: str, name: str) -> None:
    """Takes the line of `name` out of one of the tables."""
    if place.startswith(("activation_lines", "loss_lines")):
        function = place.split(maxsplit=1)[0]
        whole = getattr(torch_tensors, function)

        def lines(torch: Any) -> dict[str, Any]:
            return {key: line for key, line in whole(torch).items() if key != name}

        monkeypatch.setattr(torch_tensors, function, lines)
        return
    table = {
        "ACTIVATION_FACTS": ACTIVATION_FACTS,
        "LOSS_FACTS": LOSS_FACTS,
        "ACTIVATION_LINES": JaxOracle().activations,
        "LOSS_LINES": JaxOracle().losses,
        "ELEMENTWISE": ELEMENTWISE,
        "TERMS": TERMS,
    }[place.split(maxsplit=1)[0]]
    monkeypatch.delitem(table, name)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("gelu", "ACTIVATION_FACTS in backproof/judging/activation_facts.py"),
        ("gelu", "activation_lines in oracles/torch_activations.py"),
        ("gelu", "ACTIVATION_LINES in oracles/jax_activations.py"),
        ("gelu", "ELEMENTWISE or OF_COLUMNS in oracles/ball_activations.py"),
        ("huber", "LOSS_FACTS in backproof/judging/loss_facts.py"),
        ("huber", "loss_lines in oracles/torch_losses.py"),
        ("huber", "LOSS_LINES in oracles/jax_losses.py"),
        ("huber", "TERMS or TERMS_OF_COLUMNS in oracles/ball_losses.py"),
    ],
)
def test_a_missing_line_is_named_with_the_place_to_add_it(
    name: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without(monkeypatch, place, name)
    check = (
        test_every_loss_has_a_line_of_facts_in_each_oracle_and_of_truth
        if name in LOSSES
        else test_every_activation_has_a_line_of_facts_in_each_oracle_and_of_truth
    )
    with pytest.raises(AssertionError, match=f"^'{name}' has no line: add one to {place}"):
        check()
