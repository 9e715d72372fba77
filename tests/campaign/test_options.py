"""The file that says what a campaign is: whole, checked, and compared with what would be judged now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backproof.campaign.options import (
    CampaignFile,
    Implementation,
    ProgramSource,
    read_options,
    refuse_differences,
    write_options,
)
from backproof.errors import CampaignError

from .conftest import ASKED

CAMPAIGN = CampaignFile(
    asked=ASKED,
    implementation=Implementation(name="reference"),
    versions={"torch": "2.9.0", "numpy": "2.4.0", "code of backproof": "abc"},
    activations=("relu", "sigmoid"),
    losses=("mse", "bce"),
    strata=12,
)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    source = ProgramSource(impl="mine.py:net", time_limit=0.1, memory_limit=64)
    changed = CAMPAIGN.model_copy(update={"asked": ASKED.model_copy(update={"source": source})})
    write_options(tmp_path, changed)
    assert read_options(tmp_path) == changed
    assert read_options(tmp_path).differences(changed) == []
    assert [each.name for each in tmp_path.iterdir()] == ["campaign.json"]


def test_every_byte_of_it_is_under_its_checksum(tmp_path: Path) -> None:
    write_options(tmp_path, CAMPAIGN)
    path = tmp_path / "campaign.json"
    whole = path.read_bytes()
    for at, byte in enumerate(whole):
        path.write_bytes(whole[:at] + bytes([byte ^ 1]) + whole[at + 1 :])
        if chr(byte).isspace():  # blanks say nothing
            continue
        with pytest.raises(CampaignError, match=r"damaged|its 'format' is not|has version"):
            read_options(tmp_path)


def test_what_is_no_campaign_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "campaign.json"
    with pytest.raises(CampaignError, match=r"is no campaign: it has no campaign\.json; .*campaign start"):
        read_options(tmp_path)
    with pytest.raises(CampaignError, match="is no campaign"):
        read_options(tmp_path / "nowhere")
    path.write_text("{")
    with pytest.raises(CampaignError, match="is damaged: it is not JSON; bring it back from a copy"):
        read_options(tmp_path)
    path.write_text('{"format": "something"}')
    with pytest.raises(CampaignError, match="is not of a campaign: its 'format' is not 'backproof-campaign'"):
        read_options(tmp_path)
    path.write_text('{"format": "backproof-campaign", "version": 2}')
    with pytest.raises(CampaignError, match="has version 2, and this backproof reads 1"):
        read_options(tmp_path)
    write_options(tmp_path, CAMPAIGN)
    values = json.loads(path.read_text())
    values["asked"]["seed"] = 2
    path.write_text(json.dumps(values))
    with pytest.raises(CampaignError, match="is damaged, or was edited: its checksum is another"):
        read_options(tmp_path)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"versions": {**CAMPAIGN.versions, "torch": "2.10.0"}}, "torch was 2.9.0, is 2.10.0"),
        ({"versions": {"numpy": "2.4.0", "code of backproof": "abc"}}, "torch was 2.9.0, is not there"),
        (
            {"versions": {**CAMPAIGN.versions, "code of backproof": "d"}},
            "code of backproof was abc, is d",
        ),
        ({"asked": ASKED.model_copy(update={"seed": 2})}, "--seed was 1, is 2"),
        ({"asked": ASKED.model_copy(update={"dtypes": ("float64",)})}, "--dtype was float32, float64, is fl"),
        ({"implementation": Implementation(name="mine")}, "the implementation was reference, is mine"),
        (
            {"implementation": Implementation(name="reference", files={"a.py": "1"})},
            r"a.py was not there, is 1",
        ),
    ],
)
def test_a_difference_is_refused_by_its_name_with_what_was_and_is(now: dict, told: str) -> None:
    differences = CAMPAIGN.differences(CAMPAIGN.model_copy(update=now))
    assert len(differences) == 1
    with pytest.raises(CampaignError, match=rf"^here cannot be gone on with: {told}.*--fork NEWDIR'$"):
        refuse_differences(Path("here"), differences)


def test_the_same_is_not_refused() -> None:
    refuse_differences(Path("here"), CAMPAIGN.differences(CAMPAIGN))
