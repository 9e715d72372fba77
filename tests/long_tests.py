"""Which rows of a table of tests run always, the others being long."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def long_but_for(quick: Collection[str], rows: Iterable[Any]) -> list[Any]:
    """The rows as pytest parameters, marked long but for those named in `quick`.

    A row is named by its id, or is a text that is its name. Raises ValueError if `quick` names no row, so
    that a representative which has been renamed does not silently leave the plain run.
    """
    parameters = [row if isinstance(row, type(pytest.param())) else pytest.param(row, id=row) for row in rows]
    missing = set(quick) - {parameter.id for parameter in parameters}
    if missing:
        raise ValueError(f"no row is named {', '.join(sorted(missing))}")
    return [
        parameter
        if parameter.id in quick
        else pytest.param(*parameter.values, id=parameter.id, marks=(*parameter.marks, pytest.mark.long))
        for parameter in parameters
    ]
