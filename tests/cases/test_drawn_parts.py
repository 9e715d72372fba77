"""What is drawn is made without the checks of refimpl: it must be what the checks would have made of it."""

from __future__ import annotations

from dataclasses import fields
from functools import _lru_cache_wrapper
from typing import Any

import numpy as np
import pytest

import backproof.cases
from backproof.cases import REGIMES, DrawOptions, draw_case, drawing, numbers, options, regimes
from refimpl import DTYPES, Case, InvalidCaseError, Layer, LossSpec, Network

DRAWS = 40


def _checked(case: Case) -> Case:
    """The case made again of all its parts, each by its own constructor. Raises InvalidCaseError."""
    layers = tuple(Layer(layer.W, layer.b, layer.activation) for layer in case.network.layers)
    drawn = case.network.loss
    loss = LossSpec(drawn.name, drawn.reduction, drawn.parameters, drawn.arrays)
    return Case(Network(layers, loss), case.X, case.Y, case.learning_rate)


def _arrays(case: Case) -> list[Any]:
    layers = [array for layer in case.network.layers for array in (layer.W, layer.b)]
    return [*layers, *case.network.loss.arrays.values(), case.X, case.Y]


def _assert_as_checked(case: Case) -> None:
    checked = _checked(case)
    assert checked == case
    for drawn, known in zip(_arrays(case), _arrays(checked), strict=True):
        assert type(drawn) is np.ndarray
        assert (drawn.dtype, drawn.flags.writeable) == (known.dtype, False)
        assert drawn.flags.c_contiguous
        assert drawn.flags.owndata
    for drawn, known in zip(case.network.layers, checked.network.layers, strict=True):
        assert known.activation is drawn.activation, "not rounded to the dtype"
    assert checked.network.loss == case.network.loss


@pytest.mark.parametrize("regime", REGIMES)
def test_a_drawn_case_is_what_the_checks_would_have_made_of_it(regime: str) -> None:
    small = DrawOptions(regimes=(regime,), max_depth=4, max_width=5, max_batch=4)
    for index in range(DRAWS):
        _assert_as_checked(draw_case(30, index, DTYPES[index % 2], small).case)


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("regime", REGIMES)
def test_so_is_a_drawn_case_of_any_size(regime: str, dtype: str) -> None:
    for index in range(10 * DRAWS):
        _assert_as_checked(draw_case(30, index, dtype, DrawOptions(regimes=(regime,))).case)


def _outside(case: Case) -> None:
    vars(case)["Y"] = case.Y + np.inf


def _narrow(case: Case) -> None:
    layer = case.network.layers[0]
    vars(layer)["W"] = layer.W.astype(np.float16)


def _writable(case: Case) -> None:
    vars(case)["X"] = case.X.copy()


def _unrounded(case: Case) -> None:
    vars(case)["learning_rate"] = 0.1


@pytest.mark.parametrize("spoil", [_outside, _narrow, _writable, _unrounded])
def test_this_check_sees_a_part_that_would_not_have_passed(spoil: Any) -> None:
    case = draw_case(30, 0, "float32").case
    spoil(case)
    with pytest.raises((InvalidCaseError, AssertionError)):
        _assert_as_checked(case)


def test_a_drawn_part_has_all_fields_of_its_kind_and_nothing_else() -> None:
    small = DrawOptions(max_depth=3, max_width=4, max_batch=3)
    for index in range(50):
        case = draw_case(31, index, "float32", small).case
        for part in (case, case.network, case.network.loss, *case.network.layers):
            assert set(vars(part)) == {field.name for field in fields(part)}


def test_a_drawn_case_cannot_be_written_to() -> None:
    case = draw_case(32, 0, "float64").case
    for array in _arrays(case):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0


def test_what_is_kept_for_the_next_case_is_bounded() -> None:
    # What is drawn comes from few numbers, but a long campaign with wide networks sees them all.
    modules = (backproof.cases.source, drawing, numbers, options, regimes)
    kept = {
        f"{module.__name__}.{name}": value.cache_info().maxsize
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, _lru_cache_wrapper)
    }
    # Of these, the keys are few whatever is drawn: intervals of the tables, reaches, and sums of widths.
    few = {"_covers", "_steps", "_small_integers", "short_root"}
    assert {name.rpartition(".")[2] for name, size in kept.items() if size is None} == few
    assert len(kept) > len(few)
