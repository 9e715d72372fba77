"""The lesson in a terminal: aligned, within 100 columns, plain where it is not a terminal."""

import io
from itertools import pairwise

import pytest
from lessons import case, explained
from rich.console import Console

from backproof.teaching import matrices
from backproof.teaching.text import WIDTH, lines_of, print_lesson
from refimpl import Case


def _lines(given: Case, mistake: str | None = None, width: int = WIDTH) -> list[str]:
    return [line.plain for line in lines_of(explained(given, mistake), width)]


def test_a_matrix_has_its_points_below_each_other():
    assert matrices.block([[1.5, -20], [-0.25, 3]]) == ["⎡  1.5   -20 ⎤", "⎣ -0.25    3 ⎦"]
    assert matrices.block([[1e-17], [2.5]]) == ["⎡ 1e-17 ⎤", "⎣ 2.5   ⎦"]
    assert matrices.block(0.1) == ["0.1"]
    assert matrices.block([[-0.0, float("nan"), float("-inf")]]) == ["[ 0  NaN  -∞ ]"]


def test_an_equation_stands_in_numbers_below_its_symbols():
    lines = _lines(case((2, 2, 1)))
    start = lines.index("      Z[1] = W[1] A[0] + b[1]")
    assert lines[start + 1].strip() == "(2, 1) = (2, 2)·(2, 1) + (2, 1)"
    labels, top = lines[start + 3], lines[start + 4]
    assert labels.split() == ["Z[1]", "W[1]", "A[0]", "b[1]"]
    assert top.count("⎡") == 4
    for symbol in labels.split():
        place = labels.index(symbol)
        assert "⎡" in top[max(0, place - 8) : place + 8]


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        (case((2, 3, 1)), None),
        (case((2, 3, 2), "softmax", "cross_entropy", samples=4), "bias-from-one-column"),
        (case((5, 6, 6, 4), "gelu_tanh", "sigmoid_focal", samples=6), "update-uphill"),
        (case((32, 48, 10), "relu", "cross_entropy", samples=5), "derivative-forgotten"),
        (case((3, 12, 1), "hardswish", "bce", dtype="float32"), "bias-forgotten"),
    ],
)
def test_no_line_is_wider_than_the_terminal_and_no_two_are_empty(given, mistake, width):
    lines = _lines(given, mistake, width)
    # A formula is not broken: it stands in a line of its own.
    wide = [line for line in lines if len(line) > width and not ("with  " in line or " = {" in line)]
    assert wide == []
    assert not any(not line.strip() and not after.strip() for line, after in pairwise(lines))


def test_large_networks_are_shown_in_summary():
    lines = _lines(case((16, 24, 2), samples=5))
    assert any(line.split()[:4] == ["W[1]", "24", "×", "16,"] for line in lines)
    assert any("norm" in line for line in lines)
    assert len(lines) < 300


def test_the_place_where_it_goes_wrong_is_marked_once_and_named_at_the_top():
    lines = _lines(case(), "derivative-of-output")
    assert "With the mistake derivative-of-output: " in "\n".join(lines[:8])
    assert "It goes wrong at step 12, B5, error of a hidden layer, layer 1." in lines
    (marked,) = [line for line in lines if "HERE IT GOES WRONG" in line]
    assert marked.split()[:2] == ["12.", "B5"]
    assert any(line.strip().startswith("δ[1] = (W[2]ᵀ δ[2]) ⊙ σ'(A[1])") for line in lines)
    assert lines[-1].startswith("Mend it: ")


def test_it_is_plain_in_a_pipe_and_coloured_in_a_terminal():
    given = explained(case())
    piped, coloured = io.StringIO(), io.StringIO()
    print_lesson(given, Console(file=piped))
    print_lesson(given, Console(file=coloured, force_terminal=True, color_system="standard", width=90))
    assert "\x1b" not in piped.getvalue()
    assert "\x1b[" in coloured.getvalue()


def test_parameters_of_functions_are_named():
    lines = _lines(case(hidden="leaky_relu"))
    assert any("negative_slope = 0.01" in line for line in lines)
