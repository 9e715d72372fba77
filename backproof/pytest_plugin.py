"""The pytest plugin: fixtures that judge cases, a report at the end, and a floor on how much was judged.

Loading it imports nothing heavy: pytest loads it in every session of every project that has backproof
installed. What it needs is imported when a test first asks for a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .pytest_session import Session

_SESSION = pytest.StashKey["Session"]()
# What was judged, added up over this process and, under pytest-xdist, its workers.
_TOTALS = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the conformance suite."""
    group = parser.getgroup("backproof", "conformance of backpropagation")
    group.addoption(
        "--backproof-report",
        metavar="DIR",
        help="write report.json and report.html of what the conformance tests judged into DIR",
    )
    group.addoption(
        "--backproof-mistake",
        metavar="NAME",
        help="judge a catalogued wrong equation instead of the reference (see: backproof list mistakes)",
    )
    group.addoption(
        "--backproof-oracles",
        metavar="NAMES",
        default="torch,jax",
        help="what to judge against, separated by commas (default: torch,jax)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot work before anything runs."""
    if config.getoption("--backproof-report") and config.getoption("numprocesses", default=None):
        raise pytest.UsageError("--backproof-report needs one process: leave out -n")


@pytest.fixture(scope="session")
def backproof(pytestconfig: pytest.Config) -> Session:
    """Judges cases and counts them: see `backproof.pytest_session.Session`."""
    from .errors import UsageError
    from .shadowing import check_shadowing

    cache = getattr(pytestconfig, "cache", None)  # it is not there under -p no:cacheprovider
    try:
        check_shadowing()
        from .pytest_session import Session

        session = Session.from_options(
            oracles=pytestconfig.getoption("--backproof-oracles"),
            mistake=pytestconfig.getoption("--backproof-mistake"),
            report=pytestconfig.getoption("--backproof-report"),
            case_directory=cache.mkdir("backproof") if cache else None,
            arguments=pytestconfig.invocation_params.args,
        )
    except (UsageError, ImportError) as error:
        pytest.exit(f"backproof: error: {error}", returncode=2)
    pytestconfig.stash[_SESSION] = session
    return session


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
    if ours is not None:
        ours.finish()
        _add(config, ours.totals())
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
