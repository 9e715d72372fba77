"""How often a diagnosis is right: every catalogued mistake, planted, judged and diagnosed.

    python benchmarks/diagnosis.py [--seed N] [--per N] [--pairs N] [--mistake NAME …] [--workers N] [--tell]

D1. A mistake is planted in all layers or, every second time where it belongs to layers, in one random layer.
    Its cases are drawn as `backproof run` draws them (all regimes and sizes) and small and ordinary ones,
    in both dtypes; those are kept that the judge finds wrong. A mistake that shows in fewer than two of
    the cases drawn so gets cases of its own draw options.
D2. Each is diagnosed with the full trace, and with the loss, ∂L/∂W and ∂L/∂b only. More cases may be asked.
D3. The truth is what was planted, where it matters: the local verdicts of the full trace say in which layers.
    A diagnosis is right if its first cause has an equation in which the mistake was planted and exactly the
    layers in which that equation is wrong (or all those in which the mistake shows).
D4. Then the mistake is taken out of the catalogue. Right is the right equation, or unknown. A name with
    strong evidence is wrong if 40 fresh cases with the same functions show other numbers than the mistake's.
D5. Pairs: two random mistakes that change different equations, in one case in which both matter.
D6. Declarations: every combination of scales that can be declared, undeclared.

Writes benchmarks/results/diagnosis.md and .json unless --mistake is given. With --tables, only the page is
written again. Building used seeds below 1000, the numbers published are of seed 5000.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backproof.diagnosis.agreement import Observation
from backproof.diagnosis.causes import Cause, Diagnosis
from backproof.diagnosis.mistakes import MISTAKES
from benchmarks import planted
from benchmarks.planted import Planted

RESULTS = Path(__file__).parent / "results"
MODES = {"full": "full trace", "free": "loss and gradients only"}


@dataclass
class Score:
    """Counts of one mistake in one mode."""

    cases: int = 0
    right: int = 0
    named: int = 0
    out: int = 0
    out_fine: int = 0
    out_confident: int = 0
    milliseconds: list[float] = field(default_factory=list)


def measured(name: str, seed: int, per: int, tell: bool) -> dict[str, Score]:
    """Mode → counts, of one mistake."""
    mistake, panel = MISTAKES[name], planted.judges()
    scores = {mode: Score() for mode in MODES}
    if mistake.effect != "state":  # a fresh object has no call before; the second question finds those
        for each in planted.plantings(mistake, _drawn(seed), panel, per):
            for mode, score in scores.items():
                seen = planted.observation(each, mode, panel)
                if seen is not None:
                    _count(each, seen, mode, score, tell=tell)
    print(name, *(f"{mode}: {s.right}/{s.cases}, named {s.named}, without it {s.out_fine}, wrong name "
                  f"{s.out_confident}" for mode, s in scores.items()), flush=True)  # fmt: skip
    return scores


@cache
def _drawn(seed: int) -> planted.Drawn:
    return planted.Drawn(seed)


def _count(each: Planted, seen: Observation, mode: str, score: Score, *, tell: bool) -> None:
    start = time.process_time()
    diagnosis = planted.diagnosed(each, seen, mode, list(MISTAKES.values()))
    score.milliseconds.append(1000 * (time.process_time() - start))
    cause = diagnosis.first
    right = planted.is_right(each, cause)
    named = cause is not None and each.mistake.name in (cause.name, *cause.evidence.rivals)
    score.cases += 1
    score.right += right
    score.named += named
    if tell and not right:
        _tell("WRONG", each, mode, diagnosis)
    elif tell and not named:
        _tell("unnamed", each, mode, diagnosis)
    without = [other for other in MISTAKES.values() if other.name != each.mistake.name]
    cause = planted.diagnosed(each, seen, mode, without).first
    score.out += 1
    is_unknown = cause is not None and not cause.name
    fine = is_unknown or (cause is not None and cause.equation in each.wrong)
    wrong_name = cause is not None and bool(cause.name) and not planted.same_numbers(each, cause, mode)
    confident = wrong_name and cause is not None and cause.evidence.strength == "strong"
    score.out_fine += fine
    score.out_confident += confident
    if tell and (not fine or wrong_name):
        _tell("OUT" if not confident else "OUT CONFIDENT", each, mode, Diagnosis((cause,) if cause else ()))


def _tell(what: str, each: Planted, mode: str, diagnosis: Diagnosis) -> None:
    layers = [layer.activation.name for layer in each.case.network.layers]
    loss = each.case.network.loss
    print(f"  {what} {mode} {each.mistake.name} in {sorted(each.layers) if each.layers else 'all'}; "
          f"{each.population} {each.case.dtype} seed {each.seed} number {each.number} "
          f"widths {each.case.network.widths} m {each.case.samples} {layers} {loss.name} {loss.reduction}; "
          f"truth {dict(each.wrong)}")  # fmt: skip
    for cause in diagnosis.causes:
        print(f"     {cause.kind} {cause.name!r} {cause.place} [{cause.evidence}]")


def measured_pairs(mode: str, seed: int, count: int) -> dict[str, Any]:
    """How many of both mistakes are named."""
    named, wrong, seconds = [0, 0, 0], 0, []
    for both, judgement, trace in planted.pair_cases(mode, seed, count):
        start = time.process_time()
        asked = planted.asked_of(both.implementation, mode)
        diagnosis = asked.diagnose([Observation.of(judgement, trace)])
        seconds.append(time.process_time() - start)
        names = [_names(cause) for cause in diagnosis.causes]
        own = {part.name for part in both.parts}
        named[len(own & set().union(*names))] += 1
        wrong += any(each and not each & own for each in names)
    return {"cases": count, "both": named[2], "one": named[1], "none": named[0], "wrong": wrong,
            "milliseconds": 1000 * statistics.median(seconds)}  # fmt: skip


def _names(cause: Cause) -> set[str]:
    if cause.kind not in {"mistake", "pair"}:
        return set()
    return {part for name in (cause.name, *cause.evidence.rivals) for part in name.split(" and ")}


def measured_declarations(mode: str, seed: int, count: int) -> dict[str, Any]:
    """How often the first thing to declare is what was not declared."""
    cases = right = 0
    for declared, make, judgement, trace in planted.undeclared_cases(mode, seed, count):
        diagnosis = planted.asked_of(make, mode).diagnose([Observation.of(judgement, trace)])
        proposed = next((dict(cause.declaration) for cause in diagnosis.causes if cause.declaration), None)
        cases += 1
        right += proposed == declared
    return {"cases": cases, "right": right}


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def page(data: dict[str, Any]) -> str:
    """The results as a page."""
    command = f"--seed {data['seed']} --per {data['per']} --pairs {data['pairs']}"
    lines = [
        "# How often a diagnosis is right", "",
        f"`python benchmarks/diagnosis.py {command}`; that file says what is counted, D1 to D6.", "",
        "| | " + " | ".join(MODES.values()) + " |", "|---|---|---|",
    ]  # fmt: skip
    totals = {mode: _total(each[mode] for each in data["mistakes"].values()) for mode in MODES}
    rows = (
        ("right equation and layers named first", "right", "cases"),
        ("the mistake itself is named, alone or among rivals", "named", "cases"),
        ("taken out: unknown, or the right equation", "out_fine", "out"),
        ("taken out: a wrong name with strong evidence", "out_confident", "out"),
    )
    for title, part, whole in rows:
        cells = (_share(totals[mode][part], totals[mode][whole]) for mode in MODES)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    for title, key in (
        ("pairs: both named", "both"),
        ("pairs: one named", "one"),
        ("pairs: a wrong name", "wrong"),
    ):
        cells = (_share(data["of pairs"][m][key], data["of pairs"][m]["cases"]) for m in MODES)
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    cells = (_share(data["declarations"][m]["right"], data["declarations"][m]["cases"]) for m in MODES)
    lines.append("| undeclared scales: the right declaration | " + " | ".join(cells) + " |")
    times = (totals[mode]["milliseconds"] for mode in MODES)
    cells = (
        f"{statistics.median(t):.0f} ms, mean {statistics.mean(t):.0f}, most {max(t):.0f}" for t in times
    )
    lines.append("| processor time of a diagnosis, median | " + " | ".join(cells) + " |")
    cells = (f"{data['of pairs'][mode]['milliseconds']:.0f} ms" for mode in MODES)
    lines.append("| of a pair, median | " + " | ".join(cells) + " |")
    said = "Right of all; in brackets: the right equation, or unknown, with the mistake taken out."
    lines += ["", "## Mistake by mistake", "", said, "",
              "| mistake | equation | " + " | ".join(MODES.values()) + " |", "|---|---|---|---|"]  # fmt: skip
    for name, scores in data["mistakes"].items():
        cells = (
            f"{s['right']} of {s['cases']} ({s['out_fine']})" if s["cases"] else "not seen"
            for s in (scores[mode] for mode in MODES)
        )
        lines.append(f"| {name} | {MISTAKES[name].equation} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _total(scores: Iterable[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for score in scores:
        for key, value in score.items():
            found[key] = found[key] + value if key in found else value
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--per", type=int, default=2, help="of each mistake, population and dtype")
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--mistake", nargs="*", choices=list(MISTAKES), metavar="NAME")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tell", action="store_true", help="print each diagnosis that is not right")
    parser.add_argument("--tables", action="store_true", help="write the page again")
    options = parser.parse_args(arguments)
    file = RESULTS / "diagnosis.json"
    if options.tables:
        (RESULTS / "diagnosis.md").write_text(page(json.loads(file.read_text())))
        return
    names = options.mistake or list(MISTAKES)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        jobs = {n: pool.submit(measured, n, options.seed, options.per, options.tell) for n in names}
        pairs = {mode: pool.submit(measured_pairs, mode, options.seed, options.pairs) for mode in MODES}
        scales = {mode: pool.submit(measured_declarations, mode, options.seed, 1) for mode in MODES}
        data = {
            "seed": options.seed, "per": options.per, "pairs": options.pairs,
            "mistakes": {n: {m: asdict(s) for m, s in job.result().items()} for n, job in jobs.items()},
            "of pairs": {mode: job.result() for mode, job in pairs.items()},
            "declarations": {mode: job.result() for mode, job in scales.items()},
        }  # fmt: skip
    text = page(data)
    print(text)
    if options.mistake is None:
        file.write_text(json.dumps(data) + "\n")
        (RESULTS / "diagnosis.md").write_text(text)


if __name__ == "__main__":
    main()
