"""One chunk of cases of `account.py`: judged, held against the truth, and with errors injected; counted.

What is counted is plain data that can be added up: see `add`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.judging.adjudication import Truth
from backproof.judging.blocks import Block
from backproof.judging.decide import decide_blocks
from backproof.judging.judge import Tables
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING, Judgement
from backproof.run import ORACLES
from backproof.subject import REFERENCE
from refimpl import Backprop, Case

INJECTED = (0.1, 1.0, 3.0)
"""How large the injected errors are, in bounds of the entry that they are added to."""
BINS = 32
"""Of a histogram over logarithms: bins in a factor of two."""

Counts = dict[str, Any]


@dataclass(frozen=True)
class Chunk:
    """Cases `first` … `first` + `count` - 1 of a seed."""

    population: str
    seed: int
    dtype: str
    first: int
    count: int
    sizes: tuple[int, int, int]
    """The largest depth, width and batch."""
    every: int
    """One in so many cases is asked of the truth, beside those that are disputed."""

    injects: bool = True
    """Whether errors are injected, which costs as much as judging a fifth of the cases."""

    @property
    def key(self) -> str:
        """By which a result is known."""
        return f"{self.population} {self.seed} {self.dtype} {self.first} {self.count}"


@cache
def _oracles() -> tuple[Any, ...]:
    return ORACLES["torch"](), ORACLES["jax"](), ORACLES["truth"]()


def judged(chunk: Chunk) -> Counts:
    """What was found in the cases of a chunk."""
    torch, jax, truth = _oracles()
    found = _Found(chunk)
    panel = Panel(
        Backprop(),
        (torch, jax),
        REFERENCE,
        Truth("sample", truth, chunk.every),
        watch=found.inject if chunk.injects else None,
    )
    options = DrawOptions(max_depth=chunk.sizes[0], max_width=chunk.sizes[1], max_batch=chunk.sizes[2])
    drawn = [
        draw_case(chunk.seed, index, chunk.dtype, options)
        for index in range(chunk.first, chunk.first + chunk.count)
    ]
    for one, judgement in zip(drawn, panel.judge([each.case for each in drawn]), strict=True):
        found.add(judgement, one.regime, one.index)
    return found.counts()


class _Found:
    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.counters: dict[str, Counter[str]] = defaultdict(Counter)
        self.worst: dict[str, float] = {}
        self.findings: list[str] = []

    def counts(self) -> Counts:
        """All of it as JSON has it."""
        return {
            "counters": {name: dict(counter) for name, counter in self.counters.items()},
            "worst": self.worst,
            "findings": self.findings,
        }

    def add(self, judgement: Judgement, regime: str, index: int) -> None:
        """Count one case."""
        case, count = judgement.case, self.counters
        layers = case.network.layers
        count["verdicts"][judgement.verdict] += 1
        count["regimes"][regime] += 1
        for name in {layer.activation.name for layer in layers}:
            count["activations"][name] += 1
        count["losses"][f"{case.network.loss.name}, {case.network.loss.reduction}"] += 1
        count["parameters"][str(sum(layer.W.size + layer.b.size for layer in layers))] += 1
        count["depths"][str(len(layers))] += 1
        count["widths"][str(max(case.network.widths))] += 1
        count["samples"][str(case.samples)] += 1
        resolved = {"local": True, "end to end": True}
        for check in judgement.checks:
            count["checks"][f"{check.scope}, {check.verdict}"] += 1
            if check.verdict == "not judged":
                count["not judged"][f"{check.scope}, {check.reason}"] += 1
                resolved[check.scope] = False
            elif check.verdict == "known deviation":
                count["deviations"][check.reason] += 1
            elif check.verdict in FAILING and len(self.findings) < 20:
                self.findings.append(f"{self.chunk.key}, case {index}, {regime}: {check}")
        for scope, whole in resolved.items():
            count["resolved"][f"{regime}, {scope}, {'all' if whole else 'not all'}"] += 1
        ruling = judgement.ruling
        if ruling is None:
            return
        count["truth: why"][ruling.why] += 1
        count["truth: regimes"][regime] += 1
        count["truth: losses"][f"{case.network.loss.name}, {case.network.loss.reduction}"] += 1
        for name in {layer.activation.name for layer in layers}:
            count["truth: activations"][name] += 1
        count["truth: bits"][str(ruling.bits)] += 1
        count["truth: on a kink"][str(ruling.on_a_kink)] += 1
        for (side, scope), held in ruling.held.items():
            place = f"{side}, {scope}"
            count["truth: entries"][place] += held.entries
            count["truth: undecided"][place] += held.undecided
            if not held.outside:
                count[f"truth: ratios, {place}"][str(min(int(held.ratio * 100), 100))] += 1
                self.worst[place] = max(self.worst.get(place, 0.0), held.ratio)
        for check in ruling.outside:
            count["truth: outside"][f"{check.left}, {check.scope}, {check.verdict}"] += 1

    # ------------------------------------------------------------ injected errors, and what bounds resolve

    def inject(self, tables: Tables, _judgements: Sequence[Judgement]) -> None:
        """Adds an error to one entry of one dW of each case and counts how often the judge finds it."""
        for scope in ("local", "end to end"):
            blocks = [
                block
                for block in tables.blocks
                if block.quantity == "dW" and block.scope == scope and REFERENCE in block.left
            ]
            self._resolution(scope, blocks)
            self._inject(scope, [table.case for table in tables.tables], blocks)

    def _resolution(self, scope: str, blocks: Sequence[Block]) -> None:
        """bound/|value| in u, entry by entry, as a histogram over logarithms."""
        u = np.finfo(self.chunk.dtype).eps / 2
        for block in blocks:
            row = list(block.left).index(REFERENCE)
            value, bound = np.abs(block.observed[row]), block.bound[row]
            some = (value > 0) & np.isfinite(bound) & (bound > 0)
            self.counters[f"resolution, {scope}: zeros"]["entries"] += int(np.sum(value == 0))
            with np.errstate(over="ignore"):
                bins = np.floor(BINS * (np.log2(bound[some]) - np.log2(value[some]) - np.log2(u)))
            for place, number in zip(*np.unique(bins.astype(int), return_counts=True), strict=True):
                self.counters[f"resolution, {scope}"][str(int(place))] += int(number)

    def _inject(self, scope: str, cases: Sequence[Case], blocks: Sequence[Block]) -> None:
        rng = np.random.Generator(np.random.Philox(key=self.chunk.seed, counter=self.chunk.first))
        layers = [int(rng.integers(case.network.depth)) for case in cases]
        chosen, dtype = rng.random(len(cases)), np.dtype(self.chunk.dtype)
        without: set[int] = set()
        for factor in (0.0, *INJECTED):
            changed, possible = [], set()
            for l, block in enumerate(blocks):
                rows = [row for row, left in enumerate(block.left) if left == REFERENCE]
                observed = block.observed[rows].copy()
                for k in (k for k, layer in enumerate(layers) if layer == l):
                    place = int(block.layout.starts[k]) + int(chosen[k] * block.layout.sizes[k])
                    bound = block.bound[rows[0]][place]
                    if np.isfinite(bound):
                        possible.add(k)
                        with np.errstate(over="ignore"):
                            observed[:, place] = dtype.type(observed[0, place] + factor * bound)
                changed.append(
                    Block(
                        block.quantity, block.layer, block.scope, [REFERENCE] * len(rows),
                        [block.right[row] for row in rows], observed, block.expected[rows],
                        block.bound[rows], block.layout,
                    )
                )  # fmt: skip
            checks = decide_blocks(cases, changed, lambda _k: False)
            flagged = {k for k, own in enumerate(checks) if any(check.verdict in FAILING for check in own)}
            if not factor:  # outside without an injected error, because an oracle deviates as declared
                without = flagged
                continue
            self.counters[f"injected, {scope}"][f"{factor} of"] += len(possible - without)
            self.counters[f"injected, {scope}"][f"{factor} found"] += len((possible & flagged) - without)


def add(total: Counts, found: Counts) -> None:
    """Adds the counts of a chunk to those of many."""
    for name, counter in found["counters"].items():
        known = total.setdefault("counters", {}).setdefault(name, {})
        for key, number in counter.items():
            known[key] = known.get(key, 0) + number
    for name, number in found["worst"].items():
        worst = total.setdefault("worst", {})
        worst[name] = max(worst.get(name, 0.0), number)
    total.setdefault("findings", []).extend(found["findings"])
