"""Seeds as a source of integers: what is promised of each integer, and that only seed and index decide it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from backproof.cases.source import SeedSource, one_in, pick_weighted, size, weighted


def test_integers_stay_within_their_bounds_and_reach_both() -> None:
    source = SeedSource(1, 0)
    assert {source.integer(-2, 3) for _ in range(200)} == {-2, -1, 0, 1, 2, 3}


def test_the_integers_of_a_seed_never_change() -> None:
    # The first two integers of numpy.random.Philox(key=7 + (3 << 64)); NumPy guarantees the stream.
    expected = [8893702929424106994, 13357943582879616415]
    assert SeedSource(7, 3).words(2).tolist() == expected


@pytest.mark.parametrize("key", [(7, 3), (0, 2**64 - 1), (2**64 - 1, 0)])
def test_all_words_are_those_of_numpys_generator_however_many_are_asked_for_at_once(
    key: tuple[int, int],
) -> None:
    source = SeedSource(*key)
    counts = [1, 2, 3, 64, 0, 255, 256, 257, 1000, 5, 4, 3, 2, 1, 3000, 320, 321, 1]
    words = [word for count in counts for word in source.words(count).tolist()]
    numpys = np.random.Philox(key=np.array(key, dtype=np.uint64))
    assert words == numpys.random_raw(sum(counts)).tolist()


def test_two_draws_at_once_are_the_two_one_after_the_other() -> None:
    once, twice = SeedSource(1, 2), SeedSource(1, 2)
    for count in (1, 7, 400):
        assert once.word_pairs(count).tolist() == [twice.words(count).tolist() for _ in range(2)]


def test_sources_that_take_turns_do_not_disturb_each_other() -> None:
    alone = [SeedSource(5, index).words(1200).tolist() for index in range(2)]
    sources = [SeedSource(5, index) for index in range(2)]
    turns = [[source.words(100).tolist() for source in sources] for _ in range(12)]
    assert [[word for turn in turns for word in turn[index]] for index in range(2)] == alone


def test_sources_in_several_threads_do_not_disturb_each_other() -> None:
    def read(index: int) -> list[int]:
        source = SeedSource(6, index)
        return [word for _ in range(40) for word in source.words(500).tolist()]

    alone = [read(index) for index in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        assert list(pool.map(read, range(8))) == alone


def test_items_and_weights_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        weighted("abc", (1, 2))


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
    choice = weighted("abc", (6, 3, 1))
    counts = Counter(pick_weighted(source, choice) for _ in range(10_000))
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
