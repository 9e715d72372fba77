"""Every catalogued mistake is caught where it matters, by its own equation, and nothing where it is idle.

By torch alone; `--long` asks for 50 cases of each in which it matters, instead of a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from judged_mistakes import Shown, blamed, few, judged, mattering_ones, unchecked, wrong

from backproof.diagnosis.mattering import is_without_effect
from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.verdicts import Judgement
from refimpl import DTYPES

WITHIN = 50
"""So many cases in which it matters must be enough to catch a mistake."""
DRAWN = 2000
"""So many are drawn to find them."""

# Right in float32; or right in float64 in nearly all random cases: |z| stays below 2^8 before an activation
# whose values are bounded, and e^z overflows float64 from 709 on and underflows from -745 on.
HARDLY_MATTERS = {
    ("forward-in-single-precision", "float32"),
    ("gradient-in-single-precision", "float32"),
    ("bias-gradient-in-single-precision", "float32"),
    ("softmax-without-maximum", "float64"),
    ("softmax-of-large-negatives", "float64"),
    ("softmax-with-one-maximum", "float64"),
    ("tanh-of-exponentials", "float64"),
}
EACH = [(name, dtype) for name in MISTAKES for dtype in DTYPES]
Exams = Mapping[tuple[str, str], Sequence[tuple[Shown, Judgement]]]


@pytest.fixture(scope="module")
def exams() -> Exams:
    """A few cases of each mistake in each dtype, judged: one chunk for each dtype."""
    found: dict[tuple[str, str], list[tuple[Shown, Judgement]]] = {}
    with unchecked():
        for dtype in DTYPES:
            examples = few(dtype, known=HARDLY_MATTERS)
            for example, judgement in zip(examples, judged(examples), strict=True):
                found.setdefault((example.mistake.name, dtype), []).append((example, judgement))
    return found


@pytest.mark.parametrize(("name", "dtype"), [each for each in EACH if each not in HARDLY_MATTERS])
def test_a_mistake_is_caught_by_its_own_equation_in_few_cases(exams, name, dtype):
    mattering = [judgement for example, judgement in exams[name, dtype] if example.matters]
    assert mattering, "it matters in none of the cases drawn"
    caught = [blamed(MISTAKES[name], judgement) & set(MISTAKES[name].equations) for judgement in mattering]
    assert any(caught)


@pytest.mark.parametrize(("name", "dtype"), EACH)
def test_no_other_equation_is_blamed_and_nothing_where_it_makes_no_difference(exams, name, dtype):
    for example, judgement in exams[name, dtype]:
        assert blamed(MISTAKES[name], judgement) <= set(MISTAKES[name].equations), wrong(judgement)
        if is_without_effect(example.mistake, example.case):
            assert wrong(judgement) == []


def test_where_they_matter_hardly_one_is_missed(exams):
    mattering = [(name, e, j) for (name, _), each in exams.items() for e, j in each if e.matters]
    missed = [name for name, e, judgement in mattering if not blamed(e.mistake, judgement)]
    assert len(mattering) > 400
    assert len(missed) <= 0.01 * len(mattering), missed


def test_those_that_hardly_ever_matter_do_not_in_the_first_cases(exams):
    for name, dtype in HARDLY_MATTERS:
        assert [(name, dtype) for example, _ in exams[name, dtype] if example.matters] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "dtype"), EACH)
def test_a_mistake_is_caught_within_50_cases_in_which_it_matters(name, dtype, record_property):
    own = set(MISTAKES[name].equations)
    with unchecked():
        examples, tried = mattering_ones(MISTAKES[name], dtype, WITHIN, DRAWN)
        found = [blamed(MISTAKES[name], judgement) & own for judgement in judged(examples)]
    first = next((number for number, each in enumerate(found, start=1) if each), None)
    record_property("drawn", tried)
    record_property("matters", len(examples))
    record_property("caught", sum(map(bool, found)))
    if (name, dtype) in HARDLY_MATTERS and not examples:
        return
    assert first is not None
    assert sum(map(bool, found)) >= 0.8 * len(examples)
