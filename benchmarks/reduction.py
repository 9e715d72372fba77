"""How small the cases are that reduction reaches, and how soon: every catalogued mistake, in both dtypes.

    python -m benchmarks.reduction [--cases N] [--seconds S] [--mistakes NAME ...] [--hypothesis]

Random cases of the full draw in which the panel finds a mismatch are reduced; where a mistake shows in none
of the first ones drawn, cases are drawn as its entry says. Seconds are of processor time, so that what else
the machine does has no part in them. Writes benchmarks/results/reduction.json and reduction.md.

With --hypothesis, Hypothesis's own search and shrinker is given the same predicate, strategy and time, for
every sixth mistake; it searches from scratch, as it cannot start from a given case.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.diagnosis.mistakes import MISTAKES
from backproof.diagnosis.reduce import NoFailureError
from backproof.diagnosis.same_failure import reduce_failure, same_failure
from backproof.diagnosis.simplicity import measure
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING, Judgement
from backproof.run import ORACLES
from refimpl import DTYPES, Case

RESULTS = Path(__file__).parent / "results"
SEED = 2_000_003
DRAWN = 96
"""How many cases of each draw are judged before a mistake is given up."""
CHUNK = 8
COLUMNS = ("layers", "widths", "batch", "seconds", "asked")
TARGET = {"layers": 2, "widths": 2, "batch": 2}
"""What the median must not exceed."""
EVERY = 6


def mismatching(panel: Panel, mistake: Any, dtype: str, count: int) -> Iterator[Judgement]:
    """The first so many failing judgements of the full draw, or else of the mistake's own."""
    found = 0
    for options in (DrawOptions(), mistake.draw):
        for start in range(0, DRAWN, CHUNK):
            cases = [draw_case(SEED, k, dtype, options).case for k in range(start, start + CHUNK)]
            for judgement in panel.judge(cases):
                if judgement.verdict in FAILING:
                    yield judgement
                    found += 1
                    if found == count:
                        return


def sizes(case: Case) -> dict[str, int]:
    """Of a reduced case: layers, the widest layer or inputs, samples."""
    return {"layers": case.network.depth, "widths": max(case.network.widths), "batch": case.samples}


def reduced(panel: Panel, judgement: Judgement, seconds: float) -> dict[str, Any] | None:
    """What one reduction reached; None if the failure did not show again."""
    started = time.process_time()
    try:
        found = reduce_failure(panel, judgement, seconds, clock=time.process_time)
    except NoFailureError:
        return None
    taken = time.process_time() - started
    return sizes(found.case) | {"seconds": taken, "asked": found.asked, "out of time": found.out_of_time}


class _TimeIsUp(BaseException):
    """Passes through Hypothesis, which takes any Exception for a failure of its own."""


def by_hypothesis(panel: Panel, judgement: Judgement, seconds: float) -> dict[str, Any]:
    """The simplest failing case that Hypothesis met in the same time; the given one if it met none."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import NoSuchExample

    from backproof.cases.strategies import cases

    fails, started = same_failure(panel, judgement), time.process_time()
    best, asked = judgement.case, 0

    def failing(case: Case) -> bool:
        nonlocal best, asked
        if time.process_time() - started > seconds:
            raise _TimeIsUp
        asked += 1
        (answer,) = fails([case])
        if answer and measure(case) < measure(best):
            best = case
        return bool(answer)

    how = settings(
        max_examples=10_000,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    with suppress(NoSuchExample, _TimeIsUp):
        find(cases(judgement.case.dtype.name), failing, settings=how, random=random.Random(1))  # noqa: S311
    return sizes(best) | {"seconds": time.process_time() - started, "asked": asked}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Median and 95 % of each column."""
    return {
        column: [float(np.quantile([row[column] for row in rows], q)) for q in (0.5, 0.95)]
        for column in COLUMNS
    }


def rendered(facts: dict[str, Any]) -> str:
    """As Markdown."""
    rows = facts["rows"]
    whole, soon = summary(rows), sum(row["seconds"] < facts["seconds"] for row in rows) / len(rows)
    names = {row["mistake"] for row in rows}
    lines = [
        "# Reduction\n",
        f"{len(rows):,} mismatching cases of {len(names)} mistakes, reduced for at most",
        f"{facts['seconds']:g} s. Sizes are those of the minimal case; widths: its widest layer or inputs;",
        "seconds are of processor time. Made by `python -m benchmarks.reduction`.\n",
        "| | median | 95 % |",
        "| --- | ---: | ---: |",
        *(f"| {column} | {whole[column][0]:.3g} | {whole[column][1]:.3g} |" for column in COLUMNS),
        "",
        f"{100 * soon:.1f} % took less than {facts['seconds']:g} s. {len(facts['without'])} pairs of mistake",
        f"and dtype gave no mismatch in any of {2 * DRAWN} cases drawn:",
        f"{', '.join(facts['without']) or 'none'}.\n",
    ]
    if facts["hypothesis"]:
        theirs = summary([row["hypothesis"] for row in facts["hypothesis"]])
        ours = summary([row["ours"] for row in facts["hypothesis"]])
        lines += [
            f"Hypothesis's search and shrinker in the same time, for {len(facts['hypothesis'])} of them:\n",
            "| | ours: median | 95 % | Hypothesis: median | 95 % |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(
                f"| {c} | {ours[c][0]:.3g} | {ours[c][1]:.3g} | {theirs[c][0]:.3g} | {theirs[c][1]:.3g} |"
                for c in COLUMNS
            ),
            "",
        ]
    lines += [
        "| mistake | cases | layers | widths | batch | seconds | asked |",
        "| --- " + "| ---: " * 6 + "|",
    ]
    for name in sorted(names):
        own = [row for row in rows if row["mistake"] == name]
        found = summary(own)
        medians = " | ".join(f"{found[column][0]:.3g}" for column in COLUMNS)
        lines.append(f"| {name} | {len(own)} | {medians} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cases", type=int, default=3, help="of each mistake and dtype (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="for each reduction (default: %(default)s)"
    )
    parser.add_argument("--mistakes", nargs="+", default=list(MISTAKES), metavar="NAME")
    parser.add_argument("--hypothesis", action="store_true", help="also Hypothesis's search and shrinker")
    options = parser.parse_args()
    facts: dict[str, Any] = {"seconds": options.seconds, "rows": [], "without": [], "hypothesis": []}
    torch = ORACLES["torch"]()
    for number, name in enumerate(options.mistakes):
        for dtype in DTYPES:
            panel, rows = Panel(MISTAKES[name].implementation(), [torch]), []
            for judgement in mismatching(panel, MISTAKES[name], dtype, options.cases):
                row = reduced(panel, judgement, options.seconds)
                if row is None:
                    continue
                rows.append({"mistake": name, "dtype": dtype} | row)
                if options.hypothesis and number % EVERY == 0 and len(rows) == 1:
                    theirs = by_hypothesis(panel, judgement, options.seconds)
                    facts["hypothesis"].append({"mistake": name, "ours": row, "hypothesis": theirs})
                    print("  hypothesis:", theirs)
            facts["rows"] += rows
            if not rows:
                facts["without"].append(f"{name} ({dtype})")
            print(name, dtype, [[round(row[column], 2) for column in COLUMNS] for row in rows], flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "reduction.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "reduction.md").write_text(rendered(facts), encoding="utf-8")
    print(rendered(facts).partition("| mistake |")[0])


if __name__ == "__main__":
    main()
