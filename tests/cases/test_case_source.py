"""Seeds as a source of integers: what is promised of each integer, and that only seed and index decide it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from backproof.cases.source import SeedSource, one_in, pick_weighted, size


def test_integers_stay_within_their_bounds_and_reach_both() -> None:
    source = SeedSource(1, 0)
    assert {source.integer(-2, 3) for _ in range(200)} == {-2, -1, 0, 1, 2, 3}


def test_the_integers_of_a_seed_never_change() -> None:
    # The first two integers of numpy.random.Philox(key=7 + (3 << 64)); NumPy guarantees the stream.
    expected = [8893702929424106994, 13357943582879616415]
    assert SeedSource(7, 3).words(2).tolist() == expected


def test_neighbouring_seeds_and_indices_have_nothing_in_common() -> None:
    keys = [(0, 0), (0, 1), (1, 0), (1, 1), (2**64 - 1, 0), (0, 2**64 - 1)]
    words = [int(word) for key in keys for word in SeedSource(*key).words(100)]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("wrong", [-1, 2**64, 1.0, True, "1", None])
def test_a_seed_or_index_outside_64_bits_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"seed must be an integer from 0 to 2\^64 - 1, not"):
        SeedSource(wrong, 0)
    with pytest.raises(ValueError, match=r"index must be an integer from 0 to 2\^64 - 1, not"):
        SeedSource(0, wrong)


def test_weights_are_relative_frequencies() -> None:
    source = SeedSource(2, 0)
    counts = Counter(pick_weighted(source, "abc", (6, 3, 1)) for _ in range(10_000))
    assert [round(counts[letter] / 1000) for letter in "abc"] == [6, 3, 1]


def test_one_in_n_is_true_once_in_n_draws() -> None:
    source = SeedSource(3, 0)
    assert sum(one_in(source, 4) for _ in range(10_000)) == pytest.approx(2500, abs=200)


def test_sizes_are_uniform_over_octaves() -> None:
    source = SeedSource(4, 0)
    octaves = Counter(size(source, 64).bit_length() for _ in range(14_000))
    assert set(octaves) == set(range(1, 8))
    assert all(count == pytest.approx(2000, abs=200) for count in octaves.values())


@pytest.mark.parametrize("largest", [1, 2, 3, 5, 8, 31, 64])
def test_every_size_up_to_the_largest_is_reached(largest: int) -> None:
    source = SeedSource(5, 0)
    assert {size(source, largest) for _ in range(3000)} == set(range(1, largest + 1))


class _Fixed(SeedSource):
    """Gives one integer again and again, and notes the range it was asked for."""

    def __init__(self, answer: int) -> None:
        super().__init__(0, 0)
        self.answer, self.ranges = answer, set[tuple[int, int]]()

    def integer(self, low: int, high: int) -> int:
        self.ranges.add((low, high))
        return self.answer


def test_one_integer_of_one_range_means_a_size_whatever_is_the_largest() -> None:
    # As Hypothesis shrinks: a smaller integer is a smaller size, and a change of the largest spoils nothing.
    ranges = set()
    for largest in (1, 3, 8, 64):
        sources = [_Fixed(answer) for answer in range(256)]
        sizes = [size(source, largest) for source in sources]
        assert sizes == sorted(sizes)
        assert (sizes[0], sizes[-1]) == (1, largest)
        ranges |= {each for source in sources for each in source.ranges}
    assert ranges == {(0, 255)}
