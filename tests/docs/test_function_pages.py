"""The page of each activation and loss names all that the project knows of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import tests.book_building  # noqa: F401 - the book's extension is imported from docs/
from backproof.judging.deviations import DEVIATIONS
from book_directives.function_pages import mistakes_of, module_of, page
from book_directives.run_of_the_book import Run, read_run
from refimpl import ACTIVATIONS, LOSSES
from tests.book_building import made_up_run

KINDS = {**dict.fromkeys(ACTIVATIONS, "activations"), **dict.fromkeys(LOSSES, "losses")}
ENTRIES = {**ACTIVATIONS, **LOSSES}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(made_up_run(tmp_path_factory.mktemp("run")))


def text_of(name: str, run: Run) -> str:
    return page(ENTRIES[name], KINDS[name], "the plots", run)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_page_has_what_the_tables_have(name: str, run: Run):
    entry, text = ENTRIES[name], text_of(name, run)
    assert text.startswith(f"# {name}\n")
    for known in (
        *(entry.latex, entry.derivative_latex, entry.conventions),
        *(f"| {library} | `{theirs}` |" for library, theirs in entry.aliases.items()),
        *(each.meaning for each in entry.parameters),
        *(deviation.id for deviation in DEVIATIONS if deviation.function == name),
        *(deviation.reproduction for deviation in DEVIATIONS if deviation.function == name),
        *("the plots", "## Accuracy", "| float64 |", f'"{name}",'),
    ):
        assert known in text
    kinked = name in ACTIVATIONS and entry.kinks({each.name: each.default for each in entry.parameters})
    assert ("## Kinks" in text) == (bool(kinked) or name == "hinge")  # as the made-up run has it
    assert ("## Declared deviations" in text) == any(each.function == name for each in DEVIATIONS)


def test_kinks_have_both_limits_and_the_choice_of_each_side(run: Run):
    assert "| z = 0 | 0 | 1 | 0 | 0.125 | 0.375 |" in text_of("relu", run)
    assert "| z = 3 | 1.5 | 1 | 1 | 0.125 | 0.375 |" in text_of("hardswish", run)
    text = text_of("hinge", run)
    assert "| ŷ = 1, for y = 1 | -1 | 0 | 0 | 0 | -0.5 |" in text
    assert "torch has no such function" in text
    assert "jax has no such function" not in text  # optax does


def test_accuracy_is_that_of_the_measured_table():
    from book_directives.function_tables import ERROR_FACTS, accuracy

    line = next(each for each in ERROR_FACTS.read_text("utf-8").splitlines() if each.startswith("| tanh |"))
    cells = [cell.strip().partition(", at ")[0] for cell in line.strip("|").split("|")][1:]
    assert f"| {' | '.join(cells)} |" in "\n".join(accuracy("tanh"))


def test_parameters_have_their_domains(run: Run):
    text = text_of("hardtanh", run)
    assert "| `min_val` (m) | -1 | (-∞, ∞) | [-3, -0.5] |" in text
    assert "| `pos_weight` | each output | [0, ∞) |" in text_of("bce_with_logits", run)


@pytest.mark.parametrize(
    ("name", "mistakes"),
    [
        ("relu6", {"relu6-without-upper-bound"}),
        ("elu", {"elu-alpha-subtracted", "elu-derivative-without-alpha"}),
        ("huber", {"huber-slope-without-delta", "huber-gradient-cut-off"}),
        ("gelu", {"gelu-approximated", "gelu-derivative-without-density"}),
    ],
)
def test_the_mistakes_about_a_function_are_on_its_page(name: str, mistakes: set[str], run: Run):
    found = {mistake.name for mistake in mistakes_of(name)}
    assert mistakes <= found
    assert "derivative-of-output" not in found
    for each in mistakes:
        assert f"| `{each}` |" in text_of(name, run)


def test_the_code_is_that_of_the_file_with_what_it_uses(run: Run):
    assert module_of(LOSSES["hinge"]).__name__ == "refimpl.margin_losses"
    text = text_of("softmax", run)
    assert "From refimpl/activations.py" in text
    assert text.index("def softmax(") < text.index("def softmax_vjp(") < text.index("Activation(")


def test_the_error_facts_have_no_function_that_is_not_there():
    from book_directives.function_tables import ERROR_FACTS

    listed = {line.split(" | ")[0].strip("| ") for line in ERROR_FACTS.read_text("utf-8").splitlines()}
    assert listed >= set(ENTRIES)
    assert Path(ERROR_FACTS).is_file()
