"""What the loss and, separately, its gradients are divided by: from their factors in front of the sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backproof.plugging.declaration import SCALES, Scale
from refimpl import Case
from refimpl.functions import ALL_REDUCTIONS, REDUCTIONS

from .anchor import Hit, factor
from .asking import Asker
from .penalty import penalty
from .reading import Ratio
from .universe import Universe

_SCALES = tuple(Scale.read(name, "scale") for name in SCALES)
# Where sizes are fixed, several are the same: then the first of these is said.
_ORDER = sorted(_SCALES, key=lambda scale: (scale.half, ("sum", "/m", "/(m n_out)").index(scale.divisor)))


@dataclass(frozen=True)
class Observation:
    """An answer at the anchor: what was asked, and the factor that it has."""

    case: Case
    reduction: str
    ratio: Ratio


@dataclass(frozen=True)
class Finding:
    """The scale of one part: a constant one, the reductions that are honoured, or an unknown factor."""

    constant: Scale | None = None
    honoured: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """Reductions for which there is no answer."""
    ignored: tuple[str, ...] = ()
    """Reductions for which the answer is as for another one."""
    unknown: str = ""
    """The factor in words, where it can be neither."""
    law: Callable[[Case, str], Ratio] | None = None
    """Then the factor of an answer, by the case and the reduction asked for, if there is a rule."""
    missing: bool = False
    """Whether the part is not offered, or agrees with nothing."""

    @property
    def is_known(self) -> bool:
        """Whether it can be declared."""
        return not self.unknown and not self.missing

    def expected(self, case: Case, reduction: str) -> Ratio | None:
        """The factor of an answer; None if none is known."""
        if self.law is not None:
            return self.law(case, reduction)
        if not self.is_known:
            return None
        return Ratio(factor(case, reduction if self.constant is None else self.constant), 0.0)

    def __str__(self) -> str:
        if self.missing:
            return "not told"
        if self.unknown:
            return self.unknown
        if self.constant is not None:
            return f"{self.constant}, whatever the reduction"
        return f"the reduction is honoured: {', '.join(self.honoured)}"


@dataclass(frozen=True)
class ScaleFinding:
    """Of the loss and of its gradients."""

    loss: Finding
    gradients: Finding
    penalty: str = ""
    """The penalty on weights that is in the answers, in words."""
    observed: tuple[tuple[Observation, ...], tuple[Observation, ...]] = ((), ())
    """What they were found from."""


def measured(asker: Asker, universe: Universe, hit: Hit) -> ScaleFinding:
    """Asks the anchor with every reduction, at two sizes."""
    base = hit.specimen
    other = universe.sized(base.depth, other=True).but(
        hidden=base.hidden, output=base.output, loss=base.loss, dtype=base.dtype
    )
    bases = list(dict.fromkeys((base, other)))
    questions = [(each.but(reduction=name), hit.layout) for each in bases for name in universe.reductions]
    refused, penalties = set(universe.reductions), set[str]()
    of_loss, of_gradients = list[Observation](), list[Observation]()
    for (specimen, _), (answer, reading) in zip(questions, asker.readings(questions), strict=True):
        if answer is None or reading is None or reading.sharp < hit.strong:
            continue  # or it is wrong at that size, as who takes one sample only is
        refused.discard(specimen.reduction)
        found = penalty(answer, reading)
        if found is not None:
            penalties.add(found.words)
        loss = reading.loss if found is None else found.loss
        for ratio, into in ((loss, of_loss), (reading.gradients, of_gradients)):
            if ratio is not None:
                into.append(Observation(answer.case, specimen.reduction, ratio))
    names = tuple(name for name in ALL_REDUCTIONS if name in refused)
    return ScaleFinding(
        decided(of_loss, names),
        decided(of_gradients, names),
        ", ".join(sorted(penalties)),
        (tuple(of_loss), tuple(of_gradients)),
    )


def decided(observed: Sequence[Observation], refused: tuple[str, ...]) -> Finding:
    """What explains all the factors; reductions that are all honoured go before a constant scale."""
    if not observed:
        return Finding(missing=True)
    answered = [name for name in ALL_REDUCTIONS if any(each.reduction == name for each in observed)]
    honoured = tuple(name for name in answered if _all(observed, name))
    constant = next((s for s in _ORDER if all(o.ratio.is_(factor(o.case, s)) for o in observed)), None)
    # With one sample and one output all are the same: then nothing need be said.
    if constant is not None and honoured != tuple(answered):
        return Finding(constant=constant)
    if honoured:
        ignored = tuple(name for name in answered if name not in honoured)
        return Finding(honoured=honoured, refused=refused, ignored=ignored)
    return _lawful(observed)


def explains(scale: Scale, observed: Sequence[Observation]) -> bool:
    """Whether a run that asks with that scale sees it, as who honours the reduction would show it, too."""
    asked = [each for each in observed if each.reduction == scale.reduction]
    return bool(asked) and all(each.ratio.is_(factor(each.case, scale)) for each in asked)


def _all(observed: Sequence[Observation], reduction: str) -> bool:
    return all(
        each.ratio.is_(factor(each.case, reduction)) for each in observed if each.reduction == reduction
    )


_FORMS: tuple[tuple[str, Callable[[Case, str], float]], ...] = (
    ("{} times the sum", lambda _c, _r: 1.0),
    ("{} times the sum / m", lambda c, _r: 1.0 / c.samples),
    ("{} times the sum / (m n_out)", lambda c, _r: 1.0 / c.Y.size),
    ("{} times the sum / n_out", lambda c, _r: 1.0 / len(c.Y)),
    ("{} times the sum times m", lambda c, _r: float(c.samples)),
    ("{} times the sum / m²", lambda c, _r: 1.0 / c.samples**2),
    ("{} times the sum / n_in", lambda c, _r: 1.0 / len(c.X)),
    ("{} times what the reduction says", factor),
)


def _lawful(observed: Sequence[Observation]) -> Finding:
    """A factor that cannot be declared: a constant in front of some division, or of a reduction."""
    for text, form in _FORMS:
        scaled = [_over(each, form(each.case, each.reduction)) for each in observed]
        if all(one.meets(other) for one in scaled for other in scaled):
            best = min(scaled, key=lambda each: each.slack)
            words = text.format(f"{best.value:.6g}") + ", which cannot be declared"

            def law(case: Case, reduction: str, form: Any = form, best: Ratio = best) -> Ratio:
                return Ratio(best.value * form(case, reduction), best.slack)

            return Finding(unknown=words, law=law)
    first = observed[0]
    m, n = first.case.samples, len(first.case.Y)
    return Finding(
        unknown=f"{first.ratio.value:.6g} times the sum where m is {m} and n_out is {n}; elsewhere otherwise"
    )


def _over(each: Observation, value: float) -> Ratio:
    return Ratio(each.ratio.value / value, each.ratio.slack)


def declared_keys(found: ScaleFinding) -> tuple[dict[str, Any], list[str]]:
    """The keys that say it, and what of it cannot be said."""
    loss, gradients = found.loss, found.gradients
    unknown = []
    for part, finding in (("loss", loss), ("gradients", gradients)):
        if finding.unknown:
            unknown.append(f"the scale of the {part}: {finding.unknown}")
    if not loss.is_known or not gradients.is_known:
        known = loss if loss.is_known else gradients
        if not known.is_known:
            return {}, unknown
        return _both(known, known), unknown
    if loss.constant is not None and gradients.constant is None:
        same = [name for name in gradients.honoured if name == loss.constant.reduction]
        if same and not loss.constant.half:
            unknown.append("gradients honour the reduction, the loss does not: only where both agree")
            return {"reductions": same}, unknown
        unknown.append(f"gradients honour the reduction, the loss is {loss.constant} always")
        return {"loss_scale": str(loss.constant)}, unknown
    return _both(loss, gradients), unknown


def _both(loss: Finding, gradients: Finding) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if loss.constant is not None:
        keys["loss_scale"] = str(loss.constant)
    else:
        both = [
            name for name in loss.honoured if gradients.constant is not None or name in gradients.honoured
        ]
        if not set(REDUCTIONS) <= set(both):
            keys["reductions"] = both
    if gradients.constant is not None and gradients.constant != loss.constant:
        keys["gradient_scale"] = str(gradients.constant)
    return keys
