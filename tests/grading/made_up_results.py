"""Results made up for the pages: about forty submissions with all that can be said of one, hostile names too.

What is said of mistakes is the catalogue's; the numbers in their smallest cases are those of the example that
was made by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from backproof.diagnosis.mistakes import MISTAKES
from backproof.grading.model import Finding, Line, Mark, Note, Result
from backproof.grading.rubric import LATEX, Rubric, parse_rubric
from backproof.grading.template import template
from backproof.reporting.findings import EntryRow, SideBySide, SideValue

EXAMPLE = Result.model_validate_json(
    (Path(__file__).parent / "example-result.json").read_text(encoding="utf-8")
)
NAMES = (
    *("ada", "bela", "chen", "dora", "emil", "fay", "gita", "hugo", "ines", "jan", "kim", "lea", "mia"),
    *("nils", "olga", "pat", "quin", "rosa", "sven", "tara", "uma", "vera", "wim", "xu", "yara", "zoe"),
)
HOSTILE = (
    "<script>window.canary = 1</script>",
    "</title></style></script><img src=x onerror='window.canary = 1'>",
    "\" onmouseover='window.canary = 1' x=\"",
    "=HYPERLINK(0)",
    "{{ 7 * 7 }} {% endif %}",
    "x" * 300,
    "\u0637\u0627\u0644\u0628 \u0645\u062c\u062a\u0647\u062f",
    "\u202e\u2066reversed",
    "\U0001f600 smiley",
)
COMMON = (
    "derivative-forgotten",
    "bias-gradient-averaged",
    "target-minus-prediction",
    "bias-forgotten",
    "batch-mean-forgotten",
    "update-uphill",
)
_QUANTITIES = {"F2": "Z", "B4": "delta", "B5": "delta", "B1": "dW", "B3": "db", "U1": "W_updated"}


def rubric_of(feedback: str = "diagnosis") -> Rubric:
    """The rubric to start from, with a seed that is always the same."""
    rubric = parse_rubric(template(), "rubric.toml")
    marking = rubric.marking.model_copy(update={"seed": 7, "feedback": feedback})
    return rubric.model_copy(update={"marking": marking, "title": "Exercise 3 <b>"})


def finding_of(name: str, number: int = 1, **told: Any) -> Finding:
    """A mistake of the catalogue in the smallest case of the example."""
    mistake = MISTAKES[name]
    of_example = EXAMPLE.findings[0]
    quantity = _QUANTITIES[mistake.equation]
    assert of_example.values is not None
    given = {
        "number": number,
        "equation": mistake.equation,
        "name": name,
        "what": mistake.what,
        "remedy": mistake.remedy,
        "documented": LATEX[mistake.equation],
        "implemented": mistake.latex,
        "values": of_example.values.model_copy(update={"quantity": quantity}),
        "fingerprint": sha256(name.encode()).hexdigest()[:16],
    }
    return of_example.model_copy(update=given | told)


def unknown_finding(equation: str, who: str, number: int = 1) -> Finding:
    """One that nothing explains, with four wrong numbers of many kinds; `who` has them."""
    observed = (float("nan"), 0.0, -2.5, 1.0000001)
    entries = tuple(
        EntryRow(
            entry=(place, 0),
            observed=value,
            expected=(SideValue(side="torch", value=1.0), SideValue(side="truth", value=1.0)),
            bound=1e-15,
            excess=float("inf") if value != value else 40.0,  # noqa: PLR0124 - NaN
        )
        for place, value in enumerate(observed)
    )
    return finding_of("derivative-forgotten").model_copy(
        update={
            "number": number,
            "equation": equation,
            "kind": "unknown",
            "name": "",
            "what": "What is wrong is not known.",
            "remedy": "",
            "implemented": "",
            "documented": LATEX[equation],
            "evidence": "",
            "strength": "",
            "certain": False,
            "values": SideBySide(
                quantity=_QUANTITIES[equation],
                layer=1,
                scope="local",
                right="torch",
                shape=(4, 1),
                wrong=4,
                entries=entries,
            ),
            "fingerprint": sha256(who.encode()).hexdigest()[:16],
        }
    )


def made_up(name: str, findings: Sequence[Finding] = (), **told: Any) -> Result:
    """A graded submission with these findings, each of which costs all points of its equation."""
    wrong = {finding.equation: finding for finding in findings}
    verdicts: dict[str, str] = told.pop("verdicts", {})
    marks = []
    for mark in EXAMPLE.marks:
        finding = wrong.get(mark.equation)
        verdict = finding.verdict if finding is not None else verdicts.get(mark.equation, "conforms")
        earned = mark.points if verdict in ("conforms", "convention") else 0.0
        earned = mark.points * 3 / 4 if verdict == "unstable" else earned
        numbers = tuple(each.number for each in findings if each.equation == mark.equation)
        given = {
            "earned": earned,
            "verdict": verdict,
            "how": "" if verdict == "not shown" else "step by step",
            "reason": f"{verdict.capitalize()} in all {mark.cases} cases.",
            "judged": mark.cases,
            "wrong": min(mark.cases, 31) if finding is not None else 0,
            "findings": numbers,
        }
        marks.append(mark.model_copy(update=given))
    source = told.pop("source", name)
    return _result(name, marks, {"findings": tuple(findings), "source_hash": _hash(source), **told})


def not_graded(name: str, status: str, reason: str, **told: Any) -> Result:
    """One that could not be asked."""
    given = {"earned": 0.0, "verdict": "not shown", "how": "", "judged": 0, "wrong": 0, "findings": ()}
    marks = [mark.model_copy(update=given | {"reason": "It could not be loaded."}) for mark in EXAMPLE.marks]
    nothing = {"interface": "", "offers": (), "lacks": (), "declared": ()}
    return _result(name, marks, {"status": status, "reason": reason, **nothing, **told})


def _result(name: str, marks: Sequence[Mark], told: dict[str, Any]) -> Result:
    plain = name if name.isalnum() and name.isascii() else "submission"
    given = {
        "name": name,
        "key": f"{plain[:40]}-{_hash(name)[:8]}",
        "file": f"{name}.py",
        "source_hash": _hash(name),
        "marks": tuple(marks),
        "findings": (),
        "conventions": (),
        "unstable": (),
        "faults": (),
        "integrity": (),
        "lacks": (),
        "total": sum(mark.earned for mark in marks),
    }
    # Through JSON: so that all is checked, and texts are made safe as they are in a file.
    changed = EXAMPLE.model_copy(update=given | told)
    return Result.model_validate_json(changed.model_dump_json())


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def class_of_forty() -> list[Result]:
    """The example, right ones, common mistakes, some alone, what could not be graded, and hostile names."""
    found = [EXAMPLE]
    for place, name in enumerate(NAMES[1:], start=1):
        if place % 4 == 0:
            found.append(made_up(name, source="the same" if place < 10 else name))
        elif place % 4 == 1:
            found.append(made_up(name, [finding_of(COMMON[place % 3])]))
        elif place % 4 == 2:
            found.append(made_up(name, [finding_of("bias-forgotten"), finding_of("update-uphill", 2)]))
        else:
            who = "together" if place in (3, 7) else name
            found.append(made_up(name, [unknown_finding("B1", who)]))
    found += [
        made_up("unstable", verdicts={"F4": "unstable"}, unstable=EXAMPLE.unstable),
        made_up("chosen", conventions=(Line(equation="B5", layers=(1, 2), what="on a kink", cases=3),)),
        made_up("missing", verdicts={"U1": "not shown", "F5": "not judged"}, lacks=("W_updated", "dX")),
        made_up("crashing", verdicts={"B1": "fault"}, faults=(Line(what="raised ValueError", cases=9),)),
        made_up("noted", integrity=(Note(kind="file", what="open /etc/passwd to read"),)),
        not_graded("broken", "not loadable", "broken.py, line 1: invalid syntax; Python 3.11 cannot read it"),
        not_graded("nothing", "empty", "there is nothing in it"),
    ]
    for place, name in enumerate(HOSTILE):
        finding = finding_of(COMMON[place % len(COMMON)]).model_copy(
            update={"what": name, "remedy": name, "evidence": name, "smallest": name}
        )
        notes = (Note(kind="import", what=name),)
        lines = (Line(equation="B5", what=name, cases=1),)
        found.append(
            made_up(name, [finding], integrity=notes, conventions=lines, unstable=lines, faults=lines)
        )
    return found
