"""The tables that tell what `judge.py` measured, made of the contents of judge.json alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PLACE = "judge table"
"""What the README's comments call the part with these numbers."""
SMOOTH, EVERY = "ordinary and smooth", "every regime"
NOTHING = "–"
Numbers = Mapping[str, int]


def share(counted: Numbers | None) -> str:
    """The share: 0 and 100 % are said only of none and of all."""
    if not counted or not counted["of"]:
        return NOTHING
    count, of = counted["count"], counted["of"]
    if count in (0, of):
        return "0" if count == 0 else "100 %"
    percent = 100 * count / of
    return f"{min(max(percent, 0.1), 99.9):.1f} %" if not 1 <= percent <= 99 else f"{percent:.0f} %"


def with_count(counted: Numbers | None) -> str:
    """So many of so many, with what was not judged."""
    if not counted or not counted["of"]:
        return NOTHING
    silent = f", {counted['not judged']} not judged" if counted["not judged"] else ""
    return f"{counted['count']}/{counted['of']}{silent}"


def total(parts: Iterable[Numbers]) -> dict[str, int]:
    """The counts added up."""
    listed = list(parts)
    return {key: sum(part[key] for part in listed) for key in ("count", "not judged", "of")}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of(found: Mapping[str, Any], *keys: str) -> Any:
    """What lies under the keys, or None."""
    value: Any = found
    for key in keys:
        if value is None or key not in value:
            return None
        value = value[key]
    return value


def _size(size: str) -> str:
    """A power of ten as it is read; other numbers as they are."""
    number = float(size)
    return f"1e{size.partition('e')[2].replace('-0', '-')}" if "e" in size else f"{number:g}"


# ---------------------------------------------------------------- the README's


def readme_table(results: Mapping[str, Any]) -> str:
    """One row a tool; float32 / float64 in each cell."""
    made, measured = results["made"], results["measured"]
    head = (
        "Tool",
        "False alarms, smooth",
        "False alarms, every regime",
        "Found: 1e-3 off",
        "1e-6 off",
        "3 bounds off",
        "zero at scale 1e-6",
        "mistakes",
        "ms a case",
    )

    def pair(population: str, name: str, pick: Any) -> str:
        return " / ".join(share(pick(measured[population][dtype][name])) for dtype in ("float32", "float64"))

    def error(name: str, kind: str, size: str) -> str:
        own = "bound end to end" if kind == "bound" and "gradients only" in name else kind
        return pair(SMOOTH, name, lambda found: _of(found, "errors", own, size))

    rows = [
        (
            name,
            pair(SMOOTH, name, lambda found: _of(found, "alarms", "reference")),
            pair(EVERY, name, lambda found: _of(found, "alarms", "reference")),
            error(name, "relative", "1e-03"),
            error(name, "relative", "1e-06"),
            error(name, "bound", "3"),
            error(name, "zero", "1e-06"),
            pair(SMOOTH, name, lambda found: total((_of(found, "errors", "mistake, plain") or {}).values())),
            f"{measured[SMOOTH]['float64'][name]['milliseconds']:.1f}",
        )
        for name in (tool["name"] for tool in results["tools"])
    ]
    cases = made["cases"]
    note = (
        "Each cell: float32 / float64, or – where the tool is not meant for float32 (judge.md says why). "
        f"Measured on {made['date']} with {cases['alarms']:,} correct gradients and {cases['errors']} wrong "
        "ones of each kind in each dtype; tools that take finite differences got the first "
        f"{cases['differences']} of the same cases, gradcheck the first {cases['slowest']}."
    )
    return f"{table(head, rows)}\n\n{note}"


def comments(place: str) -> tuple[str, str]:
    """The two comments in the README that such a text stands between."""
    return f"<!-- {place}: begin -->", f"<!-- {place}: end -->"


def in_readme(page: str, text: str, place: str = PLACE) -> str:
    """The page with the text between the two comments. Raises ValueError if they are not there."""
    first, last = comments(place)
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"the README has no {first} … {last}")
    return f"{before}{first}\n{text}\n{last}{after}"


def readme_part(page: str, place: str = PLACE) -> str:
    """What stands between the two comments."""
    first, last = comments(place)
    return page.partition(first)[2].partition(last)[0].strip("\n")


# ---------------------------------------------------------------- the whole report


