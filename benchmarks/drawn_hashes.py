"""Whether a change of the code has changed what is drawn: content hashes of some 75,000 cases, line by line.

Write them with the old code, compare with the new (a minute each):

    python -m benchmarks.drawn_hashes write FILE
    python -m benchmarks.drawn_hashes compare FILE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backproof.cases import REGIMES, DrawOptions, draw_case
from refimpl import DTYPES

_SMALL = {"max_depth": 5, "max_width": 32, "max_batch": 16}
# Every option, and how many cases of it.
OPTIONS: list[tuple[dict[str, Any], int]] = [
    (_SMALL, 4000),
    ({}, 2000),
    ({"max_depth": 3, "max_width": 4, "max_batch": 4}, 2000),
    ({"min_depth": 2, "max_depth": 4, "min_width": 3, "max_width": 9, "min_batch": 2, "max_batch": 5}, 800),
    ({"max_depth": 1, "max_width": 1, "max_batch": 1}, 500),
    ({"inputs": (3, 6), "outputs": (2, 10), **_SMALL}, 800),
    ({"activations": ("relu", "softmax", "tanh", "identity", "hardtanh"), **_SMALL}, 500),
    ({"losses": ("mse", "bce", "cross_entropy_with_logits", "poisson_nll"), **_SMALL}, 500),
    ({"hidden": ("relu", "leaky_relu", "hardtanh"), "output": ("identity", "sigmoid"), **_SMALL}, 500),
    ({"pairs": (("identity", "mse"), ("softmax", "cross_entropy"), ("sigmoid", "bce")), **_SMALL}, 300),
    ({"reductions": ("entrymean", "sum"), **_SMALL}, 300),
    ({"parameters": False, **_SMALL}, 500),
    ({"arrays": False, **_SMALL}, 500),
    *(({"labels": labels, **_SMALL}, 500) for labels in ("hard", "one-hot", "indices")),
    ({"max_depth": 12, "max_width": 256, "max_batch": 128}, 60),
    *(({"regimes": (name,), **_SMALL}, 400) for name in REGIMES),
]
# Seeds and the indices that go with them: small ones, scattered ones, and the largest there are.
SEEDS = ((0, 1, 0), (7, 1_000_003, 17), (2**64 - 1, -1_000_003, 2**64 - 18))


def lines() -> Iterator[str]:
    """One line for each case: where it comes from, and its content hash."""
    for fields, count in OPTIONS:
        options = DrawOptions(**fields)
        for seed, step, first in SEEDS:
            for index in range(first, first + step * (count // len(SEEDS) * 2), step):
                for dtype in DTYPES:
                    drawn = draw_case(seed, index, dtype, options)
                    yield f"{fields} {seed} {index} {dtype} {drawn.regime} {drawn.case.content_hash}"


def main(what: str, file: str) -> int:
    """Write or compare; 1 if a case is another."""
    if what == "write":
        Path(file).write_text("\n".join(lines()), encoding="utf-8")
        return 0
    written = Path(file).read_text(encoding="utf-8").split("\n")
    others = [(old, new) for old, new in zip(written, lines(), strict=True) if old != new]
    for old, new in others[:5]:
        print(f"{old}\n is now\n{new}")
    print(f"{len(written)} cases compared, {len(others)} differ")
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
