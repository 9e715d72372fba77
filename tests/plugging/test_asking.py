"""How an implementation is asked: again, in other forms, after it died; and what the worker may need."""

import ast
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.cases import DrawOptions, draw_case
from backproof.plugging import worker
from backproof.plugging.isolation import MOST_IN_A_ROW, InProcess, Isolated
from backproof.plugging.probes import FIRST
from backproof.plugging.sampling import ARRANGED, arrangement
from backproof.subject import PluggedSubject
from oracles.torch_oracle import TorchOracle

from .command import ROOT, here, miniature
from .miniatures.right import SUPPORTED, right

TORCH = TorchOracle()


def _judged(link: Any, cases: int, dtype: str = "float64") -> list[Any]:
    subject = PluggedSubject(link, "here", name="mine")
    draw = subject.draw(subject.plugged.declaration.draw_options())
    try:
        drawn = [draw_case(7, index, dtype, draw).case for index in range(cases)]
        return subject.panel([TORCH], None).judge(drawn)
    finally:
        subject.close()


def _in_process(function: Any) -> InProcess:
    function.backproof = SUPPORTED
    return InProcess(function)


# ---------------------------------------------------------------- no false alarm


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_reference_is_asked_in_every_form_and_never_contradicts_itself(dtype: str):
    # In a process of its own: beartype, which checks refimpl here, draws from Python's random.
    judgements = _judged(Isolated(f"{ROOT / 'examples' / 'reference.py'}:network"), 150, dtype)
    assert not [c for j in judgements for c in j.checks if c.verdict in ("mismatch", "fault")]
    forms = Counter(check.right for j in judgements for check in j.checks if check.left == "mine")
    related = {form for form in forms if form.startswith("itself, ")}
    assert {
        "itself, units permuted",
        "itself, the batch in two parts",
        "itself, samples duplicated",
    } <= related
    assert any(form.startswith("itself, reduction") for form in related)


def test_answers_that_differ_in_the_order_of_sums_are_not_random():
    rng = np.random.Generator(np.random.Philox(1))
    answers = []

    def shuffled(case: Any) -> Any:
        order = rng.permutation(case.samples)
        case.X, case.Y = np.ascontiguousarray(case.X[:, order]), np.ascontiguousarray(case.Y[:, order])
        answers.append(right(case))
        return answers[-1]

    judgements = _judged(_in_process(shuffled), 40)
    assert {judgement.verdict for judgement in judgements} == {"conforms"}
    again = [a["loss"] != b["loss"] for a, b in pairwise(answers[40:])]
    assert any(again)  # the bits do differ


# ---------------------------------------------------------------- how often


def test_the_first_cases_of_a_run_are_always_asked_again_and_in_related_forms():
    asked = Counter[str]()

    def counted(case: Any) -> Any:
        asked[f"{case.W[0].tobytes()!r}"] += 1
        return right(case)

    judgements = _judged(_in_process(counted), FIRST)
    for judgement in judgements:
        assert asked[f"{judgement.case.network.layers[0].W.tobytes()!r}"] >= 4  # once, again, twice in a row
        assert any(check.right == "itself, samples duplicated" for check in judgement.checks)


@pytest.mark.long
def test_arrays_lie_plainly_in_seven_cases_of_eight_and_in_every_other_way_in_the_rest():
    cases = [
        draw_case(3, index, "float64", DrawOptions(max_depth=2, max_width=3)).case for index in range(400)
    ]
    found = Counter(arrangement(case) for case in cases)
    assert set(found) == {"plain", *ARRANGED}
    assert found["plain"] == pytest.approx(350, abs=30)


# ---------------------------------------------------------------- what dies all the time


def test_a_process_that_is_lost_time_and_again_in_a_row_is_given_up_and_the_rest_is_not_judged(tmp_path):
    words = ("--cases", "20", "--dtype", "float64", "--oracles", "torch", "--out", "out")
    outcome = here(tmp_path, "run", "--impl", miniature("dies.py:always_segfaults"), *words)
    assert outcome.status == 1
    counts = outcome.report.counts
    assert (counts.fault, counts.not_judged) == (MOST_IN_A_ROW, 20 - MOST_IN_A_ROW)
    (row,) = [row for row in outcome.report.not_judged if row.reason.startswith("not asked")]
    assert row.reason == f"not asked: the process had been lost {MOST_IN_A_ROW} times in a row"
    assert row.cases == 20 - MOST_IN_A_ROW


# ---------------------------------------------------------------- the worker


def test_the_worker_is_read_by_old_pythons_and_needs_the_standard_library_and_perhaps_numpy():
    tree = ast.parse(Path(worker.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"numpy"}
