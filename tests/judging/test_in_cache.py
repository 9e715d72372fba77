"""A formula worked out part by part gives what it gives at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.judging.in_cache import in_cache

LONG = 100_003


@pytest.mark.parametrize("total", [0, 1, 7, LONG])
@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_arrays_with_leading_axes_rows_and_numbers_are_taken_part_by_part(
    leading: tuple[int, ...], total: int
) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    data, row = rng.standard_normal((*leading, total)), rng.standard_normal(total)
    seen: list[int] = []

    def formula(data: Any, row: Any, number: float) -> Any:
        seen.append(data.shape[-1])
        return data * row + number

    np.testing.assert_array_equal(in_cache(formula, data, row, 3.0), data * row + 3.0)
    assert sum(seen) == total
    assert (len(seen) > 1) == (total == LONG)
    assert data.size // max(total, 1) * max(seen) <= 2**15


def test_one_column_of_all_precisions_stays_with_each_part() -> None:
    u = np.array([[1.0], [2.0]])
    found = in_cache(lambda u, row: u * row, u, np.ones(LONG))
    assert found.shape == (2, LONG)
    assert found[:, [0, -1]].tolist() == [[1, 1], [2, 2]]
