"""Vectors cover every function, are the same each time, and accept accurate answers and no others."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.deviations import deviations_of
from backproof.vectors import VectorOptions, vectors
from backproof.vectors.exact import Answers, usable
from backproof.vectors.files import line_of
from backproof.vectors.model import KINDS, LINE
from oracles.ball_oracle import Enclosure
from refimpl import ACTIVATIONS, DTYPES, LOSSES
from refimpl.functions import REDUCTIONS

from .answering import answers_of, case_of
from .files import FEW, few_lines

# JAX compiles for every vector.
FRAMEWORK = pytest.mark.parametrize("source", ["torch", pytest.param("jax", marks=pytest.mark.long)])


@cache
def _all() -> tuple[Any, ...]:
    """One drawn vector of everything, as they are read."""
    return tuple(LINE.validate_python(values) for values in vectors(VectorOptions(cases=1)))


def _of(*kinds: str) -> list[Any]:
    return [vector for vector in _all() if vector.kind in kinds]


def _functions(vector: Any) -> set[str]:
    found = {vector.loss.name} if vector.kind in ("loss", "network") else set()
    if vector.kind == "network":
        return found | {function.name for function in vector.activations}
    return found if vector.kind == "loss" else found | {vector.activation.name}


def _outside(source: str, vector: Any) -> list[str]:
    """The quantities of which some entry lies outside its bound."""
    given = answers_of(source, vector)
    assert given.keys() == vector.answers.keys()
    return [name for name, answer in vector.answers.items() if answer.outside(given[name])]


# ---------------------------------------------------------------- what there is


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_activation_loss_and_reduction_has_vectors_of_each_kind(dtype):
    found = {kind: [v for v in _of(kind) if v.dtype == dtype] for kind in KINDS}
    assert {v.activation.name for v in found["activation"]} == set(ACTIVATIONS)
    assert {v.activation.name for v in found["layer"]} == set(ACTIVATIONS)
    every = {(name, reduction) for name in LOSSES for reduction in REDUCTIONS}
    assert {(v.loss.name, v.loss.reduction) for v in found["loss"]} == every
    assert {v.loss.name for v in found["network"]} == set(LOSSES)


def test_every_kink_of_an_activation_is_met_exactly_and_closely_from_both_sides():
    for name, entry in ACTIVATIONS.items():
        for dtype in DTYPES:
            parameters = entry.complete({}, np.dtype(dtype))
            own = [v for v in _of("activation") if v.activation.name == name and v.dtype == dtype]
            points = {v.id.split("/")[-1]: np.array(v.inputs["Z"].value) for v in own}
            kinks = [kink.at for kink in entry.kinks(parameters)]
            assert ("kinks" in points) == bool(kinks)
            for at in kinks:
                assert at in points["kinks"]
                beside = points["beside-kinks"]
                near = 2.0**-5 * max(1.0, abs(at))
                assert np.any((beside > at) & (beside < at + near)), (name, at)
                assert np.any((beside < at) & (beside > at - near)), (name, at)


def test_points_have_both_signs_zero_saturation_and_tiny_and_large_magnitudes():
    for dtype in DTYPES:
        (wide,) = [v for v in _of("activation") if v.id == f"activation/tanh/{dtype}/wide"]
        (ordinary,) = [v for v in _of("activation") if v.id == f"activation/tanh/{dtype}/ordinary"]
        Z = np.array(wide.inputs["Z"].value)
        assert (Z > 0).any()
        assert (Z < 0).any()
        assert 0.0 in ordinary.inputs["Z"].value
        assert np.abs(Z).max() > 1e6
        assert np.abs(Z).min() < float(np.finfo(dtype).tiny) ** 0.8
        assert 1.0 in np.abs(wide.answers["A"].value)


def test_no_number_is_subnormal_infinite_or_not_of_the_dtype():
    for vector in _of(*KINDS):
        tiny = float(np.finfo(vector.dtype).tiny)
        for matrix in vector.inputs.values():
            x = np.array(matrix.value)
            assert np.array_equal(x.astype(vector.dtype).astype(float), x)
            assert vector.kind == "network" or np.all((x == 0) | (np.abs(x) >= tiny))


def test_the_middle_on_a_kink_is_as_far_from_either_side_as_the_bound_says():
    """Of relu at 0: the derivative may be anything from 0 to 1, the value is 0."""
    (kink,) = [v for v in _of("activation") if v.id == "activation/relu/float64/kinks"]
    (g,) = kink.inputs["dA"].value
    assert kink.on_a_kink
    assert kink.answers["delta"].value == [g / 2]
    assert kink.answers["delta"].outside([0.0]) == kink.answers["delta"].outside([g]) == []
    assert kink.answers["delta"].outside([-0.01 * g]) == kink.answers["delta"].outside([1.01 * g]) == [0]
    assert (kink.answers["A"].value, kink.answers["A"].outside([0.0])) == ([0.0], [])
    assert not any(v.on_a_kink for v in _of("activation") if v.activation.name == "tanh")


def test_only_those_called_kinks_lie_on_a_kink_and_they_do():
    for vector in _of(*KINDS):
        assert vector.on_a_kink == vector.id.split("/")[-1].startswith("kinks"), vector.id
    assert sum(vector.on_a_kink for vector in _of("activation")) > 20
    assert sum(vector.on_a_kink for vector in _of("loss")) > 20


def test_a_kink_of_a_formulas_parts_is_none_of_the_function():
    """softsign is z/(1 + |z|), and smooth at 0: the exact slope there is 1, and the bound is narrow."""
    (vector,) = [v for v in _of("activation") if v.id == "activation/softsign/float64/ordinary"]
    place = vector.inputs["Z"].value.index(0.0)
    delta, (g, *_) = vector.answers["delta"], vector.inputs["dA"].value[place:]
    assert delta.value[place] == g
    assert delta.bound[place] < 1e-14 * abs(g)


def test_every_bound_says_something():
    """None is wider than a hundredth of the largest value of its matrix, or than underflow where all is 0."""
    for vector in _of(*KINDS):
        underflow = float(np.finfo(vector.dtype).tiny) * 2.0**20
        for answer in vector.answers.values() if not vector.on_a_kink else ():
            # A bound has been rounded up by a thousandth at most.
            widest = 0.01001 * max(map(abs, answer.value)) or underflow
            assert max(answer.bound) <= widest, vector.id


@pytest.mark.parametrize(
    ("radius", "bound", "with_kinks", "without"),
    [
        (0.0, 1e-9, True, True),
        (0.5, 1e-9, True, False),
        (0.0, 0.2, False, False),
        (0.0, np.inf, False, False),
    ],
)
def test_what_is_usable_on_kinks_and_elsewhere(radius, bound, with_kinks, without):
    exact = Enclosure(np.array([[1.0]]), np.zeros((1, 1)), np.array([[radius]]))
    answers = Answers({"A": (exact, np.array([[bound]]))}, radius > 0, 1e-300)
    assert (usable(answers, kinks=True), usable(answers, kinks=False)) == (with_kinks, without)


# ---------------------------------------------------------------- the same each time


def test_the_same_options_give_the_same_bytes():
    assert tuple(map(line_of, vectors(FEW))) == few_lines()


def test_another_process_without_torch_and_jax_gives_the_same_bytes():
    script = (
        "import sys; sys.modules.update(torch=None, jax=None, optax=None)\n"
        "from backproof.vectors import VectorOptions, write_vectors\n"
        "few = dict(activations=('relu', 'tanh'), losses=('mse',))\n"
        "write_vectors(VectorOptions(dtypes=('float32',), cases=1, **few), '-')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    options = VectorOptions(dtypes=("float32",), cases=1, activations=("relu", "tanh"), losses=("mse",))
    assert done.stdout == "".join(map(line_of, vectors(options)))


def test_a_vector_does_not_depend_on_what_else_is_asked_for():
    one = VectorOptions(("activation",), ("float64",), cases=1, activations=("tanh",))
    lines = [line_of(values) for values in vectors(one)][1:-1]
    assert len(lines) == 3
    assert set(lines) <= set(few_lines())


def test_another_seed_gives_other_numbers():
    options = VectorOptions(("layer",), ("float32",), cases=1, seed=2, activations=FEW.activations)
    other = [line_of(values) for values in vectors(options)][1:-1]
    assert len(other) == 6
    assert not set(other) & set(few_lines())


# ---------------------------------------------------------------- what is accepted


def test_the_reference_keeps_to_every_bound():
    found = {vector.id: _outside("refimpl", vector) for vector in _of(*KINDS)}
    assert len(found) > 1000
    assert {place: names for place, names in found.items() if names} == {}


@pytest.mark.long
@FRAMEWORK
def test_frameworks_keep_to_every_bound_but_where_a_deviation_is_declared(source):
    pytest.importorskip(source)
    declared = {deviation.function for deviation in deviations_of(source)}
    # A part of them is enough for JAX.
    asked = [v for v in _of(*KINDS) if source == "torch" or _quick(v)]
    found = {vector.id: _outside(source, vector) for vector in asked}
    beyond = [v for v in asked if found[v.id] and not _functions(v) & declared]
    assert (len(asked) > 150, [v.id for v in beyond]) == (True, [])


def _quick(vector: Any) -> bool:
    parts = vector.id.split("/")
    return (vector.kind, parts[-1]) in {("activation", "ordinary"), ("layer", "drawn-1")} or (
        vector.kind == "loss" and parts[2] == "mean" and parts[-1] == "ordinary"
    )


def test_values_are_those_worked_out_by_hand():
    """½(a - y)² summed: 0.5·(1² + 2²)/4 with divisor 4; and its derivative (a - y)/4."""
    (drawn,) = [v for v in _of("loss") if v.id == "loss/half_squared_error/mean/float64/drawn-1"]
    a, y = (np.array(drawn.inputs[name].value) for name in ("A", "Y"))
    assert drawn.loss.divisor == 12
    exact = math.fsum(((a - y) / 2 * (a - y)).tolist()) / 12
    assert drawn.answers["loss"].outside([exact]) == []
    (tanh,) = [v for v in _of("activation") if v.id == "activation/tanh/float64/ordinary"]
    z, g = (np.array(tanh.inputs[name].value) for name in ("Z", "dA"))
    assert z[1] == 1.0
    assert abs(tanh.answers["A"].value[1] - 0.7615941559557649) < 1e-15
    assert abs(tanh.answers["delta"].value[1] / g[1] - 0.41997434161402607) < 1e-15


# ---------------------------------------------------------------- what is rejected


def test_an_answer_just_outside_a_bound_is_rejected_and_one_just_inside_is_not():
    tried = 0
    for vector in _of(*KINDS):
        for answer in vector.answers.values():
            value, bound = answer.value[0], answer.bound[0]
            for sign in (-1.0, 1.0):
                inside, outside = value + sign * bound * (1 - 2.0**-20), value + sign * bound * (1 + 2.0**-20)
                if abs(inside - value) == abs(outside - value) or bound == 0:
                    outside = float(np.nextafter(value + sign * bound, sign * np.inf))
                    outside = float(np.nextafter(outside, sign * np.inf))
                    inside = value
                assert answer.outside([inside, *answer.value[1:]]) == []
                assert answer.outside([outside, *answer.value[1:]]) == [0]
                tried += 1
    assert tried > 4000


def test_what_is_no_number_is_outside_and_too_few_entries_are_an_error():
    answer = _of("activation")[0].answers["A"]
    assert answer.outside([math.nan, *answer.value[1:]]) == [0]
    assert answer.outside([math.inf, *answer.value[1:]]) == [0]
    with pytest.raises(ValueError, match=f"has 1 entries; it must have {len(answer.value)}"):
        answer.outside([0.0])


@pytest.mark.parametrize("name", [name for name, mistake in MISTAKES.items() if mistake.shows_anywhere])
def test_every_mistake_that_shows_anywhere_lies_outside_some_networks_bounds(name):
    caught = 0
    for vector in _of("network"):
        case = case_of(vector)
        trace = MISTAKES[name].implementation().run(case)
        for quantity, answer in vector.answers.items():
            bare = quantity.rstrip("0123456789")
            values = getattr(trace, bare)
            values = values[int(quantity.removeprefix(bare)) - 1] if quantity != bare else values
            flat = np.asarray(values, float).reshape(-1).tolist()
            caught += len(flat) != len(answer.value) or bool(answer.outside(flat))
    assert caught
