"""How the book tells the verdict of its run: right first, and nothing wrong hidden."""

from __future__ import annotations

import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from backproof.reporting.parts import Counts
from book_directives.run_of_the_book import Live


def _live(worst_ratio: float | None = None, **verdicts: int) -> Live:
    counts = Counts.tally({name.replace("_", " "): number for name, number in verdicts.items()})  # type: ignore[misc]
    return Live(counts.worst(), 10, "networks", counts, worst_ratio, "backproof run")


@pytest.mark.parametrize(
    ("verdicts", "headline"),
    [
        ({"conforms": 90, "convention": 3, "known_deviation": 2, "not_judged": 5}, "conforms"),
        ({"conforms": 90, "unstable": 1}, "conforms"),
        ({"conforms": 90, "mismatch": 1}, "mismatch"),
        ({"conforms": 90, "fault": 1, "mismatch": 2}, "fault"),
        ({"convention": 3}, "convention"),
        ({"not_judged": 3}, "not judged"),
    ],
)
def test_one_wrong_check_is_the_headline_and_a_choice_is_not(verdicts: dict[str, int], headline: str):
    assert _live(**verdicts).headline == headline


def test_every_verdict_that_was_given_is_counted():
    live = _live(conforms=2000, convention=10, known_deviation=16, not_judged=22)
    assert live.in_words == "2,000 of 2,048 checks conform; 10 convention, 16 known deviation, 22 not judged"
    assert _live(conforms=7).in_words == "7 of 7 checks conform"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (None, ""),
        (0.99996, "0.999"),
        (0.42, "0.42"),
        (1.0004, "1"),
        (12.3456, "12.345"),
        (2.25e15, "2.2e+15"),
    ],
)
def test_a_ratio_below_1_is_never_told_as_1(ratio: float | None, said: str):
    assert _live(ratio, conforms=1).ratio_in_words == said
