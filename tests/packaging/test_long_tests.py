"""A plain run leaves out what is marked long; options, markers and node ids bring it back."""

from __future__ import annotations

import pytest

from tests.long_tests import long_but_for

from .import_graph import ROOT

pytest_plugins = ["pytester"]

TESTS = """
    import pytest

    def test_quick():
        pass

    @pytest.mark.long
    @pytest.mark.parametrize("number", [1, 2])
    def test_long(number):
        pass

    @pytest.mark.exhaustive
    def test_exhaustive():
        pass
"""


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder of tests with this project's conftest.py."""
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n  long\n  exhaustive\naddopts = --strict-markers")
    pytester.makepyfile(test_some=TESTS)
    return pytester


@pytest.mark.parametrize(
    ("words", "passed", "deselected"),
    [
        ([], 1, 3),
        (["test_some.py"], 1, 3),
        (["-k", "test"], 1, 3),
        (["--long"], 3, 1),
        (["-m", "long"], 2, 2),
        (["-m", "exhaustive"], 1, 3),
        (["-m", "not long and not exhaustive"], 1, 3),
        (["test_some.py::test_exhaustive"], 1, 0),
        (["test_some.py::test_long"], 2, 0),
        (["test_some.py::test_long[2]"], 1, 0),
    ],
)
def test_long_tests_run_where_they_are_asked_for(
    folder: pytest.Pytester, words: list[str], passed: int, deselected: int
) -> None:
    result = folder.runpytest_inprocess("-p", "no:backproof", "-p", "no:cacheprovider", *words)
    result.assert_outcomes(passed=passed, deselected=deselected)


def test_what_is_exhaustive_cannot_be_long_as_well(folder: pytest.Pytester) -> None:
    folder.makepyfile(
        test_both="import pytest\n@pytest.mark.long\n@pytest.mark.exhaustive\ndef test_it(): pass"
    )
    result = folder.runpytest_inprocess("-p", "no:backproof", "-p", "no:cacheprovider", "-m", "long")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: test_both.py::test_it is marked long and exhaustive: *"])


def test_rows_are_long_but_for_those_that_are_named() -> None:
    rows = long_but_for({"b", "two"}, ["a", "b", pytest.param(1, id="one"), pytest.param(2, id="two")])
    assert [(row.values, row.id, len(row.marks)) for row in rows] == [
        (("a",), "a", 1),
        (("b",), "b", 0),
        ((1,), "one", 1),
        ((2,), "two", 0),
    ]
    with pytest.raises(ValueError, match="no row is named c"):
        long_but_for({"c"}, ["a"])
