"""The report of what is there: that of a run of the same cases, wherever it stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backproof.campaign import store
from backproof.campaign.identity import versions
from backproof.campaign.options import read_options, write_options
from backproof.campaign.report import report_on
from backproof.campaign.running import Limits, create, go_on
from backproof.cases import draw_in_stratum
from backproof.errors import CampaignError
from refimpl import case_to_dict
from tests.campaign.conftest import ASKED, WRONG, Outcome, begun


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that has found a mistake, in two sessions."""
    folder = tmp_path_factory.mktemp("campaigns") / "wrong"
    begun(folder, 8, WRONG)
    go_on(folder, Limits(16))
    return folder


def test_findings_have_their_case_their_values_and_their_cause(wrong: Path) -> None:
    warned: list[str] = []
    report, coverage = report_on(wrong, warn=warned.append)
    assert warned == []
    assert (report.counts.total, report.run.cases_requested, report.floor) == (16, 16, 14)
    assert report.counts.wrong > 0
    assert report.causes[0].name == "derivative-of-output"
    assert report.causes[0].smallest_case is not None
    draw = WRONG.run_options().draw
    for finding in report.findings:
        assert finding.side_by_side is not None
        assert finding.index is not None
        case = draw_in_stratum(1, finding.index, finding.dtype, draw).case
        assert (finding.case, finding.case_id) == (case_to_dict(case), case.content_hash[:16])
    assert coverage.visited == 16
    assert report.run.command == (
        "backproof campaign start NEWDIR --seed 1 --dtype both --activations relu,sigmoid --losses mse,bce "
        "--oracles truth --mistake derivative-of-output --truth disputed --chunk 4 --max-cases 16"
    )
    assert report.environment.versions["numpy"]


@pytest.mark.long
def test_it_is_the_same_as_often_as_it_is_made_and_from_one_session(wrong: Path, tmp_path: Path) -> None:
    begun(tmp_path, 16, WRONG)
    first, again, other = (
        report_on(folder)[0].model_copy(update={"times": None}) for folder in (wrong, wrong, tmp_path)
    )
    assert first.model_dump_json() == again.model_dump_json() == other.model_dump_json()


def test_with_other_versions_it_tells_the_counts_and_why_no_more(
    wrong: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {**versions(), "torch": "0.1"}
    monkeypatch.setattr("backproof.campaign.identity.versions", lambda: others)
    warned: list[str] = []
    report, _ = report_on(wrong, warn=warned.append)
    assert report.counts.wrong > 0
    assert report.findings[0].case is None
    assert report.causes == ()
    (why,) = warned
    assert "findings have no cases and are not explained: " in why
    assert ", is 0.1" in why
    with pytest.raises(CampaignError, match=r"torch was [\d.+a-z]+, is 0\.1"):
        go_on(shutil.copytree(wrong, tmp_path / "copy"), Limits(20))


def test_what_comes_to_something_else_the_second_time_is_told(wrong: Path, tmp_path: Path) -> None:
    """As if the implementation had answered otherwise: the results of seed 1 under the name of seed 2."""
    copy = shutil.copytree(wrong, tmp_path / "copy")
    known = read_options(copy)
    other = known.model_copy(update={"asked": known.asked.model_copy(update={"seed": 2})})
    write_options(copy, other)
    path = copy / store.RESULTS_NAME
    path.write_bytes(path.read_bytes().replace(known.digest, other.digest))
    warned: list[str] = []
    report_on(copy, warn=warned.append)
    assert any("comes to something else when it is judged again" in each for each in warned)


def test_contents_that_are_sound_but_of_other_cases_are_damage(wrong: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(wrong, tmp_path / "copy")
    path = copy / store.RESULTS_NAME
    digest = read_options(copy).digest
    places = store.scan(path, digest, contents=False).records
    texts = {number: store.content_of(path, *place) for number, place in places.items()}
    for text, told in ((texts[1], "it is of other cases than its header says"), (b"{}", "Field required")):
        store.create(path, digest)
        with store.Writer(path, store.HEAD_SIZE) as writer:
            writer.append(0, text, cases=4, wrong=0, session=1, seconds=1)
        with pytest.raises(CampaignError, match=rf"is damaged at byte \d+: chunk 0: .*{told}"):
            report_on(copy)


def test_the_command_writes_the_usual_files_and_ends_as_a_run_does(
    wrong: Path, command: Callable[..., Outcome]
) -> None:
    done = command("report", str(wrong), "--out", "out", "--no-diagnosis")
    assert done.status == 1
    assert "is wrong in" in done.out
    assert done.out.splitlines()[-1].startswith("Coverage: 16 of ")
    assert {"report.json", "report.html", "summary.md", "junit.xml", "cases"} == {
        each.name for each in Path("out").iterdir()
    }
    values = json.loads(Path("out/report.json").read_text())
    assert len(values["findings"]) > 0
    assert values["findings"][0]["side_by_side"] is None


def test_before_the_first_chunk_there_is_no_report(tmp_path: Path) -> None:
    create(tmp_path, ASKED)
    with pytest.raises(CampaignError, match="has no results yet; go on with 'backproof campaign resume' fi"):
        report_on(tmp_path)
