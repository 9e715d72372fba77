"""How often a diagnosis is right: every catalogued mistake, planted, judged and diagnosed.

    python benchmarks/diagnosis.py [--seed N] [--per N] [--mistake NAME …] [--out FILE]

D1. A mistake is planted in all layers or, every second time where it belongs to layers, in one random layer.
    Its cases are drawn as `backproof run` draws them (all regimes and sizes) and small and ordinary ones,
    in both dtypes; those are kept that the judge finds wrong. A mistake that shows in fewer than two of
    the cases drawn so gets cases of its own draw options.
D2. Each is diagnosed with the full trace, and with the loss, ∂L/∂W and ∂L/∂b only. More cases may be asked.
D3. The truth is what was planted, where it matters: the local verdicts of the full trace say in which layers.
    A diagnosis is right if its first cause has an equation in which the mistake was planted and exactly the
    layers in which that equation is wrong (or all those in which the mistake shows).
D4. Then the mistake is taken out of the catalogue. Right is the right equation, or unknown; a name of another
    mistake whose numbers are the planted one's in 40 fresh cases with the same functions is no wrong name.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backproof.cases import DrawOptions, draw_case
from backproof.diagnosis.agreement import Observation, places_of
from backproof.diagnosis.candidates import conventions, of_mistakes, pair
from backproof.diagnosis.causes import Cause, Diagnosis
from backproof.diagnosis.diagnose import Diagnostician
from backproof.diagnosis.following import in_layers, overrides
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.judging.panel import Panel
from backproof.judging.verdicts import Judgement
from oracles.torch_oracle import TorchOracle
from refimpl import Backprop, Case, Trace

DTYPES = ("float32", "float64")
POPULATIONS = {
    "run": DrawOptions(),
    "small": DrawOptions(max_depth=4, max_width=4, max_batch=4, regimes=("ordinary",)),
}
POOL = 400
"""Cases of each population and dtype that a mistake is tried on, before its own options are."""
FREE = ("loss", "dW", "db")
Make = Callable[[], Backprop]


@dataclass(frozen=True)
class Planted:
    """One wrong answer, and what the truth about it is."""

    mistake: Mistake
    make: Make
    layers: frozenset[int] | None
    case: Case
    trace: Trace
    judgement: Judgement
    population: str
    number: int
    seed: int
    options: DrawOptions

    @property
    def wrong(self) -> dict[str, set[int]]:
        """Equation → layers, by the local verdicts of the full trace."""
        found: dict[str, set[int]] = defaultdict(set)
        for check in self.judgement.checks:
            if check.scope == "local" and check.left == self.judgement.subject:
                if check.verdict in {"mismatch", "unstable", "fault"}:
                    found[check.equation] |= {check.layer} if check.layer else set()
        return found


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


def without_state(case: Case, make: Make) -> Trace:
    """What a fresh object answers."""
    with np.errstate(all="ignore"):
        return make().run(case)


def restricted(trace: Trace, mode: str) -> Trace:
    """What of a trace is offered."""
    if mode == "full":
        return trace
    return Trace(**{name: getattr(trace, name) for name in FREE})


class Drawn:
    """The pools of cases, drawn once, with the reference's answers as bytes."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._pools: dict[tuple[str, str], list[tuple[Case, Any]]] = {}

    def pool(self, population: str, dtype: str, options: DrawOptions, count: int) -> list[tuple[Case, Any]]:
        """Cases with the reference's bytes."""
        key = (population, dtype)
        if key not in self._pools:
            cases = [draw_case(self.seed, k, dtype, options).case for k in range(count)]
            self._pools[key] = [(case, as_bytes(without_state(case, Backprop))) for case in cases]
        return self._pools[key]


def as_bytes(trace: Trace) -> list[bytes]:
    return [np.asarray(value).tobytes() for _, value in places_of(trace)]


