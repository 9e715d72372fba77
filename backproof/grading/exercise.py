"""The cases of a rubric, the same for all submissions, and what there is to know of them once.

A case is a function of the rubric alone: its seed, its number, its dtype. What the oracles answer to these
cases is asked once a process and remembered; what they answer to single steps depends on the submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.cases import draw_case
from backproof.errors import UsageError
from backproof.judging.adjudication import Truth
from backproof.judging.panel import Panel
from backproof.plugging.declaration import Declaration
from backproof.plugging.layouts import part_in_layout
from backproof.run import ORACLES
from oracles.ball_oracle import BallOracle
from refimpl import QUANTITIES, Backprop, Case, Trace, quantity_shape

from .rubric import Rubric

_CHUNK = 64


class Exercise:
    """The cases of one seed of a rubric, and oracles that remember their traces."""

    def __init__(self, rubric: Rubric, seed: int, oracles: Sequence[str]) -> None:
        """UsageError if the reference itself could not be judged in an equation that has points."""
        self.rubric = rubric
        declaration, draw = rubric.declaration, rubric.draw()
        self.cases: tuple[Case, ...] = tuple(
            draw_case(seed, index, dtype, draw).case
            for dtype in declaration.dtypes
            for index in range(rubric.marking.cases)
        )
        judged = [declaration.judged_cases(case) for case in self.cases]
        known = {case.content_hash for each in judged for case in (each.loss, each.gradients)}
        self.oracles = [remembering(ORACLES[name](), known) for name in oracles]
        self.truth = Truth(mode="disputed", oracle=BallOracle())
        self.judgeable = self._judgeable([each.gradients for each in judged])
        """Equation → the cases, by their numbers, in which the reference is judged in it."""
        for equation in rubric.asked:
            if not self.judgeable.get(equation):
                raise UsageError(
                    f"points.{equation} is {rubric.points[equation]:g}, but in none of the {len(self.cases)} "
                    f"cases {equation} could be judged; write more marking.cases, or {equation} = 0"
                )

    def _judgeable(self, cases: Sequence[Case]) -> dict[str, frozenset[int]]:
        panel = Panel(Backprop(), self.oracles)
        found: dict[str, set[int]] = {}
        for first in range(0, len(cases), _CHUNK):
            for number, judgement in enumerate(panel.judge(cases[first : first + _CHUNK]), start=first):
                for check in judgement.checks:
                    local = check.scope == "local" and check.left == panel.name
                    if local and check.verdict != "not judged":
                        found.setdefault(check.equation, set()).add(number)
        return {equation: frozenset(numbers) for equation, numbers in found.items()}

    def trace(self, case: Case) -> Trace:
        """What the first oracle answers."""
        return self.oracles[0].traces([case])[0]


def remembering(oracle: Any, known: set[str]) -> Any:
    """The same oracle, which computes the traces of the cases with these hashes once."""
    compute, memory = oracle.traces, dict[tuple[str, str | None], Trace]()

    def traces(cases: Sequence[Case], dtype: str | None = None) -> list[Trace]:
        missing = [case for case in cases if (case.content_hash, dtype) not in memory]
        computed = dict(zip((case.content_hash for case in missing), compute(missing, dtype), strict=True))
        for hash_, trace in computed.items():
            if hash_ in known:
                memory[hash_, dtype] = trace
        return [computed.get(case.content_hash) or memory[case.content_hash, dtype] for case in cases]

    oracle.traces = traces
    return oracle


def stand_ins(case: Case, declaration: Declaration) -> dict[str, list[Any]]:
    """Numbers to go on with where a single function is missing: of the right shapes and ranges.

    Z, δ and the gradients are drawn, by the case's content; A is σ of that drawn Z, so that a derivative
    written in terms of A and one in terms of Z agree. None of them answers a question that is asked.
    """
    generator = np.random.Generator(np.random.Philox(key=int(case.content_hash[:16], 16)))
    found: dict[str, list[Any]] = {}
    backprop = Backprop()
    for quantity, per_layer in QUANTITIES.items():
        if not per_layer:
            continue
        parts = []
        for l, layer in enumerate(case.network.layers, start=1):
            if quantity == "A":
                with np.errstate(all="ignore"):
                    part = backprop.activation(found["Z"][l - 1], layer.activation)
            else:
                part = generator.standard_normal(quantity_shape(case, quantity, l)).astype(case.dtype)
            parts.append(part)
        found[quantity] = parts
    return {
        quantity: [part_in_layout(quantity, part, declaration) for part in parts]
        for quantity, parts in found.items()
    }


def inputs_of(quantity: str, layer: int | None, depth: int) -> tuple[tuple[str, int], ...]:
    """The quantities of a trace, with their layers, that a step takes from the steps before it."""
    l = layer or 0
    return {
        "Z": (("A", l - 1),) if l > 1 else (),
        "A": (("Z", l),),
        "loss": (("A", depth),),
        "delta": (("A", depth),) if l == depth else (("delta", l + 1),),
        "dW": (("delta", l),) + ((("A", l - 1),) if l > 1 else ()),
        "db": (("delta", l),),
        "dX": (("delta", 1),),
        "W_updated": (("dW", l),),
        "b_updated": (("db", l),),
    }[quantity]


def is_silent(quantity: str, layer: int | None, own: Trace, right: Trace, depth: int) -> bool:
    """Whether a step got one and the same number everywhere, where a right answer has others.

    A gradient made of an error that is 0 everywhere is 0 whatever the code does with it: that shows nothing.
    """
    for name, l in inputs_of(quantity, layer, depth):
        mine, theirs = getattr(own, name), getattr(right, name)
        if mine is not None and _is_plain(mine[l - 1]) and not _is_plain(theirs[l - 1]):
            return True
    return False


def _is_plain(array: Any) -> bool:
    first = array.flat[0]
    return bool((array == first).all()) and (array.size > 1 or first == 0)
