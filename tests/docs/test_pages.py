"""Every block of code in README.md, docs/ and other pages is run, here or by a test that is named for it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.docs import running
from tests.docs.blocks import ROOT, Block, blocks_of, pages
from tests.docs.registry import REGISTRY, Entry, named_tests, registered
from tests.docs.running import DIRECTIVES, Page, PageError, changed, commands_of, is_long, problems_of

BLOCKS = {page: blocks_of(page, (ROOT / page).read_text(encoding="utf-8")) for page in pages()}
RUN = [page for page, blocks in BLOCKS.items() if any(block.language not in DIRECTIVES for block in blocks)]


# ---------------------------------------------------------------- the pages


def _run(page: str, *options: str) -> None:
    """In a process of its own, so that what a page sets is gone with it."""
    words = ["-W", "error", "-W", "ignore::RuntimeWarning", "-m", "tests.docs.running", *options, page]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    if "for lack of" in done.stdout:
        pytest.skip(done.stdout.strip())


@pytest.mark.parametrize("page", [page for page in RUN if page == "README.md" or not is_long(page)])
def test_the_code_of_a_page_does_what_the_page_says(page: str) -> None:
    """Of the README also what does not take long; of other pages that have long blocks, see below."""
    _run(page)


@pytest.mark.long
@pytest.mark.parametrize("page", [page for page in RUN if is_long(page)])
def test_all_code_of_a_page_does_what_the_page_says(page: str) -> None:
    _run(page, "--long")


@pytest.mark.parametrize("page", BLOCKS)
def test_every_block_of_a_page_is_run_or_registered(page: str) -> None:
    assert problems_of(page, BLOCKS[page]) == []


def test_the_run_that_two_pages_have_is_run_for_the_readme_with_its_output() -> None:
    """It takes a minute, and docs/your-own.md has it of the same file."""
    file, run = [], []
    for page in ("README.md", "docs/your-own.md"):
        file.append([block.text for block in BLOCKS[page] if block.notes.get("file") == "my_layer.py"])
        blocks = [block for block in BLOCKS[page] if "my_layer.py:layer" in block.text]
        (command,) = (c for block in blocks for c in commands_of(block) if "my_layer.py:layer" in c[1])
        run.append(command[1:3])
    assert file[0] == file[1] != []
    assert run[0] == run[1]
    (block,) = (block for block in BLOCKS["README.md"] if "my_layer.py:layer" in block.text)
    assert not registered(block)


def test_there_are_pages() -> None:
    assert {
        "README.md",
        "CHANGELOG.md",
        "docs/your-own.md",
        "examples/README.md",
        "reports/README.md",
    } <= set(BLOCKS)
    assert len(RUN) > 8


# ---------------------------------------------------------------- the registry


def test_every_entry_is_needed() -> None:
    every = [block for blocks in BLOCKS.values() for block in blocks]
    assert [entry for entry in REGISTRY if not any(entry.holds(block) for block in every)] == []


def _flaw(entry: Entry) -> str:
    """What is wrong with the test that an entry names; empty if nothing."""
    file, _, name = entry.by.partition("::")
    if not (ROOT / file).is_file():
        return f"there is no {file}"
    text = (ROOT / file).read_text(encoding="utf-8")
    if name not in {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}:
        return f"{file} has no {name}"
    return "" if Path(entry.page).name in text or "PAGES" in text else f"{file} does not read {entry.page}"


@pytest.mark.parametrize("entry", named_tests(), ids=lambda entry: f"{entry.page} {entry.first}")
def test_a_test_that_is_named_exists_and_reads_that_page(entry: Entry) -> None:
    assert _flaw(entry) == ""


@pytest.mark.parametrize(
    ("by", "flaw"),
    [
        ("tests/none.py::test_x", r"there is no tests/none\.py"),
        ("tests/corpus/test_corpus_document.py::test_x", "has no test_x"),
        ("tests/corpus/test_corpus_document.py::test_the_page_is_short", "does not read docs/explain.md"),
    ],
)
def test_a_test_that_is_not_there_or_reads_another_page_is_told(by: str, flaw: str) -> None:
    assert re.search(flaw, _flaw(Entry("docs/explain.md", "*", by)))


# ---------------------------------------------------------------- what is run, and what must fail


def blocks(text: str) -> list[Block]:
    return blocks_of("page.md", textwrap.dedent(text))


def run(folder: Path, text: str) -> Page:
    page = Page(folder)
    for block in blocks(text):
        page.run(block)
    return page


GOOD = """
    Names go on from block to block, and files stay.

    ```pycon
    >>> x = 0.5
    >>> x + x
    1.0
    >>> print([1, 2,  3])
    [1, ... 3]
    ```

    - in a list

      ```python
      assert x == 0.5
      ```

    <!-- file: my_net.py -->
    ```python
    first = 1
    second = 2
    third = 3
    ```

    <!-- file: my_net.py -->
    ```diff
     first = 1
    -second = 2
    +second = 20
    ...
    -third = 3
    +third = 30
    ```

    <!-- append: my_net.py -->
    ```python
    print(first, second, third)
    ```

    ```console
    $ python my_net.py
    1 20 30
    $ python -c "import my_net"; \\
      echo end; false  # exit status 1
    ```

    ```text
    end
    ```

    <!-- exit: 3 -->
    ```console
    $ exit 3
    ```

    ```json
    {"a": 1}
    ```
