"""The first right answer: in which layout, of which functions, at which sizes, up to a factor.

Everything else is found from there, one thing changed at a time. Who looks functions up by name raises for
names it does not know; who ignores the names answers always, and its functions are found by comparing with
all there are. In a network whose W[L] is 0 the hidden layers make no difference, so that the last activation
and the loss are found first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from backproof.plugging.declaration import SCALES, Scale
from refimpl import LOSSES, Case
from refimpl.functions import ALL_REDUCTIONS

from .asking import Answer, Asker, Layout
from .exact import exacts
from .reading import Ratio, Reading, read
from .specimens import Specimen
from .universe import Pair, Universe, renamed

_FIRST, _CLASSES_AT_MOST, _CANDIDATES_AT_MOST = 2, 6, 12


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
        self.identified = False

    def run(self) -> Hit | None:
        """The best hit of the first round that has a strong one, or the best weak one."""
        likely, depths = self.universe.triples(), self._depths()
        weak: list[Hit] = []
        for round_, triples in enumerate((likely[:_FIRST], likely[_FIRST:6], likely[6:])):
            hits = self._tried(self._specimens(depth, triples) for depth in depths)
            weak += hits
            if round_ == 0 and not any(hit.strong for hit in hits):
                hits = self._identified()
            best = self._best([hit for hit in hits if hit.strong])
            if best is not None:
                return best
        return (
            self._best(weak)
            or self._best(self._tried(self._odd_sizes(likely[:4]), briefly=True))
            or self._by_names()
        )

    def _best(self, hits: Sequence[Hit]) -> Hit | None:
        """The best hit that holds at other sizes, too, if there is any answer at others."""
        for hit in sorted(hits, key=lambda hit: hit.merit, reverse=True)[:_CANDIDATES_AT_MOST]:
            base = hit.specimen
            other = self.universe.sized(base.depth, other=True)
            asked = base.but(widths=other.widths, samples=other.samples)
            ((answer, reading),) = self.asker.readings([(asked, hit.layout)])
            if answer is None or reading is None or _agrees(reading, answer.case):
                return hit
        return None

    # ------------------------------------------------------------ what is tried

    def _depths(self) -> list[int]:
        depths = self.universe.depths
        return [depth for depth in (2, 1) if depth in depths] or [depths[0]]

    def _specimens(self, depth: int, triples: Sequence[tuple[str, str, str]]) -> list[Specimen]:
        base = self.universe.sized(depth)
        return [base.but(hidden=(hidden,), output=output, loss=loss) for hidden, output, loss in triples]

    def _odd_sizes(self, triples: Sequence[tuple[str, str, str]]) -> Iterator[list[Specimen]]:
        """Other reductions, one sample, one output, more layers, the other dtype."""
        universe = self.universe
        two, one = (universe.sized(depth) for depth in (self._depths()[0], self._depths()[-1]))
        bases = [two.but(reduction=name) for name in universe.reductions if name != two.reduction]
        bases += [base.but(dtype=dtype) for dtype in universe.dtypes[1:] for base in (two, one)]
        for depth in self._depths():
            bases += [universe.sized(depth, samples=1), universe.sized(depth, outputs=1)]
            bases += [universe.sized(depth, samples=1, outputs=1), universe.sized(depth, outputs=2)]
            bases += [universe.sized(depth, samples=2), universe.sized(depth, samples=16)]
        bases += [universe.sized(depth) for depth in universe.depths if depth > 2]
        for base in dict.fromkeys(bases):
            yield [base.but(hidden=(hidden,), output=output, loss=loss) for hidden, output, loss in triples]

    def _tried(self, groups: Any, *, briefly: bool = False) -> list[Hit]:
        """Hits of all specimens in all layouts, until a group has strong ones.

        `briefly`, only where a specimen fails in a new way, or not at all, in one of the layouts that stand
        for each way in which layouts failed before.
        """
        hits: list[Hit] = []
        layouts = self._representatives() if briefly else []
        known = {answer.signature() for _, answer, _ in self.attempts}
        for specimens in groups:
            if briefly:
                before = len(self.attempts)
                hits += self._hits([(each, layout) for each in specimens for layout in layouts])
                new = {answer.signature() for _, answer, _ in self.attempts[before:]}
                if new <= known and not any(not a.failure for _, a, _ in self.attempts[before:]):
                    continue
                known |= new
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
        seen = set[tuple[Layout, int]]()
        for specimen, answer, _ in list(self.attempts):
            key = (answer.layout, specimen.depth)
            if answer.is_empty or answer.faults or key in seen or len(seen) == _CANDIDATES_AT_MOST:
                continue
            seen.add(key)
            for pair in self._matching_pairs(specimen, answer.layout):
                hits += self._with_hidden(specimen, answer.layout, pair)
        self.identified = bool(hits)
        return hits

    def _matching_pairs(self, specimen: Specimen, layout: Layout) -> list[Pair]:
        """The last activations and losses that explain the answers where W[L] is 0."""
        # One-hot targets are targets of every loss but those of the labels -1 and 1.
        asked = [("identity", "cross_entropy_with_logits"), ("identity", "hinge")]
        found: dict[Pair, None] = {}
        for output, loss in asked:
            silent = specimen.but(output=output, loss=loss, silent=True)
            (answer,) = self.asker.answers([(silent, layout)], lambda _, got: _as_named(specimen, got))
            if answer is None or answer.is_empty:
                continue
            cases = [(pair, renamed(answer.case, pair=pair)) for pair in self.universe.pairs]
            usable = [(pair, case) for pair, case in cases if case is not None]
            values = exacts([case for _, case in usable])
            for (pair, case), exact in zip(usable, values, strict=True):
                if _agrees(read(case, answer.trace, exact), case):
                    found[pair] = None
            if found:
                break
        return list(found)

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

    # ------------------------------------------------------------ functions that must be named

    def _by_names(self) -> Hit | None:
        """A hit among all names, in one layout for each way in which layouts fail."""
        layouts = self._representatives()
        for layout in layouts:
            questions = [(each, layout) for depth in self._depths() for each in self._all_pairs(depth)]
            before = len(self.attempts)
            best = self._best(self._hits(questions))
            if best is not None:
                return best
            tried = self.attempts[before:]
            counts = Counter(answer.signature() for _, answer, _ in tried)
            rare: dict[str, Specimen] = {}
            for specimen, answer, _ in tried:
                if counts[answer.signature()] <= len(tried) // 4:
                    rare.setdefault(answer.signature(), specimen)
            best = self._best(self._tried([each] for each in islice(rare.values(), _CLASSES_AT_MOST)))
            if best is not None:
                return best
        return None

    def _all_pairs(self, depth: int) -> Iterator[Specimen]:
        base = self.universe.sized(depth)
        for output, loss in self.universe.pairs:
            hidden = output if output in self.universe.hidden else self.universe.hidden[0]
            yield base.but(hidden=(hidden,), output=output, loss=loss)

    def _representatives(self) -> list[Layout]:
        """One layout for each kind of failure, the rarest first."""
        first = self.attempts[0][0] if self.attempts else None
        kinds: dict[str, list[Layout]] = {}
        for specimen, answer, _ in self.attempts:
            same_size = first is not None and specimen.widths == first.widths
            if same_size and (LOSSES[specimen.loss].classes or not answer.layout.indices):
                kinds.setdefault(answer.signature(), []).append(answer.layout)
        order = sorted(kinds.values(), key=len)
        return list(dict.fromkeys(layouts[0] for layouts in order))[:_CLASSES_AT_MOST]


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
    """Whether something agrees that is no coincidence: a gradient of several entries, or the loss."""
    if reading.sharp:
        return True
    if reading.loss is None:
        return False
    return bool(names_of(reading.loss, case)) or any(
        reading.loss.is_(factor(case, reduction)) for reduction in ALL_REDUCTIONS
    )
