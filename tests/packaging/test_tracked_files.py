"""No file of the project says where it was written or where its packages came from."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .import_graph import ROOT

# The parts of words are kept apart, lest this file be found.
_FOLDERS = "home|Users|root|work|workspace|mnt"
_HOSTS = r"pypi\.|pythonhosted|artifactory|jfrog|pkgs\.dev|/simple/?(?![\w-])"
_OPTIONS = "index-url|find-links|trusted-host"
TRACES = re.compile(
    rf"(?<![\w.~/)}}])/(?:{_FOLDERS})/[\w.]"
    rf"|\b[A-Z]:\\+Users\\"
    rf"|https?://[^\s\"'<>)]*(?:{_HOSTS})"
    rf"|--(?:extra-)?(?:{_OPTIONS})"
)


def traces_in(text: str) -> list[str]:
    """The lines with an absolute path of somebody's machine, or with the address of a package registry."""
    return [line.strip() for line in text.splitlines() if TRACES.search(line) or str(ROOT) in line]


def tracked_files() -> Iterator[Path]:
    """All files that git tracks."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():  # deleted, and not yet committed
            yield ROOT / name


def test_no_tracked_file_names_a_developers_machine_or_a_registry() -> None:
    texts = {file: file.read_text(encoding="utf-8", errors="replace") for file in tracked_files()}
    assert len(texts) > 100
    found = {str(file.relative_to(ROOT)): lines for file, text in texts.items() if (lines := traces_in(text))}
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "path = '/ho" + "me/ada/backproof'",
        "see /Us" + "ers/ada/x.json",
        r"C:\Us" + r"ers\ada",
        "--extra-in" + "dex-url x",
        "torch @ https://files.python" + "hosted.org/packages/x.whl",
        "https://mirror.example.org/sim" + "ple/",
        f"cd {ROOT} && make",
    ],
)
def test_a_path_or_a_registry_is_found(line: str) -> None:
    assert traces_in(f"first\n{line}\nlast") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "Imports: https://keepachangelog.com/en/1.1.0/ and https://www.apache.org/licenses/LICENSE-2.0",
        "a/home/b is relative, {folder}/work/x and ../root/y too",
        "a simple/plain sentence on users and homes",
        "#!/usr/bin/env bash",
    ],
)
def test_what_is_everywhere_the_same_is_not_reported(line: str) -> None:
    assert traces_in(line) == []
