"""Results made by hand: a submission without σ' in its hidden layers and without dX; one not loadable.

`python tests/grading/hand_made_result.py` writes example-result.json again.
"""

from __future__ import annotations

import json
from pathlib import Path

from backproof.grading.model import Finding, Line, Mark, Note, Result
from backproof.reporting.findings import EntryRow, SideBySide, SideValue
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network, case_to_dict
from refimpl.equations import EQUATIONS

EXAMPLE = Path(__file__).parent / "example-result.json"
TITLES = {equation.id: equation.title for equation in EQUATIONS}
POINTS = {
    "F2": 2,
    "F3": 1,
    "F4": 1,
    "F5": 2,
    "B4": 3,
    "B1a": 2,
    "B5": 3,
    "B1": 2,
    "B3": 2,
    "U1": 1,
    "U2": 1,
}


def smallest_case() -> Case:
    """1-1-1 with sigmoid and identity, on numbers exact in binary."""
    import numpy as np

    one = np.ones((1, 1))
    layers = (Layer(one, 0 * one, ActivationSpec("sigmoid")), Layer(one, 0 * one, ActivationSpec("identity")))
    return Case(Network(layers, LossSpec("half_squared_error")), 0 * one, 0 * one, 0.5)


def mark(equation: str, **given: object) -> Mark:
    """A mark with full points, unless told otherwise."""
    points = float(POINTS[equation])
    told = {
        "earned": points,
        "verdict": "conforms",
        "how": "step by step",
        "reason": "Right in all 40 cases.",
        "cases": 40,
        "judged": 40,
    }
    return Mark(equation=equation, title=TITLES[equation], points=points, **{**told, **given})


def made_by_hand() -> Result:
    """The one with a wrong B5."""
    case = smallest_case()
    # Z = 0, so A[1] = 1/2 = A[2], δ[2] = 1/2; δ[1] = 1/2 · σ'(0) = 1/8, and without σ' it is 1/2.
    finding = Finding(
        number=1,
        equation="B5",
        layers=(1,),
        verdict="mismatch",
        reason="outside the bound",
        kind="mistake",
        name="derivative-forgotten",
        what="A hidden error is W^T δ without the factor σ'(Z).",
        remedy="Multiply elementwise by σ'(Z[l]).",
        documented=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot \sigma'(Z^{[l]})",
        implemented=r"\delta^{[l]} = (W^{[l+1]})^T \delta^{[l+1]}",
        evidence="strong: 41 wrong entries in 7 cases are exactly what it gives",
        strength="strong",
        cases=31,
        smallest="1-1-1, sigmoid → identity, loss half_squared_error (mean), 1 sample",
        smallest_id=case.content_hash[:16],
        smallest_case=case_to_dict(case),
        values=SideBySide(
            quantity="delta",
            layer=1,
            scope="local",
            right="torch",
            shape=(1, 1),
            wrong=1,
            entries=(
                EntryRow(
                    entry=(0, 0),
                    observed=0.5,
                    expected=(SideValue(side="torch", value=0.125),),
                    bound=2.0**-50,
                    excess=0.375 * 2.0**50,
                ),
            ),
        ),
        fingerprint="0123456789abcdef",
    )
    marks = {equation: mark(equation) for equation in POINTS}
    marks["B5"] = mark(
        "B5",
        earned=0.0,
        verdict="mismatch",
        reason="Wrong in 31 of 32 cases: outside the bound.",
        cases=32,
        judged=32,
        wrong=31,
        findings=(1,),
    )
    marks["B1a"] = mark(
        "B1a",
        how="by the diagnosis",
        reason="You give no dX. What is wrong with δ is explained by B5 alone.",
        cases=32,
        judged=32,
    )
    marks["F4"] = mark(
        "F4",
        earned=0.5,
        verdict="unstable",
        reason="Right, but unstable in 2 of 40 cases.",
    )
    marks["U2"] = mark(
        "U2", earned=0.0, verdict="not shown", how="", reason="You give no updated b.", judged=0
    )
    return Result(
        backproof="0.1.0",
        name="ada",
        key="ada",
        file="ada/network.py",
        source_hash="9f" * 32,
        rubric_hash="3c" * 32,
        status="graded",
        interface="class",
        offers=("loss", "Z", "A", "delta", "dW", "db", "W_updated"),
        lacks=("dX", "b_updated"),
        declared=("loss is divided by m",),
        marks=tuple(marks.values()),
        findings=(finding,),
        conventions=(
            Line(equation="B5", layers=(1, 2), what="decided differently exactly on a kink", cases=3),
        ),
        unstable=(Line(equation="F4", layers=(2,), what="not finite where the exact answer is", cases=2),),
        faults=(Line(what="changed its argument W", cases=40),),
        integrity=(
            Note(kind="import", what="import torch"),
            Note(kind="file", what="open /etc/passwd to read"),
        ),
        total=sum(each.earned for each in marks.values()),
        out_of=20.0,
    )


def not_loadable() -> Result:
    """The one with a syntax error."""
    marks = [
        mark(equation, earned=0.0, verdict="not shown", how="", reason="It could not be loaded.", judged=0)
        for equation in POINTS
    ]
    return Result(
        backproof="0.1.0",
        name="grace hopper",
        key="grace_hopper",
        file="grace hopper.py",
        source_hash="aa" * 32,
        rubric_hash="3c" * 32,
        status="not loadable",
        reason="grace hopper.py, line 3: invalid syntax; Python 3.11 cannot read it",
        marks=tuple(marks),
        total=0.0,
        out_of=20.0,
    )


if __name__ == "__main__":
    EXAMPLE.write_text(
        json.dumps(made_by_hand().model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
