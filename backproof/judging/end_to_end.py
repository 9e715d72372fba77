"""End-to-end verdicts: whole traces against an oracle's, under bounds carried through the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from oracles import Oracle
from refimpl import QUANTITIES, Trace

from . import bounds
from .batch import Sides, gathered
from .blocks import Block, Readings, rows_of
from .deviations import concerned, deviations_of, ids
from .doubtful import Doubtful
from .levels import Levels, levels_of
from .local import NAIVE_REASON
from .scale import REMARKABLE, statistical_scale
from .verdicts import Alternative, Verdict


class EndToEnd:
    """Comparisons of whole traces with each oracle's."""

    def __init__(
        self,
        sides: Sides,
        bounding: Oracle,
        centres: Mapping[str, Sequence[Trace]],
        *,
        exact: bool = False,
    ) -> None:
        """`bounding` evaluates functions for the bounds; `centres[oracle]` has its float64 traces.

        With `exact` those are the exact values: nothing is added for their error, but for the centre's.
        """
        self.sides, self.batch, self.bounding, self.centres = sides, sides.batch, bounding, centres
        self.exact = exact
        self._known_bounds: dict[Levels, Mapping[str, Any]] = {}
        self.doubtful: Doubtful[EndToEnd] = Doubtful(self.batch.cases)
        """The cases of which wider bounds are asked."""

    def bounds_on(self, **allowed: Any) -> Mapping[str, Any]:
        """P7: quantity → the bound on the difference of two answers: the cases' error and the oracle's."""
        levels = levels_of(self.batch.dtype, about_centre=True, exact=self.exact, **allowed)
        if levels not in self._known_bounds:
            errors, centres = bounds.swept(self.batch, self.bounding, levels)
            if not allowed:
                self._accurate = (levels, errors, centres)
            with np.errstate(all="ignore"):
                self._known_bounds[levels] = {
                    quantity: [E[0] + E[-1] for E in value] if QUANTITIES[quantity] else value[0] + value[-1]
                    for quantity, value in errors.items()
                }
        return self._known_bounds[levels]

    def _part(self, places: Sequence[int]) -> EndToEnd:
        """The same for some of the cases."""
        centres = {name: [traces[i] for i in places] for name, traces in self.centres.items()}
        return EndToEnd(self.sides.part(places), self.bounding, centres, exact=self.exact)

    def remarkable(self, blocks: Iterable[Block]) -> Any:
        """Whether some answer of a case is further from an oracle's than roundings usually come to.

        For each case, whether |difference| > `REMARKABLE` times the statistical scale, for some entry of the
        loss or of a gradient; `blocks` are its own.
        """
        self.bounds_on()
        scales = statistical_scale(self.batch, *self._accurate)
        found = np.zeros(len(self.batch.cases), dtype=bool)
        with np.errstate(all="ignore"):
            for block in blocks:
                if block.quantity not in scales:
                    continue
                S = scales[block.quantity] if block.layer is None else scales[block.quantity][block.layer - 1]
                far = np.any(np.abs(block.observed - block.expected) > REMARKABLE * S, axis=0)
                found[: len(block.layout)] |= np.logical_or.reduceat(far, block.layout.starts)
        return found

    def blocks(self) -> Iterator[Block]:
        """Every quantity that the traces offer: each side against every oracle but itself."""
        names = self.sides.names
        pairs = [(i, oracle) for i, name in enumerate(names) for oracle in self.centres if oracle != name]
        if not pairs:
            return
        rows, right = [i for i, _ in pairs], [oracle for _, oracle in pairs]
        left = [names[i] for i in rows]
        places = [list(self.centres).index(oracle) for oracle in right]
        for quantity in self.sides.offered:
            observed, bound = getattr(self.sides.has, quantity), self.bounds_on()[quantity]
            expected = gathered(self.batch, quantity, list(self.centres.values()))
            for l in range(1, self.batch.depth + 1) if QUANTITIES[quantity] else (None,):
                if l is None:
                    data = (observed, expected, bound)
                else:
                    data = (observed[l - 1], expected[l - 1], bound[l - 1])
                yield Block(
                    quantity, l, "end to end", left, right,
                    data[0][rows], data[1][places], rows_of(data[2], len(rows)),
                    self.batch.layout(quantity, l or 0),
                    self._readings(quantity, l, pairs, data[1][places]),
                )  # fmt: skip

    def _readings(
        self, quantity: str, l: int | None, pairs: Sequence[tuple[int, str]], expected: Any
    ) -> Readings:
        def matrix(sides: Sides, data: Any, k: int) -> Any:
            if quantity == "loss":
                return data[..., k]
            return sides.batch.layout(quantity, l or 0).view(data, k)

        def readings(row: int, k: int) -> tuple[Alternative, ...]:
            def widened(verdict: Verdict, reason: str, **allowed: Any) -> Alternative:
                def limits() -> tuple[Any, Any]:
                    part, place = self.doubtful.among(self._part, k, allowed.get("deviations", ()))
                    bound = part.bounds_on(**allowed)[quantity]
                    bound = matrix(part.sides, bound if l is None else bound[l - 1], place)
                    value = matrix(self.sides, expected[row], k)
                    return value - bound, value + bound

                return Alternative(verdict, reason, limits)

            side, oracle = pairs[row]
            declared = deviations_of(self.sides.names[side], oracle)
            of_case = concerned(declared, self.batch.cases[k])
            naive = widened("unstable", NAIVE_REASON, naive=True)
            if not of_case:
                return (naive,)
            return (widened("known deviation", ids(of_case), deviations=declared), naive)

        return readings
