"""Which chunk is what, what is missing, and what is covered."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from backproof.campaign.plan import Coverage, coverage, missing, place_of


def test_dtypes_take_turns_and_no_case_is_left_out_or_comes_twice() -> None:
    places = [place_of(number, ("float32", "float64"), 8) for number in range(4)]
    assert places == [("float32", 0), ("float64", 0), ("float32", 8), ("float64", 8)]
    assert [place_of(number, ("float64",), 8).first for number in range(3)] == [0, 8, 16]


def test_what_is_missing_comes_from_the_first_on() -> None:
    assert list(islice(missing({0, 1, 3, 6}), 5)) == [2, 4, 5, 7, 8]


@given(
    st.sets(st.integers(0, 12)),
    st.sampled_from([("float32",), ("float32", "float64")]),
    st.integers(1, 30),
    st.integers(1, 40),
)
def test_coverage_is_what_counting_every_case_gives(
    done: set[int], dtypes: tuple[str, ...], size: int, strata: int
) -> None:
    visits = Counter({(dtype, kind): 0 for dtype in dtypes for kind in range(strata)})
    for number in done:
        dtype, first = place_of(number, dtypes, size)
        visits.update((dtype, index % strata) for index in range(first, first + size))
    seen = sum(times > 0 for times in visits.values())
    counted = Coverage(len(visits), seen, min(visits.values()), max(visits.values()))
    assert coverage(done, dtypes, size, strata) == counted


def test_coverage_is_told_in_words() -> None:
    assert str(coverage({0, 1}, ("float32",), 512, 17_874)) == (
        "1,024 of 17,874 strata, with 0 to 1 cases each"
    )
