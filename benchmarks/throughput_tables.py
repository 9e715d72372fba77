"""The tables that tell what `throughput.py` measured, made of the contents of throughput.json alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.judge_tables import table

PLACE = "throughput table"
"""What the README's comments call the part with these numbers."""
OURS, OURS_BY_TWO = "backproof, one worker", "backproof, two workers"
SMALL, FULL = "small", "full range"
ASKED = {
    "obvious test, jax.jit": 150,
    "obvious test, eager jax.grad": 1000,
    "gradcheck": 100,
}
"""How many times as fast as these ours is meant to be."""
MOST_OF_BARE, LEAST_OF_TWO, MOST_GROWTH = 2.5, 1.8, 0.05
Json = Mapping[str, Any]


class Spread(NamedTuple):
    """The median of some measurements, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Raises ValueError if there are none."""
        known = sorted(values)
        if not known:
            raise ValueError("nothing was measured")
        return cls(statistics.median(known), known[0], known[-1])

    def __str__(self) -> str:
        """The median, and in brackets the spread, if there is any."""
        middle, least, most = map(number, self)
        return middle if least == most else f"{middle} ({least}–{most})"


def number(value: float) -> str:
    """Three digits, or all digits of a whole number of more."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) < 10 else 1
    while abs(value) < 10 ** -(digits - 2):
        digits += 1
    return f"{value:.{digits}f}"


def milliseconds(part: Json, clock: str = "seconds") -> float:
    """What a case took in one process."""
    return 1e3 * part[clock] / part["cases"]


def each_round(some: Sequence[Json], others: Sequence[Json], of: Callable[[Json, Json], float]) -> Spread:
    """Something of the same round's two measurements."""
    return Spread.of(of(*pair) for pair in zip(some, others, strict=True))


def times_faster(found: Json, name: str) -> Spread:
    """How many times as long as ours, with one worker, a tool takes for a case."""
    return each_round(found[name], found[OURS], lambda tool, own: milliseconds(tool) / milliseconds(own))


def bare_milliseconds(part: Json, clock: str = "ms") -> float:
    """What the three gradients of a case took together, in one process of ours."""
    return sum(each[clock] for each in part["bare"].values())


def times_bare(parts: Sequence[Json], *, processor: bool = False) -> Spread:
    """How many times as long as the bare gradients a judged case takes, by the clock or in processor time."""
    own, gradients = ("processor", "processor ms") if processor else ("seconds", "ms")
    return Spread.of(milliseconds(part, own) / bare_milliseconds(part, gradients) for part in parts)


def speed_up(found: Json) -> Spread | None:
    """How many times as fast two workers are as one; None if they were not measured."""
    if OURS_BY_TWO not in found:
        return None
    return each_round(found[OURS], found[OURS_BY_TWO], lambda one, two: milliseconds(one) / milliseconds(two))


# ---------------------------------------------------------------- the README's


def readme_table(results: Json) -> str:
    """A short table, a column for each checker, and where and when."""
    made, found = results["made"], results["rates"][SMALL]
    taken = {name: Spread.of(map(milliseconds, parts)).median for name, parts in found.items()}
    two = speed_up(found)
    by_two = f"; two workers are {number(two.median)} × as fast as one" if two else ""
    ratios = [number(times_bare(results["rates"][sizes][OURS]).median) for sizes in (SMALL, FULL)]
    note = (
        f"Medians of {made['processes']} processes on {made['date']}, {made['processor']}, one core and one "
        f"thread for each but the two workers, networks of up to {_limits(results)}. That is "
        f"{number(1e3 / taken[OURS])} judged cases a second, each for {ratios[0]} × what the bare gradients "
        f"of the reference, torch and JAX cost, or {ratios[1]} × over the full range of sizes{by_two}."
    )
    rows = [
        ("ms a judged case", *map(number, taken.values())),
        ("times ours", *(number(times_faster(found, name).median) for name in found)),
    ]
    return f"{table(('', *found), rows)}\n\n{note}"


def _limits(results: Json, sizes: str = SMALL) -> str:
    return "{depth} layers, {width} units and {batch} samples".format_map(results["sizes"][sizes])


# ---------------------------------------------------------------- the whole report


