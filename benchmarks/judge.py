"""Our judge beside other gradient checkers: false alarms on correct gradients, errors found, time.

    python benchmarks/judge.py [--seed N] [--cases N] [--alarm-cases N] [--slow-cases N] [--write-readme]

One run on one core, the same cases for every tool; `injected.py` says which errors, `peers.py` how each tool
is used. Prints the tables and writes them to benchmarks/results/judge.md and judge.json; --write-readme also
puts the short one into the README. With --tables nothing is run: the tables are made of judge.json again.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backproof.cli import _keep_compiled_programs
from backproof.diagnosis.mistakes import MISTAKES
from benchmarks import injected
from benchmarks.judge_tables import in_readme, readme_table, report
from benchmarks.machine import on_one_core, processor, versions
from benchmarks.ours import FULL_TRACE, GRADIENTS_ONLY, Judge, answer_of
from benchmarks.peers import Answer, FiniteDifferences, Problem, Tool, all_peers
from refimpl import DTYPES, Backprop, Case, Trace

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"
SLOWEST = "torch.autograd.gradcheck"
ANYWAY = 10
"""On how many float32 cases a tool is run that is not meant for them, to show what it would say."""

Key = tuple[str, str]
Variants = Mapping[Key, Sequence[Problem | None]]


@dataclass(frozen=True)
class Counts:
    """How many cases, the first ones of each population, go to whom."""

    alarms: int
    """Correct gradients, to tools that take a few milliseconds."""
    errors: int
    """Injected errors, to the same."""
    differences: int
    """Both, to tools that take finite differences."""
    slowest: int
    """Both, to gradcheck, which takes them parameter by parameter."""

    def of(self, tool: Tool, fast: int) -> int:
        """How many cases a tool gets where the fast ones get so many."""
        if not isinstance(tool, FiniteDifferences):
            return fast
        return self.slowest if tool.name == SLOWEST else self.differences


def counted(answers: Sequence[Answer]) -> dict[str, int]:
    """How many were rejected."""
    return {
        "count": answers.count("rejects"),
        "not judged": answers.count("not judged"),
        "of": len(answers),
    }


def told_apart(wrong: Sequence[Answer | None], right: Sequence[Answer | None]) -> dict[str, int]:
    """How many wrong gradients were rejected whose correct one was not: rejecting both says nothing."""
    pairs = [(w, r) for w, r in zip(wrong, right, strict=True) if w is not None]
    return {
        "count": sum(w == "rejects" and r != "rejects" for w, r in pairs),
        "not judged": sum(w == "not judged" for w, _ in pairs),
        "of": len(pairs),
    }


# ---------------------------------------------------------------- correct gradients


def alarms(
    tools: Sequence[Tool], cases: Sequence[Case], counts: Counts, oracles: Sequence[Any]
) -> dict[str, dict[str, Any]]:
    """Tool → whose gradients → what it said of them; and the milliseconds that a case took."""
    sources = {"reference": [Backprop().run(case) for case in cases]}
    sources |= {oracle.name: oracle.traces(cases) for oracle in oracles}
    found: dict[str, dict[str, Any]] = {}
    for tool in tools:
        anyway = bool(tool.not_for_float32) and cases[0].dtype.name == "float32"
        count = ANYWAY if anyway else counts.of(tool, counts.alarms)
        problems = {
            name: [Problem(*each) for each in zip(cases, traces, strict=True)][:count]
            for name, traces in sources.items()
        }
        tool.answers(problems["reference"][:1])  # imports, and compiles what can be compiled once
        began = time.perf_counter()
        if isinstance(tool, Judge):
            judgements = tool.judgements(problems["reference"])
            said = {"reference": counted([answer_of(judgement) for judgement in judgements])}
            seconds = time.perf_counter() - began
            said["reference"]["in part"] = sum(map(tool.leaves_out, judgements))
            for oracle in oracles:
                wrong = sum(tool.rejects_oracle(judgement, oracle.name) for judgement in judgements)
                said[oracle.name] = {"count": wrong, "not judged": 0, "of": count}
        else:
            said = {"reference": counted(tool.answers(problems["reference"]))}
            seconds = time.perf_counter() - began
            if not anyway:
                own = set() if isinstance(tool, FiniteDifferences) else {"torch"}  # its own yardstick
                for name in sources.keys() - {"reference"} - own:
                    said[name] = counted(tool.answers(problems[name]))
        entry: dict[str, Any] = {"float32 anyway": said["reference"]} if anyway else {"alarms": said}
        found[tool.name] = entry | {"milliseconds": 1e3 * seconds / count}
    return found


# ---------------------------------------------------------------- injected errors


def variants(cases: Sequence[Case], seed: int, oracle: Any) -> dict[Key, list[Problem | None]]:
    """(kind, size) → a problem for each case; None where there is no error of that kind and size."""
    traces = [Backprop().run(case) for case in cases]
    bounds = injected.bounds_of(cases, traces, oracle)
    places = [injected.place_of(case, seed, index) for index, case in enumerate(cases)]
    found: dict[Key, list[Problem | None]] = {("correct", ""): list(map(Problem, cases, traces))}

    def put(kind: str, size: str, off: Callable[[int], Trace | None]) -> None:
        found[kind, size] = [_problem(case, off(i)) for i, case in enumerate(cases)]

    def relative(epsilon: float, i: int) -> Trace | None:
        return injected.relative_error(cases[i], traces[i], places[i], epsilon)

    def of_bound(which: str, k: float, i: int) -> Trace | None:
        bound = getattr(bounds[i], which)[places[i].layer][places[i].entry]
        return injected.off_by(cases[i], traces[i], places[i], k * bound)

    for epsilon in injected.RELATIVE:
        put("relative", f"{epsilon:.0e}", partial(relative, epsilon))
    for kind, which in (("bound", "local"), ("bound end to end", "end_to_end")):
        for k in injected.MULTIPLES:
            put(kind, f"{k:g}", partial(of_bound, which, k))
    for scale in injected.SCALES:
        scaled = [injected.scaled_case(case, scale) for case in cases]
        answers = [Backprop().run(case) for case in scaled]
        found["correct", f"{scale:g}"] = list(map(Problem, scaled, answers))
        zero = map(injected.zero_gradient, scaled, answers)
        found["zero", f"{scale:g}"] = [_problem(*each) for each in zip(scaled, zero, strict=True)]
    for name in injected.PLANTED:
        mistake = MISTAKES[name]
        # Finite differences are taken of the loss that goes with the gradients, wrong or not.
        forward = mistake.implementation() if mistake.equation.startswith("F") else Backprop()
        for i, (case, right) in enumerate(zip(cases, traces, strict=True)):
            with np.errstate(all="ignore"):
                wrong = mistake.implementation().run(case)
            of_update = mistake.equation.startswith("U")
            matters = {
                "mistake, plain": injected.is_plain(wrong, right),
                "mistake, beyond bounds": injected.is_beyond_bounds(wrong, right, bounds[i]),
                "mistake of the update": of_update and injected.is_plain(wrong, right, injected.UPDATED),
            }
            problem = Problem(case, wrong, forward)
            for kind, does in matters.items():
                found.setdefault((kind, name), []).append(problem if does else None)
    return found


def _problem(case: Case, trace: Trace | None) -> Problem | None:
    return None if trace is None else Problem(case, trace)


def concerns(tool: Tool, kind: str) -> bool:
    """Whether errors of a kind are shown to a tool: some only to the one that they are made for."""
    if kind == "bound end to end":
        return tool.name == GRADIENTS_ONLY
    if kind == "mistake of the update":
        return tool.name == FULL_TRACE
    return True


def errors_found(tool: Tool, made: Variants, count: int) -> dict[str, dict[str, dict[str, int]]]:
    """Kind → size → how many such errors in the first so many cases the tool found."""
    shown = {key: problems[:count] for key, problems in made.items() if concerns(tool, key[0])}
    by_case = isinstance(tool, FiniteDifferences)
    answers = _case_by_case(tool, shown, count) if by_case else _all_at_once(tool, shown)
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (kind, size), said in answers.items():
        if kind != "correct":
            right = answers["correct", size if kind == "zero" else ""]
            found.setdefault(kind, {})[size] = told_apart(said, right)
    return found


def _all_at_once(tool: Tool, shown: Variants) -> dict[Key, list[Answer | None]]:
    """The answers; a mistake that matters in both senses is shown once."""
    known: dict[int, Answer] = {}
    for problems in shown.values():
        fresh = [problem for problem in problems if problem is not None and id(problem) not in known]
        if fresh:
            known |= zip(map(id, fresh), tool.answers(fresh), strict=True)
    return {key: [known.get(id(problem)) for problem in problems] for key, problems in shown.items()}


def _case_by_case(tool: Tool, shown: Variants, count: int) -> dict[Key, list[Answer | None]]:
    """The same for one case after the other: its loss at a point is worked out once for all errors in it."""
    found: dict[Key, list[Answer | None]] = {key: [] for key in shown}
    for i in range(count):
        memories: dict[Any, dict[bytes, Any]] = {}
        known: dict[int, Answer] = {}
        for key, problems in shown.items():
            problem = problems[i]
            if problem is not None and id(problem) not in known:
                memory = memories.setdefault((id(problem.case), type(problem.forward)), {})
                known[id(problem)] = tool.answers([replace(problem, memory=memory)])[0]
            found[key].append(known.get(id(problem)))
    return found


# ---------------------------------------------------------------- the run


def run(seed: int, counts: Counts) -> dict[str, Any]:
    """Everything that the tables tell."""
    began = time.perf_counter()
    _keep_compiled_programs()
    full = Judge(full=True)
    oracles = full.oracles
    tools: list[Tool] = [full, Judge(full=False, oracles=oracles), *all_peers(oracles[0])]
    measured: dict[str, Any] = {}
    for population in injected.POPULATIONS:
        for dtype in DTYPES:
            cases = injected.cases_of(population, dtype, seed, counts.alarms)
            for tool in tools[:2]:  # reads or compiles JAX's programs
                tool.answers([Problem(case, Backprop().run(case)) for case in cases[:256]])
            gc.freeze()
            found = alarms(tools, cases, counts, oracles)
            most = max(counts.of(tool, counts.errors) for tool in tools)
            made = variants(cases[:most], seed, oracles[0])
            for tool in tools:
                if "alarms" in found[tool.name]:
                    limit = counts.of(tool, counts.errors)
                    found[tool.name]["errors"] = errors_found(tool, made, limit)
                print(
                    f"{time.perf_counter() - began:6.0f} s  {population}, {dtype}: {tool.name}",
                    file=sys.stderr,
                )
            measured.setdefault(population, {})[dtype] = found
    return {
        "made": _made(seed, counts, time.perf_counter() - began),
        "tools": [{"name": t.name, "source": t.source, "not for float32": t.not_for_float32} for t in tools],
        "measured": measured,
    }


def _made(seed: int, counts: Counts, seconds: float) -> dict[str, Any]:
    packages = ("backproof", "numpy", "torch", "jax", "jaxlib", "optax", "autograd", "scipy")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seed": seed,
        "cases": vars(counts),
        "seconds": round(seconds),
        "python": platform.python_version(),
        "versions": versions(packages),
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}, one core",
    }


def write(results: Mapping[str, Any], *, into_readme: bool) -> None:
    """The tables to where they belong."""
    RESULTS.mkdir(exist_ok=True)
    text = report(results)
    (RESULTS / "judge.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "judge.md").write_text(text, encoding="utf-8")
    print(text)
    if into_readme:
        page = README.read_text(encoding="utf-8")
        README.write_text(in_readme(page, readme_table(results)), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--cases", type=int, default=100, help="with errors, each kind (default: %(default)s)"
    )
    parser.add_argument("--alarm-cases", type=int, default=1000, help="correct ones (default: %(default)s)")
    parser.add_argument(
        "--slow-cases", type=int, default=40, help="for finite differences (default: %(default)s)"
    )
    parser.add_argument("--slowest-cases", type=int, default=25, help="for gradcheck (default: %(default)s)")
    parser.add_argument("--write-readme", action="store_true", help="put the short table into the README")
    parser.add_argument("--tables", action="store_true", help="make the tables of judge.json, run nothing")
    options = parser.parse_args()
    if options.tables:
        results = json.loads((RESULTS / "judge.json").read_text(encoding="utf-8"))
    else:
        on_one_core()
        warnings.simplefilter("ignore")  # gradcheck warns of float32; JAX of what it computes in
        counts = Counts(options.alarm_cases, options.cases, options.slow_cases, options.slowest_cases)
        results = run(options.seed, counts)
    write(results, into_readme=options.write_readme)


if __name__ == "__main__":
    main()
