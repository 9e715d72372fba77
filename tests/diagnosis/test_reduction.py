"""Reduction under predicates whose smallest case is known: it is reached, within limits and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import jaxtyping
import numpy as np
import pytest

from backproof.cases import draw_case
from backproof.diagnosis.cutting import nearest_targets
from backproof.diagnosis.reduce import NoFailureError, Reduced, reduce
from backproof.diagnosis.simplicity import SHORT, complexity, measure, simpler_numbers
from backproof.plugging.coverage import outside
from backproof.plugging.declaration import Declaration
from refimpl import ACTIVATIONS, LOSSES, Case, case_from_json, case_to_json
from refimpl.domains import SIGNS, UNIT, OneHot

PLENTY = 1e9  # time never runs out: what is reached must not depend on how busy the machine is


@pytest.fixture(autouse=True, scope="module")
def _without_type_checks() -> Iterator[None]:
    """refimpl as it is when installed: its checks at run time are slow where thousands of cases are made."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@cache
def _drawn(index: int, dtype: str) -> Case:
    return draw_case(5, index, dtype).case


def _first(condition: Callable[[Case], bool], dtype: str = "float64") -> Case:
    return next(case for index in range(2000) if condition(case := _drawn(index, dtype)))


def _always(case: Case) -> bool:
    return True


def _each(condition: Callable[[Case], bool]) -> Callable[[Sequence[Case]], list[bool]]:
    return lambda cases: [condition(case) for case in cases]


def _reduced(condition: Callable[[Case], bool], dtype: str = "float64", **options: Any) -> Reduced:
    return reduce(_first(condition, dtype), _each(condition), PLENTY, **options)


def _names(case: Case) -> list[str]:
    return [layer.activation.name for layer in case.network.layers]


def _is_plain(case: Case) -> bool:
    """Whether all is as simple as it can be but for sizes."""
    return measure(case)[3:] == (0,) * 6


# ---------------------------------------------------------------- the known smallest case


# Condition → the widths and samples of the smallest case that meets it; all else is as simple as can be.
SIZES: dict[str, tuple[Callable[[Case], bool], tuple[int, ...], int]] = {
    "any": (_always, (1, 1), 1),
    "two layers": (lambda case: case.network.depth >= 2, (1, 1, 1), 1),
    "four layers": (lambda case: case.network.depth >= 4, (1, 1, 1, 1, 1), 1),
    "three inputs": (lambda case: len(case.X) >= 3, (3, 1), 1),
    "three outputs": (lambda case: len(case.Y) >= 3, (1, 3), 1),
    "two samples": (lambda case: case.samples >= 2, (1, 1), 2),
    "seven samples and a hidden layer of five": (
        lambda case: case.samples >= 7 and max(case.network.widths[1:-1], default=0) >= 5,
        (1, 5, 1),
        7,
    ),
    "as many inputs as samples, and two": (lambda case: len(case.X) == case.samples >= 2, (2, 1), 2),
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "float64") for name in SIZES), ("two layers", "float32")]
)
def test_the_smallest_sizes_are_reached(name: str, dtype: str):
    condition, widths, samples = SIZES[name]
    case = _reduced(condition, dtype).case
    assert (case.network.widths, case.samples, case.dtype) == (widths, samples, dtype)
    assert _is_plain(case)


def test_the_plainest_case_is_one_that_is_worked_out_in_the_head():
    case = _reduced(_always).case
    network = case.network
    assert (_names(case), network.loss.name, network.loss.reduction) == (
        ["identity"],
        "half_squared_error",
        "sum",
    )
    assert [network.layers[0].W.tolist(), network.layers[0].b.tolist()] == [[[0.0]], [[0.0]]]
    assert (case.X.tolist(), case.Y.tolist(), case.learning_rate) == ([[0.0]], [[0.0]], 1.0)


