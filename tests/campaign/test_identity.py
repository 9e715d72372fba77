"""Whose implementation it is: the code that a change of would change the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from backproof.campaign.identity import files_of, versions
from backproof.campaign.options import Asked, ProgramSource

from .conftest import ASKED


def _of(**source: str) -> Asked:
    made = ProgramSource(time_limit=10.0, memory_limit=4096, **source)
    return ASKED.model_copy(update={"source": made})


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import numpy\nimport near\n")
    (tmp_path / "near.py").write_text("from nested import deep\n")
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested" / "__init__.py").write_text("")
    (tmp_path / "nested" / "deep.py").write_text("x = 1\n")
    (tmp_path / "unrelated.py").write_text("x = 1\n")


def test_a_file_counts_with_all_that_it_imports_from_its_folder() -> None:
    before = files_of(_of(impl="mine.py:net"))
    assert list(before) == ["mine.py", "near.py", "nested/__init__.py", "nested/deep.py"]
    Path("unrelated.py").write_text("x = 2\n")
    assert files_of(_of(impl="mine.py:net")) == before
    Path("nested/deep.py").write_text("x = 2\n")
    after = files_of(_of(impl="mine.py:net"))
    assert [name for name in before if before[name] != after[name]] == ["nested/deep.py"]


def test_a_package_counts_as_a_whole() -> None:
    before = files_of(_of(impl="nested.deep:net"))
    assert list(before) == ["nested"]
    Path("nested/new.py").write_text("")
    assert files_of(_of(impl="nested.deep:net")) != before
    assert list(files_of(_of(impl="near:net"))) == [
        *("near.py", "nested/__init__.py", "nested/deep.py", "nested/new.py")
    ]
    assert files_of(_of(impl="not_there_at_all:net")) == {}


def test_of_a_command_the_words_count_that_are_files() -> None:
    assert list(files_of(_of(command="node mine.py --fast near.py"))) == ["mine.py", "near.py"]


def test_the_reference_has_no_files_of_its_own_but_the_code_of_backproof_is_known() -> None:
    assert files_of(ASKED) == {}
    found = versions()
    assert {"Python", "machine", "numpy", "torch", "jax", "python-flint", "code of backproof"} <= set(found)
    assert found == versions()
