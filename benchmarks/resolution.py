"""How sharp verdicts on dW are: bound / |value| in units roundoff, by the initialisation of the weights.

    python benchmarks/resolution.py [--cases N]

Ordinary networks with all weights of He's, Xavier's or unit size, in a small and in the full range of sizes.
Writes benchmarks/results/resolution.json and resolution.md.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.cases.numbers import Numbers, short_root
from backproof.judging.judge import Tables
from backproof.judging.panel import Panel
from backproof.judging.verdicts import Judgement
from backproof.run import ORACLES
from backproof.subject import REFERENCE
from refimpl import Backprop

RESULTS = Path(__file__).parent / "results"
SCOPES = ("local", "end to end")
# The variances of weights between so many inputs and outputs, as fractions.
SCHEMES: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "unit normal": lambda _inputs, _outputs: (1, 1),
    "He": lambda inputs, _outputs: (2, inputs),
    "Xavier": lambda inputs, outputs: (2, inputs + outputs),
}
SIZES = {"small": (5, 32, 16), "full": (8, 64, 32)}
CHUNK = 256


@contextmanager
def initialised(variance: Callable[[int, int], tuple[int, int]]) -> Iterator[None]:
    """Every layer's weights are drawn with this variance."""

    def initial_scale(_: Numbers, inputs: int, outputs: int) -> float:
        return short_root(*variance(inputs, outputs))

    with patch.object(Numbers, "initial_scale", initial_scale):
        yield


def measured(sizes: tuple[int, int, int], dtype: str, cases: int) -> dict[str, Any]:
    """Quantiles over all entries of all dW, and the share of cases of which everything could be judged."""
    u = np.finfo(dtype).eps / 2
    found: dict[str, list[Any]] = {scope: [] for scope in SCOPES}
    resolved: Counter[str] = Counter()

    def watch(tables: Tables, judgements: Sequence[Judgement]) -> None:
        for block in tables.blocks:
            if block.quantity == "dW" and REFERENCE in block.left:
                row = list(block.left).index(REFERENCE)
                value, bound = np.abs(block.observed[row]), block.bound[row]
                some = (value > 0) & np.isfinite(bound)
                found[block.scope].append(bound[some] / value[some] / u)
        for judgement in judgements:
            for scope in SCOPES:
                own = [check for check in judgement.checks if check.scope == scope]
                resolved[scope] += all(check.verdict != "not judged" for check in own)

    panel = Panel(Backprop(), [ORACLES["torch"]()], REFERENCE, watch=watch)
    options = DrawOptions(regimes=("ordinary",), max_depth=sizes[0], max_width=sizes[1], max_batch=sizes[2])
    for first in range(0, cases, CHUNK):
        panel.judge([draw_case(11, i, dtype, options).case for i in range(first, min(first + CHUNK, cases))])
    return {
        scope: {
            "entries": int(sum(map(len, found[scope]))),
            "median": _short(np.quantile(np.concatenate(found[scope]), 0.5)),
            "90 %": _short(np.quantile(np.concatenate(found[scope]), 0.9)),
            "cases judged in full": resolved[scope] / cases,
        }
        for scope in SCOPES
    }


def _short(number: Any) -> float:
    return float(f"{number:.4g}")


def rendered(facts: dict[str, Any]) -> str:
    """As Markdown."""
    said = (
        "# Resolution of verdicts on dW\n\n"
        "bound / |value| in units roundoff over all entries of dW that are not 0, and the share of cases of\n"
        f"which every check was judged. {facts['cases']:,} ordinary cases in each row. Made by\n"
        "`python benchmarks/resolution.py`.\n"
    )
    own = "median | 90 % | judged in full"
    lines = [
        said,
        f"| weights | sizes | dtype | local: {own} | end to end: {own} |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in facts["rows"]:
        cells = [row["weights"], row["sizes"], row["dtype"]]
        for scope in SCOPES:
            own = row[scope]
            cells += [
                f"{own['median']:.3g}",
                f"{own['90 %']:.3g}",
                f"{100 * own['cases judged in full']:.1f} %",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2048, help="in each row (default: %(default)s)")
    options = parser.parse_args()
    rows = []
    for weights, variance in SCHEMES.items():
        for name, sizes in SIZES.items():
            for dtype in ("float32", "float64"):
                with initialised(variance):
                    rows.append(
                        {"weights": weights, "sizes": name, "dtype": dtype}
                        | measured(sizes, dtype, options.cases)
                    )
                print(rows[-1], flush=True)
    facts = {"cases": options.cases, "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "resolution.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "resolution.md").write_text(rendered(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