@pytest.mark.long
def test_an_activation_stays_where_it_matters_and_nowhere_else():
    case = _reduced(lambda case: "gelu" in _names(case)[:-1] and case.network.depth >= 3).case
    assert sorted(_names(case)) == ["gelu", "identity", "identity"]
    assert case.network.widths == (1, 1, 1, 1)


@pytest.mark.parametrize("loss", LOSSES)
def test_targets_stay_in_the_domain_of_a_loss_that_stays(loss: str):
    case = _reduced(lambda case: case.network.loss.name == loss and case.samples >= 2).case
    assert (case.network.depth, case.samples) == (1, 2)
    assert LOSSES[loss].target_domain.contains(case.Y)
    assert not case.network.loss.arrays


@pytest.mark.long
def test_a_reduction_and_an_array_stay_where_they_matter():
    def condition(case: Case) -> bool:
        loss = case.network.loss
        return loss.reduction == "batchmean" and "pos_weight" in loss.arrays and "weight" in loss.arrays

    case = _reduced(condition).case
    loss = case.network.loss
    assert (loss.name, loss.reduction) == ("bce_with_logits", "batchmean")
    assert {name: array.tolist() for name, array in loss.arrays.items()} == {
        "weight": [[0.0]],
        "pos_weight": [[0.0]],
    }
    only_one = _reduced(lambda case: "pos_weight" in case.network.loss.arrays).case
    assert list(only_one.network.loss.arrays) == ["pos_weight"]


def test_a_parameter_becomes_the_shortest_number_that_still_matters():
    def condition(case: Case) -> bool:
        specs = [layer.activation for layer in case.network.layers]
        return any(spec.name == "leaky_relu" and spec.parameters["negative_slope"] > 0.25 for spec in specs)

    case = _reduced(condition).case
    assert [dict(layer.activation.parameters) for layer in case.network.layers] == [{"negative_slope": 1.0}]


# Condition → the shortest number: in X[0, 0], or the learning rate.
NUMBERS: dict[str, tuple[Callable[[float], bool], float]] = {
    "more than 1": (lambda x: x > 1, 2.0),
    "less than 0": (lambda x: x < 0, -1.0),
    "between 0 and 1": (lambda x: 0 < x < 1, 0.5),
    "more than 100": (lambda x: x > 100, 128.0),
    "tiny": (lambda x: 0 < x < 2**-8, 2.0**-9),
}


@pytest.mark.long
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_becomes_the_shortest_that_still_fails(name: str):
    meets, shortest = NUMBERS[name]
    case = _reduced(lambda case: any(map(meets, case.X.flat)), "float32").case
    assert case.X.tolist() == [[shortest]]
    assert case.network.depth == 1


@pytest.mark.long
def test_the_learning_rate_becomes_short():
    assert _reduced(lambda case: case.learning_rate < 1).case.learning_rate == 0.5
    assert _reduced(lambda case: case.learning_rate < 0.1).case.learning_rate == 0.0
    assert _reduced(lambda case: case.learning_rate not in {1, 0.5}).case.learning_rate == 2.0


def test_what_depends_on_a_unit_that_is_not_the_first_is_cut_out_around_it():
    marked = _first(lambda case: case.network.depth == 1 and case.samples > 4 and len(case.X) > 2)
    X = np.zeros_like(marked.X)
    X[-1, -2] = 5.0
    case = reduce(Case(marked.network, X, marked.Y, 0.1), _each(lambda case: 5.0 in case.X), PLENTY).case
    assert case.X.tolist() == [[5.0]]
    assert case.network.widths == (1, 1)


# ---------------------------------------------------------------- simplicity


def test_short_numbers_are_the_simplest_and_others_grow_with_their_digits():
    assert [complexity(number) for number in SHORT] == list(range(len(SHORT)))
    longer = [*SHORT, 5.0, 5.5, 5.53125, 0.1]
    assert sorted(longer, key=complexity) == longer
    assert complexity(-0.0) > complexity(0.0)
    assert complexity(2.0**300) > complexity(2.0**30)


