"""What every entry of the catalogue keeps to, so that an engine can try them all without knowing any."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from judged_mistakes import drawn

from backproof.diagnosis.following import EQUATION_METHODS, extended_case, overrides
from backproof.diagnosis.mistakes import MISTAKES, Mistake, model
from backproof.judging.verdicts import EQUATION_OF
from refimpl import DTYPES, QUANTITIES, Backprop, Case
from refimpl.equations import EQUATIONS

LONGEST = 12
JUDGED = {*EQUATION_OF.values(), "F4", "B4"}
"""The equations by which a local verdict is called."""
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+")
NAMES = pytest.mark.parametrize("name", MISTAKES)
WERE_THERE = (
    *("derivative-forgotten", "derivative-of-output", "softmax-elementwise", "prediction-minus-target"),
    *("target-minus-prediction", "batch-mean-twice", "bias-from-one-column", "bias-forgotten"),
    *("update-uphill", "bias-not-updated", "parameters-ignored", "softmax-without-maximum"),
)


def _recorded(implementation: type[Backprop], case: Case) -> list[str]:
    """The equations that a run calls through self, in order."""
    calls: list[str] = []

    def noting(method: str) -> Any:
        def call(self: Backprop, *given: Any) -> Any:
            calls.append(method)
            return getattr(implementation, method)(self, *given)

        return call

    recorder = type("Recorder", (implementation,), {name: noting(name) for name in EQUATION_METHODS})
    recorder().run(case)
    return calls


def _own_classes(mistake: Mistake) -> list[type[Backprop]]:
    return [c for c in mistake.implementation.__mro__ if c.__module__.startswith(model.__package__)]


def _case(mistake: Mistake, dtype: str = "float64") -> Case:
    return next(c for c in (drawn(i, dtype, mistake.draw) for i in range(50)) if c.network.depth > 1)


def test_there_are_at_least_sixty_and_the_twelve_there_were_are_still_called_so() -> None:
    assert len(MISTAKES) >= 60
    assert set(WERE_THERE) <= set(MISTAKES)


def test_every_equation_that_a_verdict_can_name_has_a_mistake() -> None:
    own = Counter(mistake.equation for mistake in MISTAKES.values())
    also = {equation for mistake in MISTAKES.values() for equation in mistake.also}
    assert set(own) | also == JUDGED
    assert all(own[equation] >= 2 for equation in JUDGED - {"B1a"})


def test_the_catalogue_is_in_the_order_of_the_equations() -> None:
    ids = [equation.id for equation in EQUATIONS]
    places = [ids.index(mistake.equation) for mistake in MISTAKES.values()]
    assert places == sorted(places)


def test_many_were_met_in_public_and_no_sentence_is_written_twice() -> None:
    assert sum(bool(mistake.source) for mistake in MISTAKES.values()) >= 40
    repeated = [what for what, n in Counter(m.what for m in MISTAKES.values()).items() if n > 1]
    assert repeated == ["σ' uses the activation's default parameters, not the layer's."] * len(repeated)


@NAMES
def test_the_fields_say_what_they_are_for(name: str) -> None:
    mistake = MISTAKES[name]
    assert mistake.name == name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert set(mistake.equations) <= JUDGED
    assert len(set(mistake.equations)) == len(mistake.equations)
    assert mistake.effect in ("mismatch", "unstable", "rounding", "state")
    assert mistake.source == "" or ADDRESS.fullmatch(mistake.source)
    for sentence in (mistake.what, mistake.remedy):
        assert sentence.endswith(".")
        assert sentence == sentence.strip()
        assert sentence.isprintable()
        assert len(sentence) < 160


@NAMES
def test_a_mistake_is_a_few_lines_in_one_method(name: str) -> None:
    changed = overrides(MISTAKES[name].implementation)
    assert changed
    assert (
        len(changed) == 1 or changed == {"output_error", "hidden_error"} or name == "prediction-minus-target"
    )
    first = _own_classes(MISTAKES[name])[0]
    assert len(inspect.getsource(first).splitlines()) <= LONGEST


@NAMES
def test_the_equations_are_called_as_the_reference_calls_them(name: str) -> None:
    case = _case(MISTAKES[name])
    assert _recorded(MISTAKES[name].implementation, case) == _recorded(Backprop, case)


def test_a_method_that_calls_another_equation_is_noticed() -> None:
    class Twice(Backprop):
        def bias_gradient(self, delta: Any) -> Any:
            return self.weight_gradient(delta, delta)[:, :1]

    case = _case(MISTAKES["bias-forgotten"])
    assert _recorded(Twice, case) != _recorded(Backprop, case)


@pytest.mark.parametrize("dtype", [*DTYPES, "longdouble"])
@NAMES
def test_every_answer_has_the_dtype_and_the_shapes_of_the_case(name: str, dtype: str) -> None:
    wide = dtype == "longdouble"
    case: Any = _case(MISTAKES[name], "float64" if wide else dtype)
    case = extended_case(case) if wide else case
    with np.errstate(all="ignore"):
        trace, right = MISTAKES[name].implementation().run(case), Backprop().run(case)
    for quantity, per_layer in QUANTITIES.items():
        own, expected = getattr(trace, quantity), getattr(right, quantity)
        pairs = zip(own, expected, strict=True) if per_layer else [(own, expected)]
        for a, b in pairs:
            assert (np.asarray(a).dtype, np.shape(a)) == (np.dtype(dtype), np.shape(b)), quantity


@NAMES
def test_an_instance_remembers_nothing_unless_that_is_the_mistake(name: str) -> None:
    instance, case = MISTAKES[name].implementation(), _case(MISTAKES[name])
    instance.run(case)
    assert bool(vars(instance)) == (MISTAKES[name].effect == "state")


@NAMES
def test_what_it_does_not_concern_it_leaves_right(name: str) -> None:
    """A case is not changed, and nothing that the case holds is handed back."""
    mistake = MISTAKES[name]
    case = _case(mistake)
    trace = mistake.implementation().run(case)
    given = [case.X, case.Y, *(a for layer in case.network.layers for a in (layer.W, layer.b))]
    answered = [
        a for q, many in QUANTITIES.items() for a in (getattr(trace, q) if many else [getattr(trace, q)])
    ]
    assert not any(np.may_share_memory(a, b) for a in answered for b in given)
