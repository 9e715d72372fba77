"""Small reports that differ in one thing, for the tests of comparisons."""

from typing import Any

from backproof.comparing.compare import compare
from backproof.comparing.model import Comparison
from backproof.reporting import (
    Counts,
    DeviationRow,
    Environment,
    EquationRow,
    Finding,
    MatrixCell,
    NotJudgedRow,
    PairRow,
    RegimeRow,
    Report,
    RunInfo,
)
from backproof.reporting.model import CauseRow
from tests.reporting.sample_report import finding

GOOD = Counts.tally({"conforms": 40})
BAD = Counts.tally({"conforms": 30, "mismatch": 10})
FAULTY = Counts.tally({"conforms": 38, "fault": 2})
SHAKY = Counts.tally({"conforms": 35, "unstable": 5})
NONE = Counts.tally({"not judged": 40})

RUN: dict[str, Any] = {
    "command": "backproof run --cases 40",
    "implementation": "reference",
    "seed": 7,
    "cases_requested": 40,
    "dtypes": ("float32",),
    "activations": ("tanh", "relu"),
    "losses": ("mse",),
    "oracles": ("torch",),
}


def run_info(**changes: Any) -> RunInfo:
    """What was asked for; `changes` are other fields."""
    return RunInfo(**(RUN | changes))


def environment(**changes: Any) -> Environment:
    """Where it ran; `changes` are other fields."""
    fields: dict[str, Any] = {
        "versions": {"numpy": "2.4.0", "torch": "2.12.0"},
        "python": "3.11.7",
        "platform": "Linux-6.1-x86_64",
    }
    return Environment(**(fields | changes))


def equation(name: str = "B5", checks: Counts = GOOD, worst: float | None = 0.3) -> EquationRow:
    """The row of an equation."""
    return EquationRow(
        id=name, title="hidden error", latex="x", verdict=checks.worst(), checks=checks, worst_ratio=worst
    )


def pair(
    checks: Counts = GOOD, right: str = "torch", left: str = "reference", dtype: str = "float32"
) -> PairRow:
    """The row of a pair."""
    return PairRow(left=left, right=right, dtype=dtype, checks=checks, worst_ratio=0.3)


def cell(
    activation: str = "tanh", counts: Counts = GOOD, loss: str = "mse", dtype: str = "float32"
) -> MatrixCell:
    """A cell of functions."""
    return MatrixCell(activation=activation, loss=loss, dtype=dtype, counts=counts)


def case(*activations: str, loss: str = "mse") -> dict[str, Any]:
    """As much of a case as a comparison reads."""
    layers = [{"activation": activation, "W": [[1]]} for activation in activations]
    return {
        "network": {"layers": layers, "loss": {"name": loss, "reduction": "mean"}},
        "X": [[1]],
        "dtype": "float32",
    }


def found(number: int = 1, **changes: Any) -> Finding:
    """A mismatch of B5 in the first of two tanh layers; `changes` are other fields."""
    fields: dict[str, Any] = {
        "number": number,
        "equation": "B5",
        "quantity": "delta",
        "layer": 1,
        "cause": None,
        "case": case("tanh", "tanh"),
    }
    return finding(**(fields | changes))


def cause(number: int = 1, **changes: Any) -> CauseRow:
    """A cause in B5; `changes` are other fields."""
    fields: dict[str, Any] = {
        "number": number,
        "equation": "B5",
        "layers": (1,),
        "kind": "mistake",
        "name": "derivative-forgotten",
        "what": "The derivative is left out.",
        "remedy": "Multiply by it.",
        "cases": 10,
        "findings": (1,),
        "smallest": "1-1",
        "smallest_id": "0123456789abcdef",
        "smallest_case": case("tanh"),
        "replay": "backproof replay cases/0123456789abcdef.json --oracles torch",
    }
    return CauseRow(**(fields | changes))


def report(**changes: Any) -> Report:
    """A run that conforms; `changes` are other fields."""
    fields: dict[str, Any] = {
        "status": "complete",
        "run": run_info(),
        "environment": environment(),
        "counts": GOOD,
        "check_counts": GOOD,
        "worst_ratio": 0.3,
        "floor": 36,
        "equations": (equation("F2"), equation("B5")),
        "pairs": (pair(),),
        "matrix": (cell("tanh"), cell("relu")),
        "regimes": (RegimeRow(name="ordinary", dtype="float32", cases=40, judged=40, fully_resolved=40),),
    }
    return Report(**(fields | changes))


def wrong_report(**changes: Any) -> Report:
    """The same run with B5 wrong; `changes` are other fields."""
    fields: dict[str, Any] = {
        "counts": BAD,
        "check_counts": BAD,
        "equations": (equation("F2"), equation("B5", BAD, 1e9)),
        "pairs": (pair(BAD),),
        "matrix": (cell("tanh", BAD), cell("relu")),
        "findings": (found(),),
        "findings_total": 41,
        "causes": (cause(),),
    }
    return report(**(fields | changes))


def deviation(seen: int) -> DeviationRow:
    """A declared deviation that was seen so often."""
    texts = dict.fromkeys(("region", "size", "evidence", "reproduction", "versions"), "x")
    return DeviationRow(id="torch-gelu", oracle="torch", function="gelu", dtype="float32", seen=seen, **texts)


def unjudged(checks: int) -> NotJudgedRow:
    """So many checks that could not be judged."""
    return NotJudgedRow(
        reason="unresolved", dtype="float32", quantity="dW", checks=checks, entries=checks, cases=1
    )


def told(comparison: Comparison) -> set[tuple[str, str, str]]:
    """Way, kind and name of all changes."""
    return {(change.way, change.kind, change.name) for change in comparison.changes}


def between(old: Report, new: Report) -> set[tuple[str, str, str]]:
    """Likewise, of two reports."""
    return told(compare(old, new))
