"""What an implementation declares already, held against what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backproof.plugging.declaration import Declaration, Scale
from refimpl.functions import REDUCTIONS

from .extents import Extents
from .names import Supported
from .scale import declared_keys, explains
from .state import State
from .universe import Universe

_LEVELS = ("one-hot", "hard", "any")


@dataclass(frozen=True)
class Findings:
    """All that was found of an implementation."""

    state: State
    supported: Supported
    labels: str | None
    extents: Extents
    parameters: bool | None
    arrays: bool | None


def chosen(found: Findings, stated: Universe) -> tuple[dict[str, Any], list[str]]:
    """The keys but those of functions: as found, or as declared where that holds; and what does not hold."""
    wrong = list(_wrong(found, stated))
    given, declared = stated.given, stated.declared
    failed = {key for key, _ in wrong}
    layout, keys = found.state.layout, dict[str, Any]()
    for key in ("samples", "weights", "bias"):
        if getattr(layout, key) != getattr(Declaration, key):
            keys[key] = getattr(layout, key)
    labels = found.labels or "any"
    if "labels" in given and "labels" not in failed:
        labels = declared.labels
    if labels != "any":
        keys["labels"] = labels
    keys |= _scales(found, stated, failed)
    if found.extents.dtypes != Declaration.dtypes:
        keys["dtypes"] = list(found.extents.dtypes)
    for key in ("depth", "width", "batch", "inputs", "outputs"):
        span = found.extents.spans.get(key) or (getattr(declared, key) if key in given else None)
        if span is not None:
            keys[key] = _written(span)
    for key in ("parameters", "arrays"):
        tried = getattr(found, key)
        if (tried and given.get(key) is not False) or (tried is None and given.get(key)):
            keys[key] = True
    return keys, [text for _, text in wrong]


def _scales(found: Findings, stated: Universe, failed: set[str]) -> dict[str, Any]:
    keys, unknown = declared_keys(found.state.scale)
    found.state.unknown += unknown
    given = stated.given
    for key in ("loss_scale", "gradient_scale"):
        if key in given and key not in failed and keys.get(key) != str(getattr(stated.declared, key)):
            keys[key] = str(getattr(stated.declared, key))
            keys.pop("reductions", None)
    if keys.get("gradient_scale") == keys.get("loss_scale"):
        keys.pop("gradient_scale", None)
    if "reductions" in given and "reductions" not in failed and "loss_scale" not in keys:
        keys["reductions"] = list(stated.declared.reductions)
    if keys.get("reductions") and set(keys["reductions"]) == set(REDUCTIONS):
        del keys["reductions"]
    return keys


def _written(span: tuple[int, int]) -> Any:
    return span[1] if span[0] == 1 else list(span)


def _wrong(found: Findings, stated: Universe) -> Iterator[tuple[str, str]]:
    """The keys that do not hold, each with what was found instead."""
    given, declared, state = stated.given, stated.declared, found.state
    for key in ("samples", "weights", "bias"):
        is_ = getattr(state.layout, key)
        if key in given and is_ != getattr(declared, key):
            yield key, f"{key}: {given[key]!r} gives no right answer; {is_!r} does"
    if "labels" in given and found.labels is not None and not _is_within(declared.labels, found.labels):
        yield "labels", f"labels: {given['labels']!r} are not all answered rightly; {found.labels!r} are"
    for key, observed in zip(("loss_scale", "gradient_scale"), state.scale.observed, strict=True):
        scale: Scale | None = getattr(declared, key)
        if key in given and observed and scale is not None and not explains(scale, observed):
            finding = state.scale.loss if key == "loss_scale" else state.scale.gradients
            yield key, f"{key}: not {given[key]!r}; found: {finding}"
    honoured = state.scale.loss.honoured or state.scale.gradients.honoured
    if "reductions" in given:
        others = [name for name in declared.reductions if name not in honoured]
        if others:
            yield "reductions", f"reductions: {', '.join(others)} not honoured; found: {state.scale.loss}"
    yield from _wrong_functions(found, given, declared)
    for key, span in found.extents.spans.items():
        if key in given:
            yield key, f"{key}: {given[key]} is too much; right from {span[0]} to {span[1]}"
    dtypes = [dtype for dtype in declared.dtypes if dtype not in found.extents.dtypes]
    if "dtypes" in given and dtypes:
        yield "dtypes", f"dtypes: {', '.join(dtypes)} not answered rightly"
    for key in ("parameters", "arrays"):
        if given.get(key) and getattr(found, key) is False:
            yield key, f"{key}: declared to vary, but only the defaults are right"


def _is_within(declared: str, found: str) -> bool:
    if "indices" in {declared, found}:
        return declared == found
    return _LEVELS.index(declared) <= _LEVELS.index(found)


def _wrong_functions(
    found: Findings, given: Mapping[str, Any], declared: Declaration
) -> Iterator[tuple[str, str]]:
    hidden, pairs = set(found.supported.hidden), set(found.supported.pairs)
    outputs, losses = {output for output, _ in pairs}, {loss for _, loss in pairs}
    right = {
        "activations": hidden | outputs,
        "hidden": hidden or set(declared.hidden or ()),  # of one layer, nothing can be told
        "output": outputs,
        "losses": losses,
    }
    for key, names in right.items():
        others = [name for name in getattr(declared, key) or () if name not in names]
        if key in given and others:
            yield key, f"{key}: {', '.join(others)} not answered rightly"
    if "pairs" in given:
        missing = [pair for pair in declared.pairs or () if pair not in pairs]
        if missing:
            yield "pairs", f"pairs: {', '.join(' with '.join(p) for p in missing)} not answered rightly"
