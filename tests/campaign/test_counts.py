"""What a chunk came to, as JSON and back: nothing is lost, and nothing else is taken for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backproof.campaign.counts import read_result, result_json
from backproof.chunks import Chunk, ChunkJudge, JudgedChunk, subject_of, tally_of

from .conftest import ASKED, WRONG

CHUNKS = [Chunk(0, "float32", 0, 5), Chunk(1, "float64", 0, 5), Chunk(2, "float32", 5, 5)]


@pytest.fixture(scope="module", params=[ASKED, WRONG], ids=["reference", "mistake"])
def judged(request: pytest.FixtureRequest) -> tuple[Any, list[JudgedChunk]]:
    options = request.param.run_options()
    judge = ChunkJudge(options, subject_of(options))
    return judge, [judge.judge(chunk, None) for chunk in CHUNKS]


def test_a_report_from_json_is_one_from_the_tallies(judged: tuple[ChunkJudge, list[JudgedChunk]]) -> None:
    judge, results = judged
    live, read = (tally_of(judge.subject, judge.options.oracles, judge.options.truth) for _ in range(2))
    new = []
    for chunk, result in zip(CHUNKS, results, strict=True):
        live.merge(result.tally)
        new.append(read_result(result_json(chunk, result)).add_to(read))
    assert [cause for causes in new for cause in causes] == list(live.findings._findings)
    expected, found = live.rows(), read.rows()
    without = [finding.model_copy(update={"case": None}) for finding in expected.pop("findings")]
    assert list(found.pop("findings")) == without
    assert bool(without) == (judge.options.mistake is not None)
    assert found == expected


def test_a_chunk_comes_to_the_same_bytes_whatever_was_judged_before(
    judged: tuple[ChunkJudge, list[JudgedChunk]],
) -> None:
    judge, results = judged
    other = ChunkJudge(judge.options, subject_of(judge.options))
    for chunk, result in reversed(list(zip(CHUNKS, results, strict=True))):
        for each in (other, judge):
            assert result_json(chunk, each.judge(chunk, {"confirmations": 0})) == result_json(chunk, result)


def test_only_the_first_chunk_tells_where_it_was_judged(
    judged: tuple[ChunkJudge, list[JudgedChunk]],
) -> None:
    _, results = judged
    told = [
        read_result(result_json(chunk, result)).surroundings
        for chunk, result in zip(CHUNKS, results, strict=True)
    ]
    assert told[0] == results[0].surroundings is not None
    assert told[1:] == [None, None]


def _changed(values: Any, *path: Any, to: Any) -> None:
    for key in path[:-1]:
        values = values[key]
    values[path[-1]] = to


@pytest.mark.parametrize(
    ("path", "to", "told"),
    [
        (("cases",), -1, "cases: Input should be greater than or equal to 0"),
        (("cases",), "12", "cases: Input should be a valid integer"),
        (("more",), 1, "more: Extra inputs are not permitted"),
        (("tally", "cases", "verdicts", "splendid"), 1, r"tally\.cases\.verdicts\.splendid"),
        (("tally", "cases", "worst"), "large", 'must be a number, "nan"'),
        (("tally", "distributions", 0, 1), [1, 2], "Tuple should have at least 12 items"),
        (("tally", "matrix", 0, 0), ["relu", "mse"], r"tally\.matrix\.0\.0"),
        (("tally", "findings"), [[[0, False, "a", False, "b", 1, "F2", "", "float32"], 1, {}]], "verdict"),
    ],
)
def test_what_no_tally_says_is_refused(
    judged: tuple[ChunkJudge, list[JudgedChunk]], path: tuple[Any, ...], to: Any, told: str
) -> None:
    values = json.loads(result_json(CHUNKS[0], judged[1][0]))
    _changed(values, *path, to=to)
    with pytest.raises(ValueError, match=told):
        read_result(json.dumps(values).encode())


def test_a_conforming_case_takes_far_less_than_100_bytes() -> None:
    import zlib

    asked = ASKED.model_copy(update={"activations": None, "losses": None, "oracles": ("torch",)})
    options = asked.run_options()
    chunk = Chunk(1, "float32", 0, 256)
    result = ChunkJudge(options, subject_of(options)).judge(chunk, None)
    assert result.tally.mismatches == 0
    assert len(zlib.compress(result_json(chunk, result), 9)) / chunk.count < 40
