"""What several oracles say comes to one verdict, and numbers that say nothing do not count."""

from __future__ import annotations

import numpy as np
import pytest

from backproof.grading.bare_worker import Watch
from backproof.grading.evidence import MADE_OF, decided_by
from backproof.grading.exercise import is_silent
from backproof.grading.rubric import GRADED
from backproof.judging.verdicts import Check
from refimpl import Trace


def said(right: str, verdict: str) -> Check:
    return Check("dW", 1, "local", "it", right, "B1", verdict)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([("torch", "mismatch"), ("jax", "mismatch")], "mismatch"),
        ([("torch", "mismatch"), ("jax", "conforms")], "conforms"),
        ([("torch", "mismatch"), ("jax", "conforms"), ("truth", "mismatch")], "mismatch"),
        ([("torch", "unstable"), ("jax", "conforms")], "unstable"),
        ([("torch", "not judged"), ("jax", "mismatch")], "mismatch"),
        ([("torch", "not judged")], None),
    ],
)
def test_an_answer_is_wrong_if_all_who_can_judge_it_say_so_or_the_truth_does(checks, verdict):
    found = decided_by([said(*each) for each in checks])
    assert (found and found.verdict) == verdict


def test_every_equation_that_can_have_points_is_part_of_some_answer_of_the_whole():
    assert set().union(*MADE_OF.values()) == set(GRADED)


def traces(delta: float) -> tuple[Trace, Trace]:
    one = np.array([[1.0, 2.0]])
    right = Trace(Z=(one,), A=(one,), delta=(one,), dW=(one,), db=(one[:, :1],))
    own = Trace(Z=(one,), A=(one,), delta=(delta * one,), dW=(delta * one,), db=(delta * one[:, :1],))
    return own, right


def test_a_step_that_got_zeros_where_a_right_answer_has_numbers_shows_nothing():
    own, right = traces(0.0)
    assert all(is_silent(quantity, 1, own, right, 1) for quantity in ("dW", "db", "W_updated", "b_updated"))
    assert is_silent("dX", None, own, right, 1)
    assert not is_silent("A", 1, own, right, 1)
    own, right = traces(-3.0)
    assert not any(is_silent(quantity, 1, own, right, 1) for quantity in ("dW", "db", "W_updated"))


def test_the_watch_tells_each_thing_once_and_lets_python_s_own_files_be(tmp_path):
    told: list[tuple[str, str]] = []
    watch = Watch(
        lambda kind, what: told.append((kind, what)), str(tmp_path / "own"), [str(tmp_path / "lib")]
    )
    for path in ("own/data.txt", "lib/module.py", "secret", "secret"):
        watch("open", (str(tmp_path / path), "r", 0))
    watch("open", ("/dev/null", "w", 1))
    watch("open", (3, "r", 0))
    watch("import", ("torch.nn", None, None, None, None))
    watch("import", ("json", None, None, None, None))
    watch("open", ())  # whatever happens in the hook, the code goes on
    assert told == [("file", f"open {tmp_path / 'secret'} to read"), ("import", "import torch")]
