"""One grader of each interface for all tests: they share cases, oracle and interpreter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from grading_samples import CLASS, FUNCTION, SINGLE, rubric, sharing_cases

from backproof.grading.grader import Grader


@pytest.fixture(scope="session")
def whole() -> Iterator[Grader]:
    """Grades classes."""
    grader = Grader(rubric(submission=CLASS), 7, ("torch",))
    yield grader
    grader.close()


@pytest.fixture(scope="session")
def function(whole) -> Grader:
    """Grades functions of the case."""
    return sharing_cases(whole, FUNCTION)


@pytest.fixture(scope="session")
def single(whole) -> Grader:
    """Grades single functions."""
    return sharing_cases(whole, SINGLE)
