"""The model of results: the example made by hand is one, and what does not add up is none."""

from __future__ import annotations

import pytest
from hand_made_result import EXAMPLE, made_by_hand, not_loadable
from pydantic import ValidationError

from backproof.grading.model import Result


def test_the_example_kept_as_a_file_is_the_one_made_by_hand():
    assert Result.model_validate_json(EXAMPLE.read_text(encoding="utf-8")) == made_by_hand()


def test_a_result_comes_back_from_json_as_it_was():
    for result in (made_by_hand(), not_loadable()):
        assert Result.model_validate_json(result.model_dump_json()) == result


def test_the_marks_of_the_example_are_20_but_for_b5_half_of_f4_and_u2():
    assert made_by_hand().total == 20 - 3 - 0.5 - 1
    assert not made_by_hand().is_right


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"total": 20.0}, "total is 20.0, but its marks add up to 15.5"),
        ({"findings": ()}, "B5 names a finding that is not there"),
        ({"reason": "it did not load"}, "a reason is given if, and only if, it was not graded"),
        ({"seconds": 3.0}, "Extra inputs are not permitted"),
    ],
)
def test_what_does_not_add_up_is_refused(change, said):
    given = made_by_hand().model_dump(mode="json") | change
    with pytest.raises(ValidationError, match=said):
        Result.model_validate(given)


def test_nobody_earns_more_than_an_equation_is_worth():
    given = made_by_hand().model_dump(mode="json")
    given["marks"][0]["earned"] = 2.5
    with pytest.raises(ValidationError, match=r"F2 has earned 2.5 of 2.0 points"):
        Result.model_validate(given)
