"""The pytest plugin: fixtures that judge cases, a report at the end, and a floor on how much was judged.

Loading it imports nothing heavy: pytest loads it in every session of every project that has backproof
installed. What it needs is imported when a test first asks for a fixture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .plugging.sources import Source
    from .pytest_session import Session

_SESSION = pytest.StashKey["Session"]()
# The suites of `backproof.testing` of which some check ran.
_SUITES = pytest.StashKey[list[Any]]()
# The kept cases, as parameters.
_ENTRIES = pytest.StashKey[list[Any]]()
# Why they cannot be judged.
_BROKEN = pytest.StashKey[str]()
ENTRY = "backproof_entry"
"""The argument of a test that stands for a kept case."""
# What was judged, added up over this process and, under pytest-xdist, its workers.
_TOTALS = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the conformance suite."""
    group = parser.getgroup("backproof", "conformance of backpropagation")
    group.addoption(
        "--backproof-report",
        metavar="DIR",
        help="write report.json, a page and summaries of what the conformance tests judged into DIR",
    )
    group.addoption(
        "--backproof-mistake",
        metavar="NAME",
        help="judge a catalogued wrong equation instead of the reference (see: backproof list mistakes)",
    )
    group.addoption(
        "--backproof-oracles",
        metavar="NAMES",
        help="what to judge against, separated by commas (default: torch,jax, those that are installed)",
    )
    group.addoption(
        "--impl",
        metavar="SOURCE",
        help="judge your implementation in the reference's place: FILE.py:NAME or package.module:NAME",
    )
    group.addoption(
        "--impl-cmd",
        metavar="COMMAND",
        help="judge a program of yours that is asked in JSON lines on its standard input",
    )
    group.addoption(
        "--backproof-corpus",
        metavar="DIR",
        help="judge the cases kept in DIR first, instead of those in the folder of the setting "
        "backproof_corpus (see: backproof corpus)",
    )
    parser.addini("backproof_corpus", "folder of kept cases that are judged first, beside this file")
    group.addoption("--impl-python", metavar="PATH", help="the interpreter that runs --impl")
    group.addoption(
        "--impl-no-isolation",
        action="store_true",
        help="call --impl in this process: for a debugger; a crash of it then ends the session",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot work before anything runs."""
    if config.getoption("--backproof-report") and config.getoption("numprocesses", default=None):
        raise pytest.UsageError("--backproof-report needs one process: leave out -n")
    if config.getoption("--backproof-corpus") == "":
        raise pytest.UsageError("--backproof-corpus is empty; give a folder, or leave it out")


def _source(config: pytest.Config) -> Source | None:
    """The implementation that the options name. Raises UsageError."""
    from .errors import UsageError
    from .plugging.sources import Source

    impl, command = config.getoption("--impl"), config.getoption("--impl-cmd")
    python, in_process = config.getoption("--impl-python"), config.getoption("--impl-no-isolation")
    if impl is None and command is None:
        if python is not None or in_process:
            option = "--impl-python" if python is not None else "--impl-no-isolation"
            raise UsageError(f"{option} says how to run an implementation; give one with --impl, too")
        return None
    try:
        return Source(impl, command, python, isolated=not in_process)
    except UsageError as error:  # in the words of the commands
        text = str(error)
        for option in ("python", "no-isolation"):
            text = text.replace(f"--{option}", f"--impl-{option}")
        raise UsageError(text) from None


def _case_directory(config: pytest.Config) -> Path | None:
    cache = getattr(config, "cache", None)  # it is not there under -p no:cacheprovider
    return cache.mkdir("backproof") if cache else None


@pytest.fixture(scope="session")
def backproof(pytestconfig: pytest.Config) -> Session:
    """Judges cases and counts them: see `backproof.pytest_session.Session`."""
    from .errors import UsageError
    from .shadowing import check_shadowing

    try:
        check_shadowing()
        from .pytest_session import Session

        session = Session.from_options(
            oracles=pytestconfig.getoption("--backproof-oracles"),
            mistake=pytestconfig.getoption("--backproof-mistake"),
            report=pytestconfig.getoption("--backproof-report"),
            case_directory=_case_directory(pytestconfig),
            arguments=pytestconfig.invocation_params.args,
            source=_source(pytestconfig),
        )
    except (UsageError, ImportError) as error:
        pytest.exit(f"backproof: error: {error}", returncode=2)
    pytestconfig.stash[_SESSION] = session
    return session


# ---------------------------------------------------------------- kept cases


def _corpus(config: pytest.Config) -> Path | None:
    """The folder of kept cases; None if there is none."""
    given = config.getoption("--backproof-corpus")
    if given is not None:
        return Path(config.invocation_params.dir, given)
    beside = config.rootpath if config.inipath is None else config.inipath.parent
    named = config.getini("backproof_corpus")
    return beside / named if named else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `backproof_entry` is one test for each kept case."""
    if ENTRY not in metafunc.fixturenames:
        return
    config = metafunc.config
    entries = config.stash.get(_ENTRIES, None)
    if entries is None:
        entries = config.stash[_ENTRIES] = _entries(config)
    metafunc.parametrize(ENTRY, entries)


def _entries(config: pytest.Config) -> list[Any]:
    """The kept cases in order, each with its name."""
    folder = _corpus(config)
    if folder is None:
        reason = "no cases are kept; give their folder with --backproof-corpus"
        return [pytest.param(None, id="none", marks=pytest.mark.skip(reason=reason))]
    from .errors import ReportError
    from .shadowing import check_shadowing

    try:
        check_shadowing()
        from .corpus import read_corpus

        return [pytest.param(kept, id=kept.name) for kept in read_corpus(folder)]
    except (ReportError, ImportError) as error:
        config.stash[_BROKEN] = str(error)  # told below: what is raised while pytest collects does not end it
        return [None]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Kept cases come first. A broken one ends the session, and so does the option where no test takes it."""
    kept = [item for item in items if ENTRY in getattr(item, "fixturenames", ())]
    items[:] = [*kept, *(item for item in items if ENTRY not in getattr(item, "fixturenames", ()))]
    if not kept and config.getoption("--backproof-corpus") is not None:
        config.stash[_BROKEN] = (
            "none of these tests judges what --backproof-corpus names; add tests/conformance/test_corpus.py, "
            "or a test with the arguments backproof and backproof_entry"
        )
    if _BROKEN in config.stash and not hasattr(config, "workerinput"):
        pytest.exit(f"backproof: error: {config.stash[_BROKEN]}", returncode=2)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A worker of pytest-xdist cannot end the session: there, each test fails of what would have ended it."""
    if _BROKEN in item.config.stash:
        pytest.fail(f"backproof: error: {item.config.stash[_BROKEN]}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A test of `backproof.testing` that does not call its check has checked nothing, and fails."""
    testing = sys.modules.get("backproof.testing")
    spec = getattr(pyfuncitem, "callspec", None)
    checks: list[Any] = []
    if testing is not None and spec is not None:
        checks = [value for value in spec.params.values() if isinstance(value, testing.NetworkCheck)]
    config = pyfuncitem.config
    for check in checks:
        check.called = False
        suites = config.stash.setdefault(_SUITES, [])
        if check.suite not in suites:
            suites.append(check.suite)
            check.suite.case_directory = _case_directory(config)
    result = yield
    for check in checks:
        if not check.called:
            pytest.fail(
                f"{check.id} was not called: write check() in {pyfuncitem.originalname}", pytrace=False
            )
    return result


def _add(config: pytest.Config, totals: dict[str, int]) -> None:
    known = config.stash.setdefault(_TOTALS, {})
    for name, number in totals.items():
        known[name] = known.get(name, 0) + number


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has finished: add what it judged."""
    _add(node.config, getattr(node, "workeroutput", {}).get("backproof", {}))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report, and fail a session that judged less than its floor."""
    config = session.config
    ours = config.stash.get(_SESSION, None)
    suites = config.stash.get(_SUITES, [])
    for each in (ours, *(suite.session for suite in suites)):
        if each is not None:
            each.finish()
            _add(config, each.totals())
    totals = config.stash.get(_TOTALS, {})
    if hasattr(config, "workeroutput"):  # a worker of pytest-xdist: the controller decides
        config.workeroutput["backproof"] = totals
    elif totals and not _floor_met(totals) and session.exitstatus in {pytest.ExitCode.OK, 0}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _floor_met(totals: dict[str, int]) -> bool:
    return totals["judged"] >= totals["floor"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How much was judged, and where the report is."""
    totals = config.stash.get(_TOTALS, {})
    if not totals:
        return
    terminalreporter.section("backproof")
    terminalreporter.line(
        "judged {judged} cases, not judged {not judged}, expected at least {floor}; {mismatches} mismatches, "
        "{faults} faults, {known deviations} known deviations".format(**totals)
    )
    if not _floor_met(totals):
        terminalreporter.line("FAILED: fewer cases were judged than the floor asks for")
    ours = config.stash.get(_SESSION, None)
    if ours is not None and ours.report_path is not None:
        terminalreporter.line(f"report: {ours.report_path}")
