"""Cases parted by function, so that each function is called once for all of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from .shapes import Blocks


class Groups:
    """Cases parted by function: what the cases of each have in common, and where its entries are."""

    def __init__(self, specs: Sequence[Any], keys: Sequence[Hashable], beside: Any, blocks: Blocks) -> None:
        """Cases of equal keys are one group; `beside`: whose samples must stand side by side.

        There may be several times as many blocks as specs: the cases again and again.
        """
        numbers: dict[Hashable, int] = {}
        own = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
        times = len(blocks.rows) // len(own)
        self.numbers = np.tile(own, times)
        """Each case's group."""
        self.order = np.argsort(self.numbers, kind="stable")
        """The cases, group after group."""
        self.counts = np.bincount(self.numbers)
        firsts = self.order[np.cumsum(self.counts) - self.counts]
        self.specs = [specs[k % len(specs)] for k in firsts.tolist()]
        self.beside = np.tile(beside, times)
        self.shapes: list[tuple[int, ...]] = [
            (rows, -1) if mixes else (-1,)
            for rows, mixes in zip(blocks.rows[firsts].tolist(), self.beside[firsts].tolist(), strict=True)
        ]
        """What a group's entries are given in: their rows, or if no entry depends on another, no rows."""
        sizes = np.bincount(self.numbers, blocks.rows * blocks.columns)
        self.sizes: list[int] = sizes.astype(np.int64).tolist()
        self.positions = self.of(blocks)

    def of(self, blocks: Blocks) -> Any:
        """The positions of all entries, group after group."""
        return blocks.grouped(self.numbers, self.beside)

    def members(self) -> list[list[int]]:
        """The cases of each group."""
        return [part.tolist() for part in np.split(self.order, np.cumsum(self.counts)[:-1])]
