"""What a chunk came to as JSON, and back: its tally, validated, and which cases it is of.

JSON is validated when it is read, and nothing else is ever made of it than counts, texts and findings. Floats
come back to the last bit. A finding has no case, which is drawn again from its index.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backproof.chunks import Chunk, JudgedChunk, Surroundings
from backproof.distribution_tally import EDGES
from backproof.findings_tally import Cause
from backproof.reporting.fields import Count, Many, Number, Text
from backproof.reporting.files import first_problem
from backproof.reporting.model import Environment, Finding, KinkRow, Verdict
from backproof.tally import Tally


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Counted(_Part):
    """How often each verdict was given, and the largest error/bound."""

    verdicts: dict[Verdict, Count]
    worst: Number | None = None


# JSON has lists where a row of a tally is a tuple.
_List = Field(strict=False)
_Two = Annotated[tuple[Text, Text], _List]
_Three = Annotated[tuple[Text, Text, Text], _List]
_Four = Annotated[tuple[Text, Text, Text, Text], _List]
_Classes = Annotated[
    tuple[Count, ...], Field(strict=False, min_length=len(EDGES) + 1, max_length=len(EDGES) + 1)
]
_Cause = Annotated[tuple[int, bool, Text, bool, Text, int, Text, Text, Text], _List]


class _Truth(_Part):
    asked: dict[Text, Count]
    on_a_kink: Count
    sides: Many[Annotated[tuple[_Three, Count, Count, Count, dict[Verdict, Count], Number], _List]]


class _TallyJson(_Part):
    """What `Tally.as_json` gives."""

    cases: _Counted
    checks: _Counted
    truth: _Truth
    distributions: Many[Annotated[tuple[_Four, _Classes], _List]]
    equations: dict[Text, Annotated[tuple[_Counted, Count], _List]]
    pairs: Many[Annotated[tuple[_Three, _Counted], _List]]
    matrix: Many[Annotated[tuple[_Three, _Counted], _List]]
    regimes: Many[Annotated[tuple[_Two, Count, Count, Count, dict[Text, Count]], _List]]
    not_judged: Many[Annotated[tuple[_Three, Annotated[tuple[Count, Count, Count], _List]], _List]]
    deviations: Many[Annotated[tuple[_Two, Count], _List]]
    findings: Many[Annotated[tuple[_Cause, Count, dict[str, Any]], _List]]


class ChunkResult(_Part):
    """What a chunk came to, as its record has it."""

    chunk: Count
    dtype: Text
    first: Count
    cases: Count
    offered: dict[Text, Count]
    """Quantity → how often somebody's implementation offered it."""
    tally: _TallyJson
    environment: Environment | None = None
    """Where it was judged; of the first chunk only."""
    kinks: Many[KinkRow] = ()

    @property
    def surroundings(self) -> Surroundings | None:
        """Where it was judged, if it is the first."""
        return None if self.environment is None else (self.environment, self.kinks)

    def add_to(self, tally: Tally) -> list[Cause]:
        """Counts all of it in `tally`, after what is there; gives the causes of findings that are new."""
        return tally.add_json(self.tally.model_dump())


def result_json(chunk: Chunk, judged: JudgedChunk) -> bytes:
    """What a chunk came to, as `ChunkResult` reads it: the same bytes for the same counts."""
    told: dict[str, Any] = {
        "chunk": chunk.number,
        "dtype": chunk.dtype,
        "first": chunk.first,
        "cases": judged.cases,
        "offered": dict(judged.offered),
        "tally": judged.tally.as_json(),
    }
    if judged.surroundings is not None:
        environment, kinks = judged.surroundings
        told["environment"] = environment.model_dump(mode="json")
        told["kinks"] = [row.model_dump(mode="json") for row in kinks]
    return json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def read_result(text: bytes) -> ChunkResult:
    """What a chunk came to. Raises ValueError if this is something else."""
    try:
        result = ChunkResult.model_validate(json.loads(text))
        for _, _, finding in result.tally.findings:
            Finding.model_validate({"number": 1, **finding})
    except ValidationError as error:
        raise ValueError(first_problem(error, "the result")) from None
    return result


class Done(NamedTuple):
    """A chunk that was judged, as it is written."""

    number: int
    """Of the chunk."""
    content: bytes
    """What it came to: see `result_json`."""
    cases: int
    wrong: int
    """Cases that are a mismatch or a fault."""

    @classmethod
    def of(cls, chunk: Chunk, judged: JudgedChunk) -> Self:
        """Of what was judged on this machine."""
        return cls(chunk.number, result_json(chunk, judged), judged.cases, judged.tally.mismatches)

    @classmethod
    def read(cls, chunk: Chunk, content: bytes) -> Self:
        """Of what came from elsewhere. Raises ValueError if it is no result, or one of other cases."""
        result = read_result(content)
        found = (result.chunk, result.dtype, result.first, result.cases)
        if found != (chunk.number, chunk.dtype, chunk.first, chunk.count):
            raise ValueError(
                f"the result is of chunk {found[0]:,}, {found[3]:,} {found[1]} cases from {found[2]:,} on"
            )
        verdicts = result.tally.cases.verdicts
        return cls(chunk.number, content, result.cases, sum(verdicts.get(each, 0) for each in _WRONG))


_WRONG: tuple[Verdict, ...] = ("mismatch", "fault")


def _plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's."""
    return value.item()
