"""Judge an implementation of your own in your own test-suite: one test for each thing that can be wrong.

    from backproof.testing import parametrize_with_checks
    from my_net import net

    @parametrize_with_checks(net)
    def test_my_net(check):
        check()

What there is to check is known at once, without running anything. The cases are drawn and judged when the
first check of a dtype runs, and shared by all of that dtype.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .errors import UsageError
from .importable import source_of

if TYPE_CHECKING:
    from .check_kinds import Findings
    from .plugging.links import Hello, Link, Reply, Request
    from .plugging.sources import Source
    from .pytest_session import Session

_CHUNK = 64


class ChecksError(UsageError, pytest.Collector.CollectError):
    """What was given to `parametrize_with_checks` cannot be used; pytest tells it as one line."""


def parametrize_with_checks(
    implementation: Any,
    *,
    cases: int = 100,
    seed: int = 1,
    dtypes: Sequence[str] | None = None,
    declaration: Mapping[str, Any] | None = None,
    oracles: Sequence[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    floor: float | None = None,
    isolated: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs the decorated test once for each check of the implementation, given as its argument `check`.

    `implementation` is a function of the case, a class, or the text "FILE.py:NAME" or "package.module:NAME";
    a relative FILE is looked for beside the test first. `cases` are drawn in each dtype, from `seed`, within
    its attribute `backproof` and `declaration`, which overrides it key by key. `dtypes` are all declared ones
    by default, `oracles` those installed of torch and jax. `expected_failures` maps ids, as in "weight
    gradients-float32", to reasons. `floor` is the share of cases that must be judged, 0.9 by default. With
    `isolated`, a process of its own is asked, which may crash or hang.

    Raises ChecksError, in one line that says what to change, for whatever cannot be used.
    """

    def decorated(test: Callable[..., Any]) -> Callable[..., Any]:
        code = getattr(test, "__code__", None)
        folder = Path(code.co_filename).parent if code is not None else Path.cwd()
        try:
            _require_argument(test, code)
            target = _Target.of(implementation, folder, dict(declaration or {}), isolated=isolated)
            suite = Suite(target, cases, seed, dtypes, oracles, floor)
            checks = suite.checks(expected_failures or {})
        except UsageError as error:
            raise ChecksError(str(error)) from None
        parameters = [pytest.param(check, id=check.id) for check in checks]
        return pytest.mark.parametrize("check", parameters)(test)

    return decorated


def _require_argument(test: Callable[..., Any], code: Any) -> None:
    if code is not None and "check" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        raise UsageError(f"{test.__name__} must take an argument named check, and call it")


def replay(
    implementation: Any,
    case_file: str | Path,
    *,
    declaration: Mapping[str, Any] | None = None,
    oracles: Sequence[str] | None = None,
) -> str:
    """What is found in one saved case, as `backproof replay` prints it, for what a command line cannot name.

    Raises UsageError for what cannot be used, InvalidCaseError if the file holds no case.
    """
    from refimpl import case_from_json

    from .explaining import Explainer
    from .findings_tally import Origin
    from .reporting.files import read_text
    from .reporting.model import Times
    from .reporting.text import summary
    from .run import (
        RunOptions,
        explain,
        make_panel,
        report_of,
        surroundings_of,
        tally_of,
        usual_oracles,
    )

    path = Path(case_file)
    case = case_from_json(read_text(path, "a case file, as failures name it"))
    target = _Target.of(implementation, Path.cwd(), dict(declaration or {}), isolated=False)
    names = tuple(oracles or usual_oracles())
    options = RunOptions(
        1, 0, (case.dtype.name,), oracles=names, truth="all", command="backproof.testing.replay"
    )
    subject = target.subject()
    panel = make_panel(subject, names, "all")
    tally = tally_of(subject, names, "all")
    tally.add(panel.judge([case])[0], Origin())
    explain(tally, Explainer(subject, panel))
    around = surroundings_of(panel.oracles)
    report = report_of(options, subject, around, tally, "complete", Times(), 1, 0)
    return "\n".join(line.plain.rstrip() for line in summary(report, case=path))


# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True)
class _Declared:
    """A link whose implementation declares more than it says."""

    link: Link
    more: Mapping[str, Any]

    @property
    def lost(self) -> tuple[Any, ...]:
        return self.link.lost

    @lost.setter
    def lost(self, lost: tuple[Any, ...]) -> None:
        self.link.lost = lost

    def afresh(self) -> bool:
        return self.link.afresh()

    def start(self) -> Hello:
        hello = self.link.start()
        given: Any = hello.declaration
        return replace(hello, declaration={**given, **self.more} if isinstance(given, Mapping) else given)

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        return self.link.ask(requests)

    def close(self) -> None:
        self.link.close()


