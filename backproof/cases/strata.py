"""Strata: the kinds of cases that a campaign goes through one after the other, so that coverage is even.

A stratum is an activation, a loss, a regime and a range of depths. In a network of one layer the activation
is that layer's, so that there are strata of the pairs that fit only; in a deeper one it is that of a hidden
layer, which is drawn. All else is drawn as ever: the other layers' activations, parameters, sizes, numbers.

Which stratum case `index` is of depends on the index and on what may be drawn, never on the seed. The walk
goes through all strata before it comes to any of them again, in steps of about the golden section of their
number, so that wherever it is stopped, activations and losses, regimes and depths are even as well. Every
dtype has a walk of its own over the same strata.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import gcd, sqrt
from typing import NamedTuple

from refimpl import ACTIVATIONS, LOSSES

from .drawing import DrawnCase, build_of
from .options import Choices, DrawOptions, choices
from .regimes import REGIMES, Span
from .source import SeedSource, weighted

DEPTHS = ((1, 1), (2, 3), (4, 2**31))
"""The ranges of depths, each as the least and the most number of layers."""
_GOLDEN = (sqrt(5) - 1) / 2


class Stratum(NamedTuple):
    """One kind of cases."""

    activation: str
    """Of the only layer, or of a hidden one."""
    loss: str
    regime: str
    depth: tuple[int, int]
    """The least and the most number of layers."""


class Strata:
    """All strata of what may be drawn, and the walk over them."""

    def __init__(self, options: DrawOptions) -> None:
        """`options` narrow what there is; at least one stratum is always left."""
        allowed = choices(options)
        depth = allowed.sizes.depth
        spans = [
            (max(least, depth.least), min(most, depth.most))
            for least, most in DEPTHS
            if least <= depth.most and most >= depth.least
        ]
        hidden = {entry.name for entry in allowed.hidden}
        self.all = tuple(
            Stratum(activation, loss.name, regime.name, span)
            for activation in ACTIVATIONS
            for loss in allowed.losses
            for span in spans
            if (
                activation in hidden
                if span[0] > 1
                else any(entry.name == activation for entry in allowed.outputs[loss.name])
            )
            for regime in allowed.regimes.items
        )
        self.count = len(self.all)
        """How many there are, in each dtype."""
        self.step = step_of(self.count)

    def place(self, index: int) -> int:
        """The place in `all` of the stratum of case `index`."""
        return index * self.step % self.count

    def at(self, index: int) -> Stratum:
        """The stratum of case `index`."""
        return self.all[self.place(index)]


def step_of(count: int) -> int:
    """The step of a walk that visits each of `count` places once before it comes back to the first."""
    step = max(1, round(count * _GOLDEN))
    while gcd(step, count) != 1:
        step += 1
    return step


@lru_cache(maxsize=16)
def strata_of(options: DrawOptions) -> Strata:
    """The strata of `options`, which are made once."""
    return Strata(options)


def draw_in_stratum(seed: int, index: int, dtype: str, options: DrawOptions) -> DrawnCase:
    """Case `index` of `seed` in the stratum that the index has: a function of the arguments alone.

    It is another case than `draw_case` draws of the same seed and index. Raises ValueError for a seed or an
    index outside 0 … 2^64 - 1 and for an unknown dtype.
    """
    stratum = strata_of(options).at(index)
    allowed, is_single = _narrowed(options, stratum), stratum.depth[1] == 1
    hidden = None if is_single else ACTIVATIONS[stratum.activation]
    case, regime = build_of(SeedSource(seed, index), dtype, options, allowed, hidden)
    return DrawnCase(case, regime, index, seed)


def _narrowed(options: DrawOptions, stratum: Stratum) -> Choices:
    """What a stratum leaves of what may be drawn."""
    allowed = choices(options)
    narrowed = replace(
        allowed,
        regimes=weighted((REGIMES[stratum.regime],), (1,)),
        losses=(LOSSES[stratum.loss],),
        sizes=allowed.sizes._replace(depth=Span(*stratum.depth)),
    )
    if stratum.depth[1] > 1:
        return narrowed
    only = {stratum.loss: (ACTIVATIONS[stratum.activation],)}
    return replace(narrowed, outputs=only, customary=only)
