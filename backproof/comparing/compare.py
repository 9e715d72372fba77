"""What became of a run's verdicts in another run.

A regression is what is newly wrong, newly unstable in the implementation under test, or no longer judged, in
what both runs asked for. Where both judged the same cases, more of what was wrong already is one, too. What
lies only in functions, dtypes or oracles that one run asked for is new or gone, and so is what chance drew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from backproof.reporting.model import Counts, EquationRow, Finding, MatrixCell, PairRow, Report
from backproof.reporting.wording import plural

from .found import causes, findings
from .likeness import differences
from .model import Change, Comparison, Difference, Way, only
from .sides import OURS, Sides, more, told


def compare(
    old: Report, new: Report, further: Iterable[tuple[str, str, str]] = (), note: str = ""
) -> Comparison:
    """Everything that the two reports say differently.

    `further` is in what else the runs are known to be unlike: its name, as it was, as it is. `note` is told
    beside it.
    """
    sides = Sides(old, new)
    changes = [*_run(sides), *_equations(sides), *causes(sides), *findings(sides), *_pairs(sides)]
    ways = {change.way for change in changes}
    changes += [*_functions(sides, ways), *_deviations(sides), *_not_judged(sides)]
    unlike = differences(old, new)
    known = {row.label for row in unlike}
    unlike += tuple(Difference(*row, "where") for row in further if row[0] not in known)
    return Comparison(old, new, unlike, sides.alike, tuple(changes), note)


# ---------------------------------------------------------------- the run


def _run(sides: Sides) -> Iterator[Change]:
    old, new = sides.old, sides.new
    wrong = old.counts.wrong, new.counts.wrong
    # Of other cases, others are wrong: then only whether there are any can be held against each other.
    if wrong[0] != wrong[1] and (sides.alike or not all(wrong)):
        excuse = sides.excuse(*wrong, lambda finding: finding.wrong)
        texts = _both(lambda report: f"{report.counts.wrong:,} of {report.counts.judged:,} judged", sides)
        yield Change(more(*wrong, excuse), "run", "wrong cases", texts, excuse)
    nothing = not old.counts.judged, not new.counts.judged
    if nothing[0] != nothing[1] or (sides.alike and old.counts.judged != new.counts.judged):
        way = more(*nothing) if nothing[0] != nothing[1] else "changed"
        texts = _both(lambda report: f"{report.counts.judged:,} of {report.counts.total:,}", sides)
        yield Change(way, "run", "judged cases", texts)
    missed = not old.floor_met, not new.floor_met
    if missed[0] != missed[1]:
        texts = _both(_floor, sides)
        yield Change(more(*missed), "run", "floor", texts)
    stopped = old.status == "interrupted", new.status == "interrupted"
    if stopped[0] != stopped[1]:
        yield Change(more(*stopped), "run", "status", (old.status, new.status))


def _floor(report: Report) -> str:
    asked = f"{report.counts.judged:,} judged, {report.floor:,} asked for"
    return f"{'met' if report.floor_met else 'missed'}: {asked}"


def _both(say: Callable[[Report], str], sides: Sides) -> tuple[str, str]:
    return say(sides.old), say(sides.new)


# ---------------------------------------------------------------- tables


def _equations(sides: Sides) -> Iterator[Change]:
    """An equation that one version does not know cannot have been asked for by both."""
    rows: list[dict[str, EquationRow]] = [
        {row.id: row for row in report.equations} for report in (sides.old, sides.new)
    ]
    for name in dict.fromkeys([*rows[0], *rows[1]]):
        old, new = rows[0].get(name), rows[1].get(name)
        if old is not None and new is not None:
            yield from sides.counted("equation", name, (old, new), partial(_in_equation, name), new.title)
        elif (row := new or old) is not None and row.checks.judged:
            way: Way = "gone" if new is None else "new"
            note = f"{row.title}; not in both catalogues"
            yield Change(way, "equation", name, only(told(row.checks, "check"), new=new is not None), note)


def _in_equation(name: str, finding: Finding) -> bool:
    return finding.equation == name


def _pairs(sides: Sides) -> Iterator[Change]:
    rows: list[dict[tuple[str, str, str], PairRow]] = [
        {
            (sides.role(report, row.left), sides.role(report, row.right), row.dtype): row
            for row in report.pairs
        }
        for report in (sides.old, sides.new)
    ]
    for key in dict.fromkeys([*rows[0], *rows[1]]):
        old, new = rows[0].get(key), rows[1].get(key)
        left, dtype = key[0], key[2]
        shown = new or old
        name = f"{shown.left} against {shown.right}, {dtype}" if shown else ""
        if any(extra.pair(*key) for extra in sides.extra.values()):
            if shown is not None and (old is None or new is None):
                way: Way = "gone" if new is None else "new"
                yield Change(way, "pair", name, only(told(shown.checks, "check"), new=new is not None))
            continue
        standing = {left, key[1]} <= {OURS, *sides.new.run.oracles}
        yield from sides.counted(
            "pair", name, (old, new), partial(_between, key), own=left == OURS, standing=standing
        )


def _between(pair: tuple[str, str, str], finding: Finding) -> bool:
    left, right, dtype = pair
    return left in (finding.left, OURS) and right in (finding.right, OURS) and finding.dtype == dtype


Key = tuple[str, str, str]


def _functions(sides: Sides, ways: set[Way]) -> Iterator[Change]:
    """Cells of activation × loss × dtype. `ways` are those of all else that was compared.

    Where both runs judged the same cases, each cell counts. Otherwise what is wrong may have been drawn in
    one only, and a cell is no worse unless something else is.
    """
    cells: list[dict[Key, MatrixCell]] = [
        {(cell.activation, cell.loss, cell.dtype): cell for cell in report.matrix}
        for report in (sides.old, sides.new)
    ]
    drawn: Counter[Way] = Counter()
    for key in dict.fromkeys([*cells[0], *cells[1]]):
        old, new = (each[key].counts if key in each else Counts() for each in cells)
        name = f"{key[0]} × {key[1]}, {key[2]}"
        ranks = _cell_rank(old), _cell_rank(new)
        texts = told(old, "case"), told(new, "case")
        way: Way | None = next((way for way, extra in sides.extra.items() if extra.cell(*key)), None)
        if way is not None:
            if any(ranks):
                yield Change(way, "function", name, only(texts[way == "new"], new=way == "new"))
        elif not (old.judged and new.judged) and (old.judged or new.judged) and not sides.alike:
            drawn["new" if new.judged else "gone"] += 1
        elif bool(old.judged) != bool(new.judged):
            way = "worse" if old.judged or ranks[1] else "better"
            yield Change(way, "function", name, texts)
        elif ranks[0] != ranks[1]:
            way = more(*ranks, sides.excuse(*ranks, partial(_in_dtype, key[2])))
            if not sides.alike and way in ("worse", "better") and way not in ways:
                way = "new" if way == "worse" else "gone"
            yield Change(way, "function", name, texts)
        elif ranks[0] and sides.alike and old.wrong != new.wrong:
            yield Change(more(old.wrong, new.wrong), "function", name, texts)
    for drawn_in, number in drawn.items():
        name = "activation × loss × dtype, drawn by chance in one run only"
        yield Change(drawn_in, "function", name, only(f"{number:,} judged", new=drawn_in == "new"))
    if not sides.alike:
        yield from _functions_lost(cells)


def _in_dtype(dtype: str, finding: Finding) -> bool:
    return finding.dtype == dtype


def _cell_rank(counts: Counts) -> int:
    """Instability does not count: a case is unstable also where a framework is."""
    return 3 if counts.fault else 2 if counts.mismatch else 0


def _functions_lost(cells: list[dict[Key, MatrixCell]]) -> Iterator[Change]:
    """Functions of which one run drew cases and could judge none, while the other could."""
    sums: list[dict[tuple[str, str], list[int]]] = [{}, {}]
    for side, table in zip(sums, cells, strict=True):
        for (activation, loss, dtype), cell in table.items():
            for name in (f"activation {activation}", f"loss {loss}"):
                row = side.setdefault((name, dtype), [0, 0])
                row[0] += cell.counts.judged
                row[1] += cell.counts.total
    for key in [key for key in sums[0] if key in sums[1]]:
        (old, total), (new, totals) = sums[0][key], sums[1][key]
        if bool(old) != bool(new):
            texts = f"{old:,} of {total:,} judged", f"{new:,} of {totals:,} judged"
            yield Change("better" if new else "worse", "function", ", ".join(key), texts)


# ---------------------------------------------------------------- what is told and never a regression


def _deviations(sides: Sides) -> Iterator[Change]:
    seen: list[dict[tuple[str, str], int]] = [
        {(row.id, row.dtype): row.seen for row in report.deviations} for report in (sides.old, sides.new)
    ]
    asked = {row.id: row.oracle for report in (sides.old, sides.new) for row in report.deviations}
    for key in dict.fromkeys([*seen[0], *seen[1]]):
        old, new = seen[0].get(key, 0), seen[1].get(key, 0)
        name, dtype = key
        if any(extra.pair(asked[name], "", dtype) for extra in sides.extra.values()):
            continue
        if old != new and (sides.alike or not (old and new)):
            way: Way = "changed" if old and new else "new" if new else "gone"
            yield Change(way, "deviation", f"{name}, {dtype}", (_times(old), _times(new)))


def _times(number: int) -> str:
    return f"seen {plural(number, 'time')}" if number else "not seen"


def _not_judged(sides: Sides) -> Iterator[Change]:
    checks: list[Counter[str]] = [Counter(), Counter()]
    for counter, report in zip(checks, (sides.old, sides.new), strict=True):
        for row in report.not_judged:
            counter[row.reason] += row.checks
    for reason in sorted({*checks[0], *checks[1]}):
        old, new = checks[0][reason], checks[1][reason]
        if old != new and (sides.alike or not (old and new)):
            way: Way = "changed" if old and new else "new" if new else "gone"
            yield Change(way, "not judged", reason, (plural(old, "check"), plural(new, "check")))