@dataclass(frozen=True)
class _Target:
    """An implementation, what it is called, and how it is asked."""

    name: str
    source: Source | None
    """How a command line names it; None if it cannot."""
    link: Callable[[], Link]
    more: dict[str, Any]
    """What is declared beside its own attribute."""
    dtypes: tuple[str, ...] | None
    """Those that it declares; None if that is not known before it is started."""

    @classmethod
    def of(cls, implementation: Any, folder: Path, more: dict[str, Any], *, isolated: bool) -> _Target:
        """Raises UsageError if it cannot be used: it is not run, only looked at."""
        from .plugging import worker
        from .plugging.declaration import Declaration
        from .plugging.isolation import InProcess
        from .plugging.sources import Source

        loaded: Any = implementation
        source: Source | None
        if isinstance(implementation, str):
            text = _beside(implementation, folder)
            source = Source(impl=text, isolated=isolated)
            name = text.rpartition(":")[2]
            if isolated:
                # What is declared in the file is not known here: the file is not imported.
                Declaration.read(more, f"the declaration of {name}")
                return cls(name, source, source.link, more, None)
        else:
            name = getattr(implementation, "__name__", type(implementation).__name__)
            found = source_of(implementation, needed=isolated)
            source = Source(impl=found, isolated=isolated) if found is not None else None
        try:
            if isinstance(implementation, str):
                loaded = worker.loaded(text)
            form = worker.Implementation(loaded, name)
        except worker.LoadError as error:
            raise UsageError(str(error)) from None
        given: Any = form.declaration
        declared = {**given, **more} if isinstance(given, Mapping) else given
        dtypes = Declaration.read(declared, f"the declaration of {name}").dtypes
        if isolated:
            assert source is not None
            return cls(name, source, source.link, more, dtypes)
        return cls(name, source, lambda: InProcess(loaded, name), more, dtypes)

    def subject(self) -> Any:
        """Started."""
        from .subject import PluggedSubject

        words = self.source.words if self.source is not None else ()
        return PluggedSubject(_Declared(self.link(), self.more), self.name, words)

    def replay_words(self, oracles: Sequence[str]) -> Callable[[Path], str]:
        """Path of a case → how to judge it again."""
        if self.source is not None and not self.more:
            options = shlex.join(["--oracles", ",".join(oracles), *self.source.words])
            return lambda path: f"backproof replay {shlex.quote(str(path))} {options}"
        more = f", declaration={self.more!r}" if self.more else ""
        more = more if len(more) < 300 else ", declaration=…"
        what = repr(self.source.impl) if self.source is not None else self.name
        return lambda path: f"in Python: print(backproof.testing.replay({what}, {str(path)!r}{more}))"


def _beside(text: str, folder: Path) -> str:
    """The text that names an implementation, with a relative file found beside the test."""
    place, colon, name = text.rpartition(":")
    path = folder / place
    if not place.endswith(".py") or Path(place).is_absolute() or not path.is_file():
        return text
    relative = os.path.relpath(path)
    return (str(path) if relative.startswith("..") else relative) + colon + name


# ---------------------------------------------------------------- checks


