"""Each interface: a right submission has all points; what is missing or raises costs its own equations."""

from __future__ import annotations

import pytest
from grading_samples import CLASS, FUNCTION, RIGHT, SINGLE, changed, graded, lost, sharing_cases, without


@pytest.mark.parametrize("interface", ["whole", "function", "single"])
def test_a_right_submission_has_all_points_in_each_interface(interface, request, tmp_path):
    result = graded(request.getfixturevalue(interface), tmp_path, RIGHT)
    assert (result.status, result.reason) == ("graded", "")
    assert lost(result) == {}
    assert result.total == result.out_of == 20
    assert result.is_right
    assert result.integrity == ()
    assert result.findings == ()


@pytest.mark.parametrize(
    ("missing", "equations"),
    [
        ("forward", {"F2", "F3", "F4"}),
        ("loss", {"F5"}),
        ("output_error", {"B4"}),
        ("hidden_error", {"B5", "B1a"}),
        ("gradients", {"B1", "B3"}),
        ("update", {"U1", "U2"}),
    ],
)
def test_a_missing_function_costs_its_own_equations_alone(single, tmp_path, missing, equations):
    result = graded(single, tmp_path, without(missing))
    assert set(lost(result)) == equations
    assert {mark.verdict for mark in lost(result).values()} == {"not shown"}
    assert missing in result.lacks


def test_one_function_alone_is_judged(single, tmp_path):
    others = ("forward", "loss", "output_error", "hidden_error", "update")
    result = graded(single, tmp_path, without(*others))
    assert {mark.equation for mark in result.marks if mark.earned} == {"B1", "B3"}


def test_a_function_that_raises_is_a_fault_of_its_own_equations_alone(single, tmp_path):
    raising = changed("    return (W_next.T @ delta_next)", "    return (W_next @ delta_next.T.T.nothing)")
    result = graded(single, tmp_path, raising)
    assert set(lost(result)) == {"B5", "B1a"}
    mark = lost(result)["B5"]
    assert mark.verdict == "fault"
    assert "hidden_error raised AttributeError" in mark.reason
    assert "network.py, line" in mark.reason


def test_a_function_that_returns_a_wrong_shape_is_a_fault_of_its_own_equations_alone(single, tmp_path):
    flat = changed(
        "    return delta @ A_previous.T, delta.sum(axis=1, keepdims=True)",
        "    return delta @ A_previous.T, delta.sum(axis=1)",
    )
    result = graded(single, tmp_path, flat)
    assert set(lost(result)) == {
        "B3",
        "B1",
    }  # one function has one answer: what it returned cannot be told apart
    assert "expected" in lost(result)["B3"].reason


def test_a_function_that_hangs_is_not_called_again_and_costs_its_own_equations_alone(single, tmp_path):
    hanging = changed(
        "def update(W, b, dW, db, learning_rate):",
        "def update(W, b, dW, db, learning_rate):\n    while True: pass",
    )
    result = graded(single, tmp_path, hanging)
    assert set(lost(result)) == {"U1", "U2"}
    assert "update gave no answer within 0.5 s of processor time" in lost(result)["U1"].reason


def test_a_wrong_single_function_is_named(single, tmp_path):
    result = graded(single, tmp_path, changed("* DERIVATIVES[activation](Z)", "* 1"))
    assert set(lost(result)) == {"B5"}
    (finding,) = result.findings
    assert (finding.equation, finding.name) == ("B5", "derivative-forgotten")
    assert finding.strength in ("strong", "fair")


def test_the_first_interface_of_the_rubric_that_a_submission_has_is_taken(whole, tmp_path):
    grader = sharing_cases(whole, CLASS + FUNCTION + SINGLE)
    assert graded(grader, tmp_path, RIGHT).interface == "class"
    assert graded(grader, tmp_path, RIGHT.replace("class Network", "class Net")).interface == "function"
    renamed = RIGHT.replace("class Network", "class Net").replace("def network", "def net")
    assert graded(grader, tmp_path, renamed).interface == "functions"


def test_arguments_come_in_the_order_of_the_rubric(whole, tmp_path):
    grader = sharing_cases(
        whole, f'{SINGLE}\n[submission.arguments]\ngradients = ["A_previous", "delta", "layer"]\n'
    )
    swapped = changed("def gradients(delta, A_previous):", "def gradients(A_previous, delta, layer):")
    assert graded(grader, tmp_path, swapped).is_right
    assert set(lost(graded(grader, tmp_path, RIGHT))) == {"B1", "B3"}


def test_helpers_in_a_folder_are_imported(whole, tmp_path):
    folder = tmp_path / "ada"
    (folder / "lib").mkdir(parents=True)
    (folder / "network.py").write_text("from lib.net import Network\n", encoding="utf-8")
    (folder / "lib" / "net.py").write_text(RIGHT, encoding="utf-8")
    from backproof.grading.submissions import one_submission

    result = whole.grade(one_submission(folder, "network.py"))
    assert result.is_right
    assert result.file == "ada/network.py"


def test_what_prints_is_graded_all_the_same(whole, tmp_path):
    chatty = changed(
        "    def forward(self, X):", "    def forward(self, X):\n        print('total: 20 of 20')"
    )
    assert graded(whole, tmp_path, chatty).is_right
