"""Mistakes are found by the command, blamed on their own equations, and seen again by replay.

One or more of each equation and each way to show; tests/diagnosis judges the whole catalogue.
"""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from backproof.diagnosis.mistakes import MISTAKES
from backproof.reporting.files import read_report
from backproof.reporting.model import Report
from tests.long_tests import long_but_for

from .conftest import DOCUMENTED, Outcome

_ONLY = "--activations {} --losses {}"
# Mistakes that need particular functions to show in few cases.
OPTIONS = {
    "softmax-elementwise": _ONLY.format("softmax,tanh", "mse,cross_entropy"),
    "parameters-ignored": _ONLY.format("leaky_relu,softplus", "mse"),
    "softmax-without-maximum": _ONLY.format("softmax,identity,softplus", "mse") + " --cases 96",
    "hardsigmoid-of-keras": _ONLY.format("hardsigmoid", "mse"),
    "output-activation-forgotten": _ONLY.format("tanh,sigmoid", "mse"),
}
FOUND = (
    *("bias-forgotten", "hardsigmoid-of-keras", "output-activation-forgotten", "sum-for-mean"),
    *("derivative-forgotten", "softmax-elementwise", "target-minus-prediction", "batch-mean-twice"),
    *("bias-from-one-column", "update-uphill", "bias-not-updated", "gradient-in-half-precision"),
)
MORE = (
    *("derivative-of-output", "parameters-ignored", "prediction-minus-target"),
    "updated-weights-in-backward",
)
# A sum of products that the implementation does itself on the way to its δ; the equation table shows both.
RIDES_ALONG = {"B5": {"B1a"}, "B3": {"B2"}, "F2": {"F1"}}
UNSTABLE = ("softmax-without-maximum",)
REMEMBERS = ("gradients-accumulated", "momentum-carried-over")


def _run(command: Callable[..., Outcome], name: str) -> tuple[Outcome, Report]:
    options = OPTIONS.get(name, shlex.join(DOCUMENTED)).split()
    defaults = [] if "--cases" in options else ["--cases", "12"]
    outcome = command(
        *("run", *defaults, "--dtype", "float32", "--oracles", "torch", *options),
        *("--mistake", name, "--out", "out", "--no-diagnosis"),
    )
    return outcome, read_report("out/report.json")


def test_every_equation_and_every_way_to_show_is_among_them():
    tried = [MISTAKES[name] for name in (*FOUND, *UNSTABLE, *REMEMBERS)]
    assert {mistake.equation for mistake in tried} == {mistake.equation for mistake in MISTAKES.values()}
    assert {mistake.effect for mistake in tried} == {mistake.effect for mistake in MISTAKES.values()}


# Each run is diagnosed, too: a few always, the others in the long tests.
ALWAYS = ("bias-forgotten", "sum-for-mean", "softmax-elementwise", "batch-mean-twice", "update-uphill")


@pytest.mark.long
@pytest.mark.parametrize("name", long_but_for(ALWAYS, (*FOUND, *MORE)))
def test_a_mistake_is_found_and_blamed_on_its_own_equation_alone(command, name):
    outcome, report = _run(command, name)
    assert outcome.status == 1
    assert outcome.out.startswith(f"Does not conform: the reference with the mistake {name} is wrong in ")
    own = set(MISTAKES[name].equations)
    wrong = [finding for finding in report.findings if finding.wrong]
    assert (wrong[0].scope, wrong[0].left) == ("local", "reference")
    blamed = {f.equation for f in wrong if f.scope == "local"}
    assert MISTAKES[name].equation in blamed
    assert blamed <= own
    assert {f.left for f in wrong} == {"reference"}, "an oracle is called wrong"
    assert wrong[0].equation in outcome.out.partition("#1 mismatch in ")[2][:3]
    rows = {row.id for row in report.equations if row.verdict == "mismatch"}
    assert blamed <= rows <= blamed.union(*(RIDES_ALONG.get(equation, set()) for equation in blamed))


