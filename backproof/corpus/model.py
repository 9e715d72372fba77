"""What stands in one file of a corpus: a case, and why it is kept.

A version reads as MAJOR.MINOR. A new minor version only adds keys that have defaults: this reader takes every
minor version up to its own and refuses newer ones. An unknown key is an error. The case itself has a version
of its own and is read by `refimpl.case_from_dict`. There is no date in an entry, so that the same finding
makes the same file, byte for byte.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema

from backproof.reporting.fields import CaseJson, Text
from refimpl.equations import EQUATIONS

FORMAT: Literal["backproof-corpus-entry"] = "backproof-corpus-entry"
VERSION: Literal["1.0"] = "1.0"
LONGEST_LINE = 500
EQUATION_IDS = tuple(equation.id for equation in EQUATIONS)


def _known_equation(name: str) -> str:
    if name not in EQUATION_IDS:
        raise ValueError(f"{name[:40]!r} is no equation; known: {', '.join(EQUATION_IDS)}, or null")
    return name


def _not_too_long(text: str) -> str:
    if len(text) > LONGEST_LINE:
        raise ValueError(f"has {len(text)} characters; the most is {LONGEST_LINE}")
    return text


_LINE_SCHEMA = {"type": "string", "maxLength": LONGEST_LINE}
Line = Annotated[Text, AfterValidator(_not_too_long), WithJsonSchema(_LINE_SCHEMA)]
EquationId = Annotated[Text, AfterValidator(_known_equation), WithJsonSchema({"enum": list(EQUATION_IDS)})]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Found(_Part):
    """Where the case was a finding."""

    implementation: Line = ""
    """Whose answer was wrong; empty if that is not known."""
    mistake: Line | None = None
    """The mistake that was planted on purpose, if one was."""


class Entry(_Part):
    """One kept case. See the module's docstring for versions."""

    format: Literal["backproof-corpus-entry"]
    version: Literal["1.0"]
    note: Line = ""
    """Why it is kept."""
    equation: EquationId | None = None
    """The equation that was wrong; None if it was no equation, or is not known."""
    cause: Line = ""
    """The diagnosis in one line; empty if there was none."""
    found: Found = Found()
    case: CaseJson
    """As `refimpl.case_to_dict` has it."""
