"""A declaration of what was found, with as few keys as say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backproof.cases.options import choices
from backproof.errors import UsageError
from backproof.plugging.declaration import Declaration
from refimpl import ACTIVATIONS

from .names import Supported
from .universe import pairs_of


def functions(supported: Supported, rest: Mapping[str, Any]) -> dict[str, Any]:
    """The keys for the functions, beside the `rest` of the declaration, which they must go with."""
    hidden, pairs = set(supported.hidden), set(supported.pairs)
    for keys in _ways(supported):
        try:
            options = Declaration.read({**rest, **keys}, "the proposal").draw_options()
        except UsageError:
            continue
        if hidden and {entry.name for entry in choices(options).hidden} != hidden:
            continue
        if set(pairs_of(options)) == pairs:
            return keys
    raise AssertionError(supported)


def _ways(supported: Supported) -> Iterator[dict[str, Any]]:
    """Keys that might say it, the plainest first."""
    hidden = list(supported.hidden)
    output = _in_order({output for output, _ in supported.pairs})
    losses = list(dict.fromkeys(loss for _, loss in supported.pairs))
    activations = _in_order({*hidden, *output})
    for by_place in (
        {},
        {"activations": activations},
        {"hidden": hidden},
        {"output": output},
        {"hidden": hidden, "output": output},
    ):
        if by_place.get("hidden") == []:
            continue
        yield dict(by_place)
        yield {**by_place, "losses": losses}
    pairs = [list(pair) for pair in supported.pairs]
    yield {"pairs": pairs}
    if hidden:
        yield {"hidden": hidden, "pairs": pairs}


def _in_order(names: set[str]) -> list[str]:
    return [name for name in ACTIVATIONS if name in names]


def spans_of(spans: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """The spans as one writes them: the most alone where the least is 1."""
    return {key: high if low == 1 else [low, high] for key, (low, high) in spans.items()}