@pytest.mark.parametrize(
    "number", [0.0, -0.0, 1.0, 0.1, -0.1, 5e-324, 1.7e308, -3.3e-40, 2.0**-126, 12345.678]
)
def test_simpler_numbers_are_simpler_and_end_at_nothing(number: float):
    found = simpler_numbers(number)
    assert all(complexity(each) < complexity(number) for each in found)
    assert np.isfinite(found).all()
    if found:
        assert found[0] == 0
    else:
        assert str(number) == "0.0"


def test_targets_that_a_domain_lacks_become_the_nearest_that_it_has():
    Y = np.array([[-2.0, 0.25], [0.75, 3.0]])
    assert nearest_targets(UNIT, Y).tolist() == [[0.0, 0.25], [0.75, 1.0]]
    assert nearest_targets(SIGNS, Y).tolist() == [[-1.0, 1.0], [1.0, 1.0]]
    assert nearest_targets(OneHot(), Y).tolist() == [[0.0, 0.0], [1.0, 1.0]]
    inside = np.array([[0.5]])
    assert nearest_targets(UNIT, inside) is inside


# ---------------------------------------------------------------- how it searches


@pytest.mark.parametrize("index", range(6))
def test_it_never_grows_and_asks_nothing_twice_but_at_the_end(index: int):
    given = draw_case(11, index, "float32").case
    asked: list[Case] = []

    def fails(cases: Sequence[Case]) -> list[bool]:
        asked.extend(cases)
        return [int(case.content_hash[:2], 16) < 160 or case is given for case in cases]

    found = reduce(given, fails, PLENTY)
    assert found.asked == len(asked)
    assert asked[0] is given
    assert asked[-1] == found.case
    assert all(measure(case) < measure(given) for case in asked[1:-1])
    assert len(set(asked[:-1])) == len(asked) - 1
    assert not found.out_of_time


@pytest.mark.parametrize("most", [7, 40, 1000])
def test_the_answer_is_the_same_however_candidates_are_cut_into_batches(
    most: int, monkeypatch: pytest.MonkeyPatch
):
    def condition(case: Case) -> bool:
        return int(case.content_hash[:2], 16) < 128

    given, sizes = _first(condition), set[int]()

    def fails(cases: Sequence[Case]) -> list[bool]:
        sizes.add(len(cases))
        return [condition(case) for case in cases]

    batches = reduce(given, fails, PLENTY, most=most)
    assert max(sizes) > 1
    sizes.clear()
    for name in ("_FIRST_BATCH", "_LARGEST_BATCH"):
        monkeypatch.setattr(f"backproof.diagnosis.reduce.{name}", 1)
    one_by_one = reduce(given, fails, PLENTY, most=most)
    assert sizes == {1}
    assert batches.case == one_by_one.case
    assert batches.steps == one_by_one.steps


def test_time_that_runs_out_ends_it_with_the_simplest_case_so_far():
    time = [0.0]

    def fails(cases: Sequence[Case]) -> list[bool]:
        time[0] += 0.25 * len(cases)
        return [case.network.depth >= 2 for case in cases]

    given = _first(lambda case: case.network.depth >= 3)
    found = reduce(given, fails, 5.0, clock=lambda: time[0])
    assert found.out_of_time
    # A batch takes a tenth of the time at most, and one more case is asked at the end.
    assert time[0] <= 5.0 + 0.5 + 0.25
    assert found.case.network.depth >= 2
    assert measure(found.case) < measure(given)


def test_no_time_at_all_leaves_the_case_as_it_is():
    given = draw_case(1, 1, "float64").case
    found = reduce(given, _each(_always), 0.0)
    assert (found.case, found.steps, found.asked, found.out_of_time) == (given, 0, 2, True)


