"""The sentences and the forms of numbers that the page and the terminal share."""

from __future__ import annotations

import json
import math
from typing import Any, Literal

import numpy as np

from .model import CauseRow, Counts, Finding, Report, Truth, Verdict

MEANINGS: dict[Verdict, str] = {
    "conforms": "inside the bound",
    "convention": "a kink or a rival definition, decided differently: neither right nor wrong",
    "unstable": "the right equation, but overflow, NaN or an error that the reference's formula avoids",
    "mismatch": "outside the bound: not the documented equation in any order of summation, with or without "
    "fused multiply-add, in any of the formulas known for its functions",
    "fault": "a crash, a hang, a wrong shape or dtype",
    "known deviation": "outside the bound only because of a declared inaccuracy of the framework",
    "not judged": "the bound is too wide to tell, or the exact answer is undefined; never counted as passed",
}


def count(number: int) -> str:
    """12345 as "12,345"."""
    return f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """(1, "case") as "1 case", (2, "case") as "2 cases"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ratio(value: float | None) -> str:
    """Error/bound, or any size of which three digits are enough; "–" if there is none."""
    return "–" if value is None else _special(value) or f"{value:.3g}"


def value(number: float | None, dtype: str) -> str:
    """The shortest decimal that tells `number` from its neighbours in `dtype`; "–" if there is none."""
    if number is None:
        return "–"
    if special := _special(number):
        return special
    with np.errstate(over="ignore"):
        single = np.float32(number)
    return str(single) if dtype == "float32" and float(single) == number else repr(number)


def _special(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "" if math.isfinite(number) else ("∞" if number > 0 else "-∞")


def percent(part: int, whole: int) -> str:
    """The share of `part` in `whole`, never rounded to 0 % or 100 % unless it is; "–" of nothing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(max(share, 0.1), 99.9)
    return f"{share:.1f} %".replace(".0 %", " %")


def verdict_sentence(report: Report) -> str:
    """What the run says, in one sentence."""
    counts = report.counts
    tested = "the reference" if report.run.implementation == "reference" else report.run.implementation
    if report.run.mistake:
        tested += f" with the mistake {report.run.mistake}"
    judged = plural(counts.judged, "judged case")
    subject = tested.replace("the", "The", 1) if report.run.implementation == "reference" else tested
    if counts.wrong:
        say = f"Does not conform: {tested} is wrong in {count(counts.wrong)} of {judged} ({_kinds(counts)})"
    elif not counts.judged:
        say = f"Nothing was judged: no verdict on {tested}"
    elif not report.floor_met and report.status == "complete":
        say = f"No verdict: only {judged}, fewer than the floor of {count(report.floor)}, but none is wrong"
    elif report.unstable:
        say = f"{subject} is unstable"
        say += f": no mismatch and no fault in {judged}, but answers that overflow or lose digits"
    else:
        say = f"{subject} conforms: no mismatch and no fault in {judged}"
    if report.status == "interrupted":
        say = (
            f"Interrupted after {count(counts.total)} of {plural(report.run.cases_requested, 'case')}. {say}"
        )
    return f"{say}."


def tone(report: Report) -> Literal["good", "warn", "bad"]:
    """How the sentence is to be taken."""
    if report.counts.wrong:
        return "bad"
    return "good" if report.passed and not report.unstable else "warn"


def worst(report: Report) -> str:
    """The worst error/bound, and why it may exceed 1 although nothing is wrong."""
    explained = report.worst_ratio is not None and report.worst_ratio > 1 and not report.counts.wrong
    return ratio(report.worst_ratio) + (" (in an answer that is set apart)" if explained else "")


def asked(truth: Truth) -> str:
    """How often the truth was asked, why, and whether everybody kept to the bounds."""
    whys = ", ".join(f"{count(cases)} {why}" for why, cases in truth.asked.items())
    entries = sum(row.entries for row in truth.rows)
    wrong = sum(row.outside.wrong for row in truth.rows)
    kept = (
        f"in {plural(wrong, 'check')} an answer is outside its bound"
        if wrong
        else "no answer is outside its bound, but for what is set apart"
        if any(row.outside.total for row in truth.rows)
        else "no answer is outside its bound"
    )
    cases = plural(sum(truth.asked.values()), "case")
    return f"{cases} ({whys}): {plural(entries, 'entry', 'entries')} held; {kept}"


