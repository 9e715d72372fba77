"""Code that raises, hangs, dies, floods or meddles in a process of its own: named, and the run goes on."""

import pytest

from .command import miniature, run
from .expected import EXPECTED
from .faults import assert_found, quick_and_long

FILES = ("raises.py", "hangs.py", "dies.py", "floods.py", "meddles.py")


@pytest.mark.parametrize("name", quick_and_long(FILES))
def test_what_happens_in_its_process_is_a_finding_and_the_run_goes_on(name, tmp_path):
    source = miniature(name)
    assert_found(run(tmp_path, source, *EXPECTED[name].words), source, EXPECTED[name])
