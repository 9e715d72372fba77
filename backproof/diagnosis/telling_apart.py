"""Cases in which candidates for a cause give different answers, so that one question refutes most of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.errors import UsageError
from refimpl import Backprop, Case, Layer, Network
from refimpl.functions import REDUCTIONS

from .agreement import places_of
from .candidates import Candidate
from .following import Implementations

ASKED = 5
_SIZES = {"width": (2, 4), "batch": (2, 4)}
_SEED = 0x5EED
_VISIBLE = 1e-3
"""Share of an array's largest entry: what differs by more is no matter of rounding in any dtype."""
_OVERFLOWN = 1e300


def telling_cases(
    like: Case,
    contenders: Sequence[Candidate],
    options: DrawOptions,
    number: int = 0,
    offered: Collection[str] | None = None,
) -> list[Case]:
    """At most `ASKED` small cases with as many layers as `like`, the most telling of the `offered` first.

    Most have the functions of `like`, and some its very network with numbers near its own. `number` gives
    others each time. What is drawn lies within `options`, but for the functions and the number of layers of
    `like`, which has been asked already. Without contenders, the first cases drawn are as good as any.
    """
    if not contenders:
        return list(_drawn(like, options, number, {"same": 3, "reductions": 2}))
    counts = {"same": 8, "reductions": 6, "any functions": 6, "any regime": 8, "any depth": 4}
    drawn = [
        *_drawn(like, options, number, counts),
        *(_near(like, options, number, k) for k in range(6)),
    ]
    implementations: list[Implementations] = [Backprop, *(c.implementation for c in contenders)]
    parts = [_parted(case, implementations, offered) for case in drawn]
    chosen: list[int] = []
    parted = np.zeros((len(implementations),) * 2, dtype=bool)
    while len(chosen) < min(ASKED, len(drawn)):
        rest = [k for k in range(len(drawn)) if k not in chosen]
        best = max(rest, key=lambda k: (np.sum(parts[k] & ~parted), np.sum(parts[k][0]), -k))
        chosen.append(best)
        parted |= parts[best]
    return [drawn[k] for k in chosen]


def _drawn(like: Case, options: DrawOptions, number: int, counts: dict[str, int]) -> Iterator[Case]:
    for place, (pool, count) in enumerate(counts.items()):
        own = _narrowed(like, options, pool)
        for k in range(count if own is not None else 0):
            yield draw_case(_SEED, 1000 * number + 100 * place + k, like.dtype.name, own).case  # type: ignore[arg-type]


def _near(like: Case, options: DrawOptions, number: int, k: int) -> Case:
    """The case with all its numbers up to a quarter larger or smaller, and the targets of other samples.

    Of few samples, unless the loss has arrays that belong to them.
    """
    random = np.random.Generator(np.random.Philox(key=[_SEED + number, k]))

    def moved(values: Any) -> Any:
        factors = 1 + random.integers(-16, 17, values.shape) / 64
        with np.errstate(all="ignore"):
            return (values * factors.astype(values.dtype)).astype(values.dtype)

    layers = tuple(Layer(moved(each.W), moved(each.b), each.activation) for each in like.network.layers)
    loss, samples = like.network.loss, np.arange(like.samples)
    if not loss.arrays:
        samples = samples[: max(options.min_batch, min(_SIZES["batch"][1], like.samples))]
    Y = np.roll(like.Y, k % like.samples, axis=1)[:, samples]
    return Case(Network(layers, loss), moved(like.X[:, samples]), Y, like.learning_rate)


def _narrowed(like: Case, options: DrawOptions, pool: str) -> DrawOptions | None:
    """What one pool is drawn of; None if the options leave nothing."""
    layers, loss = like.network.layers, like.network.loss
    depth = like.network.depth
    functions: dict[str, Any] = {
        "output": (layers[-1].activation.name,),
        "losses": (loss.name,),
        "pairs": None,
        "activations": None,
    }
    if depth > 1:
        functions["hidden"] = tuple(dict.fromkeys(layer.activation.name for layer in layers[:-1]))
    sizes: dict[str, Any] = {}
    for name, (low, high) in _SIZES.items():
        least, most = getattr(options, f"min_{name}"), getattr(options, f"max_{name}")
        sizes[f"min_{name}"] = max(least, min(low, most))
        sizes[f"max_{name}"] = max(least, min(high, most))
    if pool != "any depth":
        sizes |= {"min_depth": depth, "max_depth": depth}
    narrowed = sizes | ({} if pool == "any functions" else functions)
    if pool not in {"any regime", "any depth"} and "ordinary" in (options.regimes or ("ordinary",)):
        narrowed["regimes"] = ("ordinary",)
    if pool in {"same", "any regime"} and loss.reduction in (options.reductions or REDUCTIONS):
        narrowed["reductions"] = (loss.reduction,)
    for attempt in (narrowed, sizes):
        try:
            own = replace(options, **attempt)
            draw_case(_SEED, 0, like.dtype.name, own)
        except UsageError:
            continue
        return own
    return None


def _parted(case: Case, implementations: Sequence[Implementations], offered: Collection[str] | None) -> Any:
    """Which two of them give visibly different answers, (n, n)."""
    traces = [_flat(case, each, offered) for each in implementations]
    right, count = traces[0], len(traces)
    parted = np.zeros((count, count), dtype=bool)
    for place, value in right.items():
        rows = [trace.get(place, value) for trace in traces]
        known = np.array([row.shape == value.shape for row in rows])
        stacked = np.stack([np.where(k, r, value) if k else value for r, k in zip(rows, known, strict=True)])
        stacked = stacked.reshape(count, -1)
        largest = np.max(np.abs(np.where(np.abs(stacked) < _OVERFLOWN, stacked, 0)), axis=1)
        scale = np.maximum(largest[:, None], largest[None, :])
        apart = np.max(np.abs(stacked[:, None] - stacked[None, :]), axis=2, initial=0) > _VISIBLE * scale
        parted |= apart
    return parted


def _flat(case: Case, implementation: Implementations, offered: Collection[str] | None) -> dict[Any, Any]:
    with np.errstate(all="ignore"):
        try:
            trace = implementation().run(case)
        except Exception:  # noqa: BLE001 - shapes that do not fit: it says nothing here
            return {}
    return {
        place: np.nan_to_num(np.asarray(value, dtype=np.float64), nan=3 * _OVERFLOWN, posinf=2 * _OVERFLOWN,
                             neginf=-2 * _OVERFLOWN)
        for place, value in places_of(trace)
        if offered is None or place[0] in offered
    }  # fmt: skip
