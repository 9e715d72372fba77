"""The error facts as a table, docs/error-facts.md: written by this program, and read to be held to account.

    python tests/judging/error_facts_table.py

`make error-facts` runs it. The tests that measure every function (`test_error_facts`, `test_vector_facts`)
compare what they find with the committed table, where it was written on the like of their machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from exact_values import OF_COLUMNS, TERMS_OF_COLUMNS
from measuring import SOURCES, Measured, measure_activation, measure_loss, oracle_of

from backproof.environment import environment
from backproof.judging.deviations import DEVIATIONS
from backproof.judging.error_facts import ACCURACY
from refimpl import ACTIVATIONS, DTYPES, LOSSES

FILE = Path(__file__).parents[2] / "docs" / "error-facts.md"
FLAGGED = 4.0
"""Above this, half of what E1 allows, a number is set in bold."""
FACTOR, ABSOLUTE = 1.25, 0.15
"""Numbers agree if neither exceeds FACTOR times the other, plus ABSOLUTE.

The same programs on the same processor give the same numbers: what is left are the table's two digits, and
threads that split an array elsewhere, so that other entries fall to the rests of vectors.
"""

Key = tuple[str, str, str, str]


class Environment(NamedTuple):
    """What last digits depend on."""

    versions: str
    features: str


class Cell(NamedTuple):
    """What the table says of one quantity of one function, source and dtype."""

    times: float
    deviation: str
    """The declared deviation that explains more than ACCURACY; empty if there is none."""
    beside: float
    """What is left beside it."""


@dataclass(frozen=True)
class Table:
    """The table as read."""

    environment: Environment
    cells: dict[Key, Cell]


@cache
def here() -> Environment:
    """Of this process."""
    found = environment([oracle_of(source) for source in SOURCES[1:]])
    versions = {name: version for name, version in found.versions.items() if name != "backproof"}
    return Environment(", ".join(map(" ".join, versions.items())), " ".join(found.cpu_features))


def keys() -> list[Key]:
    """(function, quantity, source, dtype) of everything that the table has, in its order."""
    quantities = {
        **{name: ("value", "vjp" if name in OF_COLUMNS else "derivative") for name in ACTIVATIONS},
        **dict.fromkeys(LOSSES, ("value", "gradient")),
    }
    return [
        (name, quantity, source, dtype)
        for name, each in quantities.items()
        for quantity in each
        for dtype in DTYPES
        for source in SOURCES
    ]


# ---------------------------------------------------------------- written

INTRODUCTION = f"""\
# Error facts

How far the reference, torch and JAX lie from the exact values, function by function: the largest error that
was measured, as a multiple of u · scale, where u is the unit roundoff (2^-24 in float32, 2^-53 in float64).
The scale is the function's line in `backproof/judging/activation_facts.py` or `loss_facts.py`: the size of
the result, or more where every formula in use cancels. Of a function that mixes the units of a sample,
u · scale is an eighth of what its rule allows for roundings. The judge allows {ACCURACY:g} u · scale (E1 in
`backproof/judging/error_facts.py`); what underflow may lose comes on top, and is taken off here.

- **More than {FLAGGED:g}** is set in bold. More than {ACCURACY:g} is a deviation, declared in
  `backproof/judging/deviations.py`: its id follows, with what is left beside it.
- **ulp**: the same error in units of the last place of the exact result in that dtype; left out where that
  is 0 or subnormal.
- **at**: where it was. Of functions that mix units: the place among the columns that
  `tests/judging/measuring_columns.py` draws.
- **exact** is a quantity without error at any point.

Written by `make error-facts`, and measured again by every run of the tests, which fail where a number exceeds
{ACCURACY:g} without a declared deviation, or differs from this table under the same versions and processor.
"""


def number(times: float) -> str:
    """Two digits."""
    return f"{times:.2g}" if times < 100 else f"{times:.1e}"


def deviation_of(function: str, source: str) -> str:
    """The declared deviation of a source's function; empty if there is none."""
    found = [d.id for d in DEVIATIONS if d.function == function and d.oracle == source and d.overflow is None]
    return found[0] if found else ""


def cell(found: Measured) -> str:
    """One cell of the table."""
    if found.times == 0:
        return "exact"
    text = number(found.times)
    if found.times > FLAGGED:
        text = f"**{text}**"
    if found.times > ACCURACY:
        text += f" ({number(found.beside)} beside {deviation_of(found.function, found.source) or 'nothing'})"
    if math.isfinite(found.ulps):
        text += f", {number(found.ulps)} ulp"
    return f"{text}, at {found.at}"