def plantings(mistake: Mistake, drawn: Drawn, panel: Panel, per: int) -> Iterator[Planted]:
    """At most `per` of each population and dtype."""
    random = np.random.Generator(np.random.Philox(key=[drawn.seed, sum(map(ord, mistake.name))]))
    own = getattr(mistake, "draw", DrawOptions())
    for dtype in DTYPES:
        for name, options in POPULATIONS.items():
            pools = [(name, options, POOL)]
            if own != DrawOptions():
                merged = own if name == "run" else replace(
                    own, regimes=own.regimes or ("ordinary",), max_depth=max(4, own.min_depth),
                    max_width=max(4, own.min_width), max_batch=max(4, own.min_batch))  # fmt: skip
                pools.append((f"{name} of {mistake.name}", merged, 60))
            found: list[Planted] = []
            for place, (key, draw, count) in enumerate(pools):
                if place and len(found) >= min(2, per):
                    break
                pool = drawn.pool(key, dtype, draw, count)
                start = int(random.integers(len(pool)))
                for k in range(len(pool)):
                    if len(found) >= per:
                        break
                    number = (start + k) % len(pool)
                    case, right = pool[number]
                    if as_bytes(without_state(case, mistake.implementation)) == right:
                        continue
                    one = planted(mistake, case, panel, random, one_layer=len(found) % 2 == 1)
                    if one is not None:
                        found.append(replace(one, population=name, number=number, seed=drawn.seed,
                                             options=draw))  # fmt: skip
            yield from found


def planted(mistake: Mistake, case: Case, panel: Panel, random: Any, *, one_layer: bool) -> Planted | None:
    """The mistake in this case, in all layers or in one; None if the judge finds nothing wrong."""
    make: Make = mistake.implementation
    layers = None
    if one_layer and case.network.depth > 1 and belongs_to_layers(mistake):
        layers = frozenset({int(random.integers(case.network.depth)) + 1})
        make = in_layers(mistake.implementation, layers)
    trace = without_state(case, make)
    judgement = panel.judge_runs([case], [(trace, ())])[0]
    if judgement.verdict not in {"mismatch", "unstable"}:
        return None
    return Planted(mistake, make, layers, case, trace, judgement, "", 0, 0, DrawOptions())


def belongs_to_layers(mistake: Mistake) -> bool:
    """Whether it can be made in one layer only."""
    whole = {"forward", "backward", "run", "input_activation", "loss", "loss_gradient"}
    return not overrides(mistake.implementation) & whole


def observation(each: Planted, mode: str, panel: Panel) -> Observation | None:
    """What a diagnosis sees; None if nothing is wrong with what is offered."""
    trace = restricted(each.trace, mode)
    judgement = each.judgement if mode == "full" else panel.judge_runs([each.case], [(trace, ())])[0]
    seen = Observation.of(judgement, trace)
    return seen if seen.wrong else None


def diagnosed(each: Planted, seen: Observation, mode: str, catalogue: Sequence[Mistake]) -> Diagnosis:
    """The diagnosis, with more cases asked."""

    def ask(cases: Sequence[Case]) -> list[Trace]:
        return [restricted(without_state(case, each.make), mode) for case in cases]

    return Diagnostician(ask, DrawOptions(), catalogue).diagnose([seen])


def is_right(each: Planted, cause: Cause | None) -> bool:
    """D3."""
    if cause is None:
        return False
    own = set(getattr(each.mistake, "equations", (each.mistake.equation,)))
    own |= {"B4"} if "B5" in own else set()
    own |= {"F4"} if "F3" in own else set()
    wrong = each.wrong
    equations = {equation for equation in wrong if equation in own}
    if cause.equation not in equations:
        return False
    layers = set(cause.layers)
    return layers in (wrong[cause.equation], set().union(*(wrong[e] for e in equations)))


