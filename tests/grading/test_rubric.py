"""The rubric: what is written wrong in it is told in one line, with the key, its value and what to write."""

from __future__ import annotations

import pytest
from grading_samples import CLASS, NETWORKS, POINTS, SINGLE, rubric, rubric_text

from backproof.errors import UsageError
from backproof.grading.rubric import GRADED, parse_rubric, read_rubric
from backproof.grading.template import exercise_of, template, write_template


def test_the_template_is_a_rubric_of_20_points_with_a_seed_of_its_own():
    first, second = (parse_rubric(template(), "rubric.toml") for _ in range(2))
    assert first.out_of == 20
    assert tuple(first.asked) == GRADED
    assert first.marking.seed != second.marking.seed
    assert first.digest != second.digest


def test_how_a_rubric_is_written_does_not_matter_to_its_digest():
    text = rubric_text()
    assert parse_rubric(text, "a").digest == parse_rubric("# a comment\n" + text, "b").digest
    assert parse_rubric(text, "a").digest != rubric(points=POINTS.replace("F2 = 2", "F2 = 3")).digest


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"points": POINTS + "F9 = 1"}, r"rubric.toml: points has the unknown equation 'F9'; known: F2, F3"),
        ({"points": POINTS + "B2 = 1"}, r"points has B2, which is B3 for one sample; give its points to B3"),
        ({"points": "F2 = -1"}, r"points.F2 is -1; it must be at least 0"),
        ({"points": "F2 = 0"}, r"points gives no equation any points, so that there is nothing to mark"),
        ({"points": 'F2 = "two"'}, r"points.F2 .*number.*not 'two'"),
        ({"submission": ""}, r"submission names nothing to look for; write class = \"Network\""),
        (
            {"submission": 'clas = "Network"'},
            r"unknown key submission.clas = 'Network'; did you mean 'class'\?",
        ),
        ({"submission": 'class = "my net"'}, r"submission.class must be a name in Python"),
        (
            {"submission": 'class = "N"\nfile = "net.txt"'},
            r"submission.file must be the name of a Python file",
        ),
        (
            {"submission": CLASS + '[submission.functions]\nbackward = "f"'},
            r"submission.functions has the unknown function 'backward'; known: forward, gradients",
        ),
        (
            {"submission": SINGLE.replace('update = "update"', "")},
            r"points.U1 is 1, but submission.functions has no update, .*; add update, or write U1 = 0",
        ),
        (
            {"submission": SINGLE + '[submission.arguments]\nloss = ["A", "Z"]'},
            r"submission.arguments of loss has the unknown 'Z'; known: A, Y, loss",
        ),
        (
            {"submission": CLASS + '[submission.arguments]\nloss = ["A", "Y"]'},
            r"submission.arguments has loss, which is not among submission.functions",
        ),
        (
            {"networks": 'hidden = ["rellu"]'},
            r"\[networks\]: unknown activation 'rellu' in hidden; did you mean",
        ),
        ({"networks": 'losses = ["mee"]'}, r"\[networks\]: unknown loss 'mee' in losses"),
        (
            {"networks": "deep = 3"},
            r"\[networks\]: unknown key 'deep' in the declaration; did you mean 'depth'",
        ),
        (
            {"networks": "depth = [1, 1]"},
            r"points.F3 is 1, but networks.depth is \[1, 1\]: without hidden layers",
        ),
        ({"networks": 'regimes = ["wild"]'}, r"unknown regime 'wild' in networks.regimes; known: "),
        ({"networks": 'regimes = "ordinary"'}, r"networks.regimes must be a list of at least one name"),
        ({"marking": "cases = 0"}, r"marking.cases is 0; it must be at least 1"),
        ({"marking": "cases = 2.5"}, r"marking.cases must be a whole number, not 2.5"),
        ({"marking": "unstable = 2.0"}, r"marking.unstable is 2.0; it must be at most 1"),
        ({"marking": "time_limit = 0"}, r"marking.time_limit is 0; it must be more than 0"),
        (
            {"marking": 'feedback = "all"'},
            r"marking.feedback is 'all'; it must be one of: verdict, diagnosis, ",
        ),
        ({"marking": "seed = -1"}, r"marking.seed is -1; it must be at least 0"),
        ({"marking": "seed = 5\nopen_seed = 5"}, r"marking.seed and marking.open_seed are both 5"),
        ({"marking": "sed = 5"}, r"unknown key marking.sed = 5; did you mean 'seed'\?"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(parts, said):
    with pytest.raises(UsageError, match=said) as found:
        rubric(**parts)
    assert "\n" not in str(found.value)


def test_a_table_that_is_missing_and_a_file_that_is_none_are_told(tmp_path):
    with pytest.raises(UsageError, match=r"\[points\] is missing; 'backproof grade --init rubric.toml'"):
        parse_rubric("[submission]\nclass = 'N'", "rubric.toml")
    with pytest.raises(UsageError, match=r"rubric.toml is no TOML: .*line 1"):
        parse_rubric("points = \n", "rubric.toml")
    with pytest.raises(UsageError, match=r"none.toml cannot be read: No such file"):
        read_rubric(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes('title = "für"'.encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin.toml is not UTF-8"):
        read_rubric(tmp_path / "latin.toml")


def test_the_exercise_is_the_rubric_without_the_sealed_seed(tmp_path):
    file = tmp_path / "rubric.toml"
    write_template(file)
    sealed = read_rubric(file, sealed=True)
    exercise = exercise_of(file)
    assert str(sealed.marking.seed) not in exercise
    read = parse_rubric(exercise, "exercise.toml")
    assert read.marking.seed is None
    assert read.points == sealed.points
    assert read.networks == sealed.networks
    (tmp_path / "exercise.toml").write_text(exercise, encoding="utf-8")
    with pytest.raises(UsageError, match=r"marking.seed is missing; this looks like the exercise"):
        read_rubric(tmp_path / "exercise.toml", sealed=True)


def test_a_seed_that_is_not_on_a_line_of_its_own_is_not_given_away(tmp_path):
    file = tmp_path / "rubric.toml"
    head = rubric_text(marking="").replace("[marking]", "")
    file.write_text("marking = {cases = 3, seed = 12345}\n" + head, encoding="utf-8")
    with pytest.raises(UsageError, match=r"write marking.seed on a line of its own below \[marking\]"):
        exercise_of(file)


def test_a_template_takes_no_file_s_place(tmp_path):
    write_template(tmp_path / "rubric.toml")
    with pytest.raises(UsageError, match=r"rubric.toml is there already"):
        write_template(tmp_path / "rubric.toml")


def test_networks_that_an_equation_cannot_be_judged_in_are_refused(monkeypatch):
    from backproof.grading.exercise import Exercise

    shallow = NETWORKS.replace("depth = [1, 3]", "depth = [1, 2]")
    one = rubric(networks=shallow, marking="cases = 1\nseed = 2")
    seeds = [seed for seed in range(20) if not _has_hidden_layers(one, seed)]
    with pytest.raises(UsageError, match=r"points.F3 is 1, but in none of the 1 cases F3 could be judged"):
        Exercise(one, seeds[0], ("torch",))


def _has_hidden_layers(one, seed) -> bool:
    from backproof.cases import draw_case

    return draw_case(seed, 0, "float64", one.draw()).case.network.depth > 1
