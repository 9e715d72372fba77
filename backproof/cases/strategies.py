"""Random cases for Hypothesis: the same definition as `draw_case`, fed by Hypothesis's own choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import event
from hypothesis import strategies as st

from .drawing import build_case
from .options import DrawOptions
from .source import T, raw_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from refimpl import Case

_BULK_BYTES = 128  # what one draw of integers takes at most
_ALL_BYTES = 6144  # Hypothesis gives up on an example that takes more than 8192


class HypothesisSource:
    """Integers that Hypothesis chooses, and therefore shrinks.

    The shrinker leaves choices out or makes one of them simpler, and keeps all others. That works where these
    still mean nearly the same: what a choice may be must not depend on the sizes that were drawn.

    Hence a draw of many words is one choice of bytes: the leading byte of each word, the first word's last.
    What the bytes leave open follows from a seed, the first of all choices. It adds to what is there and
    makes nothing of nothing: words whose bytes are 0 are 0. At 0 it gives zeros only, and then bytes may be
    missing: what the shrinker drops at the end lets the others move up to the first words, which are those
    that stay when sizes shrink.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._bytes_left = _ALL_BYTES
        self._draws = 0
        self._seed = draw(st.integers(0, 2**64 - 1))

    def integer(self, low: int, high: int) -> int:
        """An integer with low ≤ integer ≤ high, shrinking towards `low`."""
        return self._draw(st.integers(low, high))

    def words(self, count: int) -> NDArray[np.uint64]:
        """Shape (count,): integers of 64 bits, shrinking towards 0."""
        largest = min(_BULK_BYTES, self._bytes_left)
        self._bytes_left -= largest
        least = min(count, largest) if self._seed else 0
        chosen = self._draw(st.binary(min_size=least, max_size=largest))
        leading = np.frombuffer(chosen, dtype=np.uint8)[::-1][:count].astype(np.uint64)
        words = self._seeded(count)
        if largest:
            words *= np.resize(leading > 0, count)  # where the bytes are 0, so are the words
            words[: len(leading)] = leading << 56 | words[: len(leading)] >> 8
        return words

    def word_pairs(self, count: int) -> NDArray[np.uint64]:
        """Shape (2, count): integers of 64 bits, each row a draw by itself."""
        return np.stack((self.words(count), self.words(count)))

    def _seeded(self, count: int) -> NDArray[np.uint64]:
        """Shape (count,): integers of 64 bits that follow from the seed; every draw has others."""
        self._draws += 1
        if not self._seed:
            return np.zeros(count, dtype=np.uint64)
        return raw_words(np.random.Philox(key=self._seed, counter=self._draws << 128), count)

    def group(self, build: Callable[[], T]) -> T:
        """What `build` returns, in one span: the shrinker tries to leave out spans."""
        return self._draw(st.builds(build))


@st.composite
def _cases(draw: st.DrawFn, dtype: str, options: DrawOptions) -> Case:
    case, regime = build_case(HypothesisSource(draw), dtype, options)
    event(f"regime: {regime}")
    return case


def cases(dtype: str, options: DrawOptions | None = None) -> st.SearchStrategy[Case]:
    """Random cases of a dtype, drawn as by `draw_case`; they shrink to one small layer of zeros.

    Hypothesis's statistics count their regimes as events. Drawing raises ValueError for an unknown dtype.
    """
    return _cases(dtype, options or DrawOptions())
