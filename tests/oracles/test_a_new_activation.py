"""A new activation takes what docs/guides/add-an-activation.md says, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, blocks_of
from tests.docs.running import Page

GUIDE = "docs/guides/add-an-activation.md"
BLOCKS = blocks_of(GUIDE, (ROOT / GUIDE).read_text(encoding="utf-8"))
TREE = ("refimpl", "oracles", "backproof", "tests", "pyproject.toml")


@pytest.mark.long  # it compiles all of JAX's programs anew
def test_the_steps_of_the_guide_are_all_it_takes(tmp_path: Path) -> None:
    page = Page(tmp_path)
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, page.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, page.folder / name)
    page.environment["PYTHONPATH"] = str(page.folder)
    for block in BLOCKS:
        page.run(block)
    assert '"isru"' in (page.folder / "reports" / "isru" / "report.json").read_text(encoding="utf-8")


def test_the_guide_changes_one_place_in_each_of_five_files() -> None:
    changes = [block for block in BLOCKS if block.language == "diff"]
    assert len({block.notes["file"] for block in changes}) == len(changes) == 5
    for block in changes[1:]:
        assert sum(line.startswith("+") for line in block.text.splitlines()) == 1
        assert "-" not in {line[:1] for line in block.text.splitlines()}