@pytest.mark.long
@pytest.mark.parametrize("name", UNSTABLE)
def test_a_formula_that_overflows_is_told_as_unstable_in_its_own_equation(command, name):
    _, report = _run(command, name)
    assert report.counts.unstable + report.counts.wrong > 0
    told = [f for f in report.findings if f.left == "reference" and f.verdict in {"unstable", "mismatch"}]
    assert told[0].scope == "local"
    # The derivative is taken at the A that overflowed, so that the δ of the layer may be wrong as well.
    assert {"F3", "F4"} & {finding.equation for finding in told if finding.scope == "local"}


@pytest.mark.long
@pytest.mark.parametrize("name", REMEMBERS)
def test_what_remembers_former_calls_ends_with_a_fault(command, name):
    outcome = command("run", "--cases", "4", "--dtype", "float32", "--oracles", "torch", "--mistake", name)
    assert outcome.status == 1
    assert outcome.out.startswith(f"Does not conform: the reference with the mistake {name} is wrong in ")
    assert f"fault in {MISTAKES[name].equation}: " in outcome.out
    assert "it remembers that" in outcome.out or "gradients accumulate, they are 2 times" in outcome.out


@pytest.mark.long
def test_replay_sees_the_finding_again_and_nothing_without_the_mistake(command, monkeypatch):
    _, report = _run(command, "bias-from-one-column")
    found = report.findings[0]
    monkeypatch.chdir("out")  # the command names the case relative to the report's folder
    words = shlex.split(found.replay)
    assert words[:2] == ["backproof", "replay"]
    again = command(*words[1:])
    assert again.status == 1
    assert again.out.startswith("Does not conform: ")
    head, values = re.search(r"(#1 .*)\n(.*)", again.out).groups()
    place = f"db of layer {found.layer}, entry [{found.entry[0]}, {found.entry[1]}]"
    assert head.startswith(f"#1 mismatch in B3: {place} (reference against arithmetic, float32")
    observed, expected = re.search("observed (.*?), expected (.*?),", values).groups()
    assert (float(observed), float(expected)) == pytest.approx((found.observed, found.expected), rel=1e-6)
    assert "backproof replay" not in again.out
    cured = words[1 : words.index("--mistake")]
    assert command(*cured).status == 0


def _case(activation: str, W: list[list[float]], X: list[list[float]], Y: list[list[float]]) -> str:
    layer = {"activation": activation, "parameters": {}, "W": W, "b": [0] * len(W)}
    return json.dumps(
        {
            "format": "backproof-case",
            "version": 1,
            "dtype": "float32",
            "learning_rate": 0.5,
            "network": {"layers": [layer], "loss": {"name": "mse", "reduction": "sum", "parameters": {}}},
            "X": X,
            "Y": Y,
        }
    )


@pytest.mark.long
def test_a_replayed_case_conforms_or_not_as_the_implementation_does(command):
    Path("case.json").write_text(_case("tanh", [[0.5, 1]], [[1], [2]], [[0]]))
    outcome = command("replay", "case.json", "--oracles", "torch")
    assert outcome.status == 0
    assert outcome.out.startswith("The reference conforms: no mismatch and no fault in 1 judged case.")
    outcome = command("replay", "case.json", "--oracles", "torch", "--mistake", "target-minus-prediction")
    assert outcome.status == 1
    assert "#1 mismatch in B4: delta of layer 1, entry [0, 0]" in outcome.out


def test_an_answer_that_is_not_a_number_is_told_as_unstable(command):
    # e^100 is infinite in float32, and infinity by infinity NaN.
    Path("case.json").write_text(_case("softmax", [[100], [0]], [[1]], [[1], [0]]))
    words = ("replay", "case.json", "--oracles", "torch")
    assert command(*words).out.startswith("The reference conforms: ")
    outcome = command(*words, "--mistake", "softmax-without-maximum")
    assert outcome.status == 0
    assert outcome.out.startswith(
        "The reference with the mistake softmax-without-maximum is unstable: no mismatch and no fault in 1 "
    )
    assert re.search(r"#1 unstable in F4: A of layer 1, .*\n   observed NaN, expected ", outcome.out)
