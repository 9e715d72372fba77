"""The blocks of code that tests/docs/running.py leaves alone: run by a test of their own, or not to be run.

Each entry names a page, the first line of a block (or all blocks of a language, as in `*diff`), and the
node id of the test that runs it, or the reason why nothing can. tests/docs/test_pages.py holds that each is
needed, and that each test exists and reads that page.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.docs.blocks import Block


class Entry(NamedTuple):
    page: str
    first: str
    by: str
    """The node id of a test, or a reason."""

    def holds(self, block: Block) -> bool:
        return block.page == self.page and self.first in (block.first_line, f"*{block.language}")


DIALOGUES = "tests/plugging/test_dialogue_examples.py"
NEW_ACTIVATION = "tests/oracles/test_a_new_activation.py::test_the_steps_of_the_guide_are_all_it_takes"
MUTANTS = "tests/benchmarks/test_mutants.py"
FORMULA = "a formula, not code"
CONTAINER = "it needs a container engine, and an image of a registry"
CORPUS = "tests/corpus/test_corpus_document.py"
EXPLAIN = "tests/teaching/test_explain_document.py::test_the_commands_of_the_page_print_what_it_shows"

REGISTRY = [
    Entry("README.md", "*", "tests/packaging/test_makefile.py::test_the_commands_of_the_readme_are_there"),
    Entry(
        "docs/your-own.md",
        "$ backproof run --impl my_layer.py:layer",
        "tests/docs/test_pages.py::test_the_run_that_two_pages_have_is_run_for_the_readme_with_its_output",
    ),
    Entry("docs/bounds-of-vector-functions.md", "*", FORMULA),
    Entry(
        "docs/reports.md",
        "*console",
        "tests/reporting/test_reports_document.py"
        "::test_the_commands_of_the_page_end_as_it_says_and_write_the_files_it_names",
    ),
    Entry("docs/corpus.md", "*console", f"{CORPUS}::test_the_commands_of_the_page_end_as_it_says"),
    Entry("docs/corpus.md", "*python", f"{CORPUS}::test_the_test_that_the_page_shows_is_the_suites"),
    Entry(
        "docs/guides/your-own-in-ten-minutes.md",
        "$ python3 -m venv .venv",
        "it needs a package registry; tests/packaging installs the wheel in an environment of its own",
    ),
    Entry("docs/guides/add-an-activation.md", "*diff", NEW_ACTIVATION),
    Entry("docs/guides/add-an-activation.md", "*console", NEW_ACTIVATION),
    Entry(
        "docs/grading.md",
        "backproof grade --init rubric.toml                        # a rubric, with a seed of its own",
        "tests/grading/test_grading_document.py::test_the_commands_at_the_top_run",
    ),
    Entry(
        "docs/grading.md",
        "podman run --rm --network=none --read-only --tmpfs /tmp \\",
        CONTAINER,
    ),
    Entry("docs/grading.md", "FROM python:3.12-slim", CONTAINER),
    Entry("docs/explain.md", "*console", EXPLAIN),
    Entry("docs/explain.md", "*", EXPLAIN),
    Entry("docs/dialogue.md", "*", f"{DIALOGUES}::test_the_documented_exchange_is_what_the_examples_answer"),
    Entry(
        "docs/findings.md",
        "*python",
        "tests/examples/test_findings.py::test_a_line_of_the_page_gives_what_it_says",
    ),
    Entry(
        "docs/mutants.md",
        "*diff",
        f"{MUTANTS}::test_every_group_of_the_page_has_a_reason_and_every_line_that_is_changed_is_in_the_code",
    ),
    Entry("docs/vectors.md", "total = wrong = 0", "no code, but what a program in any language does"),
    Entry(
        "docs/pytest.md",
        "*python",
        "tests/test_testing_processes.py::test_the_code_in_the_documentation_runs",
    ),
]


def registered(block: Block) -> Entry | None:
    """The entry that speaks of this block."""
    return next((entry for entry in REGISTRY if entry.holds(block)), None)


def named_tests() -> list[Entry]:
    """The entries that name a test."""
    return [entry for entry in REGISTRY if entry.by.startswith("tests/")]
