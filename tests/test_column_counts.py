"""Counting by columns gives what counting one check after the other gives, and makes no check."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest

from backproof.cases import REGIMES, DrawOptions, draw_case
from backproof.column_counts import ColumnCounts
from backproof.findings_tally import Origin
from backproof.judging.columns import ColumnChecks, Columns
from backproof.judging.verdicts import Check, Judgement
from backproof.run import make_panel
from backproof.subject import Subject
from backproof.tally import Tally

DRAW = DrawOptions(max_depth=4, max_width=6, max_batch=5)
CASES = 96
FAULT = Check("trace", None, "local", "reference", "itself", "", "fault", "raised ValueError: no")


def _judged(mistake: str | None, dtype: str) -> tuple[list[Judgement], list[Origin]]:
    drawn = [draw_case(5, index, dtype, DRAW) for index in range(CASES)]
    panel = make_panel(Subject(mistake), ("torch", "jax"), "disputed")
    judgements = panel.judge([each.case for each in drawn])
    # Every ninth crashed as well.
    judgements[::9] = [Judgement(j.case, (*j.checks, FAULT), j.subject, j.ruling) for j in judgements[::9]]
    return judgements, [Origin(each.regime, each.seed, each.index) for each in drawn]


@pytest.fixture(scope="module")
def run() -> tuple[list[Judgement], list[Origin]]:
    """Cases of all regimes and both dtypes, of the reference and of a mistake, as one list."""
    parts = [
        _judged(mistake, dtype) for mistake in (None, "last-sample-only") for dtype in ("float32", "float64")
    ]
    judgements = [judgement for part, _ in parts for judgement in part]
    origins = [origin for _, part in parts for origin in part]
    assert {origin.regime for origin in origins} == set(REGIMES)
    plain = sum(judgement.is_plain for judgement in judgements)
    assert CASES < plain < len(judgements) - CASES // 2, "both ways of counting are to be seen"
    assert {"fault", "mismatch", "conforms"} <= {judgement.verdict for judgement in judgements}
    assert any(
        check.verdict == "not judged"
        for judgement in judgements
        if judgement.is_plain
        for check in judgement.checks
    )
    return judgements, origins


def _one_by_one(judgements: list[Judgement], origins: list[Origin]) -> dict[str, Any]:
    tally = Tally("reference", "--oracles torch,jax", "sample")
    for judgement, origin in zip(judgements, origins, strict=True):
        tally.add(replace(judgement, checks=tuple(judgement.checks)), origin)
    return tally.rows()


def _all(judgements: list[Judgement], origins: list[Origin], size: int = 10**9) -> dict[str, Any]:
    tally = Tally("reference", "--oracles torch,jax", "sample")
    for first in range(0, len(judgements), size):
        tally.add_all(judgements[first : first + size], origins[first : first + size])
    return tally.rows()


def _same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert found[name] == value, name
    assert found.keys() == expected.keys()


def test_all_at_once_is_counted_as_one_after_the_other(run):
    _same(_all(*run), _one_by_one(*run))


@pytest.mark.parametrize("size", [1, 7, 100])
def test_parts_of_a_chunk_are_counted_as_one_after_the_other(run, size):
    _same(_all(*run, size), _one_by_one(*run))


def test_some_cases_in_another_order_are_counted_as_one_after_the_other(run):
    judgements, origins = (each[::-3] for each in run)
    _same(_all(judgements, origins), _one_by_one(judgements, origins))


def test_a_case_that_is_judged_twice_counts_twice(run):
    judgements, origins = run
    plain = next(k for k, judgement in enumerate(judgements) if judgement.is_plain)
    twice = [judgements[plain]] * 2, [origins[plain]] * 2
    assert _all(*twice)["counts"].total == 2
    _same(_all(*twice), _one_by_one(*twice))


def test_plain_judgements_are_counted_without_a_look_at_their_checks(run, monkeypatch):
    judgements, origins = run
    plain = [k for k, judgement in enumerate(judgements) if judgement.is_plain]
    monkeypatch.setattr(ColumnChecks, "__iter__", _refused)
    monkeypatch.setattr(ColumnChecks, "__getitem__", _refused)
    monkeypatch.setattr(ColumnChecks, "__len__", _refused)
    monkeypatch.setattr(Columns, "_checks", _refused)  # by which all checks are made
    counts = _all([judgements[k] for k in plain], [origins[k] for k in plain])["counts"]
    assert counts.total == len(plain)


def _refused(*_: Any) -> Any:
    raise AssertionError("a check was made")


def _grids(name: str) -> Any:
    """A counter in which one of the grids is wrong in one place."""

    def wrong(self: ColumnCounts, columns: Columns, cases: Any) -> None:
        _INIT(self, columns, cases)
        if name == "case":
            self._cases = self._cases[::-1]
        elif name == "ratio":
            self._ratio = self._ratio * 1.01
        elif name == "conforms":
            self._conforms = self._conforms & (self._at != self._at[self._conforms][0])
        elif name == "reasons":
            self._code = self._code % 3 + 1
        else:
            self._open = (self._open[0], self._open[1] * 0)

    return wrong


_INIT = ColumnCounts.__init__


@pytest.mark.parametrize("name", ["case", "ratio", "conforms", "reasons", "open"])
def test_a_wrong_count_is_seen(run, monkeypatch, name):
    expected = _one_by_one(*run)
    monkeypatch.setattr(ColumnCounts, "__init__", _grids(name))
    with pytest.raises(AssertionError):
        _same(_all(*run), expected)


# ---------------------------------------------------------------- merging


def _parts(run: Any, size: int) -> list[Tally]:
    judgements, origins = run
    tallies = []
    for first in range(0, len(judgements), size):
        tally = Tally("reference", "--oracles torch,jax", "sample")
        tally.add_all(judgements[first : first + size], origins[first : first + size])
        tallies.append(pickle.loads(pickle.dumps(tally)))  # noqa: S301 - our own
    return tallies


@pytest.mark.parametrize("size", [30, 160, 1000])
def test_tallies_merged_in_order_are_one_tally(run, size):
    whole = Tally("reference", "--oracles torch,jax", "sample")
    for part in _parts(run, size):
        whole.merge(part)
    _same(whole.rows(), _one_by_one(*run))
    assert whole.rows()["findings"], "there is something to keep the first case of"


def test_the_order_of_merging_says_which_case_comes_first(run):
    forth, back = Tally("reference"), Tally("reference")
    parts = _parts(run, 160)
    for part in parts:
        forth.merge(part)
    for part in parts[::-1]:
        back.merge(part)
    assert [f.case_id for f in forth.rows()["findings"]] != [f.case_id for f in back.rows()["findings"]]
    assert forth.rows()["counts"] == back.rows()["counts"]


def test_what_is_merged_is_not_changed_and_can_be_merged_again(run):
    (part,) = _parts(run, 10**9)
    once, twice = Tally("reference"), Tally("reference")
    once.merge(part)
    twice.merge(part)
    twice.merge(part)
    assert once.rows()["findings_total"] * 2 == twice.rows()["findings_total"]
    assert once.rows()["counts"].total * 2 == twice.rows()["counts"].total
    other = Tally("reference")
    other.merge(part)
    assert other.rows() == once.rows()


def test_what_is_to_be_explained_goes_along(run):
    (part,) = _parts(run, 10**9)
    whole, told = Tally("reference"), []
    whole.merge(part)
    whole.explain(lambda check, judgement: told.append((check, judgement)))
    assert told
    assert all(judgement.trace is not None for _, judgement in told)


def test_a_tally_of_what_conforms_is_small_once_pickled(run):
    judgements, origins = run
    tally = Tally("reference", "--oracles torch,jax", "sample")
    plain = [k for k, judgement in enumerate(judgements) if judgement.is_plain]
    tally.add_all([judgements[k] for k in plain], [origins[k] for k in plain])
    assert len(pickle.dumps(tally)) < 60_000