def report(results: Json) -> str:
    """Everything that was measured."""
    made = results["made"]
    packages = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    threads = ", ".join(f"{name}={value}" for name, value in made["threads"].items())
    parts = [
        "# Judged cases a second",
        (
            f"Made by `make bench`, or `{made['command']}`, on {made['date']} in "
            f"{number(made['seconds'] / 60)} minutes; Python {made['python']}, {packages}; "
            f"{made['processor']}, {made['cores']} cores, {made['system']}. "
            f"{made['processes']} processes for each number, in turn with the others: medians, in brackets "
            f"the least and the most. Threads: {threads}; every process is kept on one core, but the two "
            "workers on two. OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are unset."
        ),
        _INTRODUCTION,
    ]
    for sizes, found in results["rates"].items():
        parts += [f"## {sizes.capitalize()}: up to {_limits(results, sizes)}", _rates(found)]
        if sizes == SMALL:
            parts.append("![Judged cases a second, beside other checkers](throughput.svg)")
    parts += [
        "## The bare gradients",
        _BARE,
        _bare(results),
        "## What was to be reached",
        _asked(results),
        "## Where the time of a case goes",
        _PARTS,
        _parts(results),
        "## How the cost grows",
        (
            "All networks have exactly the size that a row says and the others of "
            "depth 3, width 16 and batch 8. Milliseconds of processor time a case, "
            f"in {len(results['growth'])} of the processes:"
        ),
        _growth(results["growth"]),
        "![Cost of a case by depth, width and batch](throughput-growth.svg)",
        "## Linear in cases",
        _LINEAR,
        _linear(results),
        "## Until the first case",
        _start(results),
        "## Memory",
        _memory(results.get("memory")),
    ]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
A judged case is a network never seen before, with its data: drawn, given to the reference, and its answer
judged. All tools get the same cases, of every regime, activation and loss, float32 and float64 in turn;
gradcheck gets float64 only, as its documentation demands. Slow tools get a few tens of them, each process
others, ours thousands.

- **backproof** is `backproof run` with its defaults: full traces of torch and of JAX, all single steps by
  both, the judge, the truth where sides dispute, counting. Compiling is left out, and told below. With two
  workers the first third of each dtype is left out, in which they start and compile.
- **obvious test** is what one writes with Hypothesis: NumPy's gradients by W and b (here the reference's)
  held against torch.autograd.grad's and jax.value_and_grad's by torch.testing.assert_close; each network is
  a new function to JAX, with jax.jit or without. It compares gradients only. The strategy is one over the
  numbers of the cases.
- **gradcheck** is torch.autograd.gradcheck, slow and with fast_mode, of a torch.autograd.Function that has
  the reference's loss and gradients. **check_grads** is jax.test_util.check_grads of the same by
  jax.pure_callback and jax.custom_vjp, in one random direction, as is its way; and of the network written in
  JAX, eagerly, in which case it says nothing of the reference.

