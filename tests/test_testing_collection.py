"""What is wrong with the arguments of `parametrize_with_checks` shows when pytest collects, in one line."""

from __future__ import annotations

from typing import Any

import pytest

from backproof.testing import ChecksError, parametrize_with_checks

pytest_plugins = ["pytester"]


def net(case: Any) -> Any:
    raise AssertionError("it must not be run")


def hidden(case: Any) -> Any:
    raise AssertionError("it must not be run")


hidden.backproof = {"dtypes": ["float64"]}  # type: ignore[attr-defined]


def a_test(check: Any) -> None:
    check()


def _ids(test: Any) -> list[str]:
    (mark,) = test.pytestmark
    return [parameter.id for parameter in mark.args[1]]


def test_the_checks_are_known_without_running_anything() -> None:
    def test(check: Any) -> None:
        check()

    ids = _ids(parametrize_with_checks(net)(test))
    assert len(ids) == len(set(ids)) == 52
    assert ids[0] == "answers are sound-float32"
    assert ids[-1] == "enough was judged-float64"


def test_only_declared_dtypes_are_checked() -> None:
    def test(check: Any) -> None:
        check()

    assert {name.rpartition("-")[2] for name in _ids(parametrize_with_checks(hidden)(test))} == {"float64"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"expected_failures": {"weight gradient-float32": "known"}},
            "'weight gradient-float32', which is no check; did you mean 'weight gradients-float32'",
        ),
        (
            {"expected_failures": {"loss-float32": ""}},
            r"expected_failures\['loss-float32'\] must be the reason",
        ),
        (
            {"declaration": {"sample": "rows"}},
            "the declaration of net: unknown key 'sample'.*did you mean 'samples'",
        ),
        ({"declaration": {"losses": ["mean"]}}, "the declaration of net: unknown loss 'mean' in losses"),
        ({"dtypes": ["float16"]}, "unknown dtype 'float16'; known: float32, float64"),
        (
            {"dtypes": ["float32"], "declaration": {"dtypes": ["float64"]}},
            "dtypes has float32, but net declares float64",
        ),
        ({"oracles": ["abacus"]}, "unknown oracle 'abacus'; known: torch"),
        ({"cases": 0}, "cases must be at least 1, not 0"),
        ({"floor": 90}, "floor must be a share from 0 to 1, not 90"),
    ],
)
def test_arguments_that_cannot_be_used_are_told_in_one_line(arguments: Any, message: str) -> None:
    with pytest.raises(ChecksError, match=message) as caught:
        parametrize_with_checks(net, **arguments)(a_test)
    assert "\n" not in str(caught.value)


def test_a_test_without_the_argument_check_is_refused() -> None:
    def test(checks: Any) -> None:
        checks()

    with pytest.raises(ChecksError, match="test must take an argument named check, and call it"):
        parametrize_with_checks(net)(test)


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        (7, "int is an int, not a function of one argument"),
        (lambda: None, "must take exactly one argument"),
        ("no_such_file.py:net", "there is no file no_such_file.py"),
        ("nameless", "names no implementation; give FILE.py:NAME"),
    ],
)
def test_what_is_no_implementation_is_refused(implementation: Any, message: str) -> None:
    with pytest.raises(ChecksError, match=message):
        parametrize_with_checks(implementation)(a_test)


def test_what_another_process_cannot_find_is_refused_with_the_remedy() -> None:
    def inner(case: Any) -> Any:
        return case

    remedy = 'give it as the text "FILE.py:NAME", or leave out isolated=True'
    with pytest.raises(ChecksError, match=f"inner, which is made inside a function; {remedy}"):
        parametrize_with_checks(inner, isolated=True)(a_test)

    class Object:
        set_parameters = forward = backward = None

    with pytest.raises(
        ChecksError, match=f"another process cannot find an object of Object by name; {remedy}"
    ):
        parametrize_with_checks(Object(), isolated=True)(a_test)


def test_what_is_hidden_behind_another_thing_of_its_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = net
    monkeypatch.setitem(globals(), "net", hidden)
    with pytest.raises(ChecksError, match="has something else under the name net, or nothing"):
        parametrize_with_checks(kept, isolated=True)(a_test)


def test_a_declaration_error_is_one_line_of_the_collection(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from backproof.testing import parametrize_with_checks

        def net(case):
            return {}

        net.backproof = {"samples": "row"}

        @parametrize_with_checks(net)
        def test_net(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["the declaration of net: unknown samples 'row'; did you mean 'rows'?*"])
    assert "Traceback" not in "\n".join(result.outlines)


@pytest.mark.long
def test_importing_and_collecting_imports_no_framework(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        from backproof.testing import parametrize_with_checks

        assert "numpy" not in sys.modules

        def net(case):
            return {}

        @parametrize_with_checks(net)
        def test_net(check):
            check()

        def test_no_framework_is_there():
            assert not {"torch", "jax", "tensorflow"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:jaxtyping", "-k", "is_there")
    result.assert_outcomes(passed=1, deselected=52)
