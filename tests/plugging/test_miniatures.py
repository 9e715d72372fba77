"""The miniatures do what their names say, seen without the harness.

Else the tests of faults would prove nothing.
"""

import importlib
import os
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backproof.judging.panel import Panel
from oracles.ball_oracle import BallOracle
from refimpl import Trace

from .command import CASES, MINIATURES, SEED
from .expected import ANSWERS, CONFORMING, EXPECTED, RAISES
from .views import case_where, cases, view_of


@pytest.fixture(autouse=True)
def _folder_on_the_path(monkeypatch) -> Iterator[None]:
    """The miniatures find each other; afterwards they are forgotten, with what they remember."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(MINIATURES))
    yield
    for name in {path.stem for path in MINIATURES.glob("*.py")} & (set(sys.modules) - before):
        del sys.modules[name]


def loaded(source):
    file, _, name = source.partition(":")
    return getattr(importlib.import_module(file.removesuffix(".py")), name)


def plain(answer):
    """The answer as nested lists: equal if every bit is."""
    return {key: [np.asarray(x).tolist() for x in np.atleast_1d(value)] if key == "loss" else
            [np.asarray(x).tolist() for x in value] for key, value in answer.items()}  # fmt: skip


class AsItIs:
    """A function of a view in the reference's place."""

    def __init__(self, function) -> None:
        self.function = function

    def run(self, case):
        answer = self.function(view_of(case))
        return Trace(**{k: v if k == "loss" else tuple(v) for k, v in answer.items()})


def stepwise(view, made):
    made.set_parameters(view.W, view.b)
    made.forward(view.X)
    loss = made.backward(view.Y)
    return {"loss": made.loss if loss is None else loss, "dW": made.dW, "db": made.db}


# ---------------------------------------------------------------- what is right


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_right_one_conforms_to_the_exact_values(dtype):
    verdicts = {
        j.verdict for j in Panel(AsItIs(loaded("right.py:right")), [BallOracle()]).judge(cases(40, dtype))
    }
    assert verdicts == {"conforms"}


def test_the_three_forms_of_the_right_one_say_the_same():
    function, cls, step = (loaded(f"right.py:{n}") for n in ("right", "Right", "right_training_step"))
    for case in cases(20):
        answer, view = function(view_of(case)), view_of(case)
        assert plain(stepwise(view, cls(view))) == plain(answer)
        updated = step(view)["W_updated"]
        expected = [w - case.learning_rate * d for w, d in zip(view.W, answer["dW"], strict=True)]
        assert plain({"W": updated}) == plain({"W": expected})


def test_some_cases_have_three_samples_and_some_are_wide_and_most_are_neither():
    three, wide = loaded("right.py:three"), loaded("right.py:wide")
    kinds = [(three(view_of(case)), wide(view_of(case))) for case in cases(CASES, seed=SEED)]
    assert 2 <= sum(each[0] for each in kinds) <= 5
    assert 3 <= sum(each[1] for each in kinds) <= 12
    assert (False, False) in kinds


def test_every_miniature_is_there_and_every_one_is_expected_to_do_something():
    named = {source.partition(":")[0] for source in (*EXPECTED, *CONFORMING)}
    alone = {"extreme.py", "declared_wrongly.py", "cannot_be_imported_again.py", "needs_a_missing_package.py"}
    on_import = {path.name for path in MINIATURES.glob("*_on_import*.py")}
    assert named | alone | on_import == {path.name for path in MINIATURES.glob("*.py")}
    for source in (*EXPECTED, *CONFORMING):
        if source.partition(":")[0] not in on_import:
            assert isinstance(loaded(source).backproof, dict), source


@pytest.mark.parametrize("source", [s for s, each in EXPECTED.items() if each.partial and each.harmless])
def test_a_miniature_that_breaks_in_some_cases_is_right_in_others(source):
    calm = case_where(
        lambda v: v.samples == 1 and v.widths[0] == v.widths[1] != v.widths[-1] and v.depth == 2
    )
    broken, right = loaded(source), loaded("right.py:right")
    answer = (
        stepwise(view_of(calm), broken(view_of(calm))) if isinstance(broken, type) else broken(view_of(calm))
    )
    assert plain(answer) == plain(right(view_of(calm)))


@pytest.mark.parametrize("name", [source for source in CONFORMING if source.startswith("answers.py")])
def test_what_is_right_in_another_form_has_the_right_numbers(name):
    for case in cases(10):
        answer, right = loaded(name)(view_of(case)), loaded("right.py:right")(view_of(case))
        answer = answer if isinstance(answer, dict) else vars(answer)
        assert plain(answer) == {key: value for key, value in plain(right).items() if key in answer}