*Processor* is processor time as a share of the time on the clock: near 100 %, nothing else was running."""

_BARE = """\
What no differential test can do without, on the same cases in the same process as ours: from a case's arrays
to the gradients of its loss by all W and b in its dtype. The reference: forward, backward, dW, db. torch:
tensors without copying, forward, one autograd.grad a case. JAX: the compiled program for all shapes with
everything but loss and gradients left out, a stack of cases a call; padding them to stacks is not in it. No
drawing, no copies, no updates; the best of three rounds."""

_PARTS = """\
Milliseconds of processor time a case until it is counted, with clocks around functions: what one of them
calls counts for the one that is called, and the clocks cost a little themselves. *Whole networks* are full
traces (of float32 cases in float64, too), *single steps* the steps and the functions at the points that
bounds ask for. What is worked out only when the judge reads it is under judging."""

_LINEAR = "The same run with fewer cases, in the same processes; milliseconds a case:"


def _rates(found: Json) -> str:
    rows = []
    for name, parts in found.items():
        taken = Spread.of(map(milliseconds, parts))
        busy = [part["processor"] / part["seconds"] for part in parts if "processor" in part]
        cases = Spread.of(part["cases"] for part in parts)
        rows.append(
            (
                name,
                f"{cases.least:,}" + (f"–{cases.most:,}" if cases.most > cases.least else ""),
                str(taken),
                str(Spread.of(1e3 / milliseconds(part) for part in parts)),
                str(times_faster(found, name)),
                f"{100 * statistics.median(busy):.0f} %" if busy else "–",
            )
        )
    head = ("Checker", "cases a process", "ms a case", "judged cases a second", "times ours", "processor")
    return table(head, rows)


def _bare(results: Json) -> str:
    rows = [
        (name, *_by_size(results, lambda part, name=name: part["bare"][name]["ms"]))
        for name in results["rates"][SMALL][OURS][0]["bare"]
    ]
    rows += [
        ("the three together", *_by_size(results, bare_milliseconds)),
        ("a judged case", *_by_size(results, milliseconds)),
    ]
    for processor, clock in ((False, ""), (True, ", processor time")):
        ratios = (str(times_bare(found[OURS], processor=processor)) for found in results["rates"].values())
        rows.append((f"judged / bare{clock}", *ratios))
    return table(("ms a case", *results["rates"]), rows)


def _by_size(results: Json, value: Callable[[Json], float]) -> list[str]:
    return [str(Spread.of(map(value, found[OURS]))) for found in results["rates"].values()]


def _asked(results: Json) -> str:
    small = results["rates"][SMALL]
    rows = [
        (
            f"judged / bare, {sizes}",
            f"≤ {MOST_OF_BARE}",
            number(times_bare(found[OURS]).median),
            _yes(times_bare(found[OURS]).median <= MOST_OF_BARE),
        )
        for sizes, found in results["rates"].items()
    ]
    two = speed_up(small)
    if two:
        rows.append(
            ("two workers / one", f"≥ {LEAST_OF_TWO}", number(two.median), _yes(two.median >= LEAST_OF_TWO))
        )
    for name, times in ASKED.items():
        faster = times_faster(small, name).median
        rows.append((f"faster than {name}", f"≥ {times:,} ×", f"{number(faster)} ×", _yes(faster >= times)))
    if "memory" in results:
        more = _memory_growth(results["memory"])
        rows.append(
            (
                "more memory at most than at fewest cases",
                f"≤ {100 * MOST_GROWTH:g} %",
                f"{100 * more:.1f} %",
                _yes(more <= MOST_GROWTH),
            )
        )
    return table(("", "asked", "measured", "reached"), rows)


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def _parts(results: Json) -> str:
    columns = [
        (f"{sizes}, {dtype}", [part["parts"][dtype] for part in found[OURS]])
        for sizes, found in results["rates"].items()
        for dtype in found[OURS][0]["parts"]
    ]
    names = columns[0][1][0]
    rows = [(name, *(str(Spread.of(each[name] for each in own)) for _, own in columns)) for name in names]
    rows.append(("all", *(str(Spread.of(sum(each.values()) for each in own)) for _, own in columns)))
    return table(("ms a case", *(title for title, _ in columns)), rows)


def _growth(parts: Sequence[Json]) -> str:
    rows = []
    for axis, values in parts[0].items():
        for value in values:
            points = [part[axis][value] for part in parts]
            ratio = Spread.of(point["ours"] / point["bare"] for point in points)
            ours, bare = (Spread.of(point[whose] for point in points) for whose in ("ours", "bare"))
            rows.append((f"{axis} {value}", str(ours), str(bare), str(ratio)))
    return table(("size", "backproof", "bare gradients", "judged / bare"), rows)


def _linear(results: Json) -> str:
    """A row for each number of cases, a column for each size."""
    by_size = [found[OURS] for found in results["rates"].values()]
    runs = [[[*part["shorter"], part] for part in parts] for parts in by_size]
    counts = range(len(runs[0][0]))
    rows = [
        (
            " / ".join(dict.fromkeys(f"{own[0][k]['cases']:,}" for own in runs)),
            *(str(Spread.of(milliseconds(run[k]) for run in own)) for own in runs),
        )
        for k in counts
    ]
    return table(("cases", *results["rates"]), rows)


def _start(results: Json) -> str:
    cold, rates = results["start"], results["rates"]
    warm, imported = (Spread.of(part[name] for part in rates[FULL][OURS]) for name in ("first", "imported"))
    return (
        f"A process had judged its first {cold['cases']} cases of the full range after {warm} s, "
        f"with JAX's programs in its cache, of which imports took {imported} s; with an empty cache, as the "
        f"first time on a machine, after {number(cold['first'])} s. After the last case of the small "
        f"sizes, the report took {Spread.of(part['end'] for part in rates[SMALL][OURS])} s more, once a run. "
        f"{_late(results)}"
    )


def _late(results: Json) -> str:
    late = [part["programs"] for found in results["rates"].values() for part in found[OURS]]
    if not any(late):
        return "No program was compiled or read while cases a second were measured."
    return (
        f"While cases a second were measured, up to {max(late)} programs were compiled or read in a process."
    )


def _memory_growth(memory: Json) -> float:
    """By what share the largest run needs more than the smallest."""
    runs = sorted(memory["runs"], key=lambda run: run["cases"])
    return runs[-1]["peak"] / runs[0]["peak"] - 1


def _memory(memory: Json | None) -> str:
    if memory is None:
        return "Not measured: `python benchmarks/throughput.py --memory` does."
    rows = [
        (f"{run['cases']:,}", f"{run['peak']:,.0f}", number(1e3 * run["seconds"] / run["cases"]))
        for run in memory["runs"]
    ]
    return (
        f"Peak resident memory of a process that judges so many cases of the {memory['sizes']} "
        f"sizes, each number in a process of its own, on {memory['date']}: the largest run needs "
        f"{100 * _memory_growth(memory):.1f} % more than the smallest.\n\n"
        f"{table(('cases', 'peak MB', 'ms a case'), rows)}"
    )
