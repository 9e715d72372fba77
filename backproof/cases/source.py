"""Where random integers come from: everything drawn is made of these, whoever draws.

`SeedSource` reads Philox, a counter-based generator whose integers NumPy guarantees never to change;
`strategies.HypothesisSource` asks Hypothesis. The small choices that both serve are functions here. Of
several possibilities the first is the simplest, because that is what Hypothesis shrinks towards.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
_BLOCK = 64  # single integers are taken from the stream in blocks of this many
_AHEAD = 256  # half of all cases need fewer words than this; more are generated as they are asked for
_COUNTED = 4  # Philox makes this many words of each value of its counter


class Source(Protocol):
    """A supply of uniform random integers, one at a time or in bulk."""

    def integer(self, low: int, high: int) -> int:
        """An integer with low ≤ integer ≤ high; the simplest is `low`."""
        ...

    def words(self, count: int) -> NDArray[np.uint64]:
        """Shape (count,): integers of 64 bits, of which the leading bits count most; the simplest are 0."""
        ...

    def word_pairs(self, count: int) -> NDArray[np.uint64]:
        """Shape (2, count): what two draws of `count` words give, one below the other."""
        ...

    def group(self, build: Callable[[], T]) -> T:
        """What `build` returns. What it draws belongs together, and may be left out as a whole."""
        ...


class _Generator(threading.local):
    """Philox at any place of any of its streams: one for each thread, since to make one takes long."""

    def __init__(self) -> None:
        self._philox = np.random.Philox(key=0)

    def words(self, key: tuple[int, int], counter: int, count: int) -> NDArray[np.uint64]:
        """The `count` words that follow the counter in the stream of a key."""
        state: Any = {
            "bit_generator": "Philox",
            "state": {"counter": (counter, 0, 0, 0), "key": key},
            "buffer": (0,) * _COUNTED,
            "buffer_pos": _COUNTED,  # nothing is left over from the counter before
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._philox.state = state
        return raw_words(self._philox, count)


_GENERATOR = _Generator()


class SeedSource:
    """The integers of case `index` of `seed`: a function of these two numbers and nothing else.

    Raises ValueError unless both are integers with 0 ≤ number < 2^64.
    """

    def __init__(self, seed: int, index: int) -> None:
        for name, number in (("seed", seed), ("index", index)):
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**64:
                raise ValueError(f"{name} must be an integer from 0 to 2^64 - 1, not {number!r}")
        self._key = (seed, index)
        self._counter = 0  # where in the stream the words lie that are there
        self._words = _GENERATOR.words(self._key, 0, _BLOCK + _AHEAD)
        self._used = 0
        self._block: list[int] = []

    def integer(self, low: int, high: int) -> int:
        """An integer with low ≤ integer ≤ high."""
        if not self._block:
            self._block = self.words(_BLOCK).tolist()
        # The top of a 128-bit product: uniform to within (high - low)/2^64.
        return low + (self._block.pop() * (high - low + 1) >> 64)

    def words(self, count: int) -> NDArray[np.uint64]:
        """Shape (count,): integers of 64 bits."""
        start, end = self._used, self._used + count
        if end > len(self._words):
            self._counter += start // _COUNTED
            start, end = start % _COUNTED, start % _COUNTED + count
            self._words = _GENERATOR.words(self._key, self._counter, end + _AHEAD)
        self._used = end
        return self._words[start:end]

    def word_pairs(self, count: int) -> NDArray[np.uint64]:
        """Shape (2, count): integers of 64 bits."""
        return self.words(2 * count).reshape(2, count)

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


class Weighted(NamedTuple, Generic[T]):
    """Things to pick from, and how often each is picked."""

    items: tuple[T, ...]
    ends: tuple[int, ...]
    """The running sums of the weights."""


def weighted(items: Iterable[T], weights: Iterable[int]) -> Weighted[T]:
    """Things to pick from with their weights, positive integers, of which there are as many."""
    ends = tuple(accumulate(weights))
    return Weighted(tuple(item for item, _ in zip(items, ends, strict=True)), ends)


def pick_weighted(source: Source, choice: Weighted[T]) -> T:
    """One of the items, as likely as its weight."""
    return choice.items[bisect_right(choice.ends, source.integer(0, choice.ends[-1] - 1))]


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
