"""Judges the chain rule on random compositions, which no run of networks does: `reports/book/chains.json`.

    python -m book_directives.judged_chains FILE [COMPOSITIONS]

run by `make book`, with docs/ on the path. tests/conformance/test_chain_rule.py does it on another seed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from backproof.cases.compositions import draw_composition
from backproof.equation_tally import EquationTally
from backproof.judging.chain import ChainJudge, ChainOracle
from refimpl import DTYPES
from refimpl.chain_rule import ChainRule

COMPOSITIONS = 256
"""In each dtype."""
SEED = 20_261_128


def judged(compositions: int, oracles: tuple[ChainOracle, ...] | None = None) -> dict[str, Any]:
    """The verdicts on C1 and C2, as `Run` reads them."""
    judge, tally, reference = ChainJudge(oracles), EquationTally(), ChainRule().value_and_derivative
    for dtype in DTYPES:
        for index in range(compositions):
            tally.add_chain(judge.judge(reference, draw_composition(SEED, index, dtype)))
    rows = [row.model_dump(mode="json") for row in tally.rows() if row.id in {"C1", "C2"}]
    return {
        "command": f"{compositions} random compositions in each dtype, seed {SEED}",
        "equations": {
            row["id"]: {key: row[key] for key in ("cases", "checks", "worst_ratio")} for row in rows
        },
    }


if __name__ == "__main__":
    compositions = int(sys.argv[2]) if len(sys.argv) > 2 else COMPOSITIONS
    Path(sys.argv[1]).write_text(json.dumps(judged(compositions), indent=1) + "\n", "utf-8")
