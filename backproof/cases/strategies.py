"""Random cases for Hypothesis: the same definition as `draw_case`, fed by Hypothesis's own choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import event
from hypothesis import strategies as st

from .drawing import build_case
from .options import DrawOptions
from .source import leading_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from refimpl import Case

# Hypothesis gives up on an example that takes more than 8 kB of choices.
_BULK_BYTES = 4096


class HypothesisSource:
    """Integers that Hypothesis chooses, and therefore shrinks.

    Bulk integers are shrunk one by one as long as an example has few of them. Where it has more, the
    rest comes from a chosen seed; such an example shrinks in its sizes first, and then has few.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._bytes_left = _BULK_BYTES

    def integer(self, low: int, high: int) -> int:
        """An integer with low ≤ integer ≤ high, shrinking towards `low`."""
        return self._draw(st.integers(low, high))

    def integers(self, count: int, bits: int) -> NDArray[np.uint64]:
        """Shape (count,): integers with 0 ≤ integer < 2^bits, shrinking towards 0."""
        width = -(-bits // 8)
        if count * width > self._bytes_left:
            key = self._draw(st.integers(0, 2**64 - 1))
            return leading_bits(np.random.Philox(key=key), count, bits)
        self._bytes_left -= count * width
        chosen = self._draw(st.binary(min_size=count * width, max_size=count * width))
        words = np.zeros((count, 8), dtype=np.uint8)
        words[:, 8 - width :] = np.frombuffer(chosen, dtype=np.uint8).reshape(count, width)
        return (words.view(">u8")[:, 0] & np.uint64(2**bits - 1)).astype(np.uint64)


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
