"""The kinds of values in a report, each validated when it comes in."""

from __future__ import annotations

import math
from numbers import Real
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, Strict, WithJsonSchema

from .safe_text import safe_json, safe_text

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _read_number(value: Any) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError('must be a number, "nan", "inf" or "-inf"')
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is too large for a float64") from None


def write_number(value: float) -> float | str:
    """A number as JSON has it: the non-finite ones as "nan", "inf", "-inf"."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Strict(strict=False)]
"""A tuple; a list is taken too, since JSON has no tuples."""
Text = Annotated[str, AfterValidator(safe_text)]
Number = Annotated[
    float,
    BeforeValidator(_read_number),
    PlainSerializer(write_number, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": list(_NOT_FINITE)}]}),
]
Count = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number that every JSON reader reads exactly."""
CaseId = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,79}$")]
"""Names the case's file, so it holds nothing that a file name must not."""
CaseJson = Annotated[dict[str, Any], BeforeValidator(safe_json)]