def _kinds(counts: Counts) -> str:
    kinds = [("mismatch", "mismatches", counts.mismatch), ("fault", "faults", counts.fault)]
    return ", ".join(plural(number, one, many) for one, many, number in kinds if number)


_SYMBOLS = {
    "Z": "Z",
    "A": "A",
    "loss": "L",
    "delta": "δ",
    "dW": "∂L/∂W",
    "db": "∂L/∂b",
    "dX": "∂L/∂X",
    "W_updated": "updated W",
    "b_updated": "updated b",
}


def symbol(quantity: str, layer: int | None) -> str:
    """A quantity as the document writes it: ("delta", 2) as "δ[2]"."""
    text = _SYMBOLS.get(quantity, quantity)
    return text if layer is None else f"{text}[{layer}]"


def place(finding: Finding) -> str:
    """Where a finding is, e.g. "dW of layer 2, entry [3, 0]"."""
    where = finding.quantity if finding.layer is None else f"{finding.quantity} of layer {finding.layer}"
    return f"{where}, entry [{', '.join(map(str, finding.entry))}]" if finding.entry else where


def network(finding: Finding) -> str:
    """The network of a finding's case, e.g. "2-64-3, relu → softmax, loss mse (mean), 5 samples"."""
    return network_in_words(finding.case)


def network_in_words(case: Any) -> str:
    """The network of a case as JSON has it; empty if there is none.

    Or if it is not one: a report read from a file may hold any JSON.
    """
    try:
        layers, loss = case["network"]["layers"], case["network"]["loss"]
        widths = "-".join(str(len(rows)) for rows in (layers[0]["W"][0], *(layer["W"] for layer in layers)))
        names = " → ".join(str(layer["activation"]) for layer in layers)
        samples = plural(len(case["X"][0]), "sample")
        return f"{widths}, {names}, loss {loss['name']} ({loss['reduction']}), {samples}"
    except (TypeError, LookupError):
        return ""


_MOST_NUMBERS = 24


def numbers_of(case: Any) -> list[tuple[str, str]]:
    """(name, value) of all that a small case consists of, as in ("W[1]", "[[1.0]]"); none of a larger one."""
    try:
        layers = case["network"]["layers"]
        named = [("X", case["X"]), ("Y", case["Y"])]
        for number, layer in enumerate(layers, start=1):
            named += [(f"W[{number}]", layer["W"]), (f"b[{number}]", layer["b"])]
        for number, layer in enumerate(layers, start=1):
            named += [(f"{name} of layer {number}", value) for name, value in layer["parameters"].items()]
        named += [*case["network"]["loss"]["parameters"].items(), ("η", case["learning_rate"])]
        if sum(_size(value) for _, value in named) > _MOST_NUMBERS:
            return []
        return [(str(name), json.dumps(value, ensure_ascii=False)) for name, value in named]
    except (TypeError, LookupError, AttributeError):
        return []


def _size(value: Any) -> int:
    return sum(map(_size, value)) if isinstance(value, list) else 1


def functions_in(case: Any) -> tuple[tuple[str, ...], str]:
    """The activation of each layer and the loss of a case as JSON has it; nothing if it is not one."""
    try:
        layers, loss = case["network"]["layers"], case["network"]["loss"]
        return tuple(str(layer["activation"]) for layer in layers), str(loss["name"])
    except (TypeError, LookupError):
        return (), ""


def cause_place(cause: CauseRow) -> str:
    """Where a cause is: "equation B5, layers 1 and 2"; with "probably" if that is only likely."""
    text = f"equation {cause.equation}"
    if cause.layers:
        numbers = [str(layer) for layer in cause.layers]
        listed = ", ".join(numbers[:-1]) + " and " + numbers[-1] if len(numbers) > 1 else numbers[0]
        text += f", {'layers' if len(numbers) > 1 else 'layer'} {listed}"
    return text if cause.certain or cause.name else f"probably {text}"
