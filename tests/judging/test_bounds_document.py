"""The numbered statements behind the bounds: what the code cites is in docs/, and the other way round."""

from __future__ import annotations

import re
import tokenize
from pathlib import Path

import pytest

from backproof.judging import bounds

ROOT = Path(bounds.__file__).parents[2]
DOCUMENTS = tuple(
    ROOT / "docs" / name
    for name in (
        "bounds.md",
        "bounds-of-vector-functions.md",
        "bounds-of-several-answers.md",
        "textbook-formulas.md",
    )
)
FOLDERS = (ROOT / "backproof", ROOT / "oracles")
# The letters that the document's equations (F, C, B, U) leave. Ranges are as in "J1 to J3" and "V1–V8".
STATEMENT = re.compile(r"(?<![\w^])([RPSEDLJKVTQM])(\d)\b(?:(?: to |–| - )\1(\d)\b)?")
LINES_AT_MOST = 400


def cited(text: str) -> set[str]:
    """The ids in a text, those within a range too."""
    found = set()
    for letter, first, last in STATEMENT.findall(text):
        found |= {f"{letter}{number}" for number in range(int(first), int(last or first) + 1)}
    return found


def prose_of(source: Path) -> str:
    """The comments and strings of a module."""
    with source.open("rb") as file:
        tokens = [
            t for t in tokenize.tokenize(file.readline) if t.type in (tokenize.COMMENT, tokenize.STRING)
        ]
    return "\n".join(token.string for token in tokens)


def citations() -> dict[str, list[str]]:
    """Id → the modules that cite it."""
    found: dict[str, list[str]] = {}
    for source in sorted(path for folder in FOLDERS for path in folder.rglob("*.py")):
        for statement in cited(prose_of(source)):
            found.setdefault(statement, []).append(str(source.relative_to(ROOT)))
    return found


def headings(text: str) -> list[str]:
    """The ids of the headings of a document, in order."""
    return re.findall(r"^#+ ([A-Z]\d+)\. ", text, re.MULTILINE)


def stated() -> list[str]:
    return [statement for document in DOCUMENTS for statement in headings(document.read_text("utf-8"))]


def test_every_statement_that_the_code_cites_is_in_the_document() -> None:
    known = set(stated())
    assert {id_: modules for id_, modules in citations().items() if id_ not in known} == {}


def test_every_statement_of_the_document_is_cited_by_the_code() -> None:
    assert set(stated()) - set(citations()) == set()


def test_no_statement_has_the_number_of_another() -> None:
    ids = stated()
    assert len(ids) > 30
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_cite_no_statement_that_is_missing_and_stay_short(document: Path) -> None:
    text = document.read_text("utf-8")
    assert cited(text) - set(stated()) == set()
    assert len(text.splitlines()) <= LINES_AT_MOST
    for link in re.findall(r"\]\(([\w.-]+)\)", text):
        assert (document.parent / link).is_file()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("P3. E_δ = …", {"P3"}),
        ("J1 to J3, and V1–V3", {"J1", "J2", "J3", "V1", "V2", "V3"}),
        ("see S2's step and γ_n (R2)", {"S2", "R2"}),
        ("F2, B1a, U1, C2 are equations; l1, mP3 and P34 are nothing", set()),
    ],
)
def test_what_counts_as_a_citation(text: str, ids: set[str]) -> None:
    assert cited(text) == ids