def test_objects_that_are_right_say_the_same_as_the_function():
    case = case_where(lambda v: v.activations == ["tanh"])
    for name in ("GivesGradientsByMethods", "IsMadeOfNothing"):
        cls = loaded(f"objects.py:{name}")
        made = cls() if name == "IsMadeOfNothing" else cls(view_of(case))
        answer = stepwise(view_of(case), made)
        answer = {k: v() if callable(v) else v for k, v in answer.items()}
        assert plain(answer) == plain(loaded("right.py:right")(view_of(case)))


# ---------------------------------------------------------------- what is wrong


def broken_case(module, name):
    """A case in which the miniature goes wrong: wide, of three samples, with a non-square and a square W."""
    if name == "transposes_square_gradients":
        return case_where(lambda v: v.widths[-1] == v.widths[-2] > 1)
    return case_where(lambda v: v.samples == 3 and v.widths[0] > 3 and v.widths[0] != v.widths[1] > 1)


KINDS = {
    "raises_a_key_error_with_ansi_sequences": KeyError,
    "raises_an_error_with_a_hostile_text": RuntimeError,
    "fails_an_assertion_without_text": AssertionError,
    "raises_system_exit": SystemExit,
    "raises_system_exit_with_a_text": SystemExit,
    "raises_keyboard_interrupt": KeyboardInterrupt,
    "raises_stop_iteration": StopIteration,
    "raises_generator_exit": GeneratorExit,
    "raises_memory_error": MemoryError,
    "recurs_without_end": RecursionError,
    "overflows_in_math_exp": OverflowError,
    "does_not_support_three_samples": NotImplementedError,
}


@pytest.mark.parametrize("name", [*RAISES, "does_not_support_three_samples"])
def test_what_raises_raises_that(name):
    view = view_of(broken_case("raises.py", name))
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - the kind is checked below
        loaded(f"raises.py:{name}")(view)
    named = loaded("raises.py:UnheardOf") if name == "raises_what_is_no_exception" else None
    named = named or (
        loaded("raises.py:WithoutText") if name == "raises_an_error_whose_text_raises" else None
    )
    assert isinstance(caught.value, named or KINDS.get(name, Exception))


def described(answer):
    """All that tells one answer from another: types, dtypes, shapes, values."""
    if not isinstance(answer, dict):
        return repr(answer)
    parts = {key: value if isinstance(value, list) else [value] for key, value in answer.items()}
    return {
        key: [(type(x), getattr(x, "dtype", None), getattr(x, "shape", None), repr(x)) for x in part]
        for key, part in parts.items()
    }


@pytest.mark.parametrize("name", ANSWERS)
def test_what_answers_wrongly_answers_and_not_as_the_right_one_does(name):
    if "float32" in name:
        view = view_of(case_where(lambda v: v.widths[0] > 3, "float32"))
    else:
        view = view_of(broken_case("answers.py", name))
    assert described(loaded(f"answers.py:{name}")(view)) != described(loaded("right.py:right")(view))


def test_torch_tensors_are_tensors():
    view = view_of(broken_case("tensors.py", ""))
    for name, grad in (
        ("answers_with_tensors", False),
        ("answers_with_tensors_that_require_gradients", True),
    ):
        (first, *_) = loaded(f"tensors.py:{name}")(view)["dW"]
        assert (type(first).__name__, first.requires_grad) == ("Tensor", grad)
        assert first.tolist() == loaded("right.py:right")(view)["dW"][0].tolist()


# ---------------------------------------------------------------- state


def twice(name, case):
    function = loaded(f"state.py:{name}")
    return plain(function(view_of(case))), plain(function(view_of(case)))


@pytest.mark.parametrize(
    "name", ["adds_random_noise", "alternates_between_right_and_wrong", "is_wrong_when_called_again"]
)
def test_called_again_it_answers_otherwise(name):
    first, second = twice(name, broken_case("state.py", name))
    assert first != second
    if name != "adds_random_noise":
        assert first == plain(loaded("right.py:right")(view_of(broken_case("state.py", name))))


@pytest.mark.parametrize("name", ["divides_by_the_batch_size_that_a_network_had_first"])
def test_another_batch_size_before_changes_the_answer(name):
    case, function = broken_case("state.py", name), loaded(f"state.py:{name}")
    view = view_of(case)
    view.X, view.Y, view.samples = view.X[:, :2], view.Y[:, :2], 2
    right = loaded("right.py:right")
    assert plain(function(view)) == plain(right(view))
    assert plain(function(view_of(case))) != plain(right(view_of(case)))


def test_answers_in_the_same_memory_change_afterwards():
    case, function = broken_case("state.py", ""), loaded("state.py:answers_in_the_same_memory_each_time")
    first = function(view_of(case))
    kept, view = plain(first), view_of(case)
    view.Y = view.Y + 1
    function(view)
    assert plain(first) != kept


