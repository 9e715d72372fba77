"""Mistakes planted in implementations, their wrong answers, and what the truth about each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.diagnosis.agreement import Observation, places_of
from backproof.diagnosis.candidates import Candidate, conventions, of_mistakes, pair, pairs
from backproof.diagnosis.causes import Cause, Diagnosis
from backproof.diagnosis.diagnose import Diagnostician
from backproof.diagnosis.following import in_layers, overrides
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.judging.panel import Panel
from backproof.judging.verdicts import Judgement
from backproof.plugging.declaration import SCALES, Scale
from oracles.torch_oracle import TorchOracle
from refimpl import Backprop, Case, LossSpec, Trace

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
            is_own = check.scope == "local" and check.left == self.judgement.subject
            if is_own and check.verdict in {"mismatch", "unstable", "fault"}:
                found[check.equation] |= {check.layer} if check.layer else set()
        return found


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
    own = mistake.draw
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
    return asked_of(each.make, mode, catalogue).diagnose([seen])


def is_right(each: Planted, cause: Cause | None) -> bool:
    """D3."""
    if cause is None:
        return False
    own = set(each.mistake.equations)
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
    others: list[Any] = [named.implementation]
    if named.has_layers and cause.layers:
        others.append(in_layers(named.implementation, frozenset(cause.layers)))  # type: ignore[arg-type]
    return any(_same(each, other, mode, options) for other in others)


def _same(each: Planted, other: Make, mode: str, options: DrawOptions) -> bool:
    for k in range(40):
        case = draw_case(each.seed + 77, k, each.case.dtype.name, options).case
        one = dict(places_of(restricted(without_state(case, each.make), mode)))
        two = dict(places_of(restricted(without_state(case, other), mode)))
        if not all(np.allclose(one[p], two[p], rtol=1e-3, atol=1e-6, equal_nan=True) for p in one):
            return False
    return True


# ---------------------------------------------------------------- two mistakes at once


def pair_cases(mode: str, seed: int, count: int) -> Iterator[tuple[Candidate, Judgement, Trace]]:
    """Random pairs of mistakes that change different equations, each with a case in which both matter."""
    random, panel = np.random.Generator(np.random.Philox(key=[seed, 1])), judges()
    singles = [c for c in of_mistakes(MISTAKES.values()) if MISTAKES[c.name].effect == "mismatch"]
    found = 0
    while found < count:
        one, other = (singles[k] for k in random.choice(len(singles), 2, replace=False))
        both = next(pairs([one, other]), None)
        if both is None:
            continue
        population = ("run", "small")[found // 2 % 2]
        for k in range(60):
            case = draw_case(seed, 100 * found + k, DTYPES[found % 2], POPULATIONS[population]).case
            trace = restricted(without_state(case, both.implementation), mode)
            alone = Observation(case, trace)
            if not (alone.effect(one.implementation) and alone.effect(other.implementation)):
                continue
            judgement = panel.judge_runs([case], [(trace, ())])[0]
            wrong = Observation.of(judgement, trace).wrong
            if mode == "full" and not all(alone.effect(c.implementation) & wrong for c in (one, other)):
                continue
            if judgement.verdict == "mismatch":
                found += 1
                yield both, judgement, trace
                break


# ---------------------------------------------------------------- what is not declared

Declared = dict[str, str]


def undeclared(loss: str | None, gradient: str) -> Make:
    """The reference, but for loss and gradients that are always divided as a declaration would say."""

    def divided(text: str, spec: LossSpec) -> tuple[LossSpec, float]:
        scale = Scale.read(text, "scale")
        return LossSpec(spec.name, scale.reduction, spec.parameters, spec.arrays), 0.5 if scale.half else 1.0

    class Undeclared(Backprop):
        def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            own, factor = divided(loss, spec) if loss else (spec, 1.0)
            return A.dtype.type(factor) * super().loss(A, Y, own)

        def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            own, factor = divided(gradient, spec)
            return A.dtype.type(factor) * super().loss_gradient(A, Y, own)

    return Undeclared


def undeclared_cases(mode: str, seed: int, count: int) -> Iterator[tuple[Declared, Make, Judgement, Trace]]:
    """Every declaration of scales, with so many cases each that are wrong because it is not declared."""
    panel = judges()
    for loss in (*SCALES, None):
        for gradient in SCALES:
            make, found = undeclared(loss, gradient), 0
            declared = {"loss_scale": loss} if loss else {}
            declared |= {"gradient_scale": gradient} if gradient != loss else {}
            for k in range(400):
                if found == count:
                    break
                options = POPULATIONS[("run", "small")[k // 2 % 2]]
                case = draw_case(seed, k, DTYPES[k % 2], options).case
                trace = restricted(without_state(case, make), mode)
                judgement = panel.judge_runs([case], [(trace, ())])[0]
                if judgement.verdict == "mismatch":
                    found += 1
                    yield declared, make, judgement, trace


def asked_of(make: Make, mode: str, catalogue: Sequence[Mistake] | None = None) -> Diagnostician:
    """A diagnostician that asks this implementation."""

    def ask(cases: Sequence[Case]) -> list[tuple[Case, Trace]]:
        return [(case, restricted(without_state(case, make), mode)) for case in cases]

    return Diagnostician(ask, DrawOptions(), catalogue)


def judges() -> Panel:
    """Torch alone: the quickest."""
    return Panel(Backprop(), [TorchOracle()])