def report(results: Mapping[str, Any]) -> str:
    """Everything that was measured."""
    made = results["made"]
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    cases = made["cases"]
    parts = [
        "# Our judge beside other gradient checkers",
        (
            f"Made by `python benchmarks/judge.py --seed {made['seed']} --cases {cases['errors']} "
            f"--alarm-cases {cases['alarms']} --slow-cases {cases['differences']} "
            f"--slowest-cases {cases['slowest']}` on {made['date']} in {made['seconds']} s; "
            f"Python {made['python']}, {versions}; {made['processor']}, {made['system']}. "
            "The same cases for every tool: the first so many of each population."
        ),
        _INTRODUCTION,
        "## How each tool is used",
        _tools(results),
    ]
    for population, by_dtype in results["measured"].items():
        for dtype, found in by_dtype.items():
            parts += [f"## {population.capitalize()}, {dtype}", *_sections(results, found)]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
Populations: *ordinary and smooth* has the ordinary regime, and no activation or loss with a kink, so that
finite differences are right everywhere; *every regime* is what the conformance suite draws, with kinks,
ties, saturation and mixed magnitudes. A false alarm there may be at a kink, where no finite difference
can be right.

Finite differences are taken of the reference's own loss, so that they need no framework's; of a mistake
in the forward pass, of the loss with the mistake.

Of correct gradients, a cell has those rejected / cases. Of wrong ones, those found / cases: an error
counts as found if the tool rejects the wrong gradient and does not reject the correct one of the same
case, since a tool that rejects both has told nothing. Our judge may also say *not judged*, which rejects
nothing and finds nothing."""


def _tools(results: Mapping[str, Any]) -> str:
    lines = []
    for tool in results["tools"]:
        reason = f" Not for float32: {tool['not for float32']}." if tool["not for float32"] else ""
        lines.append(f"- **{tool['name']}**: {tool['source']}.{reason}")
    return "\n".join(lines)


def _sections(results: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    every = [tool["name"] for tool in results["tools"]]
    names = [name for name in every if "alarms" in found[name]]
    parts = [
        (
            "Correct gradients rejected, the reference's, torch's and JAX's; cases with a tensor of which "
            "our judge could say nothing; milliseconds a case:"
        ),
        table(
            ("Tool", "reference", "torch", "jax", "judged in part", "ms a case"),
            [
                (
                    name,
                    *(with_count(_of(found[name], "alarms", who)) for who in ("reference", "torch", "jax")),
                    str(found[name]["alarms"]["reference"].get("in part", NOTHING)),
                    f"{found[name]['milliseconds']:.2f}",
                )
                for name in names
            ],
        ),
    ]
    if len(names) < len(every):
        anyway = "; ".join(
            f"{name} {with_count(found[name]['float32 anyway'])}" for name in every if name not in names
        )
        parts.append(f"Not meant for float32; run on it all the same, of correct ones they reject {anyway}.")
    for kind, title in _KINDS.items():
        parts += _errors(kind, title, names, found)
    return parts


_KINDS = {
    "relative": "One entry of one dW off by ε times the largest magnitude in that dW; ε:",
    "bound": "One entry of one dW off by k times the judge's bound of that entry, given a full trace; k:",
    "bound end to end": "The same with its bound where loss and gradients are all that is given; k:",
    "zero": "All gradients 0; last layer linear, mean squared error, outputs and targets times s; s:",
    "mistake, plain": (
        "Catalogued mistakes, in the cases in which some gradient is off by more than 1 % of the largest "
        "magnitude of its tensor, a measure that favours no tool:"
    ),
    "mistake, beyond bounds": (
        "The same, in the cases in which some entry is off by more than twice the judge's bound end to end, "
        "which the judge finds by its making:"
    ),
    "mistake of the update": (
        "Mistakes of the update, which no gradient shows, in the cases in which a parameter is off by more "
        "than 1 % of the largest:"
    ),
}


def _errors(kind: str, title: str, names: Sequence[str], found: Mapping[str, Any]) -> list[str]:
    concerned = [name for name in names if kind in found[name].get("errors", {})]
    if not concerned:
        return []
    sizes = list(dict.fromkeys(size for name in concerned for size in found[name]["errors"][kind]))
    if kind.startswith("mistake"):
        sizes = [size for size in sizes if any(found[name]["errors"][kind][size]["of"] for name in concerned)]
        rows = [
            (size, *(with_count(found[name]["errors"][kind][size]) for name in concerned)) for size in sizes
        ]
        return [title, table(("Mistake", *concerned), rows)] if rows else []
    rows = [(name, *(with_count(found[name]["errors"][kind][size]) for size in sizes)) for name in concerned]
    return [title, table(("Tool", *map(_size, sizes)), rows)]
