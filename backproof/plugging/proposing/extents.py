"""At which sizes and in which dtypes answers are right, and up to which sizes they come soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .names import Supported
from .specimens import Specimen
from .state import State

Span = tuple[int, int]
_SLOW = 4.0
"""Seconds for one case, above which such large ones are not proposed: far from what a busy machine makes of
code that is not slow."""
_PAIRS = 12
_STEPS = ((4, 8, 4), (8, 16, 8), (8, 32, 16), (8, 64, 32))
"""Layers, units and samples, larger and larger."""


def deepened(state: State) -> None:
    """Moves the anchor to two layers, or as many more as are needed, so that hidden layers can be told."""
    if state.base.depth > 1:
        state.trust([state.hit.reading])
        return
    state.trust([state.hit.reading])
    universe, base = state.universe, state.base
    likely = [base.output, "tanh", "relu", "sigmoid", "identity"]
    names = [name for name in dict.fromkeys((*likely, *universe.hidden)) if name in universe.hidden]
    for depth in (2, 3):
        if depth not in universe.depths:
            continue
        sized = universe.sized(depth, samples=base.samples, outputs=base.widths[-1])
        made = [replace(base, hidden=(name,), widths=sized.widths, samples=sized.samples) for name in names]
        for specimen, (answer, reading) in zip(made, state.ask(made), strict=True):
            if state.is_right(specimen.reduction, answer, reading, scaled=False):
                assert answer is not None
                assert reading is not None
                state.hit = replace(state.hit, specimen=specimen, answer=answer, reading=reading)
                state.trust([reading])
                return


@dataclass(frozen=True)
class Extents:
    """Spans that are not the usual ones, by the keys of a declaration, and dtypes."""

    spans: Mapping[str, Span]
    dtypes: tuple[str, ...]


def found(state: State, supported: Supported) -> Extents:
    """The least and the most of everything, from the anchor outwards."""
    options = state.universe.options
    spans: dict[str, Span] = {}
    depth = _depth(state, supported)
    if depth != (options.min_depth, options.max_depth):
        spans["depth"] = depth
    batch = _span(
        state,
        lambda m: state.base.but(samples=m),
        state.base.samples,
        (options.min_batch, options.max_batch),
    )
    if batch != (options.min_batch, options.max_batch):
        spans["batch"] = batch
    spans |= _widths(state, depth)
    dtypes = tuple(
        dtype
        for dtype in sorted(state.universe.dtypes)
        if dtype == state.base.dtype or _takes(state, supported, dtype)
    )
    _limit(state, spans)
    said = [f"{key} {low} to {high}" if low < high else f"{key} {low}" for key, (low, high) in spans.items()]
    state.evidence.append(f"sizes: {', '.join(said) or 'all'}; dtypes: {', '.join(dtypes)}")
    return Extents(spans, dtypes)


def _takes(state: State, supported: Supported, dtype: str) -> bool:
    """Whether cases of that dtype are answered rightly, and in that dtype, with each of the functions."""
    base = state.base.but(dtype=dtype)
    various = [base, *(base.but(hidden=(name,)) for name in supported.hidden)]
    various += [base.but(output=output, loss=loss) for output, loss in supported.pairs[:_PAIRS]]
    asked = list(zip(various, state.ask(various), strict=True))
    wrong = [
        (each, answer)
        for each, (answer, reading) in asked
        if state.verdict(each.reduction, answer, reading) is False
    ]
    if not wrong:
        return True
    each, answer = wrong[0]
    if len(wrong) < len(various):
        what = ", ".join((*each.hidden, each.output, each.loss))
        why = "; ".join(answer.faults[:1]) or answer.failure if answer is not None else ""
        state.remarks.append(f"in {dtype}, some are not right: {what}: {why or 'a wrong answer'}")
    return False


def _depth(state: State, supported: Supported) -> Span:
    depths, base = state.universe.depths, state.base
    mixed = tuple(dict.fromkeys((*base.hidden, *supported.hidden)))[:3] if supported.hidden else base.hidden
    various = [
        base.of_depth(depth).but(hidden=mixed) if depth > 2 else _like(base, depth) for depth in depths
    ]
    right = dict(zip(depths, state.right(various), strict=True))
    right[base.depth] = True
    low = high = base.depth
    while low - 1 in depths and right[low - 1]:
        low -= 1
    while high + 1 in depths and right[high + 1]:
        high += 1
    if high + 1 in depths and high == 2 and len(mixed) > 1:
        (alike,) = state.right([base.of_depth(3)])
        if alike:
            state.remarks.append("with hidden layers of different activations it is wrong: at most one, then")
    return (low, high)


def _like(base: Specimen, depth: int) -> Specimen:
    return base if depth == base.depth else base.of_depth(depth)


def _widths(state: State, depth: Span) -> dict[str, Span]:
    base, options = state.base, state.universe.options
    every = (options.min_width, options.max_width)
    inner = base.widths[1:-1]
    inputs = _span(
        state,
        lambda n: base.but(widths=(n, *inner, base.widths[-1])),
        base.widths[0],
        options.inputs or every,
    )
    outputs = _span(
        state,
        lambda n: base.but(widths=(base.widths[0], *inner, n)),
        base.widths[-1],
        options.outputs or every,
    )
    width = every
    if inner and depth[1] > 1:
        width = _span(
            state,
            lambda n: base.but(widths=(base.widths[0], *(n for _ in inner), base.widths[-1])),
            inner[0],
            every,
        )
    spans = {} if width == every else {"width": width}
    if inputs != (options.inputs or width):
        spans["inputs"] = inputs
    if outputs != (options.outputs or width):
        spans["outputs"] = outputs
    return spans


def _span(state: State, made: Callable[[int], Specimen], known: int, allowed: Span) -> Span:
    """From the least to the most for which answers are right, found by halving."""
    low, high = allowed
    return (
        _end(state, made, known, low) if low < known else known,
        _end(state, made, known, high) if high > known else known,
    )


def _end(state: State, made: Callable[[int], Specimen], good: int, bad: int) -> int:
    if _is_fine(state, made(bad)):
        return bad
    while abs(bad - good) > 1:
        middle = (good + bad) // 2
        if _is_fine(state, made(middle)):
            good = middle
        else:
            bad = middle
    return good


def _is_fine(state: State, specimen: Specimen) -> bool:
    """Whether the answer is right, or has nothing that could be wrong: softmax of one unit is 1."""
    (asked,) = state.ask([specimen])
    return state.verdict(specimen.reduction, *asked) is not False


def _limit(state: State, spans: dict[str, Span]) -> None:
    """Adds limits to `spans` where large cases are not answered, or not soon."""
    options, before = state.universe.options, (2, 5, 7)
    inputs, outputs = (spans.get(key) or getattr(options, key) for key in ("inputs", "outputs"))
    width = spans.get("width", (options.min_width, options.max_width))
    keys = ("depth", "width", "batch")
    allowed = {
        "depth": spans.get("depth", (options.min_depth, options.max_depth)),
        "width": width,
        "batch": spans.get("batch", (options.min_batch, options.max_batch)),
    }
    for step in _STEPS:
        depth, units, samples = (_within(n, allowed[key]) for n, key in zip(step, keys, strict=True))
        widths = (
            _within(units, inputs or width),
            *([units] * (depth - 1)),
            _within(units, outputs or width),
        )
        began = time.monotonic()
        (answer,) = state.asker.answers([(state.base.but(widths=widths, samples=samples), state.layout)])
        seconds = time.monotonic() - began
        why = answer.failure if answer is not None else ""
        if not why and seconds <= _SLOW:
            before = (depth, units, samples)
            continue
        why = why or f"it took {seconds:.1f} s"
        state.remarks.append(
            f"{depth} layers of {units} units with {samples} samples are too large: {why}; smaller proposed"
        )
        for key, most in zip(keys, before, strict=True):
            low = allowed[key][0]
            spans[key] = (low, max(low, min(most, allowed[key][1])))
        return


def _within(number: int, span: Any) -> int:
    return min(max(number, span[0]), span[1])
