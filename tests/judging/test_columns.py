"""Checks made of columns are those of each comparison decided by itself, and are made when looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from judge_cases import drawn_case

from backproof.judging.blocks import Block, rows_of
from backproof.judging.columns import SINGLY, ColumnChecks, Columns, Row
from backproof.judging.decide import decide, decide_blocks
from backproof.judging.verdicts import Alternative, Check, Judgement, Verdict
from oracles.layout import Layout
from refimpl import DTYPES, Case

B = 2.0**-10
"""A bound that adds to small integers without rounding, and lies below 1 % of them."""
INF, NAN = math.inf, math.nan
TINY = float(np.finfo(np.float64).tiny)
BEYOND = float(np.nextafter(1 + B, 2))


class Tensor(NamedTuple):
    """One tensor of three entries, and what is to be said of it."""

    observed: tuple[float, ...]
    expected: tuple[float, ...]
    bound: tuple[float, ...]
    verdict: Verdict
    reason: str = ""
    unjudged: int = 0
    ratio: float = 0.0


ONES = (1.0, 1.0, 1.0)
ZEROS = (0.0, 0.0, 0.0)
SHARP = (B, B, B)
OUT, WIDE, ILL, MUTE = "outside the bound", "unresolved", "ill-posed", "oracle not finite"
PLAIN = {
    "the same": Tensor(ONES, ONES, SHARP, "conforms"),
    "inside": Tensor((1 + B / 2, 1 - B / 4, 1), ONES, SHARP, "conforms", ratio=0.5),
    "on its bound": Tensor((1 + B, 1, 1), ONES, SHARP, "conforms", ratio=1.0),
    "the same, bound 0": Tensor(ONES, ONES, ZEROS, "conforms"),
    "zeros": Tensor(ZEROS, ZEROS, ZEROS, "conforms"),
    "minus zero": Tensor((-0.0, 0.0, -0.0), ZEROS, ZEROS, "conforms"),
    "about zero": Tensor((2 * TINY, 0, 0), ZEROS, (4 * TINY,) * 3, "conforms", ratio=0.5),
    "about zero, wide": Tensor(ZEROS, ZEROS, (1e-6, 0, 0), "conforms", unjudged=1),
    "about zero, all wide": Tensor(ZEROS, ZEROS, (1e-6,) * 3, "not judged", WIDE, 3),
    "1 %": Tensor((100, 1, 1), (100, 1, 1), ONES, "conforms"),
    "more than 1 %": Tensor(ONES, ONES, (0.02, 0.02, B), "conforms", unjudged=2),
    "all more than 1 %": Tensor(ONES, ONES, (0.02,) * 3, "not judged", WIDE, 3),
    "all wide, inside": Tensor((3, 1, 1), ONES, (4.0,) * 3, "not judged", WIDE, 3, 0.5),
    "one infinite bound": Tensor((7, 1, 1), ONES, (INF, B, B), "conforms", unjudged=1),
    "infinite bounds": Tensor((7, NAN, INF), ONES, (INF,) * 3, "not judged", ILL, 3),
    "no bounds": Tensor(ONES, ONES, (NAN,) * 3, "not judged", ILL, 3),
    "infinite and wide bounds": Tensor(ONES, ONES, (INF, 0.5, NAN), "not judged", WIDE, 3),
    "one silent": Tensor((7, 1 + B / 2, 1), (NAN, 1, 1), SHARP, "conforms", unjudged=1, ratio=0.5),
    "all silent": Tensor(ONES, (NAN, INF, -INF), SHARP, "not judged", MUTE, 3),
    "silent and infinite": Tensor(ONES, (INF, 1, 1), (B, INF, INF), "not judged", MUTE, 3),
    "both infinite": Tensor((INF, 1, 1), (INF, 1, 1), SHARP, "conforms", unjudged=1),
    "largest is infinite": Tensor((1, 1, 1), (INF, 1, 1), (B, 0.5, B), "conforms", unjudged=2),
}
OUTSIDE = {
    "beyond": Tensor((BEYOND, 1, 1), ONES, SHARP, "mismatch", OUT, ratio=(BEYOND - 1) / B),
    "far beyond": Tensor((1, 1, 4), ONES, SHARP, "mismatch", OUT, ratio=3 / B),
    "not a number": Tensor((1, NAN, 1), ONES, SHARP, "mismatch", "not finite on ordinary numbers", ratio=INF),
    "infinite": Tensor((1, 1, INF), ONES, SHARP, "mismatch", "not finite on ordinary numbers", ratio=INF),
    "anything, bound 0": Tensor((1, 1, BEYOND), ONES, ZEROS, "mismatch", OUT, ratio=INF),
    "next to zero, bound 0": Tensor((5e-324, 0, 0), ZEROS, ZEROS, "mismatch", OUT, ratio=INF),
    "beyond a wide bound": Tensor((3, 1, 1), ONES, (1.0, B, 1.0), "mismatch", OUT, 2, 2.0),
    "beside a silent one": Tensor((1, 3, 1), (NAN, 1, 1), (B, 1.0, INF), "mismatch", OUT, 3, 2.0),
    "read otherwise": Tensor((1, 1, 1.75), ONES, SHARP, "convention", "another reading", ratio=768.0),
}
TENSORS = PLAIN | OUTSIDE
READINGS = (Alternative("convention", "another reading", lambda: (np.float64(1.5), np.float64(2.0))),)
PLACES = [("dW", 1, "local"), ("dW", 1, "end to end"), ("db", 2, "end to end"), ("Z", 2, "local")]
"""Of the blocks; the last two have no comparisons of cases of one layer."""
SIDES = ("ours", "torch", "jax")


def _cases(depths: Sequence[int], dtype: str = "float64") -> list[Case]:
    return [drawn_case(["tanh"] * depth, "mse", dtype, width=2) for depth in depths]


DEPTHS = (3, 2, 2, 1, 1)


def _block(place: tuple[str, int, Any], chosen: list[list[Tensor]], *, one_bound: bool = False) -> Block:
    """Row by row, the tensors of the first cases."""

    def never(row: int, case: int) -> tuple[Alternative, ...]:
        assert chosen[row][case] in OUTSIDE.values(), "asked although everything lies inside"
        return READINGS

    data = [np.array([np.concatenate([t[part] for t in row]) for row in chosen]) for part in range(3)]
    if one_bound:
        data[2] = rows_of(data[2][0], len(chosen))
    names = SIDES[: len(chosen)]
    layout = Layout([(1, 3) if k % 2 else (3, 1) for k in range(len(chosen[0]))])
    return Block(*place, names, [f"not {name}" for name in names], *data, layout, never)


def _blocks(tensors: Sequence[Tensor]) -> Iterator[Block]:
    """Blocks of two rows, in which all the tensors come in turn, however many cases there are."""
    count = sum(2 * sum(depth >= layer for depth in DEPTHS) for _, layer, _ in PLACES)
    turn = iter([tensors[k % len(tensors)] for k in range(count * len(tensors))])
    for k in range(len(tensors)):
        for quantity, layer, scope in PLACES:
            has = sum(depth >= layer for depth in DEPTHS)
            rows = [[next(turn) for _ in range(has)] for _ in range(2)]
            yield _block((quantity, layer, scope), rows[: 1 + k % 2])


def _singly(cases: list[Case], blocks: list[Block], k: int, *, extreme: bool = False) -> list[Check]:
    """All comparisons of case k, each decided by itself."""
    return [
        check
        for block in blocks
        if k < len(block.layout)
        for row in range(len(block.left))
        for check in decide(cases[k], [block.comparison(row, k)], extreme)
    ]


def _told(checks: Sequence[Check]) -> list[str]:
    """In words, in which NaN is NaN."""
    return list(map(repr, checks))


# ---------------------------------------------------------------- the checks


@pytest.mark.parametrize("neighbour", ["the same", "far beyond", "infinite bounds"])
@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_has_the_same_check_whatever_stands_beside_it(name: str, neighbour: str) -> None:
    tensor, other = TENSORS[name], TENSORS[neighbour]
    cases = _cases((1, 1, 1))
    block = _block(("dW", 1, "local"), [[other, tensor, other], [tensor, other, other]])
    found = decide_blocks(cases, [block], lambda _: False)
    for check in (found[1][0], found[0][1]):
        assert check.verdict == tensor.verdict
        assert check.reason == tensor.reason
        assert (check.entries, check.unjudged, check.ratio) == (3, tensor.unjudged, tensor.ratio)
    for k, checks in enumerate(found):
        assert _told(checks) == _told(_singly(cases, [block], k))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tensors", [PLAIN, TENSORS], ids=["plain", "all"])
def test_checks_are_those_of_single_comparisons_in_the_order_of_the_blocks(
    tensors: dict[str, Tensor], dtype: str
) -> None:
    cases, blocks = _cases(DEPTHS, dtype), list(_blocks(list(tensors.values())))
    found = decide_blocks(cases, blocks, lambda _: False)
    for k, checks in enumerate(found):
        expected = _singly(cases, blocks, k)
        assert _told(checks) == _told(expected)
        assert len(checks) == len(expected) > len(tensors) - 1
    assert {check.verdict for checks in found for check in checks} == {t.verdict for t in tensors.values()}


def test_one_row_of_bounds_may_stand_for_all() -> None:
    chosen = [
        [TENSORS["inside"], TENSORS["all more than 1 %"]],
        [TENSORS["on its bound"], TENSORS["far beyond"]],
    ]
    block, cases = _block(("dW", 1, "local"), chosen, one_bound=True), _cases((1, 1))
    assert block.bound.strides[0] == 0
    found = decide_blocks(cases, [block], lambda _: False)
    assert [[check.verdict for check in checks] for checks in found] == [
        ["conforms", "conforms"], ["not judged", "mismatch"]
    ]  # fmt: skip
    assert [[check.ratio for check in checks] for checks in found] == [[0.5, 1.0], [0.0, 150.0]]


def test_before_each_further_reading_the_cases_of_which_it_is_asked_are_told() -> None:
    told: list[list[int]] = []

    def reading(verdict: Verdict, low: float, cases: list[int]) -> Alternative:
        def limits() -> tuple[Any, Any]:
            assert told[-1] == cases
            return low, low + 1

        return Alternative(verdict, "another reading", limits)

    def readings(_row: int, case: int) -> tuple[Alternative, ...]:
        both = (reading("convention", 1.0, [1, 3, 4]), reading("unstable", 3.0, [2, 3]))
        return both[1:] if case == 2 else both

    names = ("inside", "read otherwise", "far beyond", "far beyond", "read otherwise", "infinite bounds")
    row = [TENSORS[name] for name in names]
    blocks = [_block(("dW", 1, "local"), [row])._replace(readings=readings)] * 2
    found = decide_blocks(_cases((1,) * 6), blocks, lambda _: False, lambda places: told.append([*places]))
    assert told == [[1, 3, 4], [2, 3]]
    assert [[check.verdict for check in checks] for checks in found] == [
        [verdict] * 2
        for verdict in ("conforms", "convention", "unstable", "unstable", "convention", "not judged")
    ]


def test_only_a_case_with_an_entry_that_is_no_number_is_asked_whether_it_is_extreme_and_once() -> None:
    asked = []

    def is_extreme(k: int) -> bool:
        asked.append(k)
        return k == 2

    names = ("inside", "not a number", "not a number", "one infinite bound", "far beyond")
    blocks = [_block(("dW", 1, "local"), [[TENSORS[name] for name in names]])] * 2
    found = decide_blocks(_cases((1,) * 5), blocks, is_extreme)
    assert asked == [1, 2]
    verdicts = ["conforms", "mismatch", "unstable", "conforms", "mismatch"]
    assert [[check.verdict for check in checks] for checks in found] == [[v, v] for v in verdicts]


def test_a_check_of_a_column_names_its_place_and_equation() -> None:
    cases = _cases((2, 1))
    row = [TENSORS["inside"], TENSORS["far beyond"]]
    delta = [_block(("delta", l, "local"), [row[: 3 - l]]) for l in (1, 2)]
    loss = Block(
        "loss", None, "end to end", ["ours"], ["torch"], *np.full((3, 1, 2), B), Layout([(1, 1)] * 2)
    )
    first, second = decide_blocks(cases, [*delta, loss], lambda _: False)
    assert [check[:6] for check in first] == [
        ("delta", 1, "local", "ours", "not ours", "B5"),
        ("delta", 2, "local", "ours", "not ours", "B4"),
        ("loss", None, "end to end", "ours", "torch", "F5"),
    ]
    assert [check[:6] for check in second] == [
        ("delta", 1, "local", "ours", "not ours", "B4"),
        ("loss", None, "end to end", "ours", "torch", "F5"),
    ]


def test_where_nothing_is_compared_there_are_no_checks() -> None:
    cases = _cases((2, 1))
    assert [list(checks) for checks in decide_blocks(cases, [], lambda _: False)] == [[], []]
    deep = _block(("dW", 2, "local"), [[TENSORS["inside"]]])
    first, second = decide_blocks(cases, [deep], lambda _: False)
    assert (len(first), len(second)) == (1, 0)
    assert Judgement(cases[1], second).verdict == "not judged"


# ---------------------------------------------------------------- made when looked at


def test_a_plain_case_is_judged_without_a_look_at_any_check(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = _cases((1, 1))
    row = [TENSORS["inside"], TENSORS["far beyond"]]
    plain, other = decide_blocks(cases, [_block(("dW", 1, "end to end"), [row])], lambda _: False)
    assert isinstance(plain, ColumnChecks)
    assert isinstance(other, tuple)
    with monkeypatch.context() as patched:
        patched.delattr(Columns, "checks")
        judgement = Judgement(cases[0], plain, "ours")
        assert (judgement.verdict, judgement.nearest, judgement.is_plain) == ("conforms", 0.5, True)
        assert judgement.resolved("local")
        assert judgement.resolved("end to end")
        assert not judgement.is_to_be_diagnosed
        with pytest.raises(AttributeError):
            len(plain)
    assert len(plain) == 1


def test_checks_of_columns_are_a_sequence_that_equals_a_tuple_of_them() -> None:
    row = [PLAIN["inside"], PLAIN["on its bound"]]
    cases, blocks = _cases((1, 1)), [_block((name, 1, "local"), [row]) for name in ("dW", "db")]
    first, second = decide_blocks(cases, blocks, lambda _: False)
    checks = _singly(cases, blocks, 0)
    assert len(first) == 2
    assert first[0] == checks[0]
    assert first[-1] == checks[1]
    assert first[:1] == tuple(checks[:1])
    assert [*first] == checks
    assert first == tuple(checks)
    assert first == decide_blocks(cases, blocks, lambda _: False)[0]
    assert first != second
    assert first != tuple(checks[:1])
    assert first != checks  # a list is no tuple
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)


# ---------------------------------------------------------------- columns, by hand

ROWS = (
    Row("dW", 1, "local", "ours", "arithmetic"),
    Row("dW", 1, "end to end", "ours", "torch"),
    Row("loss", None, "end to end", "torch", "ours"),
    Row("W_updated", 2, "end to end", "ours", "torch"),
    Row("db", 2, "end to end", "ours", "torch"),
)
#            dW, local                dW                      loss                    W'          db
CODES = [*[0, 1, 0, SINGLY, 1], *[0, 0, 3, 0, 1], *[0, 0, 2, SINGLY, 0], *[0, 0], *[3, 0]]
RATIOS = [*[0.9, 0, 0.9, 7, 0], *[0.25, 0.5, 0, 0.1, 0], *[0.125, 0, 0, 2, 0.2], *[0.75, 0.75], *[0.7, 0.0]]
UNJUDGED = [*[0, 4, 1, 0, 4], *[0, 0, 4, 0, 4], *[0, 0, 1, 0, 0], *[0, 0], *[2, 0]]
ENTRIES = [*[4] * 5, *[4] * 5, *[1] * 5, *[4, 4], *[2, 2]]
COLUMNS = Columns(
    (2, 2, 1, 1, 1), ROWS, (5, 5, 5, 2, 2), *(np.array(each) for each in (ENTRIES, UNJUDGED, RATIOS, CODES))
)


def test_comparisons_stand_row_by_row_and_case_by_case() -> None:
    assert COLUMNS.starts.tolist() == [0, 5, 10, 15, 17]
    assert COLUMNS.case_of.tolist() == [*range(5)] * 3 + [0, 1] * 2
    assert COLUMNS.of_rows([True, False, False, True, False]).tolist() == [True] * 5 + [False] * 10 + [
        True,
        True,
        False,
        False,
    ]


def test_a_case_is_plain_unless_something_lies_outside() -> None:
    assert COLUMNS.plain.tolist() == [True, True, True, False, True]


def test_the_nearest_is_the_largest_ratio_of_what_conforms_of_loss_and_gradients_end_to_end() -> None:
    assert COLUMNS.nearest.tolist() == [0.25, 0.5, 0.0, 0.1, 0.2]


def test_a_case_is_resolved_where_every_entry_of_a_scope_could_be_judged() -> None:
    assert COLUMNS.resolved("local").tolist() == [True, False, False, True, False]
    assert COLUMNS.resolved("end to end").tolist() == [False, True, False, True, False]


def test_a_case_conforms_for_a_side_where_one_of_its_comparisons_does() -> None:
    assert COLUMNS.conforms("ours").tolist() == [True, True, True, True, False]
    assert COLUMNS.conforms("torch").tolist() == [True, True, False, False, True]
    assert COLUMNS.conforms("jax").tolist() == [False] * 5
    assert COLUMNS.conforms("").tolist() == [True] * 5


def _check(row: int, case: int) -> Check:
    return next(COLUMNS._checks([row], case))


def test_a_check_has_its_numbers_and_why_it_could_not_be_judged() -> None:
    where = ("dW", 1, "end to end", "ours", "torch", "B1")
    assert _check(1, 1) == Check(*where, "conforms", "", 0.5, 4, 0)
    assert _check(1, 2) == Check(*where, "not judged", "unresolved", 0.0, 4, 4)
    assert _check(1, 4) == Check(*where, "not judged", "ill-posed", 0.0, 4, 4)
    loss = ("loss", None, "end to end", "torch", "ours", "F5")
    assert _check(2, 2) == Check(*loss, "not judged", "oracle not finite", 0.0, 1, 1)


@pytest.mark.parametrize("subject", ["", "ours", "torch", "jax"])
def test_a_judgement_of_columns_is_that_of_their_checks(subject: str) -> None:
    cases = _cases(DEPTHS)
    for k in range(5):
        if not COLUMNS.plain[k]:
            continue
        lazy = Judgement(cases[k], ColumnChecks(COLUMNS, k), subject)
        made = Judgement(cases[k], tuple(ColumnChecks(COLUMNS, k)), subject)
        assert lazy.is_plain
        assert not made.is_plain
        assert (lazy.verdict, lazy.nearest) == (made.verdict, made.nearest)
        for scope in ("local", "end to end"):
            assert lazy.resolved(scope) == made.resolved(scope)  # type: ignore[arg-type]
