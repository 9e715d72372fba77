"""State that should not be, in a process of its own: named, and the other cases are judged."""

import pytest

from .command import miniature, run
from .expected import EXPECTED
from .faults import assert_found, quick_and_long

FILES = ("state.py", "objects.py")


@pytest.mark.parametrize("name", quick_and_long(FILES))
def test_state_that_should_not_be_is_a_finding_and_the_other_cases_are_judged(name, tmp_path):
    source = miniature(name)
    assert_found(run(tmp_path, source, *EXPECTED[name].words), source, EXPECTED[name])