def same_numbers(each: Planted, cause: Cause, mode: str) -> bool:
    """Whether the mistake named gives the planted one's numbers in fresh cases with the same functions."""
    if cause.kind == "relation":
        return True
    network = each.case.network
    options = DrawOptions(
        hidden=tuple({layer.activation.name for layer in network.layers[:-1]}) or None,
        output=(network.layers[-1].activation.name,),
        losses=(network.loss.name,), regimes=("ordinary",), max_width=5, max_batch=5,
        min_depth=network.depth, max_depth=network.depth)  # fmt: skip
    if network.loss.reduction != "entrymean":
        options = replace(options, reductions=(network.loss.reduction,))
    candidates = {each.name: each for each in (*of_mistakes(MISTAKES.values()), *conventions())}
    if cause.kind == "pair":
        named = pair(*(candidates[name] for name in cause.name.split(" and ")))
    else:
        named = candidates[cause.name]
    other = named.implementation
    if each.layers is not None and named.has_layers:
        other = in_layers(named.implementation, frozenset(cause.layers))  # type: ignore[arg-type]
    for k in range(40):
        case = draw_case(each.seed + 77, k, each.case.dtype.name, options).case
        one = dict(places_of(restricted(without_state(case, each.make), mode)))
        two = dict(places_of(restricted(without_state(case, other), mode)))
        if not all(np.allclose(one[p], two[p], rtol=1e-3, atol=1e-6, equal_nan=True) for p in one):
            return False
    return True


def measure(names: Sequence[str], seed: int, per: int, *, tell: bool) -> dict[str, dict[str, Score]]:
    """Mistake → mode → counts."""
    drawn = Drawn(seed)
    panel = Panel(Backprop(), [TorchOracle()])
    found: dict[str, dict[str, Score]] = {}
    for name in names:
        mistake = MISTAKES[name]
        scores = found.setdefault(name, {"full": Score(), "free": Score()})
        if getattr(mistake, "effect", "") == "state":
            continue
        for each in plantings(mistake, drawn, panel, per):
            for mode, score in scores.items():
                seen = observation(each, mode, panel)
                if seen is not None:
                    _count(each, seen, mode, score, tell=tell)
        if tell:
            print(name, *(f"{m}: {s.right}/{s.named}/{s.cases} out {s.out_fine}/{s.out} "
                          f"confident {s.out_confident}" for m, s in scores.items()), flush=True)  # fmt: skip
    return found


def _count(each: Planted, seen: Observation, mode: str, score: Score, *, tell: bool) -> None:
    start = time.process_time()
    diagnosis = diagnosed(each, seen, mode, list(MISTAKES.values()))
    score.milliseconds.append(1000 * (time.process_time() - start))
    cause = diagnosis.first
    right = is_right(each, cause)
    named = cause is not None and each.mistake.name in (cause.name, *cause.evidence.rivals)
    score.cases += 1
    score.right += right
    score.named += named
    if tell and not right:
        _tell("WRONG", each, mode, diagnosis)
    elif tell and not named:
        _tell("unnamed", each, mode, diagnosis)
    without = [other for other in MISTAKES.values() if other.name != each.mistake.name]
    cause = diagnosed(each, seen, mode, without).first
    score.out += 1
    is_unknown = cause is not None and not cause.name
    fine = is_unknown or (cause is not None and cause.equation in each.wrong)
    wrong_name = cause is not None and bool(cause.name) and not same_numbers(each, cause, mode)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per", type=int, default=2, help="of each mistake, population and dtype")
    parser.add_argument("--mistake", nargs="*", default=list(MISTAKES))
    parser.add_argument("--tell", action="store_true", help="print each diagnosis that is not right")
    options = parser.parse_args()
    found = measure(options.mistake, options.seed, options.per, tell=options.tell)
    for mode in ("full", "free"):
        scores = [each[mode] for each in found.values()]
        total = Counter[str]()
        for score in scores:
            total.update({k: getattr(score, k) for k in ("cases", "right", "named", "out", "out_fine",
                                                          "out_confident")})  # fmt: skip
        times = [t for score in scores for t in score.milliseconds]
        print(mode, dict(total), f"median {statistics.median(times):.0f} ms, "
              f"mean {statistics.mean(times):.0f}, most {max(times):.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
