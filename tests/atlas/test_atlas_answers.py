"""Each answerer gives its own function's answers, in the dtype that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.atlas.answers import ANSWERERS
from backproof.atlas.exact import exact_answers
from backproof.atlas.making import function_row
from backproof.atlas.sweeps import sweeps_of
from backproof.oracle_names import is_installed
from refimpl import ACTIVATIONS, LOSSES

from .planted import TRUTH

NEEDS = {"reference": None, "torch": "torch", "jax": "jax", "optax": "jax"}
SOME = {
    "reference": ("softplus", "softmax", "huber", "cross_entropy_with_logits"),
    "torch": ("softplus", "softmax", "gaussian_nll", "cross_entropy_with_logits", "multi_margin"),
    "jax": ("leaky_relu", "softmax", "gaussian_nll"),
    "optax": ("huber", "cross_entropy_with_logits"),
}


def _made(name) -> Any:
    if NEEDS[name] is not None and not is_installed(NEEDS[name]):
        pytest.skip(f"{name} is not installed")
    return ANSWERERS[name]()


def _entry(name) -> Any:
    return ACTIVATIONS.get(name) or LOSSES[name]


@pytest.mark.parametrize(("by", "name"), [(by, name) for by, names in SOME.items() for name in names])
def test_the_answers_are_near_the_exact_ones_where_nothing_is_extreme(by, name):
    answerer, entry = _made(by), _entry(name)
    sweeps = list(sweeps_of(entry, "float32", 100))[:3]
    for sweep, (value, slope) in zip(sweeps, answerer.answers(sweeps), strict=True):
        ordinary = (np.abs(sweep.at) > 0.01) & (np.abs(sweep.at) < 4)
        assert ordinary.any()
        for answer, exact in zip((value, slope), exact_answers(TRUTH, sweep), strict=True):
            assert answer.shape == exact.low.shape
            assert np.array_equal(answer, np.float64(np.float32(answer)), equal_nan=True)
            off = np.abs(answer - exact.nearest(answer))[:, ordinary]
            assert np.max(off) < 1e-5 * (1 + np.max(np.abs(exact.low[:, ordinary])))


def test_who_offers_what_is_told():
    torch, jax, optax = (_made(name) for name in ("torch", "jax", "optax"))
    assert [each.offers(_entry("tanh")) for each in (torch, jax, optax)] == ["own", "own", "does not offer"]
    assert [each.offers(_entry("log_cosh")) for each in (torch, jax, optax)] == [
        "composed", "does not offer", "own",
    ]  # fmt: skip
    assert [each.offers(_entry("gaussian_nll")) for each in (torch, jax, optax)] == [
        "own", "composed", "does not offer",
    ]  # fmt: skip
    for entry in (*ACTIVATIONS.values(), *LOSSES.values()):
        assert ANSWERERS["reference"]().offers(entry) == "own"


def test_a_loss_with_optaxs_name_in_the_table_is_answered_by_optaxs_function():
    import optax

    from oracles.jax_losses import LOSS_LINES

    _made("optax")
    names = {"optax", *(name for name in dir(optax.losses) if not name.startswith("_"))}
    for entry in LOSSES.values():
        if "optax" in entry.aliases:
            function = LOSS_LINES[entry.name].terms
            cells = [cell.cell_contents for cell in function.__closure__ or ()]
            own = any(getattr(cell, "__module__", "").startswith("optax") for cell in cells)
            codes = [f.__code__ for f in (function, *cells) if hasattr(f, "__code__")]
            assert own or any(names & set(code.co_names) for code in codes), entry.name


def test_torchs_softplus_is_found_beyond_its_threshold():
    row = function_row(TRUTH, {"torch": _made("torch")}, ACTIVATIONS["softplus"], "float64", 400)
    regions = [r for r in row.answers[0].quantities[0].regions if r.parameters == {"beta": 1.0}]
    assert regions
    assert all(20 < region.first < region.last < 40 for region in regions)


def test_jax_leaves_64_bit_types_as_they_were():
    import jax

    answerer = _made("jax")
    before = jax.config.jax_enable_x64
    list(answerer.answers(list(sweeps_of(ACTIVATIONS["relu"], "float64", 100))))
    assert jax.config.jax_enable_x64 == before


# Where parts cancel that have roundings of their own (docs/atlas.md), or a large power is next to nothing.
SMALL_BESIDE_ITS_PARTS = {
    ("cross_entropy_with_logits", "derivative"),
    ("poly_loss", "derivative"),
    ("cosine_distance", "derivative"),
    ("sigmoid_focal", "value"),
    ("sigmoid_focal", "derivative"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES])
def test_the_reference_is_accurate_at_every_argument(name, dtype):
    row = function_row(TRUTH, {"reference": ANSWERERS["reference"]()}, _entry(name), dtype, 120)
    for quantity in row.answers[0].quantities:
        if (name, quantity.quantity) not in SMALL_BESIDE_ITS_PARTS:
            assert quantity.regions == ()
        for region in quantity.regions:
            assert region.kind == "inaccurate"
            assert region.scaled <= max([1.0, *region.parameters.values()])
