"""What an atlas holds, as validated, immutable data. atlas.json is exactly this.

Errors are in ulps of the exact result, and as a second measure in ulps of max(1, |exact|). Numbers that may
be infinite or NaN are the strings "inf", "-inf" and "nan" in JSON, which has no others; null stands where
there was nothing to measure.

A version reads as MAJOR.MINOR. A new minor version only adds keys that have defaults: this reader takes every
minor version up to its own and refuses newer ones. An unknown key is an error. There is no date in an atlas:
the same versions on the same processor give the same bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backproof.reporting.fields import Count, Many, Number, Text

FORMAT: Literal["backproof-atlas"] = "backproof-atlas"
VERSION: Literal["1.0"] = "1.0"

Quantity = Literal["value", "derivative"]
QUANTITIES: tuple[Quantity, ...] = ("value", "derivative")
ClassName = Literal[
    "accurate", "undefined", "flushed", "underflow", "ill-conditioned", "inaccurate", "non-finite"
]
CLASSES: dict[ClassName, str] = {
    "accurate": "within the threshold",
    "undefined": "there is no finite exact answer, nor one that overflows",
    "flushed": "off because a subnormal number, argument or result, was taken for 0",
    "underflow": "off by less than the smallest normal number: something on the way was subnormal",
    "ill-conditioned": "off by no more than a change of the argument by eight ulps would bring",
    "inaccurate": "off by more than the threshold",
    "non-finite": "NaN, or infinite where a finite number is right",
}
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RegionRow(_Part):
    """Neighbouring arguments of one sweep at which answers are inaccurate or not finite."""

    kind: Literal["inaccurate", "non-finite"]
    parameters: dict[Text, Number]
    """Of the function, with the one number that all entries of an array have."""
    target: Many[Number]
    """Of a loss: the target, or the column of targets; empty for an activation."""
    design: Text
    """How the argument makes a column; empty for elementwise functions."""
    first: Number
    last: Number
    """The least and the greatest argument of the region."""
    points: Annotated[int, Field(ge=1)]
    at: Number
    """The argument with the worst answer."""
    column: Many[Number]
    """What the function was asked at there; one number for elementwise functions."""
    entry: Count
    """Which entry of the answer is the worst."""
    exact: Number
    answer: Number
    ulps: Number
    scaled: Number
    """In ulps of max(1, |exact|)."""


class QuantityRow(_Part):
    """The errors of one answerer's value or derivative of one function over all its sweeps."""

    quantity: Quantity
    classes: dict[ClassName, Count]
    """How many entries of answers are of each class; all are counted."""
    median_ulps: Number | None
    """Of the answers that are accurate or inaccurate, as the two below: the other classes have excuses."""
    worst_ulps: Number | None
    worst_scaled: Number | None
    profile: Many[Number | None]
    """The worst ulps of all classes for each bin of arguments; "inf" for what is not finite."""
    regions: Many[RegionRow]


class AnswerRow(_Part):
    """One answerer's answers for one function; no quantities where it does not offer the function."""

    by: Text
    offer: Literal["own", "composed", "does not offer"]
    """A function of its own, plain operations as the oracle composes them, or none."""
    quantities: Many[QuantityRow]

    @model_validator(mode="after")
    def _whole(self) -> AnswerRow:
        found = tuple(row.quantity for row in self.quantities)
        if found != (() if self.offer == "does not offer" else QUANTITIES):
            raise ValueError(f"{self.by} has quantities {found} for the offer {self.offer!r}")
        return self


class FunctionRow(_Part):
    """One function in one dtype."""

    kind: Literal["activation", "loss"]
    name: Text
    dtype: Literal["float32", "float64"]
    sweeps: Count
    points: Count
    """Arguments of all sweeps; of functions of columns, columns."""
    answers: Many[AnswerRow]

    @property
    def bins(self) -> set[int]:
        """The lengths of all profiles: one, if the row is whole."""
        return {len(row.profile) for answer in self.answers for row in answer.quantities}

    @model_validator(mode="after")
    def _one_axis(self) -> FunctionRow:
        if len(self.bins) > 1:
            raise ValueError(f"profiles of {self.name} have different lengths: {sorted(self.bins)}")
        return self


class Atlas(_Part):
    """A whole atlas. See the module's docstring for versions."""

    format: Literal["backproof-atlas"] = FORMAT
    version: Literal["1.0"] = VERSION
    command: Text
    """One line that repeats it."""
    versions: dict[Text, Text]
    """Package → version."""
    python: Text
    platform: Text
    threshold: Positive
    """Ulps beyond which an answer is a finding."""
    points: Count
    """Arguments of a sweep, as asked for."""
    answerers: Many[Text]
    functions: Many[FunctionRow]
