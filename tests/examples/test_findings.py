"""Every line of docs/findings.md still gives what its comment says."""

from __future__ import annotations

import ast
import importlib.util
import math
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.docs.blocks import anchors_of

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
PEERS = ("autograd", "micrograd", "mygrad", "sklearn", "torch", "jax", "optax")


class Line(NamedTuple):
    """One line of code, what it is said to give, and where it stands."""

    place: str
    code: str
    said: str


def _blocks(page: str) -> list[tuple[str, list[str]]]:
    """The code blocks with the heading that each stands under."""
    blocks, heading, inside = [], "", False
    for line in page.splitlines():
        if line.startswith("```"):
            inside = not inside
            if inside:
                blocks.append((heading, list[str]()))
        elif inside:
            blocks[-1][1].append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    return blocks


def _split(page: str) -> tuple[list[str], list[Line]]:
    """What is imported, and the lines that are claims."""
    setup: list[str] = []
    claims: list[Line] = []
    for heading, lines in _blocks(page):
        for number, line in enumerate(lines, start=1):
            code, mark, said = line.partition("  # ")
            if mark:
                claims.append(Line(f"{heading}, line {number}", code, said))
            else:
                setup.append(line)
    return setup, claims


def _missing(code: str) -> str:
    """The first of the peers' packages that the code imports and that is not installed; empty if none."""
    roots = re.findall(r"^(?:from|import) (\w+)", code, flags=re.MULTILINE)
    return next((root for root in roots if root in PEERS and importlib.util.find_spec(root) is None), "")


def _given(code: str, names: dict[str, Any]) -> Any:
    """The value of the last expression, or the name of what is raised."""
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr), f"{code!r} ends in no expression"
    try:
        exec(compile(ast.Module(before, []), "findings.md", "exec"), names)  # noqa: S102 - that is the test
        return eval(compile(ast.Expression(last.value), "findings.md", "eval"), names)  # noqa: S307 - likewise
    except Exception as error:  # noqa: BLE001 - a finding may be any
        return type(error)


def _differs(found: Any, said: str) -> str:
    """How what was found differs from what is said; empty if not. Numbers count to the digits said."""
    if isinstance(found, type):
        return "" if found.__name__ == said else f"raised {found.__name__}, said {said}"
    if said in ("nan", "inf"):
        return "" if str(float(found)) == said else f"gave {found!r}, said {said}"
    try:
        expected = ast.literal_eval(said)
    except (SyntaxError, ValueError):
        return f"gave {found!r}, and {said!r} is no Python value: write a number, a string or an exception"
    if isinstance(expected, (bool, str)):
        return "" if found == expected else f"gave {found!r}, said {said}"
    mantissa = said.lower().partition("e")[0].lstrip("-")
    digits = len(mantissa.replace(".", "").lstrip("0")) or 1
    rounded = float(f"{float(found):.{digits - 1}e}")
    close = math.isclose(rounded, expected, rel_tol=1e-12) if expected else float(found) == 0
    return "" if close else f"gave {found!r}, said {said}"


SETUP, CLAIMS = _split(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page imports."""
    missing = _missing("\n".join(SETUP))
    if missing:
        pytest.skip(f"{missing} is not installed: pip install backproof[peers]")
    known: dict[str, Any] = {}
    exec("\n".join(SETUP), known)  # noqa: S102 - the page's own imports
    return known


@pytest.mark.parametrize("line", CLAIMS, ids=lambda line: line.place)
def test_a_line_of_the_page_gives_what_it_says(line: Line, names: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow is what some lines are about
        found = _given(line.code, dict(names))
    assert not _differs(found, line.said), f"{line.place}: {line.code} {_differs(found, line.said)}"


def test_the_page_has_claims_on_every_library() -> None:
    for library in ("autograd", "micrograd", "MyGrad", "scikit-learn", "torch", "JAX", "optax"):
        assert any(claim.place.startswith(f"{library}:") for claim in CLAIMS), library
    assert len(CLAIMS) > 70


def test_every_finding_is_in_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    links = set(re.findall(r"\]\(#([^)]*)\)", page))
    findings = {anchor for anchor, heading in anchors_of(page).items() if ": " in heading}
    assert len(findings) >= len(links) > 10
    assert findings - links == set()


@pytest.mark.parametrize(
    ("code", "said", "complaint"),
    [
        ("0.1 + 0.2", "0.3", ""),
        ("0.1 + 0.2", "0.4", "gave 0.30"),
        ("1e-12", "0.0", "gave 1e-12"),
        ("1.7e-12", "1.8e-12", "gave 1.7e-12"),
        ("-1.758e-12", "-1.76e-12", ""),
        ("float('nan')", "nan", ""),
        ("1.0", "nan", "gave 1.0"),
        ("'float32'", "'float64'", "gave 'float32'"),
        ("1 / 0", "ZeroDivisionError", ""),
        ("1 / 0", "0.0", "raised ZeroDivisionError"),
        ("1.0", "ZeroDivisionError", "is no Python value"),
        ("x = 2; x + 1", "4", "gave 3"),
    ],
)
def test_a_line_that_no_longer_shows_is_told(code: str, said: str, complaint: str) -> None:
    told = _differs(_given(code, {}), said)
    assert complaint in told
    assert bool(told) == bool(complaint)
