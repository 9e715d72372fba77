"""`backproof compare` of campaigns: what changed in the chunks that both have."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backproof.campaign import store
from backproof.campaign.identity import versions
from backproof.campaign.options import CampaignFile, read_options, write_options
from backproof.campaign.pairing import campaign_report, pair_of
from backproof.campaign.running import Limits, create, go_on
from backproof.cli import main
from backproof.errors import CampaignError
from tests.campaign.conftest import ASKED, WRONG, Outcome, begun
from tests.campaign.test_running import contents


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of the reference, one of a mistake, and a longer one of each."""
    folder = tmp_path_factory.mktemp("campaigns")
    for name, asked, cases in (("right", ASKED, 16), ("wrong", WRONG, 16), ("longer", ASKED, 24)):
        begun(folder / name, cases, asked)
    return folder


@pytest.fixture
def compare(
    campaigns: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """`backproof compare` in a folder with copies of them."""
    for name in ("right", "wrong", "longer"):
        shutil.copytree(campaigns / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        return Outcome(main(["compare", *words]), *capsys.readouterr())

    return call


def _rewritten(
    source: Path,
    folder: Path,
    edit: Callable[[dict[str, Any]], object] = lambda _: None,
    **changes: Any,
) -> CampaignFile:
    """The same results under other options or versions, each edited: as another torch would have had them."""
    campaign = read_options(source).model_copy(update=changes)
    folder.mkdir()
    path = folder / store.RESULTS_NAME
    store.create(path, campaign.digest)
    with store.Writer(path, store.HEAD_SIZE) as writer:
        for number, text in contents(source).items():
            values = json.loads(text)
            edit(values)
            content = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
            wrong = values["tally"]["cases"]["verdicts"].get("mismatch", 0)
            writer.append(number, content, cases=values["cases"], wrong=wrong, session=1, seconds=number)
    write_options(folder, campaign)
    return campaign


def test_two_campaigns_that_came_to_the_same_have_no_difference(compare: Callable[..., Outcome]) -> None:
    done = compare("right", "right")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("No difference in what was found.\n")
    assert "campaigns   both have 4 chunks with 16 cases, and all counts of each are the same\n" in done.out


def test_a_mistake_is_a_regression_and_names_equation_and_first_chunk(
    compare: Callable[..., Outcome],
) -> None:
    done = compare("right", "wrong", "--out", "out")
    assert (done.status, done.err) == (1, "")
    assert done.out.startswith("Worse: equation B5, conforms → mismatch; ")
    assert "Both judged the same 16 cases of seed 1" in done.out
    assert "mistake – → derivative-of-output" in done.out
    assert "both have 4 chunks with 16 cases; counts are unlike in " in done.out
    assert "'backproof campaign report wrong' looks for causes" in done.out
    assert "replay" not in done.out  # no case was written
    for name in ("comparison.md", "comparison.html"):
        assert "both have 4 chunks with 16 cases; counts are unlike in " in Path("out", name).read_text()
    done = compare("wrong", "right")
    assert done.status == 0
    assert done.out.startswith("Better: equation B5, mismatch → conforms")
    assert compare("wrong", "wrong").status == 0


def test_campaigns_of_unlike_lengths_are_compared_over_the_chunks_of_both(
    compare: Callable[..., Outcome],
) -> None:
    for words in (("right", "longer"), ("longer", "right")):
        done = compare(*words)
        assert done.status == 0
        assert "Both judged the same 16 cases of seed 1" in done.out
        assert "both have 4 chunks with 16 cases, and all counts of each are the same" in done.out


def test_a_new_torch_is_told_with_the_deviations_and_verdicts_it_changed(
    compare: Callable[..., Outcome],
) -> None:
    def deviating(values: dict[str, Any]) -> None:
        values["tally"]["deviations"] = [[["torch.celu", values["dtype"]], 3]]

    asked = read_options(Path("right")).asked.model_copy(update={"oracles": ("torch",)})
    old = _rewritten(Path("right"), Path("old"), asked=asked)
    new = {**old.versions, "torch": "9.0", "code of backproof": "abc"}
    from backproof.judging.deviations import DEVIATIONS

    name = next(deviation.id for deviation in DEVIATIONS if deviation.oracle == "torch")

    def edit(values: dict[str, Any]) -> None:
        deviating(values)
        values["tally"]["deviations"][0][0][0] = name

    _rewritten(Path("right"), Path("new"), edit, asked=asked, versions=new)
    done = compare("old", "new")
    assert done.status == 0  # declared, so no regression
    assert f"torch {old.versions['torch']} → 9.0" in done.out
    assert f"code of backproof {old.versions['code of backproof']} → abc" in done.out
    assert f"{name}, float32: not seen → seen 6 times" in done.out
    assert "counts are unlike in 4 of them, first in chunk 0, float32 cases 0 to 3" in done.out
    done = compare("new", "old")
    assert f"{name}, float64: seen 6 times → not seen" in done.out


def test_a_report_that_was_written_of_all_that_is_there_is_taken_with_its_causes(
    compare: Callable[..., Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["campaign", "report", "wrong"]) == 1
    done = compare("right", "wrong")
    assert done.status == 1
    assert "derivative-of-output" in done.out
    assert "wrong/report/report.json: Does not conform" in done.out
    assert "replay backproof replay wrong/report/cases/" in done.out
    assert "looks for causes" not in done.out
    path, report = campaign_report(Path("wrong"))
    assert path == Path("wrong/report/report.json")
    assert report.causes
    go_on(Path("wrong"), Limits(24))  # then it is about too little
    path, report = campaign_report(Path("wrong"))
    assert (path, report.counts.total, report.causes) == (Path("wrong"), 24, ())


def test_campaigns_of_other_cases_are_compared_as_a_whole(compare: Callable[..., Outcome]) -> None:
    begun(Path("other"), 8, ASKED.model_copy(update={"seed": 2}))
    done = compare("right", "other")
    assert done.status == 0
    assert "these campaigns have other cases; each is compared as a whole" in done.out
    assert "(seed, cases unlike)" in done.out


def test_a_campaign_is_compared_with_a_report(compare: Callable[..., Outcome]) -> None:
    assert main(["campaign", "report", "wrong", "--no-diagnosis", "--out", "reported"]) == 1
    done = compare("right", "reported")
    assert done.status == 1
    assert "Worse: equation B5" in done.out
    assert "chunks" not in done.out
    assert compare("reported", "right").status == 0


def test_what_cannot_be_compared_is_told(compare: Callable[..., Outcome], tmp_path: Path) -> None:
    create(Path("empty"), ASKED)
    with pytest.raises(CampaignError, match="right and empty have no chunk in common yet; go on with either"):
        pair_of(Path("right"), Path("empty"))
    with pytest.raises(CampaignError, match="empty has no results yet"):
        campaign_report(Path("empty"))
    path = Path("wrong") / store.RESULTS_NAME
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    path.write_bytes(whole)
    for words in (("right", "wrong"), ("wrong", "right")):
        done = compare(*words)
        assert (done.status, done.out) == (2, "")
        assert "results.log is damaged at byte" in done.err
    Path("right/campaign.json").write_text("{}")
    assert "campaign.json is not of a campaign" in compare("right", "longer").err


def test_comparing_loads_neither_torch_nor_jax(campaigns: Path) -> None:
    script = "import sys; from backproof.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, "compare", "right", "wrong"],
        cwd=campaigns,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"torch", "jax", "optax"} & set(done.stdout.split())


def test_versions_of_now_do_not_matter(
    compare: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {**versions(), "torch": "0.1"}
    monkeypatch.setattr("backproof.campaign.identity.versions", lambda: others)
    done = compare("right", "wrong")
    assert (done.status, done.err) == (1, "")
