"""The directive `equation`: what the document says, how to read it, the code that is it, its verdict."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from backproof.diagnosis.mistakes import MISTAKES
from refimpl.equations import Equation, UnknownEquationError, equation

from .extraction import ROOT, file_of, source_of, without_docstring
from .nodes_of_the_book import (
    box,
    chip,
    code,
    console,
    folded,
    formula,
    html,
    link_to_page,
    paragraph,
    python,
)
from .pictures import Shown, shown
from .run_of_the_book import Live, folder_of, read_run

FULL_TRACE = "backproof, full trace"
MEASURED_PAGE = "files/benchmarks/results/mistakes"
MEASURED = ROOT / "benchmarks" / "results" / "mistakes.json"


class EquationDirective(SphinxDirective):
    """```{equation} B5```."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The box."""
        try:
            entry = equation(self.arguments[0])
        except UnknownEquationError as error:
            raise self.error(str(error)) from None
        made = box(
            paragraph(chip(entry.id, "id"), f" {entry.title}", classes=("title",)),
            *_forms(entry),
            *_reading(entry),
            *_picture(shown(entry.id)),
            *_code(entry),
            *_verdict(read_run(folder_of(self.env.app)).of(entry.id)),
            *_mistakes(entry.id, linked=MEASURED_PAGE in self.env.found_docs),
            classes=("equation-box",),
        )
        made["names"].append(f"equation-{entry.id.lower()}")
        self.state.document.note_explicit_target(made)
        return [made]


def _forms(entry: Equation) -> list[nodes.Node]:
    documented: list[nodes.Node] = [_head("The document says"), formula(entry.latex)]
    if entry.implemented_latex == entry.latex:
        return documented
    return [*documented, _head("Computed here"), formula(entry.implemented_latex)]


def _head(text: str) -> nodes.Element:
    return paragraph(text, classes=("head",))


def _reading(entry: Equation) -> list[nodes.Node]:
    return [
        paragraph(chip(entry.reading), f" {entry.condition}", classes=("reading",)),
        paragraph(entry.note),
    ]


def _picture(picture: Shown) -> list[nodes.Node]:
    found: list[nodes.Node] = [_head("At work"), html(picture.svg)]
    found.append(paragraph(picture.caption, classes=("told",)))
    if picture.worked:
        found.append(paragraph(picture.worked, classes=("worked",)))
    if picture.command:
        found.append(paragraph("The whole pass: ", code(picture.command), classes=("told",)))
    return found


def _code(entry: Equation) -> list[nodes.Node]:
    file = file_of(entry.code)
    text = without_docstring(source_of(entry.code))
    return [
        paragraph("The code that is it: ", code(entry.code.__qualname__), f" in {file}", classes=("head",)),
        python(text),
    ]


def _verdict(live: Live | None) -> list[nodes.Node]:
    if live is None:
        return [_head("Verdict"), paragraph(chip("not judged"), " by the run made for this book.")]
    ratio = f" The largest error/bound is {live.ratio_in_words}." if live.ratio_in_words else ""
    said = f" in {live.cases:,} {live.of_what}: {live.in_words}.{ratio}"
    judged = folded("", console(live.command), summary="The run made for this book")
    if live.of_what == "compositions":
        judged = folded(
            "",
            paragraph(f"{live.command}; tests/conformance/test_chain_rule.py judges others."),
            summary="The run made for this book",
        )
    return [_head("Verdict"), paragraph(chip(live.headline), said, classes=("verdict",)), judged]


def _mistakes(id: str, *, linked: bool) -> list[nodes.Node]:  # noqa: A002 - the document's equations have ids
    names = [mistake.name for mistake in MISTAKES.values() if mistake.equation == id]
    if not names:
        if id.startswith("C"):
            return [
                paragraph(
                    "The catalogue has mistakes of networks only; wrong chain rules that must be rejected "
                    "are in tests/conformance/test_chain_rule.py."
                )
            ]
        return []
    caught = sum(name in _caught() for name in names)
    of = "1 mistake" if len(names) == 1 else f"{len(names)} mistakes"
    said = f"The catalogue has {of} of this equation; the suite catches {caught}"
    where = [" (", link_to_page(MEASURED_PAGE, "measured"), ")"] if linked else []
    return [paragraph(said, *where, ".", classes=("caught",))]


@cache
def _caught(file: Path = MEASURED) -> frozenset[str]:
    """The mistakes that were caught in some dtype when all were last measured."""
    rows = json.loads(file.read_text("utf-8"))["rows"]
    return frozenset(
        name
        for name, row in rows.items()
        if any(row[dtype]["caught"].get(FULL_TRACE) for dtype in ("float32", "float64"))
    )
