"""A report with a hundred of everything that a report may list."""

from typing import Any

from backproof.reporting import Counts, EquationRow, NotJudgedRow, Report
from backproof.reporting.model import CauseRow

from .sample_report import finding, sample_report

MANY = 100


def cause(number: int, **changes: Any) -> CauseRow:
    """A cause with all that one can have; `changes` are other fields."""
    fields: dict[str, Any] = {
        "number": number,
        "equation": f"B{number}",
        "layers": (1, 3),
        "kind": "mistake",
        "name": f"mistake-{number}",
        "what": f"Thing {number} is wrong.",
        "remedy": "Mend it.",
        "evidence": "strong: 40 wrong entries in 7 cases are exactly what it gives",
        "cases": 12,
        "findings": (number,),
        "smallest": "1-1, tanh → identity, loss mse (sum), 1 sample",
        "smallest_id": f"{number:016x}",
        "smallest_case": {},
        "replay": f"backproof replay cases/{number:016x}.json --oracles torch",
        "script": ("import torch",),
    }
    return CauseRow(**(fields | changes))


def large_report(**changes: Any) -> Report:
    """A hundred equations, causes and findings, the latter of as many kinds; `changes` are other fields."""
    bad = Counts.tally({"conforms": 900, "mismatch": 41, "not judged": 12})
    numbers = range(1, MANY + 1)
    # Half of them without a cause, which are told by themselves.
    one = finding(cause=None)
    findings = tuple(
        one.model_copy(update={"number": n, "equation": f"B{n}", "right": f"side {n}"}) for n in numbers
    )
    seen = sample_report().deviations
    fields: dict[str, Any] = {
        "equations": tuple(
            EquationRow(id=f"B{n}", title="t" * 500, latex="x", verdict="mismatch", checks=bad)
            for n in numbers
        ),
        "causes": tuple(cause(n) for n in numbers if n % 2),
        "findings": findings,
        "findings_total": 12345,
        "not_judged": tuple(
            NotJudgedRow(reason=f"reason {n}", dtype="float32", quantity="dW", checks=n, entries=n, cases=1)
            for n in numbers
        ),
        "deviations": tuple(
            row.model_copy(update={"id": f"deviation-{n}", "seen": n}) for n in numbers for row in seen
        ),
    }
    return sample_report(**(fields | changes))