MUTATING = {
    "centres_X_in_place": "X",
    "turns_Y_into_the_error_in_place": "Y",
    "updates_W_in_place": "W",
    "updates_b_in_place": "b",
    "empties_the_list_of_weights": "W",
    "changes_the_names_of_activations": "activations",
}


@pytest.mark.parametrize(("name", "part"), MUTATING.items())
def test_what_changes_its_argument_is_right_and_changes_that_argument_only(name, part):
    case = broken_case("state.py", name)
    view, fresh = view_of(case), view_of(case)
    assert plain(loaded(f"state.py:{name}")(view)) == plain(loaded("right.py:right")(fresh))
    assert [key for key in vars(fresh) if repr(getattr(view, key)) != repr(getattr(fresh, key))] == [part]


def test_inputs_of_odd_layout_find_out_who_cannot_take_them():
    case, right = (
        broken_case("state.py", ""),
        plain(loaded("right.py:right")(view_of(broken_case("state.py", "")))),
    )

    def asked(name, X) -> dict[str, Any]:
        view = view_of(case)
        view.X = X
        return plain(loaded(f"state.py:{name}")(view))

    fortran, strided = np.asfortranarray(case.X), np.repeat(case.X, 2, axis=1)[:, ::2]
    assert asked("reads_X_in_the_order_of_memory", case.X.copy()) == right
    assert asked("reads_X_in_the_order_of_memory", fortran) != right
    assert asked("takes_X_for_contiguous", case.X.copy()) == right
    assert asked("takes_X_for_contiguous", strided) != right
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        asked("needs_writable_arguments", case.X)


def test_what_answers_in_the_memory_of_its_arguments_does():
    view = view_of(broken_case("state.py", ""))
    answer = loaded("state.py:answers_in_the_memory_of_its_arguments")(view)
    assert all(np.shares_memory(*pair) for pair in zip(answer["W_updated"], view.W, strict=True))


GLOBAL = {
    "seeds_numpy": lambda: repr(np.random.get_state()),  # noqa: NPY002
    "draws_from_numpys_global_generator": lambda: repr(np.random.get_state()),  # noqa: NPY002
    "seeds_random": random.getstate,
    "ignores_floating_point_errors": np.geterr,
    "raises_on_floating_point_errors": np.geterr,
    "ignores_warnings": lambda: list(warnings.filters),
    "changes_the_environment": lambda: dict(os.environ),
    "changes_the_recursion_limit": sys.getrecursionlimit,
}


@pytest.mark.parametrize("name", [*GLOBAL, "has_a_generator_of_its_own"])
def test_what_changes_the_whole_process_does_and_who_has_a_generator_of_its_own_does_not(name):
    case = broken_case("state.py", name)
    seen = GLOBAL.get(name, lambda: [each() for each in GLOBAL.values()])
    states = random.getstate(), np.random.get_state(), sys.getrecursionlimit(), dict(os.environ)  # noqa: NPY002
    function, view = (
        loaded(f"state.py:{name}"),
        view_of(case),
    )  # beartype draws from random when these are made
    with np.errstate(), warnings.catch_warnings():
        try:
            before = seen()
            answer = function(view)
            assert (seen() == before) is (name not in GLOBAL)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
            sys.setrecursionlimit(states[2])
            os.environ.clear()
            os.environ.update(states[3])
    assert plain(answer) == plain(loaded("right.py:right")(view_of(case)))


# ---------------------------------------------------------------- objects


def test_objects_that_keep_too_much_are_right_once_and_wrong_the_second_time():
    case, right = broken_case("objects.py", ""), loaded("right.py:right")
    for name in (
        "KeepsTheFirstBatch",
        "PredictingTurnsTrainingOff",
        "AddsToFormerGradients",
        "RemembersTheFirstBatchSize",
        "SetsParametersOnce",
    ):
        view = view_of(case)
        made = loaded(f"objects.py:{name}")(view)
        assert plain(stepwise(view, made)) == plain(right(view)), name
        other = view_of(case)
        other.X, other.Y = other.X[:, :2] + 1, other.Y[:, :2]
        other.W = [w + 1 for w in other.W]
        try:
            assert plain(stepwise(other, made)) != plain(right(other)), name
        except ValueError as error:
            assert "broadcast" in str(error), name  # noqa: PT017


def test_the_other_objects_fail_where_their_names_say():
    view = view_of(broken_case("objects.py", ""))
    with pytest.raises(ValueError, match="too wide"):
        loaded("objects.py:RaisesWhenMade")(view)
    with pytest.raises(ZeroDivisionError):
        stepwise(view, loaded("objects.py:RaisesInBackward")(view))
    before = [w.copy() for w in view.W]
    stepwise(view, loaded("objects.py:UpdatesTheGivenParameters")(view))
    assert any((w != b).any() for w, b in zip(view.W, before, strict=True))
