"""Which browser is taken, and what is said where there is none: skipped, or failed where one is required."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import chromium

pytest_plugins = ["pytester"]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder, and nothing named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BACKPROOF_CHROMIUM", raising=False)
    return tmp_path


def _put(path: Path) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_first_on_the_path_is_taken_unless_another_is_named(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chromium.chromium() is None
    chrome = _put(alone / "google-chrome")
    assert chromium.chromium() == chrome
    debian = _put(alone / "chromium")
    assert chromium.chromium() == debian
    monkeypatch.setenv("BACKPROOF_CHROMIUM", chrome)
    assert chromium.chromium() == chrome


def test_what_is_missing_is_said_with_its_remedy(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright")
    assert "apt-get install chromium" in chromium.what_is_missing()
    monkeypatch.setenv("BACKPROOF_CHROMIUM", str(alone / "none"))
    assert chromium.what_is_missing() == f"BACKPROOF_CHROMIUM is {alone / 'none'}, which is no program"
    monkeypatch.setenv("BACKPROOF_CHROMIUM", _put(alone / "mine"))
    assert chromium.what_is_missing() == ""
    monkeypatch.setattr(chromium, "find_spec", lambda _: None)
    assert "pip install 'backproof[browser]'" in chromium.what_is_missing()


def test_ci_looks_for_the_same_browsers() -> None:
    ci = Path(__file__).parents[2] / ".ci" / "run"
    assert f"command -v {' '.join(chromium.NAMES)}\n" in ci.read_text(encoding="utf-8")


@pytest.mark.parametrize(("required", "outcome"), [("", {"skipped": 1}), ("required", {"errors": 1})])
def test_without_a_browser_a_test_is_skipped_or_fails_where_one_is_required(
    required: str,
    outcome: dict[str, int],
    alone: Path,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKPROOF_BROWSER", required)
    pytester.makeconftest("from tests.browser.conftest import browser, open_page")
    pytester.makepyfile("def test_page(open_page):\n    open_page('x')")
    result = pytester.runpytest_inprocess("-p", "no:backproof", "-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines(["*apt-get install chromium*"])
