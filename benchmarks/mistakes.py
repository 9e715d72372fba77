"""How many cases until each catalogued mistake is caught: by our suite, and by other gradient checkers.

    python -m benchmarks.mistakes [--cases N] [--peer-cases N] [--mistakes NAME ...] [--seed N] [--tables]

W1. A mistake's cases are drawn where it can show (its `draw`), in networks small enough for finite
    differences, until it matters in so many, as `diagnosis/mattering.py` has it; the others are counted.
W2. Ours catches a mistake in a case if a check of its answers is a mismatch, unstable or a fault. With the
    full trace, and with loss and gradients only. What remembers is asked again, as somebody's code is.
W3. A peer catches it if it rejects the wrong gradients and accepts the right ones of the same case. It gets
    the first few of the cases, or all if it only compares. It sees gradients and, by finite differences, the
    implementation's own loss; a wrong update it cannot see, nor a wrong loss whose gradients are its own.

Writes benchmarks/results/mistakes.md and mistakes.json; with --tables only the page, from the JSON again.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from backproof.cases import draw_case
from backproof.diagnosis.mattering import grounds, is_without_effect
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.judging.verdicts import FAILING, Judgement
from backproof.run import ORACLES
from backproof.subject import Subject
from benchmarks.machine import on_one_core
from benchmarks.ours import FULL_TRACE, GRADIENTS_ONLY, Judge
from benchmarks.peers import FiniteDifferences, Problem, Tool, all_peers
from refimpl import DTYPES, Backprop, Case

RESULTS = Path(__file__).parent / "results"
SIZES = {"depth": 3, "width": 5, "batch": 4}
"""The most, unless a mistake shows only in larger ones."""
MOST_DRAWN = 1000
"""Cases drawn for one mistake in one dtype; some hardly ever matter in one of them."""
CAUGHT = {*FAILING, "unstable"}
NOT_AT_ALL = "–"


# ---------------------------------------------------------------- cases


def mattering(mistake: Mistake, dtype: str, wanted: int, seed: int, torch: Any) -> tuple[list[Case], int]:
    """The first cases in which the mistake matters, so many if there are; and how many were drawn."""
    own = mistake.draw
    sizes = {f"max_{name}": min(getattr(own, f"max_{name}"), max(most, getattr(own, f"min_{name}")))
             for name, most in SIZES.items()}  # fmt: skip
    options = replace(own, **sizes)
    found: list[Case] = []
    for start in range(0, MOST_DRAWN, 50):
        drawn = [draw_case(seed, index, dtype, options).case for index in range(start, start + 50)]
        differing = [case for case in drawn if not is_without_effect(mistake, case)]
        if differing:
            found += [ground.case for ground in grounds(differing, torch) if ground.matters(mistake)]
        if len(found) >= wanted:
            return found[:wanted], start + 50
    return found, MOST_DRAWN


def problems_of(mistake: Mistake, cases: Sequence[Case]) -> list[tuple[Problem, Problem]]:
    """(Right, wrong) of each case; the forward pass of a mistake in it is the wrong one in both."""
    forward = mistake.implementation() if mistake.equation.startswith("F") else Backprop()
    pairs = []
    with np.errstate(all="ignore"):
        for case in cases:
            right, wrong = Backprop().run(case), mistake.implementation().run(case)
            pairs.append((Problem(case, right), Problem(case, wrong, forward, {})))
    return pairs


# ---------------------------------------------------------------- who catches what


def is_caught(judgement: Judgement) -> bool:
    """W2."""
    return any(check.left == judgement.subject and check.verdict in CAUGHT for check in judgement.checks)


def by_us(tool: Judge, mistake: Mistake, cases: Sequence[Case]) -> list[bool]:
    """Whether each case shows it to us."""
    if mistake.effect == "state":
        oracles = list(tool.oracles)
        panels = (
            Subject(mistake.name).panel(oracles, None) for _ in cases
        )  # each case is the first of a run
        return [is_caught(panel.judge([case])[0]) for panel, case in zip(panels, cases, strict=True)]
    wrong = [problem for _, problem in problems_of(mistake, cases)]
    return [is_caught(judgement) for judgement in tool.judgements(wrong)]


def by_peer(tool: Tool, mistake: Mistake, cases: Sequence[Case]) -> list[bool]:
    """W3, until the first case in which it is caught."""
    found: list[bool] = []
    for right, wrong in problems_of(mistake, cases):
        rejected = tool.answers([wrong]) == ["rejects"]
        found.append(rejected and tool.answers([right]) == ["accepts"])
        if found[-1]:
            break
    return found


def measured(
    mistake: Mistake, dtype: str, options: argparse.Namespace, tools: Sequence[Any]
) -> dict[str, Any]:
    """The row of one mistake in one dtype."""
    cases, drawn = mattering(mistake, dtype, options.cases, options.seed, tools[0].oracles[0])
    row: dict[str, Any] = {"drawn": drawn, "matters": len(cases), "first": {}, "tried": {}}
    for tool in tools:
        if isinstance(tool, Judge):
            found = by_us(tool, mistake, cases)
            row.setdefault("caught", {})[tool.name] = sum(found)
        elif mistake.effect == "state" or (tool.not_for_float32 and dtype == "float32"):
            continue  # it sees one answer only; or its documentation says not to
        else:
            few = options.peer_cases if isinstance(tool, FiniteDifferences) else options.cases
            found = by_peer(tool, mistake, cases[:few])
        row["tried"][tool.name] = len(found)
        row["first"][tool.name] = found.index(True) + 1 if True in found else None
    return row


# ---------------------------------------------------------------- the page


def page(facts: dict[str, Any]) -> str:
    """The tables as Markdown."""
    tools = facts["tools"]
    about = (
        f"{len(facts['rows'])} catalogued mistakes, each in at most {facts['cases']} random cases of each "
        f"dtype in which it matters, seed {facts['seed']}; tools that take finite differences got the first "
        f"{facts['peer_cases']} of them. A cell is the number of cases until it was caught, float32 / "
        f"float64; {NOT_AT_ALL} not at all. `python -m benchmarks.mistakes` says what counts as caught. "
        f"Measured on {facts['date']}, {facts['versions']}."
    )
    lines = [
        "# Mistakes and who catches them",
        "",
        about,
        "",
        "| tool | mistakes caught, float32 | float64 | by the first case |",
        "| --- | ---: | ---: | ---: |",
    ]
    for tool in tools:
        cells = [f"{_share(facts, tool, dtype)}" for dtype in DTYPES]
        lines.append(f"| {tool} | {cells[0]} | {cells[1]} | {_first(facts, tool)} |")
    lines += ["", *_hard(facts), "", "## Mistake by mistake", ""]
    short = [tool.replace("torch.autograd.", "").replace("torch.testing.", "") for tool in tools]
    lines.append("| mistake | equation | matters in | " + " | ".join(short) + " |")
    lines.append("| --- | --- | ---: |" + " ---: |" * len(tools))
    for name, row in facts["rows"].items():
        matters = " / ".join(f"{row[dtype]['matters']} of {row[dtype]['drawn']}" for dtype in DTYPES)
        cells = [" / ".join(_cell(row[dtype], tool) for dtype in DTYPES) for tool in tools]
        lines.append(f"| {name} | {row['equation']} | {matters} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], tool: str) -> str:
    return str(row["first"].get(tool) or NOT_AT_ALL)


def _share(facts: dict[str, Any], tool: str, dtype: str) -> str:
    rows = [row[dtype] for row in facts["rows"].values() if row[dtype]["matters"]]
    tried = [row for row in rows if row["tried"].get(tool)]
    if not tried:
        return NOT_AT_ALL
    return f"{sum(row['first'].get(tool) is not None for row in rows)} of {len(rows)}"


def _first(facts: dict[str, Any], tool: str) -> str:
    rows = [row["float64"] for row in facts["rows"].values() if row["float64"]["matters"]]
    return f"{sum(row['first'].get(tool) == 1 for row in rows)} of {len(rows)}"


def _hard(facts: dict[str, Any]) -> list[str]:
    """What ours does not catch in every case in which it matters."""
    missed = []
    for name, row in facts["rows"].items():
        for dtype in DTYPES:
            caught, matters = row[dtype]["caught"][FULL_TRACE], row[dtype]["matters"]
            if caught < matters:
                missed.append(f"{name}, {dtype}: {caught} of {matters} cases")
    never = [
        f"{name}, {dtype}"
        for name, row in facts["rows"].items()
        for dtype in DTYPES
        if not row[dtype]["matters"]
    ]
    return [
        "With the full trace, caught in every case in which it matters but for: "
        + ("; ".join(missed) if missed else "none")
        + ".",
        "",
        f"Mattered in none of {MOST_DRAWN} cases: " + ("; ".join(never) if never else "none") + ".",
    ]


def main() -> None:
    """Measures, and writes the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--peer-cases", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7001)
    parser.add_argument(
        "--mistakes", nargs="+", choices=list(MISTAKES), default=list(MISTAKES), metavar="NAME"
    )
    parser.add_argument("--tables", action="store_true", help="only write the page again")
    options = parser.parse_args()
    stored = RESULTS / "mistakes.json"
    if not options.tables:
        on_one_core()
        warnings.simplefilter("ignore")
        torch = ORACLES["torch"]()
        ours = [Judge(full=full, oracles=[torch, ORACLES["jax"]()]) for full in (True, False)]
        tools: list[Any] = [*ours, *all_peers(torch)]
        rows: dict[str, Any] = {}
        for name in options.mistakes:
            mistake = MISTAKES[name]
            rows[name] = {"equation": mistake.equation}
            for dtype in DTYPES:
                rows[name][dtype] = measured(mistake, dtype, options, tools)
            print(name, {d: rows[name][d]["first"] for d in DTYPES}, file=sys.stderr)
        packages = ("numpy", "torch", "jax", "scipy", "autograd")
        facts = {
            "rows": rows,
            "tools": [FULL_TRACE, GRADIENTS_ONLY, *(tool.name for tool in tools[2:])],
            "cases": options.cases,
            "peer_cases": options.peer_cases,
            "seed": options.seed,
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "versions": ", ".join([f"Python {platform.python_version()}",
                                   *(f"{p} {metadata.version(p)}" for p in packages)]),
        }  # fmt: skip
        stored.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    facts = json.loads(stored.read_text(encoding="utf-8"))
    (RESULTS / "mistakes.md").write_text(page(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