def test_a_case_that_does_not_fail_is_refused():
    with pytest.raises(NoFailureError, match="does not fail, so there is nothing to reduce"):
        reduce(draw_case(1, 1, "float64").case, _each(lambda case: not _always(case)), PLENTY)
    assert issubclass(NoFailureError, ValueError)


def test_a_wrong_number_of_answers_is_told():
    with pytest.raises(ValueError, match=r"`fails` gave 2 answers to 1 cases"):
        reduce(draw_case(1, 1, "float64").case, lambda cases: [True] * (len(cases) + 1), PLENTY)


@pytest.mark.long
def test_answers_that_change_never_give_a_case_that_does_not_fail_in_the_end():
    last: dict[Case, bool] = {}
    calls = [0]

    def fails(cases: Sequence[Case]) -> list[bool]:
        for case in cases:
            calls[0] += 1
            last[case] = calls[0] % 3 != 0
        return [last[case] for case in cases]

    for index in range(3):
        calls[0] = 0
        assert last[reduce(_drawn(index, "float64"), fails, PLENTY).case]


def test_what_never_fails_again_is_told():
    known = set[Case]()

    def only_once(cases: Sequence[Case]) -> list[bool]:
        answers = [case not in known for case in cases]
        known.update(cases)
        return answers

    with pytest.raises(NoFailureError, match="changes from call to call"):
        reduce(draw_case(1, 1, "float64").case, only_once, PLENTY)


# ---------------------------------------------------------------- limits


DECLARATIONS: dict[str, dict[str, Any]] = {
    "sizes": {"depth": [2, 3], "width": [3, 9], "inputs": [2, 70], "outputs": [2, 70], "batch": [3, 40]},
    "a classifier": {
        "hidden": ["relu", "tanh"],
        "output": ["softmax"],
        "losses": ["cross_entropy"],
        "reductions": ["mean"],
        "labels": "indices",
        "depth": [2, 8],
    },
    "hard labels": {"losses": ["bce_with_logits", "hinge"], "labels": "hard", "outputs": [1, 1]},
    "pairs": {"pairs": [["sigmoid", "bce"], ["tanh", "l1"]], "parameters": True, "arrays": True},
}
# Declaration → the widths and samples of its smallest case.
SMALLEST = {
    "sizes": ((2, 3, 2), 3),
    "a classifier": ((1, 1, 1), 1),
    "hard labels": ((1, 1), 1),
    "pairs": ((1, 1), 1),
}


@pytest.mark.long
@pytest.mark.parametrize("name", DECLARATIONS)
def test_nothing_is_asked_that_is_not_declared(name: str):
    declaration = Declaration.read(DECLARATIONS[name], "here")
    asked: list[Case] = []

    def fails(cases: Sequence[Case]) -> list[bool]:
        asked.extend(cases)
        return [True] * len(cases)

    given = draw_case(3, 4, "float64", declaration.draw_options()).case
    found = reduce(given, fails, PLENTY, lambda case: not outside(declaration, case))
    assert [why for case in asked if (why := outside(declaration, case))] == []
    assert (found.case.network.widths, found.case.samples) == SMALLEST[name]


def test_names_that_are_declared_are_the_ones_that_are_left():
    declaration = Declaration.read(DECLARATIONS["a classifier"], "here")
    given = draw_case(3, 4, "float32", declaration.draw_options()).case
    case = reduce(given, _each(_always), PLENTY, lambda case: not outside(declaration, case)).case
    assert (_names(case), case.network.loss.name) == (["relu", "softmax"], "cross_entropy")
    assert case.Y.tolist() == [[1.0]]


# ---------------------------------------------------------------- what comes out


@pytest.mark.long
@pytest.mark.parametrize("activation", ["softplus", "threshold", "softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_comes_out_is_written_and_read_back(activation: str, dtype: str):
    assert activation in ACTIVATIONS
    case = _reduced(lambda case: activation in _names(case), dtype).case
    assert case_from_json(case_to_json(case)) == case