def written(measured: Iterable[Measured], where: Environment) -> str:
    """The text of docs/error-facts.md."""
    found = {(each.function, each.quantity, each.source, each.dtype): each for each in measured}
    points = sum(each.points for each in found.values())
    lines = [
        INTRODUCTION,
        f"Versions: {where.versions}.",
        f"Processor: {where.features}.",
        f"Points measured: {points}.",
    ]
    for title, entries in (("Activations", ACTIVATIONS), ("Losses", LOSSES)):
        lines += ["", f"## {title}", "", f"| function | quantity | dtype | {' | '.join(SOURCES)} |"]
        lines += ["|---|---|---|" + "---|" * len(SOURCES)]
        rows = dict.fromkeys(
            (name, quantity, dtype) for name, quantity, _, dtype in keys() if name in entries
        )
        lines += [
            f"| {' | '.join(row)} | "
            + " | ".join(cell(found[(*row[:2], source, row[2])]) for source in SOURCES)
            + " |"
            for row in rows
        ]
    return "\n".join(lines) + "\n"


def measured_anew() -> Iterator[Measured]:
    """Everything."""
    from measuring_columns import measure_loss_of_columns, measure_softmax

    for dtype in DTYPES:
        for source in SOURCES:
            for name in ACTIVATIONS:
                measure: Any = measure_softmax if name in OF_COLUMNS else None
                yield from (
                    measure(name, source, dtype) if measure else measure_activation(source, name, dtype)
                )
            for name in LOSSES:
                measure = measure_loss_of_columns if name in TERMS_OF_COLUMNS else None
                yield from measure(name, source, dtype) if measure else measure_loss(source, name, dtype)


# ---------------------------------------------------------------- read

_CELL = re.compile(
    r"exact|(?P<bold>\*\*)?(?P<times>[\d.e+-]+|inf)(?(bold)\*\*)"
    r"( \((?P<beside>\S+) beside (?P<deviation>\S+)\))?(, [\d.e+-]+ ulp)?, at .+"
)


def read(text: str) -> Table:
    """The table from its text."""
    heads = [re.search(rf"^{name}: (.*)\.$", text, re.MULTILINE) for name in ("Versions", "Processor")]
    if None in heads:
        raise ValueError("the table does not say with which versions and on which processor it was measured")
    cells: dict[Key, Cell] = {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.strip("| ").split(" | ")]
        if not line.startswith("| ") or parts[0] == "function":
            continue
        if len(parts) != 3 + len(SOURCES):
            raise ValueError(f"a line has {len(parts)} cells: {line}")
        for source, content in zip(SOURCES, parts[3:], strict=True):
            key, said = (parts[0], parts[1], source, parts[2]), _CELL.fullmatch(content)
            if said is None:
                raise ValueError(f"{' '.join(key)}: {content!r} is no cell")
            if key in cells:
                raise ValueError(f"{' '.join(key)} has two lines")
            cells[key] = Cell(float(said["times"] or 0), said["deviation"] or "", float(said["beside"] or 0))
    return Table(Environment(*(head[1] for head in heads if head)), cells)


def complaints(table: Table) -> list[str]:
    """What is wrong with a table by itself."""
    expected = keys()
    found = [f"no line for {' '.join(key)}" for key in expected if key not in table.cells]
    found += [f"a line for {' '.join(key)}, which there is not" for key in table.cells if key not in expected]
    for key, said in table.cells.items():
        function, _, source, _ = key
        if said.times <= ACCURACY:
            continue
        if not said.deviation or said.deviation != deviation_of(function, source):
            found.append(f"{' '.join(key)} has {said.times:g}, and no declared deviation")
        elif said.beside > ACCURACY:
            found.append(f"{' '.join(key)} has {said.beside:g} beside {said.deviation}")
    return found


def disagreements(table: Table, measured: Sequence[Measured]) -> list[str]:
    """Where the table does not say what was measured."""
    found = []
    for each in measured:
        key = (each.function, each.quantity, each.source, each.dtype)
        if key not in table.cells:
            found.append(f"{' '.join(key)} has no line")
            continue
        said, now = table.cells[key].times, each.times
        if now > FACTOR * said + ABSOLUTE or said > FACTOR * now + ABSOLUTE:
            found.append(f"{' '.join(key)}: the table has {said:g}, measured is {now:.3g} at {each.at}")
    return found


@cache
def committed() -> Table:
    """The table as it is in the repository."""
    return read(FILE.read_text(encoding="utf-8"))


def require_in_table(measured: Sequence[Measured]) -> None:
    """What was measured is no more than E1 allows, and what the table says, if that is of such a machine."""
    for each in measured:
        assert each.beside <= ACCURACY, f"{each.function}: {each}"
    if committed().environment == here():
        wrong = disagreements(committed(), measured)
        assert not wrong, "; ".join([*wrong, "run make error-facts and look at what has changed"])


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(written(measured_anew(), here()), encoding="utf-8")