class Suite:
    """All checks of one decorated test: judges once for each dtype, when the first of them runs."""

    def __init__(
        self,
        target: _Target,
        cases: int,
        seed: int,
        dtypes: Sequence[str] | None,
        oracles: Sequence[str] | None,
        floor: float | None,
    ) -> None:
        from .run import FLOOR, RunOptions, usual_oracles

        self.target, self.floor = target, FLOOR if floor is None else floor
        if not 0 <= self.floor <= 1:
            raise UsageError(f"floor must be a share from 0 to 1, not {floor}")
        declared = target.dtypes
        chosen = tuple(dtypes) if dtypes is not None else declared or RunOptions(cases).dtypes
        self.options = RunOptions(
            cases, seed, chosen, oracles=tuple(oracles or usual_oracles()), command="pytest"
        )
        for dtype in chosen:
            if declared is not None and dtype not in declared:
                raise UsageError(
                    f"dtypes has {dtype}, but {target.name} declares {' and '.join(declared)} only; "
                    "leave it out"
                )
        self.case_directory: Path | None = None
        """Where the cases of failures are saved; the plugin sets it."""
        self.session: Session | None = None
        """There once something is judged."""
        self._broken = ""
        self._found: dict[str, Findings] = {}
        self._excused: frozenset[str] = frozenset()

    def checks(self, expected_failures: Mapping[str, str]) -> list[NetworkCheck]:
        """One for each kind and dtype. UsageError for an expected failure that is none of them."""
        from .check_kinds import ENOUGH, KINDS
        from .plugging.wording import shown

        checks = {
            check.id: check
            for dtype in self.options.dtypes
            for check in (NetworkCheck(self, kind, dtype) for kind in KINDS)
        }
        for name, reason in expected_failures.items():
            if name not in checks:
                raise UsageError(
                    f"expected_failures has {shown(name)}, which is no check; {_nearest(name, checks)}"
                )
            if not isinstance(reason, str) or not reason.strip():
                raise UsageError(
                    f"expected_failures[{name!r}] must be the reason, a text, not {shown(reason)}"
                )
            checks[name].expected = reason
        self._excused = frozenset(d for d in self.options.dtypes if checks[f"{ENOUGH}-{d}"].expected)
        return list(checks.values())

    def outcome(self, kind: str, dtype: str) -> tuple[str, str]:
        """("passed", ""), or ("failed" or "skipped", why)."""
        from .check_kinds import ENOUGH
        from .run import floor_of

        if not self._broken and dtype not in self._found:
            try:
                self._judge(dtype)
            except (UsageError, ImportError) as error:
                self._broken = f"backproof: error: {error}"
        if self._broken:
            return "failed", self._broken
        session = self.session
        assert session is not None
        if dtype not in self._found:
            return "skipped", f"{kind}: {self.target.name} does not declare {dtype}"
        findings = self._found[dtype]
        if kind == ENOUGH:
            lines = findings.too_little(floor_of(self.options.cases, self.floor))
            return (
                ("failed", "\n".join([f"too little was judged in {dtype}", *lines]))
                if lines
                else ("passed", "")
            )
        failing = session.gravest(findings.kinds[kind].failing)
        if failing is not None:
            return "failed", session.failure(*failing, len(findings.kinds[kind].failing))
        why = findings.why_skipped(kind)
        return ("skipped", f"{kind}: {why}") if why else ("passed", "")

    def _judge(self, dtype: str) -> None:
        from .cases import DrawOptions, draw_case
        from .check_kinds import Findings
        from .findings_tally import Origin
        from .pytest_session import Session

        if self.session is None:
            how = self.target.replay_words(self.options.oracles)
            self.session = Session(
                self.target.subject(), self.options, None, self.case_directory, replay=how, floor=self.floor
            )
        session, subject = self.session, self.session.plugged
        assert subject is not None
        if dtype not in subject.plugged.declaration.dtypes:
            return
        # A panel asks its first cases again: so each dtype gets one, around the same oracles.
        session.panel = subject.panel(session.panel.oracles, session.panel.truth)
        draw, judgements = subject.draw(DrawOptions()), []
        for first in range(0, self.options.cases, _CHUNK):
            indices = range(first, min(first + _CHUNK, self.options.cases))
            drawn = [draw_case(self.options.seed, index, dtype, draw) for index in indices]
            origins = [Origin(one.regime, one.seed, one.index) for one in drawn]
            excused = dtype in self._excused
            judgements += session.judge([one.case for one in drawn], origins, excused=excused)
        self._found[dtype] = Findings(judgements, subject.name)


class NetworkCheck:
    """One check of an implementation; call it in the test."""

    def __init__(self, suite: Suite, kind: str, dtype: str) -> None:
        self.suite, self.kind, self.dtype = suite, kind, dtype
        self.expected = ""
        """Why it is expected to fail; empty if it is not."""
        self.called = False

    @property
    def id(self) -> str:
        """What it checks, and the dtype."""
        return f"{self.kind}-{self.dtype}"

    def __repr__(self) -> str:
        return f"<check {self.id}>"

    def __call__(self) -> None:
        """Passes, fails with what was found, or is skipped where nothing is offered.

        If it is expected to fail, failing is an expected failure, and passing fails: the entry can go.
        """
        self.called = True
        verdict, text = self.suite.outcome(self.kind, self.dtype)
        if self.expected and verdict == "failed" and not text.startswith("backproof: error: "):
            expected_to_fail: Any = pytest.xfail  # under --runxfail it does nothing
            expected_to_fail(self.expected)
        if verdict == "failed":
            pytest.fail(text, pytrace=False)
        if verdict == "skipped":
            pytest.skip(text + ("; its entry in expected_failures says nothing" if self.expected else ""))
        if self.expected:
            pytest.fail(
                f"{self.id} passes now: take it out of expected_failures (the reason given: {self.expected})",
                pytrace=False,
            )


def _nearest(name: Any, names: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(str(name), names, 1, 0.4)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
