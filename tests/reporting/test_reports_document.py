"""docs/reports.md: its commands end as the page says, and its files, version and limits are the real ones."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from backproof.comparing.model import WAYS
from backproof.reporting.files import CASE_INLINE
from backproof.reporting.markdown_text import MOST_LINES
from backproof.reporting.schema import SCHEMA_FILE
from tests.cli.conftest import environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")


@pytest.mark.long
def test_the_commands_of_the_page_end_as_it_says_and_write_the_files_it_names(tmp_path: Path) -> None:
    lines = re.findall(r"^\$ (.*)$", PAGE, flags=re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        command, _, status = line.partition("  # exit status ")
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == int(status or 0), (command, done.stderr)
    named = set(re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE))
    branch = tmp_path / "reports" / "branch"
    assert {path.name for path in branch.iterdir()} == {name.partition("/")[0] for name in named}
    assert {path.name for path in (tmp_path / "reports" / "compared").iterdir()} == set(
        re.findall(r"`(comparison\.\w+)`", PAGE)
    )


def test_the_page_names_the_real_schema_limits_and_ways() -> None:
    assert f"`{SCHEMA_FILE.relative_to(ROOT).as_posix()}`" in PAGE
    assert set(re.findall(r"(\d+) lines", PAGE)) == {str(MOST_LINES)}
    assert f"above {CASE_INLINE:,} characters" in PAGE
    for way in WAYS:
        assert f"**{way.capitalize()}**" in PAGE or f"**{way}**" in PAGE


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 100
