"""The table of reductions says what was measured."""

from __future__ import annotations

from typing import Any

from backproof.diagnosis.mistakes import MISTAKES
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING
from benchmarks.reduction import mismatching, reduced, rendered, sizes, summary
from oracles.torch_oracle import TorchOracle


def row(mistake: str, layers: int, seconds: float) -> dict[str, Any]:
    return {"mistake": mistake, "layers": layers, "widths": 1, "batch": 1, "seconds": seconds, "asked": 10}


def test_a_summary_is_the_median_and_the_quantile_by_hand():
    rows = [row("a", layers, 0.5) for layers in range(1, 22)]  # 1 … 21: the middle is 11, 95 % of the way 20
    assert summary(rows)["layers"] == [11.0, 20.0]
    assert summary(rows)["seconds"] == [0.5, 0.5]


def test_the_page_says_how_many_were_soon_enough_and_which_never_showed():
    rows = [row("a", 1, 1.0), row("a", 3, 6.0), row("b", 2, 1.0), row("b", 2, 1.0)]
    page = rendered({"seconds": 5.0, "rows": rows, "without": ["c (float32)"], "hypothesis": []})
    assert "4 mismatching cases of 2 mistakes" in page
    assert "75.0 % took less than 5 s. 1 pairs of mistake\nand dtype gave no mismatch" in page
    assert "c (float32)" in page
    assert "| a | 2 | 2 | 1 | 1 | 3.5 | 10 |" in page
    assert "Hypothesis" not in page


def test_a_row_is_what_a_reduction_reached():
    panel = Panel(MISTAKES["bias-forgotten"].implementation(), [TorchOracle()])
    (judgement,) = mismatching(panel, MISTAKES["bias-forgotten"], "float64", 1)
    assert judgement.verdict in FAILING
    found = reduced(panel, judgement, 1e9)
    assert found is not None
    # Z = W X + b without b: one unit with b = 1 shows it.
    assert {key: found[key] for key in sizes(judgement.case)} == {"layers": 1, "widths": 1, "batch": 1}
