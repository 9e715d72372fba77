"""Content hashes of drawn cases, committed: the same on every platform and with every version of NumPy.

They change when the tables of activations or losses grow, or when drawing changes. Then every number that
a report quotes by seed and index means another case, so this is a decision to be seen in review. To make it:

    python tests/cases/test_golden_hashes.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backproof.cases import draw_case
from refimpl import DTYPES

GOLDEN = Path(__file__).with_name("golden_hashes.json")
KEYS = [(seed, index, dtype) for seed in (0, 2026) for index in (0, 1, 2, 3, 1_000_000) for dtype in DTYPES]


def _name(seed: int, index: int, dtype: str) -> str:
    return f"seed {seed}, case {index}, {dtype}"


@pytest.mark.parametrize(("seed", "index", "dtype"), KEYS)
def test_a_drawn_case_has_the_content_hash_that_was_committed(seed: int, index: int, dtype: str) -> None:
    expected = json.loads(GOLDEN.read_text())[_name(seed, index, dtype)]
    assert draw_case(seed, index, dtype).case.content_hash == expected, (
        f"case {index} of seed {seed} in {dtype} is another case than before. If the tables or the drawing "
        "were changed on purpose, run: python tests/cases/test_golden_hashes.py"
    )


def test_no_hash_is_committed_that_is_not_compared() -> None:
    assert set(json.loads(GOLDEN.read_text())) == {_name(*key) for key in KEYS}


if __name__ == "__main__":
    hashes = {_name(*key): draw_case(*key).case.content_hash for key in KEYS}
    GOLDEN.write_text(json.dumps(hashes, indent=1) + "\n")
