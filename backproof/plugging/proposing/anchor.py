"""The first right answer: in which layout, of which functions, at which sizes, up to a factor.

Everything else is found from there, one thing changed at a time. Who looks functions up by name raises for
names it does not know; who ignores the names answers always, and its functions are found by comparing with
all there are. In a network whose W[L] is 0 the hidden layers make no difference, so that the last activation
and the loss are found first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.plugging.declaration import SCALES, Scale
from refimpl import LOSSES, Case, Layer, Network, Trace
from refimpl.functions import ALL_REDUCTIONS

from .asking import Answer, Asker, Layout
from .exact import exacts
from .reading import Ratio, Reading, read
from .specimens import Specimen
from .universe import Pair, Universe, renamed

_FIRST, _STEPS_AT_MOST, _CANDIDATES_AT_MOST, _COMPARED_AT_MOST = 2, 10, 12, 20


@dataclass(frozen=True)
class Hit:
    """An answer that agrees with what was asked."""

    specimen: Specimen
    answer: Answer
    reading: Reading

    @property
    def layout(self) -> Layout:
        """Its layout."""
        return self.answer.layout

    @property
    def strong(self) -> bool:
        """Whether gradients agree that could have refuted it."""
        return self.reading.sharp

    @property
    def merit(self) -> tuple[bool, bool, int, int]:
        """The more the better."""
        flaws = len(self.answer.faults) + len(self.reading.off)
        loss = self.reading.loss is not None and bool(names_of(self.reading.loss, self.answer.case))
        return self.strong, not flaws and loss, len(self.reading.agreeing) + loss, -flaws


def factor(case: Case, scale: str | Scale) -> float:
    """What stands in front of the documented sum: of a reduction, or of a declared scale."""
    loss, shape = case.network.loss.entry, case.Y.shape
    reduction, half = (scale.reduction, scale.half) if isinstance(scale, Scale) else (scale, False)
    return loss.divisor("sum", *shape) / loss.divisor(reduction, *shape) / (2 if half else 1)


def names_of(ratio: Ratio, case: Case) -> list[str]:
    """The scales that a factor can be."""
    return [name for name in SCALES if ratio.is_(factor(case, Scale.read(name, "scale")))]


class Search:
    """Looks for a hit; afterwards `attempts` tells what came of the others."""

    def __init__(self, asker: Asker, universe: Universe) -> None:
        self.asker, self.universe = asker, universe
        self.attempts: list[tuple[Specimen, Answer, Reading | None]] = []
        self.compared = set[Any]()

    def run(self) -> Hit | None:
        """The best hit of the first round that has a strong one, or the best weak one."""
        likely, depths = self.universe.triples(), self._depths()
        weak: list[Hit] = []
        for round_, triples in enumerate((likely[:_FIRST], likely[_FIRST:6], likely[6:])):
            hits = self._tried([self._specimens(depth, triples) for depth in depths])
            weak += hits
            if round_ == 0 and not any(hit.strong for hit in hits):
                hits = self._identified()
                weak += hits
            best = self._best([hit for hit in hits if hit.strong])
            if best is not None:
                return best
        return self._best(weak) or self._climbed()

    def _best(self, hits: Sequence[Hit]) -> Hit | None:
        """The best hit that holds for other numbers, too."""
        for hit in sorted(hits, key=lambda hit: hit.merit, reverse=True)[:_CANDIDATES_AT_MOST]:
            others = [(hit.specimen.but(variant=variant), hit.layout) for variant in (1, 2)]
            again = [
                reading is not None and answer is not None and _agrees(reading, answer.case)
                for answer, reading in self.asker.readings(others)
                if reading is None or not reading.unresolved
            ]
            if all(again):
                return hit
        return None

    # ------------------------------------------------------------ what is tried

    def _depths(self) -> list[int]:
        depths = self.universe.depths
        return [depth for depth in (2, 1) if depth in depths] or [depths[0]]

    def _specimens(self, depth: int, triples: Sequence[tuple[str, str, str]]) -> list[Specimen]:
        base = self.universe.sized(depth)
        return [base.but(hidden=(hidden,), output=output, loss=loss) for hidden, output, loss in triples]

    def _tried(self, groups: Iterable[Sequence[Specimen]]) -> list[Hit]:
        """Hits of all specimens in all layouts, until a group has strong ones."""
        hits: list[Hit] = []
        for specimens in groups:
            questions = [(each, layout) for each in specimens for layout in self.universe.layouts]
            hits += self._hits(questions)
            if any(hit.strong for hit in hits):
                break
        return hits

    def _hits(self, questions: Sequence[tuple[Specimen, Layout]]) -> list[Hit]:
        found = []
        for (specimen, _), (answer, reading) in zip(questions, self.asker.readings(questions), strict=True):
            if answer is None:
                continue
            self.attempts.append((specimen, answer, reading))
            if reading is not None and _agrees(reading, answer.case):
                found.append(Hit(specimen, answer, reading))
        return found

    # ------------------------------------------------------------ functions that are there anyway

    def _identified(self) -> list[Hit]:
        """Hits of who answers whatever is asked: its functions by comparison with all there are."""
        hits: list[Hit] = []
        for specimen, answer, _ in list(self.attempts):
            ends = (specimen.samples == 1, specimen.widths[-1] == 1, min(specimen.depth, 3))
            key = (answer.layout, ends)
            if answer.is_empty or answer.faults or key in self.compared:
                continue
            if len(self.compared) == _COMPARED_AT_MOST:
                break
            self.compared.add(key)
            for pair in self._matching_pairs(specimen, answer.layout):
                hits += self._with_hidden(specimen, answer.layout, pair)
        return hits

    def _matching_pairs(self, specimen: Specimen, layout: Layout) -> list[Pair]:
        """The last activations and losses that explain the answers where W[L] is 0.

        Then loss and db[L] are those of one layer whose W is 0, whatever the others are.
        """
        # One-hot targets are targets of every loss but those of the labels -1 and 1.
        found: dict[Pair, None] = {}
        for loss in ("cross_entropy_with_logits", "hinge"):
            silent = specimen.but(output="identity", loss=loss, silent=True)
            (answer,) = self.asker.answers([(silent, layout)], lambda _, got: _as_named(specimen, got))
            if answer is None or answer.is_empty:
                continue
            alone, trace = _last_layer(answer)
            pairs = [
                pair
                for pair in self.universe.pairs
                if loss != "hinge" or LOSSES[pair[1]].target_domain == LOSSES[loss].target_domain
            ]
            cases = [(pair, renamed(alone, pair=pair)) for pair in pairs]
            usable = [(pair, case) for pair, case in cases if case is not None]
            values = exacts([case for _, case in usable])
            for (pair, case), exact in zip(usable, values, strict=True):
                if _agrees(read(case, trace, exact), case):
                    found[pair] = None
            if found:
                break
        return list(found)[:_CANDIDATES_AT_MOST]

    def _with_hidden(self, specimen: Specimen, layout: Layout, pair: Pair) -> list[Hit]:
        """Hits of ordinary networks with that pair, whatever their hidden activation."""
        base = specimen.but(output=pair[0], loss=pair[1])
        (answer,) = self.asker.answers([(base, layout)])
        if answer is None or answer.is_empty:
            return []
        names: Sequence[str | None] = self.universe.hidden if specimen.depth > 1 else (None,)
        cases = [(name, renamed(answer.case, hidden=name)) for name in names]
        usable = [(name, case) for name, case in cases if case is not None]
        values = exacts([case for _, case in usable])
        right = [
            name
            for (name, case), exact in zip(usable, values, strict=True)
            if _agrees(read(case, answer.trace, exact), case)
        ]
        return self._hits([(base.but(hidden=(name,)) if name else base, layout) for name in right[:3]])

    # ------------------------------------------------------------ one obstacle after the other

    def _climbed(self) -> Hit | None:
        """A hit found by changing one thing at a time, on from wherever a failure is a new one.

        What is checked first fails first: once a layout, a name, a size or a reduction is what is wanted,
        something else fails, with other words or in another line. Rare failures are gone on from first.
        """
        seen = set[str]()
        self.attempts, before = [], self.attempts
        frontier = [(specimen, answer.layout, answer.signature()) for specimen, answer, _ in before]
        counts = Counter(signature for *_, signature in frontier)
        for _ in range(_STEPS_AT_MOST):
            fresh = [each for each in frontier if each[2] not in seen]
            if not fresh:
                break
            specimen, layout, signature = min(fresh, key=lambda each: counts[each[2]])
            seen.add(signature)
            for questions in self._neighbours(specimen, layout):
                start = len(self.attempts)
                best = self._best(self._hits(questions)) or self._best(self._identified())
                if best is not None:
                    self.attempts = before + self.attempts
                    return best
                tried = self.attempts[start:]
                frontier += [(each, answer.layout, answer.signature()) for each, answer, _ in tried]
                counts.update(answer.signature() for _, answer, _ in tried)
        self.attempts = before + self.attempts
        return None

    def _neighbours(self, specimen: Specimen, layout: Layout) -> Iterator[list[tuple[Specimen, Layout]]]:
        """What differs in one thing: the layout, then reduction, dtype and sizes, then the functions."""
        yield [(specimen, other) for other in self.universe.layouts if other != layout]
        plain, rows = self.universe.layouts[0], Layout("rows", "inputs x outputs", "flat", layout.indices)
        odd = list(self._odd(specimen))
        yield [(each, other) for other in dict.fromkeys((layout, plain, rows)) for each in odd]
        yield [(each, layout) for each in self._all_pairs(specimen)]

    def _odd(self, base: Specimen) -> Iterator[Specimen]:
        """Other reductions, the other dtype, one sample or output, other depths."""
        universe = self.universe
        yield from (base.but(reduction=name) for name in universe.reductions)
        yield from (base.but(dtype=dtype) for dtype in universe.dtypes)
        for depth in dict.fromkeys((base.depth, *self._depths(), *universe.depths)):
            ends: tuple[tuple[int | None, int | None], ...] = ((None, None),)
            if depth == base.depth or depth in self._depths():
                ends = ((None, None), (1, None), (None, 1), (1, 1), (None, 2), (2, None), (16, None))
            for samples, outputs in ends:
                sized = universe.sized(depth, samples=samples, outputs=outputs)
                yield base.but(widths=sized.widths, samples=sized.samples)

    def _all_pairs(self, base: Specimen) -> Iterator[Specimen]:
        for output, loss in self.universe.pairs:
            hidden = output if output in self.universe.hidden else self.universe.hidden[0]
            yield base.but(hidden=(hidden,), output=output, loss=loss)


def _last_layer(answer: Answer) -> tuple[Case, Trace]:
    """What an answer says of the last layer, where W[L] is 0, as an answer of that layer alone."""
    case, trace = answer.case, answer.trace
    last = case.network.layers[-1]
    dtype = case.dtype
    layer = Layer(np.zeros((last.outputs, 1), dtype), last.b, last.activation)
    X = np.zeros((1, case.samples), dtype)
    alone = Case(Network((layer,), case.network.loss), X, case.Y, case.learning_rate)
    parts = {name: getattr(trace, name) for name in ("delta", "db", "b_updated")}
    return alone, Trace(loss=trace.loss, **{name: part[-1:] for name, part in parts.items() if part})


def _as_named(specimen: Specimen, fields: dict[str, Any]) -> dict[str, Any]:
    """The names of a specimen in the place of those of a case, of which its numbers are."""
    hidden = [specimen.hidden[0]] * (fields["depth"] - 1)
    return {
        "activations": [*hidden, specimen.output],
        "activation_parameters": [{} for _ in fields["activations"]],
        "loss": specimen.loss,
        "loss_parameters": {},
    }


def _agrees(reading: Reading, case: Case) -> bool:
    """Whether something agrees that is no coincidence: several entries, or a factor that is a scale."""
    if reading.sharp:
        return True
    alone = reading.gradients if reading.loss is None else reading.loss
    if alone is None:
        return False
    return bool(names_of(alone, case)) or any(
        alone.is_(factor(case, reduction)) for reduction in ALL_REDUCTIONS
    )
