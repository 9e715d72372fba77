"""What no run of networks judges, measured for the book: `reports/book/measured.json`.

    python -m book_directives.measured FILE [COMPOSITIONS]

run by `make book`, with docs/ on the path. The chain rule is judged on random compositions, as
tests/conformance/test_chain_rule.py does on another seed, and every side is asked for its slope exactly on
the kinks of the losses.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backproof.cases.compositions import draw_composition
from backproof.equation_tally import EquationTally
from backproof.judging.chain import ChainJudge, ChainOracle
from oracles import Oracle
from refimpl import DTYPES, LOSSES, LossSpec
from refimpl.chain_rule import ChainRule

COMPOSITIONS = 256
"""In each dtype."""
SEED = 20_261_128
TARGETS = (1.0, -1.0)


def chains(compositions: int, oracles: Sequence[ChainOracle] | None = None) -> dict[str, Any]:
    """The verdicts on C1 and C2."""
    judge, tally, reference = ChainJudge(oracles), EquationTally(), ChainRule().value_and_derivative
    for dtype in DTYPES:
        for index in range(compositions):
            tally.add_chain(judge.judge(reference, draw_composition(SEED, index, dtype)))
    rows = [row.model_dump(mode="json") for row in tally.rows() if row.id in {"C1", "C2"}]
    return {
        "judged": f"{compositions} random compositions in each dtype, seed {SEED}",
        "equations": {
            row["id"]: {key: row[key] for key in ("cases", "checks", "worst_ratio")} for row in rows
        },
    }


def loss_kinks(oracles: Sequence[Oracle]) -> list[dict[str, Any]]:
    """One row for each kink of each loss at its default parameters and a target of 1, or -1 besides."""
    rows = []
    for name, entry in LOSSES.items():
        for target in TARGETS:
            if not (entry.elementwise and entry.target_domain.contains([[target]])):
                continue
            spec, Y = LossSpec(name), np.array([[target]])
            kinks = [kink for kink in entry.kinks(Y, spec.arguments) if np.isfinite(kink.at).all()]
            rows += [_kink_row(spec, Y, kink, oracles) for kink in kinks]
    return rows


def _kink_row(spec: LossSpec, Y: Any, kink: Any, oracles: Sequence[Oracle]) -> dict[str, Any]:
    at = np.array(kink.at, np.float64).reshape(1, 1)
    ours = spec.entry.gradient(at, Y, **spec.arguments)
    slopes = {oracle.name: oracle.loss_terms(spec, at, Y)[1].item() for oracle in oracles}
    return {
        "function": spec.name,
        "target": Y.item(),
        "at": at.item(),
        "left": np.asarray(kink.left).item(),
        "right": np.asarray(kink.right).item(),
        "ours": np.asarray(ours).item(),
        **slopes,
    }


def main(file: str, compositions: int = COMPOSITIONS) -> None:
    """Writes the file."""
    from oracles.jax_oracle import JaxOracle
    from oracles.torch_oracle import TorchOracle

    found = {"chains": chains(compositions), "loss_kinks": loss_kinks([TorchOracle(), JaxOracle()])}
    Path(file).write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
