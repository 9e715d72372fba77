"""What `backproof list` shows: the tables themselves, so that no list is ever typed.

Each row is a mapping of JSON values whose first member is its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import wrap
from typing import Any

from .errors import UsageError

Row = dict[str, Any]
_WIDTH = 100


def _equations() -> list[Row]:
    from refimpl.equations import EQUATIONS

    return [
        {
            "id": equation.id,
            "part": equation.part,
            "title": equation.title,
            "latex": equation.latex,
            "implemented_latex": equation.implemented_latex,
            "code": f"{equation.code.__module__}.{equation.code.__qualname__}",
            "reading": equation.reading,
            "condition": equation.condition,
            "note": equation.note,
        }
        for equation in EQUATIONS
    ]


def _activations() -> list[Row]:
    from refimpl import ACTIVATIONS

    return [
        {
            "name": entry.name,
            "formula": entry.latex,
            "derivative": entry.derivative_latex,
            "range": str(entry.range),
            "elementwise": entry.elementwise,
            "kinks": _kinks(entry),
            **_common(entry),
        }
        for entry in ACTIVATIONS.values()
    ]


def _losses() -> list[Row]:
    from refimpl import LOSSES

    return [
        {
            "name": entry.name,
            "formula": entry.latex,
            "derivative": entry.derivative_latex,
            "predictions": str(entry.prediction_domain),
            "targets": str(entry.target_domain),
            "mean_over": entry.mean_over,
            "elementwise": entry.elementwise,
            "arrays": [
                {
                    "name": a.name,
                    "shape": "one for each entry" if a.per_sample else "one for each output",
                    "domain": str(a.domain),
                    "meaning": a.meaning,
                }
                for a in entry.arrays
            ],
            **_common(entry),
        }
        for entry in LOSSES.values()
    ]


def _kinks(entry: Any) -> list[Row]:
    defaults = {parameter.name: parameter.default for parameter in entry.parameters}
    return [{"at": k.at, "left": k.left, "right": k.right, "chosen": k.chosen} for k in entry.kinks(defaults)]


def _common(entry: Any) -> Row:
    return {
        "parameters": [
            {"name": p.name, "default": p.default, "domain": str(p.domain), "meaning": p.meaning}
            for p in entry.parameters
        ],
        "aliases": dict(entry.aliases),
        "conventions": entry.conventions,
    }


def _left_out() -> list[Row]:
    from refimpl import more_activations, more_losses

    return [
        {"name": name, "reason": reason}
        for table in (more_activations.LEFT_OUT, more_losses.LEFT_OUT)
        for name, reason in table.items()
    ]


def _oracles() -> list[Row]:
    from .oracle_names import ORACLES, is_installed

    return [{"name": name, "installed": is_installed(name)} for name in ORACLES]


def _mistakes() -> list[Row]:
    from .diagnosis.mistakes import MISTAKES

    return [
        {
            "name": m.name,
            "equation": m.equation,
            "also": list(m.also),
            "effect": m.effect,
            "what": m.what,
            "remedy": m.remedy,
            "source": m.source,
        }
        for m in MISTAKES.values()
    ]


LISTS: Mapping[str, Callable[[], list[Row]]] = {
    "equations": _equations,
    "activations": _activations,
    "losses": _losses,
    "left-out": _left_out,
    "oracles": _oracles,
    "mistakes": _mistakes,
}


def rows_of(what: str) -> list[Row]:
    """The rows of the list called `what`; UsageError names the lists there are."""
    if what not in LISTS:
        raise UsageError(f"unknown list {what!r}; known: {', '.join(LISTS)}")
    return LISTS[what]()


def listed(what: str) -> str:
    """The list called `what` for people; UsageError as `rows_of`."""
    return _by_equation(rows_of(what)) if what == "mistakes" else as_text(rows_of(what))


def _by_equation(rows: list[Row]) -> str:
    """Mistakes under the equation that is wrong: name, what is done instead, how it shows if not plainly."""
    from refimpl.equations import equation

    lines: list[str] = []
    heading = ""
    for row in rows:
        if row["equation"] != heading:
            heading = row["equation"]
            lines += [*([""] if lines else []), f"{heading}  {equation(heading).title}"]
        effect = "" if row["effect"] == "mismatch" else f"  ({row['effect']})"
        lines.append(f"  {row['name']}{effect}")
        lines += wrap(row["what"], _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def as_text(rows: list[Row]) -> str:
    """The rows for people: each name at the start of a line, what is known of it indented below."""
    lines = []
    for row in rows:
        name, *rest = row.items()
        lines.append(str(name[1]))
        for key, value in rest:
            if value in ("", [], {}) or (key == "implemented_latex" and value == row["latex"]):
                continue
            lines.append(f"  {key.replace('_', ' '):<17} {_plain(value)}")
    return "\n".join(lines)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        if "name" in value:  # it stands for the whole: "negative_slope (default 0.01, …)"
            rest = {key: item for key, item in value.items() if key != "name"}
            return f"{value['name']} ({_plain(rest)})"
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
