"""What is known while an implementation is probed, and whether an answer is right under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from refimpl import Case

from .anchor import Hit
from .asking import Answer, Asker, Layout
from .reading import GRADIENTS, Kind, Reading
from .scale import ScaleFinding
from .specimens import Specimen
from .universe import Universe

LOSS: Kind = ("loss", "")
_VARIANTS = 3
Asked = tuple[Answer | None, Reading | None]


@dataclass
class State:
    """The anchor, its scale, and which parts of an answer can be relied on."""

    asker: Asker
    universe: Universe
    hit: Hit
    scale: ScaleFinding
    trusted: set[Kind] = field(default_factory=set)
    evidence: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What is off, and cannot be declared."""
    unknown: list[str] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        """That of the anchor."""
        return self.hit.layout

    @property
    def base(self) -> Specimen:
        """The anchor."""
        return self.hit.specimen

    def ask(self, specimens: Sequence[Specimen]) -> list[Asked]:
        """The answers in the layout of the anchor, with other numbers where nothing can be told of them."""
        found = self.asker.readings([(specimen, self.layout) for specimen in specimens])
        for variant in range(1, _VARIANTS):  # of relu, all may be 0
            untold = [
                k for k, each in enumerate(found)
                if each[1] is not None and self.verdict(specimens[k].reduction, *each) is None
            ]  # fmt: skip
            if not untold:
                break
            others = [(specimens[k].but(variant=variant), self.layout) for k in untold]
            for k, each in zip(untold, self.asker.readings(others), strict=True):
                found[k] = each
        return found

    def right(self, specimens: Sequence[Specimen]) -> list[bool]:
        """Which of the specimens are answered rightly."""
        return [self.is_right(specimen.reduction, *each) for specimen, each in self._with(specimens)]

    def _with(self, specimens: Sequence[Specimen]) -> Iterable[tuple[Specimen, Asked]]:
        return zip(specimens, self.ask(specimens), strict=True)

    def is_right(
        self, reduction: str, answer: Answer | None, reading: Reading | None, *, scaled: bool = True
    ) -> bool:
        """Whether what is trusted agrees, with the factors known; or, not `scaled`, up to any factor."""
        return self.verdict(reduction, answer, reading, scaled=scaled) is True

    def verdict(
        self, reduction: str, answer: Answer | None, reading: Reading | None, *, scaled: bool = True
    ) -> bool | None:
        """Likewise; None where nothing can be told, as of a gradient that is 0."""
        if answer is None or reading is None or answer.malformed - self.hit.answer.malformed:
            return False
        case: Case = answer.case
        told = False
        for finding, ratio, kinds in (
            (self.scale.loss, reading.loss, {LOSS}),
            (self.scale.gradients, reading.gradients, self.gradients),
        ):
            if not kinds & self.trusted or ratio is None:
                continue
            expected = finding.expected(case, reduction) if scaled else None
            if expected is not None and not ratio.meets(expected):
                return False
            told |= expected is not None or reading.sharp
        if reading.off & self.trusted:
            return False
        return True if told else None

    @property
    def gradients(self) -> set[Kind]:
        """The kinds of gradients that are trusted."""
        return {kind for kind in self.trusted if kind[0] in GRADIENTS}

    def trust(self, readings: Iterable[Reading]) -> None:
        """Trusts what agrees in most of these, and no longer what is off in most of them."""
        agreeing, off = Counter[Kind](), Counter[Kind]()
        for reading in readings:
            agreeing.update(reading.agreeing)
            off.update(reading.off)
        for kind in {*agreeing, *off}:
            if agreeing[kind] > off[kind]:
                self.trusted.add(kind)
            else:
                self.trusted.discard(kind)
        loss = self.scale.loss
        if (loss.is_known or loss.law is not None) and not self.scale.penalty:
            self.trusted.add(LOSS)
        else:
            self.trusted.discard(LOSS)