"""


def test_what_a_page_says_is_done(tmp_path: Path) -> None:
    assert problems_of("page.md", blocks(GOOD)) == []
    page = run(tmp_path, GOOD)
    assert page.names["x"] == 0.5
    assert (page.folder / "my_net.py").read_text(encoding="utf-8").splitlines()[1:3] == [
        "second = 20",
        "third = 30",
    ]


FENCE = "```"
ONE_LINE = f"<!-- file: a.py -->\n{FENCE}python\nx = 1\n{FENCE}"
WRONG = {
    "another value": (
        f"{FENCE}pycon\n>>> 1 + 1\n3\n{FENCE}",
        r"page\.md:2: it does not give[\s\S]*Expected:\n +3",
    ),
    "a doctest that raises": (f"{FENCE}pycon\n>>> 1 / 0\n1\n{FENCE}", r"page\.md:2[\s\S]*ZeroDivisionError"),
    "no prompt": (f"{FENCE}pycon\n1 + 1\n{FENCE}", r"page\.md:2: there is no >>>"),
    "Python that raises": (
        f"\n{FENCE}python\nx = 1\nx / 0\n{FENCE}",
        r'page\.md", line 4[\s\S]*ZeroDivisionError',
    ),
    "Python that is none": (f"{FENCE}python\nx = 1\nx =\n{FENCE}", r"page\.md:3: invalid syntax"),
    "a file that is none": (
        f"<!-- file: a.py -->\n{FENCE}python\nx =\n{FENCE}",
        r"page\.md:3: invalid syntax",
    ),
    "a command that fails": (
        f"{FENCE}console\n$ true\n$ exit 2\n{FENCE}",
        r"page\.md:3: it ends with 2, not with 0",
    ),
    "a command that does not fail": (
        f"{FENCE}console\n$ true  # exit status 1\n{FENCE}",
        r"ends with 0, not with 1",
    ),
    "a block that does not fail": (
        f"<!-- exit: 1 -->\n{FENCE}console\n$ true\n{FENCE}",
        r"ends with 0, not with 1",
    ),
    "another output": (
        f"{FENCE}console\n$ echo a\nb\n{FENCE}",
        r"page\.md:2: echo a\nshown:\nb\nprinted:\na",
    ),
    "an output cut short": (f"{FENCE}console\n$ printf 'a\\nb\\n'\na\n{FENCE}", r"shown:\na\nprinted:\na\nb"),
    "output of errors": (f"{FENCE}console\n$ echo a; echo b >&2\na\n{FENCE}", r"printed:\na\nb"),
    "no command": (f"{FENCE}console\ntrue\n{FENCE}", r"page\.md:2: a console block begins with"),
    "no excerpt": (f"{FENCE}console\n$ echo ab\n{FENCE}\n{FENCE}\nb\n{FENCE}", r"page\.md:5: no excerpt"),
    "a change to nothing": (
        f"{ONE_LINE}\n<!-- file: a.py -->\n{FENCE}diff\n-x = 2\n{FENCE}",
        r"page\.md:7: what is to be changed stands there 0 times",
    ),
    "a change that is none": (
        f"{ONE_LINE}\n<!-- file: a.py -->\n{FENCE}diff\n x = 1\n{FENCE}",
        r"page\.md:7: what is to be changed",
    ),
    "a change to no file": (
        f"<!-- file: a.py -->\n{FENCE}diff\n-x = 2\n{FENCE}",
        r"no block above has written a\.py",
    ),
    "more of no file": (
        f"<!-- append: a.py -->\n{FENCE}python\nx = 2\n{FENCE}",
        r"no block above has written a\.py",
    ),
    "no JSON": (f"{FENCE}json\n{{'a': 1}}\n{FENCE}", r"page\.md:2: no json"),
    "no YAML": (f"{FENCE}yaml\na: b: c\n{FENCE}", r"page\.md:2: no yaml"),
    "no TOML": (f"{FENCE}toml\na = \n{FENCE}", r"page\.md:2: no toml"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_not_as_the_page_says_is_told_with_page_and_line(kind: str, tmp_path: Path) -> None:
    text, told = WRONG[kind]
    with pytest.raises(PageError, match=told):
        run(tmp_path, text)


def test_a_command_without_an_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 1)
    with pytest.raises(PageError, match=r"page\.md:2: no end within 1 s: sleep 60"):
        run(tmp_path, f"{FENCE}console\n$ sleep 60\n{FENCE}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{FENCE}ruby\nputs 1\n{FENCE}", r"page\.md:2: no rule runs a block of 'ruby'"),
        (f"{FENCE}{{equasion}} B5\n{FENCE}", r"no rule runs a block of '{equasion}'"),
        (f"{FENCE}\nsome output\n{FENCE}", r"page\.md:2: no command above can have printed it"),
        ("Code without a fence:\n\n    make test\n", r"page\.md:3: no command above"),
        (f"<!-- file: a.py -->\n{FENCE}python\nx = 1\n{FENCE}", r"page\.md:3: no command below uses a\.py"),
        (f"<!-- slow -->\n{FENCE}python\nx = 1\n{FENCE}", r"page\.md:3: unknown in a comment: slow"),
        (f"> quoted\n> {FENCE}ruby\n> puts\n> {FENCE}", r"page\.md:3: no rule"),
        (f"{FENCE * 2}{{exercise}} x\n{FENCE}ruby\nputs\n{FENCE}\n{FENCE * 2}", r"page\.md:3: no rule"),
    ],
)
def test_a_new_block_that_nothing_would_run_is_told(text: str, problem: str) -> None:
    (told,) = problems_of("page.md", blocks(text))
    assert re.search(problem, told)


def test_what_a_directive_holds_is_not_run_but_what_is_in_a_fence_of_four_is_text() -> None:
    assert problems_of("page.md", blocks(f"{FENCE}{{equation}} B5\n{FENCE}")) == []
    (only,) = blocks(f"{FENCE}`text\n{FENCE}ruby\n{FENCE}\n{FENCE}`")
    assert (only.language, only.first_line) == ("text", "```ruby")


def test_a_change_that_fits_twice_is_refused() -> None:
    (block,) = blocks(f"{FENCE}diff\n-x = 1\n+x = 2\n{FENCE}")
    with pytest.raises(PageError, match="stands there 2 times"):
        changed("x = 1\nx = 1\n", block)


def test_what_is_long_or_lacks_a_program_is_left_out_with_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"""
<!-- long -->
{FENCE}console
$ echo long > {tmp_path}/long; echo so
{FENCE}

{FENCE}text
so
{FENCE}

<!-- needs: no-such-program -->
{FENCE}console
$ no-such-program
{FENCE}
"""
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(running, "ROOT", tmp_path)
    assert is_long("page.md")
    assert running.run_page("page.md") == "no-such-program"
    assert not (tmp_path / "long").exists()
    assert running.run_page("page.md", long=True) == "no-such-program"
    assert (tmp_path / "long").read_text(encoding="utf-8") == "long\n"


def test_a_folder_of_the_repository_is_there_for_commands_that_ask_for_it(tmp_path: Path) -> None:
    page = run(tmp_path, f"<!-- with: examples -->\n{FENCE}console\n$ ls examples/smallest.py\n{FENCE}")
    assert page.printed == "examples/smallest.py\n"


def test_the_commands_of_a_page_are_those_of_this_tree(tmp_path: Path) -> None:
    page = run(
        tmp_path,
        f"{FENCE}console\n$ backproof --version; pytest --version; python -c 'import backproof'\n{FENCE}",
    )
    assert page.printed.startswith("backproof ")


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
