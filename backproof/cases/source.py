"""Where random integers come from: everything drawn is made of these, whoever draws.

`SeedSource` reads Philox, a counter-based generator whose integers NumPy guarantees never to change;
`strategies.HypothesisSource` asks Hypothesis. The small choices that both serve are functions here. Of
several possibilities the first is the simplest, because that is what Hypothesis shrinks towards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
_BLOCK = 64  # single integers are read from the generator in blocks of this many


class Source(Protocol):
    """A supply of uniform random integers, one at a time or in bulk."""

    def integer(self, low: int, high: int) -> int:
        """An integer with low ≤ integer ≤ high; the simplest is `low`."""
        ...

    def words(self, count: int) -> NDArray[np.uint64]:
        """Shape (count,): integers of 64 bits, of which the leading bits count most; the simplest are 0."""
        ...

    def group(self, build: Callable[[], T]) -> T:
        """What `build` returns. What it draws belongs together, and may be left out as a whole."""
        ...


class SeedSource:
    """The integers of case `index` of `seed`: a function of these two numbers and nothing else.

    Raises ValueError unless both are integers with 0 ≤ number < 2^64.
    """

    def __init__(self, seed: int, index: int) -> None:
        for name, number in (("seed", seed), ("index", index)):
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**64:
                raise ValueError(f"{name} must be an integer from 0 to 2^64 - 1, not {number!r}")
        self._philox = np.random.Philox(key=np.array([seed, index], dtype=np.uint64))
        self._block: list[int] = []

    def integer(self, low: int, high: int) -> int:
        """An integer with low ≤ integer ≤ high."""
        if not self._block:
            self._block = self._philox.random_raw(_BLOCK).tolist()
        # The top of a 128-bit product: uniform to within (high - low)/2^64.
        return low + (self._block.pop() * (high - low + 1) >> 64)

    def words(self, count: int) -> NDArray[np.uint64]:
        """Shape (count,): integers of 64 bits."""
        return raw_words(self._philox, count)

    def group(self, build: Callable[[], T]) -> T:
        """What `build` returns."""
        return build()


def raw_words(generator: np.random.BitGenerator, count: int) -> NDArray[np.uint64]:
    """The generator's next `count` integers of 64 bits."""
    words: Any = generator.random_raw(count)
    return words


def pick(source: Source, items: Sequence[T]) -> T:
    """One of `items`, each as likely as the others."""
    return items[source.integer(0, len(items) - 1)]


def pick_weighted(source: Source, items: Sequence[T], weights: Sequence[int]) -> T:
    """One of `items`, as likely as its weight, a positive integer."""
    rest = source.integer(0, sum(weights) - 1)
    for item, weight in zip(items, weights, strict=True):
        rest -= weight
        if rest < 0:
            return item
    raise AssertionError("the source gave an integer outside its range")


def one_in(source: Source, n: int) -> bool:
    """True once in n draws; False is the simple answer."""
    return source.integer(0, n - 1) == n - 1


def size(source: Source, largest: int, least: int = 1) -> int:
    """`least` to `largest`, log-uniform by octaves: from 1 on, 1, 2-3, 4-7, … are equally likely; where they
    are longer than 64, not every size.

    One integer decides, monotonically, and its range is the same whatever `largest` is: so it shrinks well,
    and means a size even if `largest` changes. Hypothesis draws uniformly from ranges of up to 256.
    """
    scaled = source.integer(0, 255) * (largest // least).bit_length()
    low = least << (scaled >> 8)
    return low + ((scaled & 255) * (min(2 * low - 1, largest) - low + 1) >> 8)
