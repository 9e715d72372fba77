"""The plug-in that README and docs/your-own.md show is the smallest example; tests/docs runs it."""

import re

import pytest

from .command import ROOT

SMALLEST = (ROOT / "examples" / "smallest.py").read_text(encoding="utf-8")


def _shown(page: str) -> str:
    """The first block of Python on a page."""
    found = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def _code(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("page", ["README.md", "docs/your-own.md"])
def test_the_page_shows_the_smallest_example_of_five_lines(page: str):
    text = _shown(page)
    assert _code(text) == _code(SMALLEST)
    assert len(_code(text)) <= 5


def test_every_declared_key_stands_in_the_table_and_no_other():
    from backproof.plugging.declaration import Declaration

    page = (ROOT / "docs" / "your-own.md").read_text(encoding="utf-8")
    table = page.partition("## What you declare")[2].partition("Cases are drawn")[0]
    named = set(
        re.findall(
            r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines() if line[:3] == "| `")
        )
    )
    assert named | {"hidden", "output"} == set(Declaration.__dataclass_fields__)
